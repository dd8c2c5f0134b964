//! A warning of builds in which everything takes many times as long.

use std::{
    io::{self, Write},
    sync::atomic::{AtomicBool, Ordering},
};

/// What a program is told whose copy of this library was built without optimisation.
const ADVICE: &str = "\
warning: fheqat was built without optimisation: training takes some 40 times as long, an encrypted inference over 100 times.
Run with `--release`, or add these lines to the Cargo.toml of your workspace or, without one, of your crate:

[profile.dev.package.\"*\"]
debug = false
debug-assertions = false
overflow-checks = false

[profile.dev.package]
fheqat-runtime.opt-level = 3
matrixmultiply.opt-level = 3
tfhe.opt-level = 3
tfhe-csprng.opt-level = 3
tfhe-fft.opt-level = 3
";

/// Tells standard error, once in a process and never in an optimised build. Verbs that take long call it first.
pub(crate) fn warn() {
    static WARNED: AtomicBool = AtomicBool::new(false);
    if is_unoptimized() {
        warn_once(&WARNED, &mut io::stderr().lock());
    }
}

/// What the build script found.
const fn is_unoptimized() -> bool {
    cfg!(unoptimized)
}

fn warn_once(warned: &AtomicBool, to: &mut impl Write) {
    if !warned.swap(true, Ordering::Relaxed) {
        // A closed standard error is no reason to fail.
        let _ = to.write_all(ADVICE.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_once_and_says_what_to_add() {
        let (warned, mut told) = (AtomicBool::new(false), Vec::new());
        warn_once(&warned, &mut told);
        warn_once(&warned, &mut told);
        assert_eq!(String::from_utf8(told).unwrap(), ADVICE);
    }

    #[test]
    fn the_lines_are_those_of_the_readme() {
        let (_, lines) = ADVICE.split_once("\n\n").unwrap();
        assert!(include_str!("../../README.md").contains(lines), "{lines}");
    }

    #[test]
    fn no_profile_of_this_workspace_is_warned_of() {
        assert!(!is_unoptimized());
    }
}

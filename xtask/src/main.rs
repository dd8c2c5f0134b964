//! The checks of this repository, one command each: `cargo xtask` lists them, `cargo xtask ci` runs them as CI does.

use std::{
    env,
    path::Path,
    process::{Command, ExitCode},
    time::Instant,
};

/// What one check runs: commands of cargo, cheapest first.
struct Check {
    name: &'static str,
    meaning: &'static str,
    commands: &'static [&'static str],
    /// What is set beside the environment.
    variables: &'static [(&'static str, &'static str)],
    is_of_ci: bool,
}

const CHECKS: &[Check] = &[
    Check {
        name: "format",
        meaning: "rustfmt changes nothing",
        commands: &["fmt --all --check"],
        variables: &[],
        is_of_ci: true,
    },
    Check {
        name: "deny",
        meaning: "licences, sources and banned crates of every dependency, by deny.toml",
        commands: &["deny check bans licenses sources"],
        variables: &[],
        is_of_ci: true,
    },
    Check {
        name: "lint",
        meaning: "clippy::pedantic finds nothing",
        commands: &["clippy --workspace --all-targets --locked -- -D warnings"],
        variables: &[],
        is_of_ci: true,
    },
    Check {
        name: "doc",
        meaning: "rustdoc warns of nothing",
        commands: &["doc --workspace --no-deps --locked"],
        variables: &[("RUSTDOCFLAGS", "-D warnings")],
        is_of_ci: true,
    },
    Check {
        name: "package",
        meaning: "every crate can be packaged",
        commands: &["package --workspace --no-verify --locked"],
        variables: &[],
        is_of_ci: true,
    },
    Check {
        name: "features",
        meaning: "every combination of features compiles",
        commands: &[
            "check --package fheqat-spec --all-targets --locked",
            "check --package fheqat-spec --features serde --all-targets --locked",
            "check --package fheqat-macros --locked",
            "check --package fheqat --no-default-features --all-targets --locked",
            "check --package fheqat-runtime --no-default-features --all-targets --locked",
            "check --package fheqat --no-default-features --features client --locked",
            "check --package fheqat --no-default-features --features server --locked",
            "check --package fheqat --no-default-features --features client,server --locked",
            "check --package fheqat --features page --all-targets --locked",
        ],
        variables: &[],
        is_of_ci: true,
    },
    Check {
        name: "clear",
        meaning: "the tests that need no encryption, without tfhe in the build",
        commands: &["test --package fheqat --package fheqat-runtime --no-default-features --locked"],
        variables: &[],
        is_of_ci: true,
    },
    Check {
        name: "api",
        meaning: "the public interface is that of tests/api",
        commands: &["test --workspace --test api --locked"],
        variables: &[],
        is_of_ci: false,
    },
    Check {
        name: "targets",
        meaning: "the targets of fuzz/ compile, on stable and without libFuzzer's C++",
        commands: &["check --manifest-path fuzz/Cargo.toml --features fhe --locked"],
        // The library to link, which a check does not read.
        variables: &[("CUSTOM_LIBFUZZER_PATH", "absent/libfuzzer.a")],
        is_of_ci: false,
    },
    Check {
        name: "review",
        meaning: "writes again what tests compare with: interface, messages of the macro, golden tables",
        commands: &[
            "test --workspace --test api --test ui --test parameters --test security --locked",
            "test -p fheqat-ui --test book --locked",
        ],
        variables: &[
            ("UPDATE_API", "1"),
            ("TRYBUILD", "overwrite"),
            ("FHEQAT_BLESS", "1"),
            ("UPDATE_BOOK", "1"),
        ],
        is_of_ci: false,
    },
    Check {
        name: "test",
        meaning: "every test, as README has it",
        commands: &["test --workspace"],
        variables: &[],
        is_of_ci: false,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["ci"] => CHECKS.iter().filter(|check| check.is_of_ci).all(run),
        ["fuzz", target] => fuzz(target, "60"),
        ["fuzz", target, seconds] => fuzz(target, seconds),
        [name] => match CHECKS.iter().find(|check| check.name == name) {
            Some(check) => run(check),
            None => usage(),
        },
        _ => usage(),
    };
    if done { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn usage() -> bool {
    println!("cargo xtask COMMAND");
    for check in CHECKS {
        println!("  {:9} {}", check.name, check.meaning);
    }
    println!("  {:9} all of them that CI runs before `cargo test --workspace`", "ci");
    println!(
        "  {:9} fuzzes a target of fuzz/ for some seconds, 60 by default; needs a nightly and cargo-fuzz",
        "fuzz"
    );
    false
}

fn run(check: &Check) -> bool {
    let started = Instant::now();
    let passed = check.commands.iter().all(|command| cargo(command.split(' '), check.variables));
    let seconds = started.elapsed().as_secs();
    eprintln!("{}: {} in {seconds} s", check.name, if passed { "passed" } else { "FAILED" });
    passed
}

/// What the fuzzer finds goes to `fuzz/corpus`, which git ignores; it starts from `tests/corpus` too.
fn fuzz(target: &str, seconds: &str) -> bool {
    let corpus = format!("fuzz/corpus/{target}");
    if let Err(error) = std::fs::create_dir_all(root().join(&corpus)) {
        eprintln!("cannot make `{corpus}`: {error}");
        return false;
    }
    let is_clear = ["circuit", "weights", "table", "images"].contains(&target);
    let features = if is_clear { "" } else { "--features=fhe" };
    let (seeds, limit) = (format!("tests/corpus/{target}"), format!("-max_total_time={seconds}"));
    // `-O` leaves debug assertions out: tfhe-fft compiles for a quarter of an hour with them.
    let words = ["+nightly", "fuzz", "run", "-O", features, target, &corpus, &seeds, "--", &limit];
    // The toolchain of this command is not to be that of the fuzzer.
    cargo(words.into_iter().filter(|word| !word.is_empty()), &[])
}

fn cargo<'a>(words: impl Iterator<Item = &'a str>, variables: &[(&str, &str)]) -> bool {
    let words: Vec<&str> = words.collect();
    eprintln!("+ cargo {}", words.join(" "));
    let mut command = Command::new("cargo");
    command.args(words).envs(variables.iter().copied()).current_dir(root());
    for variable in ["CARGO", "RUSTUP_TOOLCHAIN", "CARGO_MANIFEST_DIR"] {
        command.env_remove(variable);
    }
    command.status().is_ok_and(|status| status.success())
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

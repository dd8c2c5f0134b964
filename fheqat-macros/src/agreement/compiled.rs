//! The same networks as rustc and the runtime see them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::PathBuf,
    process::Command,
};

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use quote::ToTokens;
use serde_json::Value;

use fheqat_spec::{Verdict, judge_each};

use super::{emitted, reported};
use crate::agreement::sketch::{Sketch, Spelling, sketches, tokens};

/// Networks of each sort.
const SORTS: [usize; 3] = [50, 60, 40];

/// What becomes of a network whose numbers are constants.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sort {
    Accepted,
    /// By const evaluation alone.
    Refused,
    /// By the macro, and by const evaluation where it finds more.
    RefusedByMacro,
}

fn sort(sketch: &Sketch) -> Sort {
    let by_macro = reported(sketch, Spelling::Constants);
    match (by_macro.is_empty(), emitted(sketch, Spelling::Constants).messages().is_empty()) {
        (false, _) => Sort::RefusedByMacro,
        (true, false) => Sort::Refused,
        (true, true) => Sort::Accepted,
    }
}

fn sample() -> BTreeMap<Sort, Vec<Sketch>> {
    let mut runner = TestRunner::deterministic();
    let mut sample: BTreeMap<_, Vec<_>> = BTreeMap::new();
    while SORTS.iter().sum::<usize>() > sample.values().map(Vec::len).sum() {
        let sketch = sketches().new_tree(&mut runner).expect("no sketch is rejected").current();
        let sort = sort(&sketch);
        let of_sort = sample.entry(sort).or_default();
        // A network of one quantizer says little.
        if of_sort.len() < SORTS[sort as usize] && sketch.layers.len() > 1 {
            of_sort.push(sketch);
        }
    }
    sample
}

/// A program with one network a line.
fn program(sketches: &[Sketch]) -> String {
    let mut text = String::from("#![allow(dead_code, unused_imports)] use fheqat::prelude::*;");
    for (index, sketch) in sketches.iter().enumerate() {
        let (args, item) = tokens(sketch, Spelling::Constants);
        write!(text, "\nmod n{index} {{ use super::*; #[quant_net({args})] pub {item} }}")
            .expect("it is text");
    }
    text
}

/// What a program prints of each network: the error that the runtime gives, or nothing.
fn runtime(accepted: &[Sketch], refused: &[Sketch]) -> String {
    let mut text = program(accepted);
    let mut main = String::new();
    for index in 0..accepted.len() {
        writeln!(main, "print(n{index}::Net::new(Seed(0)).quantized().err());").expect("it is text");
    }
    for (index, sketch) in refused.iter().enumerate() {
        // The specification alone: what const evaluation asserts would not compile.
        let emitted = emitted(sketch, Spelling::Constants);
        let (constants, spec) = (emitted.constants(), emitted.spec.to_token_stream());
        let item = tokens(sketch, Spelling::Constants).1.to_string();
        let item = item.split("# [layer").map(|part| part.split_once(")]").map_or(part, |(_, rest)| rest));
        let item: String = item.collect();
        write!(
            text,
            "
            mod r{index} {{
                use super::*;
                use fheqat::__private as __fheqat;
                pub {item}
                pub struct Bare;
                {constants}
                impl __fheqat::Layers for Bare {{
                    const SPEC: __fheqat::spec::Net<'static> = {spec};
                    fn init(_: &mut __fheqat::Init) -> Self {{ Self }}
                    fn layers(&self) -> Vec<__fheqat::LayerRef<'_>> {{ Vec::new() }}
                    fn layers_mut(&mut self) -> Vec<__fheqat::LayerMut<'_>> {{ Vec::new() }}
                }}
            }}"
        )
        .expect("it is text");
        writeln!(main, "print(r{index}::Bare.quantized().err());").expect("it is text");
    }
    format!(
        "{text}
        fn print(error: Option<fheqat::nn::NetworkError>) {{
            use fheqat::nn::NetworkError::{{Law, NotCalibrated}};
            match error {{
                None | Some(NotCalibrated {{ .. }}) => println!(\"accepted\"),
                Some(Law {{ message }}) => println!(\"{{message:?}}\"),
                Some(other) => println!(\"{{other:?}}\"),
            }}
        }}
        fn main() {{ {main} }}"
    )
}

/// A package that depends on fheqat without its engine, in the target directory of this test.
struct Package {
    root: PathBuf,
    target: PathBuf,
}

impl Package {
    fn new(programs: [(&str, String); 2]) -> Self {
        let test = std::env::current_exe().expect("a test is a file");
        let target = test.ancestors().nth(3).expect("a test is in `target/debug/deps`").join("tests");
        let root = target.join("agreement");
        let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
        fs::create_dir_all(root.join("src/bin")).expect("the target directory can be written");
        let manifest = format!(
            "[package]
            name = \"agreement\"
            version = \"0.0.0\"
            edition = \"2024\"
            [dependencies]
            fheqat = {{ path = {workspace:?}, default-features = false }}
            [profile.dev]
            debug = false
            [workspace]"
        );
        fs::write(root.join("Cargo.toml"), manifest).expect("the target directory can be written");
        fs::copy(workspace.join("Cargo.lock"), root.join("Cargo.lock"))
            .expect("the workspace has a lock file");
        for (name, text) in programs {
            let path = root.join("src/bin").join(name).with_extension("rs");
            fs::write(path, text).expect("the target directory can be written");
        }
        Self { root, target: target.join("target") }
    }

    fn cargo(&self, arguments: &[&str]) -> String {
        let output = Command::new(env!("CARGO"))
            .args(arguments)
            .args(["--offline", "--quiet"])
            .env("CARGO_TARGET_DIR", &self.target)
            .current_dir(&self.root)
            .output()
            .expect("cargo runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!errors.contains("error: failed"), "{errors}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The errors of a program by the line they blame.
    fn errors(&self, program: &str) -> BTreeMap<u64, BTreeSet<String>> {
        let output = self.cargo(&["build", "--bin", program, "--message-format=json"]);
        let mut errors: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
        for line in output.lines() {
            let message: Value = serde_json::from_str(line).expect("cargo writes JSON");
            let message = &message["message"];
            let Some(text) = message["message"].as_str().filter(|_| message["level"] == "error") else {
                continue;
            };
            let spans = message["spans"].as_array().map_or(&[][..], Vec::as_slice);
            let Some(span) = spans.iter().find(|span| span["is_primary"] == true) else { continue };
            let blamed = span["line_start"].as_u64().expect("a span has a line");
            // rustc indents what follows the first line of a message.
            let text = text.trim_start_matches("evaluation panicked: ");
            errors.entry(blamed).or_default().insert(text.to_owned());
        }
        errors
    }
}

#[test]
fn rustc_and_the_runtime_say_what_the_laws_say() {
    let mut sample = sample();
    let accepted = sample.remove(&Sort::Accepted).unwrap_or_default();
    let refused = sample.remove(&Sort::Refused).unwrap_or_default();
    let by_law: Vec<_> = refused
        .iter()
        .filter(|sketch| {
            let net = emitted(sketch, Spelling::Constants).net();
            judge_each(&net).iter().any(|verdict| verdict.issues().next().is_some())
        })
        .cloned()
        .collect();
    let all_refused: Vec<_> = refused.into_iter().chain(sample.into_values().flatten()).collect();
    let package = Package::new([
        ("refused", program(&all_refused) + "\nfn main() {}"),
        ("runtime", runtime(&accepted, &by_law)),
    ]);

    let errors = package.errors("refused");
    for (index, sketch) in all_refused.iter().enumerate() {
        let mut expected = reported(sketch, Spelling::Constants);
        expected.extend(emitted(sketch, Spelling::Constants).messages());
        let found = errors.get(&(index as u64 + 2)).cloned().unwrap_or_default();
        assert_eq!(found, expected, "{}", program(&all_refused).lines().nth(index + 1).unwrap_or_default());
    }
    assert_eq!(errors.len(), all_refused.len());

    assert_eq!(package.errors("runtime"), BTreeMap::new());
    let output = package.cargo(&["run", "--bin", "runtime"]);
    let said: Vec<_> = output.lines().collect();
    assert_eq!(said.len(), accepted.len() + by_law.len(), "{output}");
    assert!(said[..accepted.len()].iter().all(|line| *line == "accepted"), "{output}");
    for (line, sketch) in said[accepted.len()..].iter().zip(&by_law) {
        let net = emitted(sketch, Spelling::Constants).net();
        let verdicts = judge_each(&net);
        let first = verdicts.iter().flat_map(Verdict::issues).next();
        assert_eq!(*line, format!("{:?}", first.map(ToString::to_string).unwrap_or_default()));
    }
}

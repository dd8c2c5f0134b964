//! The examples of run-time errors, as tests run them and pages show them.

use std::{collections::BTreeMap, fs, path::Path};

/// Where they are.
const TESTS: [&str; 2] = ["tests/index", "fheqat-client/tests"];
/// What stands above it only sets the scene.
const SHOWN: &str = "    // Shown:\n";
const VARIANT: &str = "    assert!(matches!(error, ";

/// Code by the error that it is an example of, as its page shows it.
pub(crate) fn all(root: &Path) -> BTreeMap<String, String> {
    let mut examples = BTreeMap::new();
    for folder in TESTS {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            for test in text.split("\n/// `").skip(1) {
                let (name, rest) = test.split_once("`\n#[test]\n").unwrap();
                let example = shown(name, rest.split_once("\n}").unwrap().0);
                let before = examples.insert(name.to_owned(), example);
                assert!(before.is_none(), "{name} has two examples");
            }
        }
    }
    examples
}

fn shown(name: &str, test: &str) -> String {
    let (_, body) = test.split_once(SHOWN).unwrap_or_else(|| panic!("{name}: no `{}`", SHOWN.trim()));
    let is_variant = |line: &&str| line.starts_with(VARIANT);
    let variants: Vec<&str> = body.lines().filter(is_variant).collect();
    let [variant] = variants[..] else { panic!("{name}: the test says which variant it is, once") };
    let is_its = [format!("(error, {name} {{ .. }})"), format!("(error, {name})")]
        .iter()
        .any(|its| variant.contains(its));
    assert!(is_its, "{name}: {variant}");
    let code: String = body.split_whitespace().collect();
    assert!(code.contains("error.to_string()"), "{name}: the test compares the message");
    let lines = body.lines().filter(|line| !is_variant(line));
    lines.map(|line| line.strip_prefix("    ").unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

/// The section of an error with its example; at its end where there was none.
pub(crate) fn with(section: &str, example: &str) -> String {
    const FENCE: &str = "\n```rust,ignore\n";
    let example = example.trim_end();
    match section.split_once(FENCE) {
        Some((before, rest)) => {
            let (_, behind) = rest.split_once("\n```\n").unwrap();
            format!("{before}{FENCE}{example}\n```\n{behind}")
        }
        None => format!("{}\n{FENCE}{example}\n```\n", section.trim_end()),
    }
}

/// A page taken apart: what stands before the first error, and the name and section of each.
pub(crate) fn sections(page: &str) -> (&str, Vec<(&str, &str)>) {
    let mut parts = page.split("\n### `");
    let before = parts.next().unwrap_or_default();
    let named = |part| str::split_once(part, "`\n").unwrap_or_else(|| panic!("no name: {part}"));
    (before, parts.map(named).collect())
}

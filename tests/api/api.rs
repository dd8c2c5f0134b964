//! Each crate's public interface, a line an item, beside the files that were reviewed.
//!
//! `UPDATE_API=1 cargo test -p fheqat-api` writes the files again.
//!
//! Only rustdoc knows what is public, and its JSON is not stable yet. So cargo is told that this program is rustdoc; called as
//! such it lets the pinned toolchain's own rustdoc write JSON, without a nightly and without building anything twice.

use std::{
    collections::BTreeSet,
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, ExitStatus},
};

use public_api::{Builder, MINIMUM_NIGHTLY_RUST_VERSION};
use serde_json::Value;

const CRATES: [&str; 4] = ["fheqat", "fheqat_page", "fheqat_runtime", "fheqat_spec"];
/// Set by us for cargo, which hands it on.
const AS_RUSTDOC: &str = "FHEQAT_API_RUSTDOC";
/// The version of rustdoc's JSON that `public-api` reads.
const FORMAT: u64 = 57;

fn main() -> ExitCode {
    if let Some(rustdoc) = env::var_os(AS_RUSTDOC) {
        let status = Command::new(rustdoc).args(env::args_os().skip(1)).env("RUSTC_BOOTSTRAP", "1").status();
        return if status.is_ok_and(|status| status.success()) {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        };
    }
    match compare() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every crate has the interface that its file says.
fn compare() -> Result<bool, Box<dyn Error>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let json = document(&here.join("../.."))?;
    let mut same = true;
    for name in CRATES {
        let Some(found) = interface(&json.join(format!("{name}.json")))? else {
            println!(
                "skipped: this toolchain's rustdoc writes another JSON than that of rust-toolchain.toml"
            );
            return Ok(env::var_os("CI").is_none());
        };
        let path = here.join(format!("{name}.txt"));
        if env::var_os("UPDATE_API").is_some() {
            fs::write(&path, found)?;
            continue;
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        let (old, new): (BTreeSet<_>, BTreeSet<_>) = (expected.lines().collect(), found.lines().collect());
        for line in old.difference(&new) {
            println!("-{line}");
        }
        for line in new.difference(&old) {
            println!("+{line}");
        }
        let is_same = old == new;
        println!("test public interface of {name} ... {}", if is_same { "ok" } else { "FAILED" });
        same &= is_same;
    }
    if !same {
        println!(
            "\nWhere the change is meant, run `UPDATE_API=1 cargo test -p fheqat-api` and commit tests/api. A line in CHANGELOG.md tells users of it."
        );
    }
    Ok(same)
}

/// Lets rustdoc write JSON of every crate, and says into which folder.
fn document(workspace: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let rustdoc = env::var_os("RUSTDOC").unwrap_or_else(|| "rustdoc".into());
    let status = Command::new(&cargo)
        .args(["doc", "--workspace", "--no-deps", "--lib", "--quiet"])
        .current_dir(workspace)
        .env("RUSTDOC", env::current_exe()?)
        .env(AS_RUSTDOC, rustdoc)
        .env("RUSTDOCFLAGS", "-Zunstable-options --output-format=json")
        .status()?;
    if !ExitStatus::success(&status) {
        return Err("rustdoc failed".into());
    }
    let metadata = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(workspace)
        .output()?;
    let metadata: Value = serde_json::from_slice(&metadata.stdout)?;
    let target = metadata["target_directory"].as_str().ok_or("cargo names no target directory")?;
    Ok(Path::new(target).join("doc"))
}

/// One line an item; none where the JSON is of another version.
fn interface(json: &Path) -> Result<Option<String>, Box<dyn Error>> {
    let text = fs::read_to_string(json).map_err(|error| format!("{}: {error}", json.display()))?;
    let whole: Value = serde_json::from_str(&text)?;
    if whole["format_version"] != FORMAT {
        return Ok(None);
    }
    let api = Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()
        .map_err(|error| format!("{error} (public-api reads {MINIMUM_NIGHTLY_RUST_VERSION} and later)"))?;
    Ok(Some(format!("{api}")))
}

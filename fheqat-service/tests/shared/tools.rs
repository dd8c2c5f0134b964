//! Programs that some tests need, and that a machine may lack.

use std::path::PathBuf;

/// The first of these programs that is on the PATH. Where there is none, the test is left out and says so; where `FHEQAT_ALL_TOOLS` is
/// set, as in CI, it fails.
pub(crate) fn tool(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path);
    let found =
        places.flat_map(|folder| names.iter().map(move |name| folder.join(name))).find(|file| file.is_file());
    if found.is_none() {
        let name = names[0];
        let is_needed = std::env::var_os("FHEQAT_ALL_TOOLS").is_some();
        assert!(!is_needed, "there is no {name} on the PATH: install it, `apt-get install {name}`");
        eprintln!("LEFT OUT: there is no {name} on the PATH (`apt-get install {name}`)");
    }
    found
}

//! Who may ask: a file of names and hashes of tokens, `name = "SHA-256 of the token"`, which is read again when it changes.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::SystemTime,
};

use crate::store::ids::{Client, OPEN, Sha256};

/// Longest name.
const NAME: usize = 64;

/// Why a file of tokens cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    #[error(transparent)]
    File(#[from] fheqat::file::FileError),
    #[error("`{path}` is no list of tokens: {reason}")]
    Toml { path: String, reason: String },
    #[error("`{path}`: the token `{name}` has no SHA-256 of 64 lower-case hexadecimal digits")]
    Hash { path: String, name: String },
    #[error(
        "`{0}` cannot name a token: use 1 to {NAME} of the characters a to z, 0 to 9, - and _, and not `{OPEN}`"
    )]
    Name(String),
    #[error("`{path}`: the tokens `{first}` and `{second}` are the same: draw another")]
    Twice { path: String, first: String, second: String },
}

/// The tokens of a server.
pub(crate) struct Tokens {
    path: PathBuf,
    state: RwLock<State>,
}

struct State {
    stamp: Option<(u64, SystemTime)>,
    names: HashMap<Sha256, Client>,
}

impl Tokens {
    /// Reads a file of tokens.
    pub(crate) fn open(path: PathBuf) -> Result<Self, TokenError> {
        let state = State { stamp: stamp(&path), names: by_hash(&path)? };
        Ok(Self { path, state: RwLock::new(state) })
    }

    /// Whose a token is.
    pub(crate) fn client(&self, token: &str) -> Option<Client> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        // By hash: how long it takes says nothing about tokens.
        state.names.get(&Sha256::of(token.as_bytes())).cloned()
    }

    /// Reads the file again if it has changed. If it cannot be read, the tokens stay as they were.
    pub(crate) fn look(&self) {
        let now = stamp(&self.path);
        if self.state.read().unwrap_or_else(PoisonError::into_inner).stamp == now {
            return;
        }
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        match by_hash(&self.path) {
            Ok(names) => {
                tracing::info!(tokens = names.len(), "the tokens were read again");
                state.names = names;
                state.stamp = now;
            }
            Err(error) => {
                tracing::error!(%error, "the tokens stay as they were");
                // What could not be read is tried again.
                if !matches!(error, TokenError::File(_)) {
                    state.stamp = now;
                }
            }
        }
    }
}

fn stamp(path: &Path) -> Option<(u64, SystemTime)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.len(), metadata.modified().ok()?))
}

/// The hashes in a file of tokens, by name.
pub(crate) fn read(path: &Path) -> Result<BTreeMap<String, Sha256>, TokenError> {
    let bytes = fheqat::file::load(path)?;
    let shown = || path.display().to_string();
    let bad = |reason: String| TokenError::Toml { path: shown(), reason };
    let text = std::str::from_utf8(&bytes).map_err(|error| bad(error.to_string()))?;
    let table: BTreeMap<String, String> = toml::from_str(text).map_err(|error| bad(error.to_string()))?;
    table
        .into_iter()
        .map(|(name, digits)| {
            check_name(&name)?;
            let hash = digits.parse().map_err(|_| TokenError::Hash { path: shown(), name: name.clone() })?;
            Ok((name, hash))
        })
        .collect()
}

fn by_hash(path: &Path) -> Result<HashMap<Sha256, Client>, TokenError> {
    let mut names: HashMap<Sha256, Client> = HashMap::new();
    for (name, hash) in read(path)? {
        if let Some(first) = names.insert(hash, Arc::from(&*name)) {
            let path = path.display().to_string();
            return Err(TokenError::Twice { path, first: first.to_string(), second: name });
        }
    }
    Ok(names)
}

/// Names of clients are names of folders.
pub(crate) fn check_name(name: &str) -> Result<(), TokenError> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    let is_good = (1..=NAME).contains(&name.len()) && name.bytes().all(is_plain) && name != OPEN;
    if is_good { Ok(()) } else { Err(TokenError::Name(name.to_owned())) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn names_are_plain() {
        assert!(check_name("team-1_a").is_ok());
        for name in ["", "a/b", "..", "A", "everyone", "é", &"a".repeat(65)] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_file_that_breaks_leaves_the_tokens_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        std::fs::write(&path, format!("a = \"{}\"", Sha256::of(b"secret"))).unwrap();
        let tokens = Tokens::open(path.clone()).unwrap();
        assert_eq!(tokens.client("secret").as_deref(), Some("a"));
        assert_eq!(tokens.client("other"), None);
        std::fs::write(&path, "a = ").unwrap();
        tokens.look();
        assert_eq!(tokens.client("secret").as_deref(), Some("a"));
        std::fs::write(&path, format!("bcd = \"{}\"", Sha256::of(b"other"))).unwrap();
        tokens.look();
        assert_eq!(tokens.client("other").as_deref(), Some("bcd"));
        assert_eq!(tokens.client("secret"), None);
    }
}

//! Prices of this machine, measured once and kept in a file.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::machine;
use crate::{
    artifact::{self, Artifact},
    fhe::ThreadError,
    file,
    params::cost::Prices,
};

/// Prices, and the machine that they are of.
#[derive(Serialize, Deserialize)]
struct Measured {
    machine: String,
    prices: Prices,
}

impl Artifact for Measured {
    const KIND: artifact::Kind = artifact::Kind::Prices;
    const FORMAT: u16 = 7;
}

impl Prices {
    /// The prices of this machine. They are read from the user's cache directory, or else measured, which takes some seconds, and
    /// written there for this processor and build. An unreadable cache is measured again; a cache that cannot be written is no
    /// error.
    ///
    /// # Errors
    /// When a thread cannot start.
    pub fn of_this_machine() -> Result<Self, ThreadError> {
        let folder = etcetera::choose_base_strategy().ok().map(|base| base.cache_dir().join("fheqat"));
        cached(folder.as_deref(), &machine::description(), Self::measure)
    }
}

fn cached(
    folder: Option<&Path>,
    machine: &str,
    measure: impl FnOnce() -> Result<Prices, ThreadError>,
) -> Result<Prices, ThreadError> {
    let path = folder.map(|folder| path(folder, machine));
    if let Some(prices) = path.as_deref().and_then(|path| read(path, machine)) {
        return Ok(prices);
    }
    let measured = Measured { machine: machine.to_owned(), prices: measure()? };
    if let (Some(folder), Some(path)) = (folder, path) {
        // Without a cache the next run measures again, and nothing else is lost.
        let _ = std::fs::create_dir_all(folder).map(|()| file::save(path, &artifact::to_bytes(&measured)));
    }
    Ok(measured.prices)
}

fn read(path: &Path, machine: &str) -> Option<Prices> {
    let measured: Measured = artifact::from_bytes(&file::load(path).ok()?).ok()?;
    (measured.machine == machine).then_some(measured.prices)
}

fn path(folder: &Path, machine: &str) -> PathBuf {
    let [a, b, c, d, e, f, g, h, ..]: [u8; 32] = Sha256::digest(machine).into();
    folder.join(format!("prices-{:016x}", u64::from_be_bytes([a, b, c, d, e, f, g, h])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn never() -> Result<Prices, ThreadError> {
        unreachable!("the prices are in the cache")
    }

    fn expensive() -> Prices {
        Prices { addition: crate::params::Seconds(1.0), ..Prices::shipped() }
    }

    #[test]
    fn prices_are_measured_once_a_machine() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("absent").join("fheqat");
        assert_eq!(cached(Some(&folder), "one", || Ok(expensive())).unwrap(), expensive());
        assert_eq!(cached(Some(&folder), "one", never).unwrap(), expensive());
        assert_eq!(cached(Some(&folder), "other", || Ok(Prices::shipped())).unwrap(), Prices::shipped());
        assert_eq!(cached(Some(&folder), "one", never).unwrap(), expensive());
    }

    #[test]
    fn a_damaged_cache_is_measured_again() {
        let folder = tempfile::tempdir().unwrap();
        cached(Some(folder.path()), "one", || Ok(expensive())).unwrap();
        let file = path(folder.path(), "one");
        let whole = std::fs::read(&file).unwrap();
        for index in [0, 7, 20, whole.len() - 1] {
            let mut damaged = whole.clone();
            damaged[index] ^= 1;
            std::fs::write(&file, damaged).unwrap();
            let found = cached(Some(folder.path()), "one", || Ok(Prices::shipped())).unwrap();
            assert_eq!(found, Prices::shipped(), "byte {index}");
        }
        std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
        assert_eq!(cached(Some(folder.path()), "one", || Ok(Prices::shipped())).unwrap(), Prices::shipped());
        assert_eq!(cached(Some(folder.path()), "one", never).unwrap(), Prices::shipped());
        std::fs::write(&file, &whole).unwrap();
        std::fs::copy(&file, path(folder.path(), "other")).unwrap();
        assert_eq!(
            cached(Some(folder.path()), "other", || Ok(Prices::shipped())).unwrap(),
            Prices::shipped()
        );
    }

    #[test]
    fn no_cache_directory_is_no_error() {
        assert_eq!(cached(None, "one", || Ok(expensive())).unwrap(), expensive());
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(cached(Some(file.path()), "one", || Ok(expensive())).unwrap(), expensive());
    }
}

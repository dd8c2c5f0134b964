//! A folder of keys: made once, never made again in place of others.

use std::fs;

use fheqat::prelude::*;
use fheqat_client::{Error, KeyFolder};

use crate::read;

fn half(model: &str) -> ClientHalf {
    ClientHalf::from_bytes(&read(&format!("{model}.client"))).unwrap()
}

#[test]
fn keys_are_made_once_for_each_parameters() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/keys");
    let keys = KeyFolder::new(&path);
    let (key, evaluation) = keys.open(&half("flat")).unwrap();
    assert_eq!(key.id(), evaluation.id());
    let again = keys.open(&half("flat")).unwrap();
    assert_eq!((again.0.id(), again.1.to_bytes()), (key.id(), evaluation.to_bytes()));
    assert_eq!(fs::read_dir(&path).unwrap().count(), 2);

    let other = keys.open(&half("deep")).unwrap();
    assert_ne!(other.0.id(), key.id());
    assert_eq!(keys.open(&half("flat")).unwrap().0.id(), key.id());
    assert_eq!(fs::read_dir(&path).unwrap().count(), 4);
}

#[cfg(unix)]
#[test]
fn only_the_owner_reads_secrets() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    let (key, _) = KeyFolder::new(&path).open(&half("flat")).unwrap();
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.join(format!("{}.key", key.id()))), 0o600);
    assert_eq!(mode(path), 0o700);
}

#[test]
fn what_cannot_be_read_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let keys = KeyFolder::new(folder.path());
    let (key, _) = keys.open(&half("flat")).unwrap();
    let [secret, public] =
        ["key", "evaluation"].map(|kind| folder.path().join(format!("{}.{kind}", key.id())));

    let whole = fs::read(&public).unwrap();
    fs::write(&public, read("flat.keys")).unwrap();
    assert!(matches!(keys.open(&half("flat")), Err(Error::KeyPair { .. })));
    fs::remove_file(&public).unwrap();
    assert!(matches!(keys.open(&half("flat")), Err(Error::File(_))));
    fs::write(&public, &whole[..whole.len() - 1]).unwrap();
    assert!(matches!(keys.open(&half("flat")), Err(Error::KeyFile { .. })));
    fs::write(&public, whole).unwrap();
    fs::write(&secret, b"fheqat").unwrap();
    let damaged = keys.open(&half("flat")).unwrap_err().to_string();
    assert!(damaged.contains(&secret.display().to_string()) && damaged.contains("move it away"), "{damaged}");
    assert_eq!(fs::read(&secret).unwrap(), b"fheqat");

    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(KeyFolder::new(file).open(&half("flat")), Err(Error::Folder { .. })));
}

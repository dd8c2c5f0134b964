//! Files of the state folder.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use fheqat::{
    fhe::{EvaluationKeys, ModelId},
    file::FileError,
};

use super::ids::{Client, Sha256};

/// The folders in a state folder.
#[derive(Debug)]
pub(crate) struct Files {
    keys: PathBuf,
    uploads: PathBuf,
    halves: PathBuf,
}

/// Why evaluation keys cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyFileError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Artifact(#[from] fheqat::artifact::ArtifactError),
}

impl Files {
    pub(crate) fn open(state: &Path) -> io::Result<Self> {
        let folder = |name| {
            let folder = state.join(name);
            fs::create_dir_all(&folder).map(|()| folder)
        };
        Ok(Self { keys: folder("keys")?, uploads: folder("uploads")?, halves: folder("halves")? })
    }

    /// Evaluation keys of a registered file.
    pub(crate) fn evaluation_keys(&self, sha256: &Sha256) -> Result<EvaluationKeys, KeyFileError> {
        Ok(EvaluationKeys::from_bytes(&fheqat::file::load(self.key(sha256))?)?)
    }

    pub(crate) fn key(&self, sha256: &Sha256) -> PathBuf {
        self.keys.join(sha256.to_string())
    }

    /// Gives a whole upload its place among the keys, where it may be already. The upload stays.
    pub(super) fn keep_key(&self, upload: &Path, sha256: &Sha256) -> io::Result<()> {
        let key = self.key(sha256);
        match fs::hard_link(upload, &key) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Err(_) if Sha256::of(&fs::read(&key)?) != *sha256 => {
                tracing::error!(file = %sha256, "a file of keys was damaged, and is replaced");
                remove(&key)?;
                fs::hard_link(upload, &key)?;
            }
            _ => {}
        }
        sync_folder(&self.keys)
    }

    pub(super) fn remove_key(&self, sha256: &Sha256) -> io::Result<()> {
        remove(&self.key(sha256))
    }

    /// Every file among the keys.
    pub(crate) fn all_keys(&self) -> io::Result<Vec<Sha256>> {
        names(&self.keys, |name| name.parse().ok())
    }

    /// A client's folder of uploads; it need not exist.
    pub(super) fn uploads(&self, client: &Client) -> PathBuf {
        self.uploads.join(&**client)
    }

    /// Clients that have a folder of uploads.
    pub(super) fn uploading_clients(&self) -> io::Result<Vec<Client>> {
        names(&self.uploads, |name| Some(name.into()))
    }

    /// Keeps a server half for the jobs that wait for it.
    pub(crate) fn keep_half(&self, model: ModelId, half: &[u8]) -> Result<(), FileError> {
        fheqat::file::save(self.half(model), half)
    }

    pub(crate) fn half(&self, model: ModelId) -> PathBuf {
        self.halves.join(model.to_string())
    }

    pub(crate) fn remove_half(&self, model: &str) -> io::Result<()> {
        remove(&self.halves.join(model))
    }

    /// Ids of the models whose halves are kept.
    pub(crate) fn all_halves(&self) -> io::Result<Vec<String>> {
        names(&self.halves, |name| (!name.starts_with('.')).then(|| name.to_owned()))
    }
}

pub(super) fn names<T>(folder: &Path, read: impl Fn(&str) -> Option<T>) -> io::Result<Vec<T>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        found.extend(entry?.file_name().to_str().and_then(&read));
    }
    Ok(found)
}

/// Removes a file that may be gone.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A new name is on disk when its folder is.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

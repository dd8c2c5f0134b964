//! A folder of a client's keys, two files each: `ID.key`, which is secret, and `ID.evaluation`, which is not.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use fheqat::{
    artifact::ArtifactError,
    file,
    prelude::{ClientHalf, ClientKey, EvaluationKeys},
};

use crate::error::Error;

/// A folder with a client's keys. Keys belong to parameters, so those of one folder serve any number of models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFolder {
    path: PathBuf,
}

impl KeyFolder {
    /// The folder at a path; it need not be there yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The keys for a model. If the folder has none of its parameters they are made and written, which takes seconds on all cores. The secret
    /// file has mode 0600, and a new folder 0700.
    ///
    /// # Errors
    /// When a file cannot be read or written, or is damaged: keys are never made again in place of others.
    ///
    /// # Panics
    /// When the operating system has no entropy.
    pub fn open(&self, half: &ClientHalf) -> Result<(ClientKey, EvaluationKeys), Error> {
        for path in self.secrets()? {
            let key = load_secret(&path)?;
            if key.parameters() == half.parameters() {
                let evaluation = self.evaluation(&key)?;
                return Ok((key, evaluation));
            }
        }
        let (key, evaluation) = half.keygen();
        // Whoever finds the secret finds the other file too.
        file::save(self.file(&key, "evaluation"), &evaluation.to_bytes())?;
        file::save_secret(self.file(&key, "key"), &key.to_bytes())?;
        Ok((key, evaluation))
    }

    /// The evaluation keys of a secret key.
    pub(crate) fn evaluation(&self, key: &ClientKey) -> Result<EvaluationKeys, Error> {
        let path = self.file(key, "evaluation");
        let keys = EvaluationKeys::from_bytes(&file::load(&path)?).map_err(damaged(&path))?;
        if keys.id() != key.id() || keys.parameters() != key.parameters() {
            let path = path.display().to_string();
            return Err(Error::KeyPair { path, found: keys.id(), expected: key.id() });
        }
        Ok(keys)
    }

    fn file(&self, key: &ClientKey, kind: &str) -> PathBuf {
        self.path.join(format!("{}.{kind}", key.id()))
    }

    /// The secret files, in the order of their names.
    fn secrets(&self) -> Result<Vec<PathBuf>, Error> {
        let list = || {
            make(&self.path)?;
            let mut files = Vec::new();
            for entry in fs::read_dir(&self.path)? {
                files.push(entry?.path());
            }
            files.retain(|path| path.extension().is_some_and(|kind| kind == "key"));
            files.sort();
            Ok(files)
        };
        list().map_err(|reason| Error::Folder { path: self.path.display().to_string(), reason })
    }
}

fn load_secret(path: &Path) -> Result<ClientKey, Error> {
    ClientKey::from_bytes(&file::load_secret(path)?).map_err(damaged(path))
}

fn damaged(path: &Path) -> impl Fn(ArtifactError) -> Error {
    move |reason| Error::KeyFile { path: path.display().to_string(), reason }
}

#[cfg(unix)]
fn make(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn make(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

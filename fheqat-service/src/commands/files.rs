//! What the commands read and write: of bounded size, whole or not at all, and named in every error.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::Path,
};

use fheqat::{
    MainError,
    artifact::{ArtifactError, Header, Kind},
    fhe::{ClientHalf, ClientKey},
    file,
    prelude::Client,
};
use fheqat_client::frames::{self, FrameError};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::bounded::{self, ReadError};

/// Items of a file that are read.
const MOST_ITEMS: usize = 1 << 20;

/// What keeps a command from its files.
#[derive(Debug, Error)]
pub(crate) enum FilesError {
    #[error("cannot read `{path}`: {source}")]
    Read { path: String, source: io::Error },
    #[error(
        "`{path}` has more than the {most} bytes that are read of a file: if it should, type a larger `--max-file`"
    )]
    TooLarge { path: String, most: u64 },
    #[error("`{path}`: {source}")]
    Artifact { path: String, source: ArtifactError },
    #[error("`{path}`, item {item}: {source}")]
    Item { path: String, item: usize, source: ArtifactError },
    #[error("`{path}`: {source}")]
    Frames { path: String, source: FrameError },
    #[error("`{path}` exists: {help}")]
    Exists { path: String, help: &'static str },
}

/// An error with the place that it is about in front. Its source still tells which page explains it.
#[derive(Debug, Error)]
#[error("{place}{source}")]
pub(crate) struct At {
    place: String,
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// Puts a place in front of an error.
pub(crate) fn at<E: std::error::Error + Send + Sync + 'static>(
    place: impl Into<String>,
) -> impl FnOnce(E) -> At {
    let place = place.into();
    move |error| At { place, source: Box::new(error) }
}

/// Puts a file in front of an error.
pub(crate) fn of_file<E: std::error::Error + Send + Sync + 'static>(
    path: &Path,
) -> impl FnOnce(E) -> At + use<E> {
    at(format!("`{}`: ", path.display()))
}

/// Which files are read.
#[derive(clap::Args)]
pub(crate) struct Limits {
    /// The largest file that is read, in megabytes
    #[arg(long, value_name = "MB", default_value_t = 1000)]
    max_file: u64,
}

/// A path as errors and JSON have it.
pub(crate) fn text(path: &Path) -> String {
    path.display().to_string()
}

impl Limits {
    /// Bytes of the largest file that is read.
    pub(crate) const fn most(&self) -> u64 {
        self.max_file.saturating_mul(1_000_000)
    }

    /// A file as it is.
    pub(crate) fn read(&self, path: &Path) -> Result<Vec<u8>, FilesError> {
        bounded::read(path, self.most()).map_err(|error| match error {
            ReadError::Io(source) => FilesError::Read { path: text(path), source },
            ReadError::TooLarge(most) => FilesError::TooLarge { path: text(path), most },
        })
    }

    /// One artifact.
    pub(crate) fn artifact<T>(
        &self,
        path: &Path,
        from_bytes: impl FnOnce(&[u8]) -> Result<T, ArtifactError>,
    ) -> Result<T, FilesError> {
        from_bytes(&self.read(path)?).map_err(|source| FilesError::Artifact { path: text(path), source })
    }

    /// A client key, whose bytes are overwritten once it is read.
    pub(crate) fn client_key(&self, path: &Path) -> Result<ClientKey, FilesError> {
        let bytes = Zeroizing::new(self.read(path)?);
        ClientKey::from_bytes(&bytes).map_err(|source| FilesError::Artifact { path: text(path), source })
    }

    /// A client of its half and its key.
    pub(crate) fn client(&self, half: &Path, key: &Path) -> Result<Client, MainError> {
        let half = self.artifact(half, ClientHalf::from_bytes)?;
        Ok(Client::new(half, self.client_key(key)?)?)
    }

    /// The artifacts of a file: one, or several with their lengths in front, and whether these are there.
    pub(crate) fn artifacts<T>(
        &self,
        path: &Path,
        from_bytes: impl Fn(&[u8]) -> Result<T, ArtifactError>,
    ) -> Result<(Vec<T>, bool), FilesError> {
        let bytes = self.read(path)?;
        let (items, is_framed) = items(path, &bytes)?;
        let count = items.len();
        let read = |(item, bytes): (usize, &[u8])| {
            let path = text(path);
            from_bytes(bytes).map_err(|source| match count {
                1 => FilesError::Artifact { path, source },
                _ => FilesError::Item { path, item, source },
            })
        };
        let read = items.into_iter().enumerate().map(read).collect::<Result<_, _>>()?;
        Ok((read, is_framed))
    }
}

/// The bytes of each artifact of a file, and whether their lengths are in front of them.
pub(crate) fn items<'a>(path: &Path, bytes: &'a [u8]) -> Result<(Vec<&'a [u8]>, bool), FilesError> {
    let is_framed = bytes.get(4..).is_some_and(|first| Header::of(first).is_ok());
    if !is_framed {
        return Ok((vec![bytes], false));
    }
    let items = frames::split(bytes, MOST_ITEMS);
    items.map(|items| (items, true)).map_err(|source| FilesError::Frames { path: text(path), source })
}

/// Writes a file whole or not at all, but never over a secret key.
pub(crate) fn save(path: &Path, bytes: &[u8]) -> Result<(), MainError> {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(64).read_to_end(&mut head));
    if read.is_ok() && Header::of(&head).is_ok_and(|header| header.kind == Kind::ClientKey) {
        let help = "it is a client key, which nothing is written over: type another file";
        return Err(FilesError::Exists { path: text(path), help }.into());
    }
    Ok(file::save(path, bytes)?)
}

/// Refuses a place where something is.
pub(crate) fn refuse_existing(path: &Path, help: &'static str) -> Result<(), FilesError> {
    match path.symlink_metadata() {
        Ok(_) => Err(FilesError::Exists { path: text(path), help }),
        Err(_) => Ok(()),
    }
}

/// Prints to standard output, which whoever reads it may close.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

//! Files that are there in full or not at all.
//!
//! A file is written beside its place under a name like `.fheqat-p7Kd02xQa9Zm.part`, made durable, and renamed. Whoever writes holds a
//! lock on it, which the system releases when a process ends, however it ends: a part that nobody holds was left behind, and the
//! next save in its folder removes it. Processes that share the folder, in containers too, do not disturb one another.

mod part;

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use thiserror::Error;
#[cfg(feature = "client")]
use zeroize::Zeroizing;

use self::part::Part;

/// A file that could not be read or written.
#[derive(Debug, Error)]
#[error("cannot {action} `{path}`: {source}")]
pub struct FileError {
    action: &'static str,
    path: String,
    source: io::Error,
}

impl FileError {
    pub(crate) fn new(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self { action, path: path.display().to_string(), source }
    }
}

/// Who may read what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Readers {
    /// Those of the file that was there; of a new one whoever the process's umask lets.
    AsBefore,
    /// The owner alone.
    Owner,
}

/// Writes beside `path` and renames: a failure leaves what was there before.
pub(crate) fn write(
    path: &Path,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), FileError> {
    write_for(Readers::AsBefore, path, content)
}

fn write_for(
    readers: Readers,
    path: &Path,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), FileError> {
    let attempt = || {
        let path = target(path)?;
        let before = fs::metadata(&path).ok();
        if before.as_ref().is_some_and(|before| !before.is_file()) {
            return content(&mut File::options().write(true).open(&path)?);
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        part::sweep(folder);
        let mut part = Part::new(folder, readers, before.as_ref())?;
        part.fill(content)?;
        part.become_file(&path)?;
        make_durable(folder)
    };
    attempt().map_err(|source| FileError::new("write", path, source))
}

/// What a path names once its last symbolic link is followed, which need not be there.
fn target(path: &Path) -> io::Result<PathBuf> {
    const MOST_LINKS: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        if !fs::symlink_metadata(&path).is_ok_and(|found| found.is_symlink()) {
            return Ok(path);
        }
        let to = fs::read_link(&path)?;
        // The links of `/proc` to pipes have no path.
        if fs::metadata(&path).is_ok_and(|found| !found.is_file()) {
            return Ok(path);
        }
        path = path.parent().unwrap_or(Path::new("")).join(to);
    }
    Err(io::Error::other("its symbolic links do not end"))
}

/// A rename is on disk when its folder is. A folder that cannot be read, or a system that keeps no folders on disk, is passed over.
#[cfg(unix)]
fn make_durable(folder: &Path) -> io::Result<()> {
    let Ok(folder) = File::open(folder) else { return Ok(()) };
    match folder.sync_all() {
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {
            Ok(())
        }
        result => result,
    }
}

#[cfg(not(unix))]
fn make_durable(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Writes a file whole or not at all.
///
/// A file that is there keeps its mode, and its owner where the system allows it; a new one has the usual mode of the process. Where `path`
/// is a symbolic link, what it points to is replaced, and the link stays. Of a file with several hard links this one alone is replaced. A device
/// or a pipe is written to as it is. The file and its folder are on disk when this returns, and what killed processes left behind
/// in the folder is removed.
///
/// # Errors
/// When it cannot be written; what was there before is there still.
pub fn save(path: impl AsRef<Path>, bytes: &[u8]) -> Result<(), FileError> {
    write(path.as_ref(), |to| to.write_all(bytes))
}

/// [`save`] of what only the owner may read, such as a client's key: from the first byte on nobody else can, whatever the umask and whatever
/// the mode of a file that was there. On Unix the mode is 0600; elsewhere it is the folder's rights that protect it.
///
/// # Errors
/// As [`save`].
pub fn save_secret(path: impl AsRef<Path>, bytes: &[u8]) -> Result<(), FileError> {
    write_for(Readers::Owner, path.as_ref(), |to| to.write_all(bytes))
}

/// Reads a file.
///
/// # Errors
/// Names the file.
pub fn load(path: impl AsRef<Path>) -> Result<Vec<u8>, FileError> {
    read(path.as_ref())
}

/// [`load`] of what is secret, such as a client's key: its bytes are overwritten when they are dropped.
///
/// # Errors
/// Names the file.
#[cfg(feature = "client")]
pub fn load_secret(path: impl AsRef<Path>) -> Result<Zeroizing<Vec<u8>>, FileError> {
    // Of a file, `fs::read` makes room for all before it reads: no copy is left behind where a vector grew.
    read(path.as_ref()).map(Zeroizing::new)
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    fs::read(path).map_err(|source| FileError::new("read", path, source))
}

#[cfg(test)]
mod tests;

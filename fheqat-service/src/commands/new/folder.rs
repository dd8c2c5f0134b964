//! A folder that is there in full or not at all.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use fheqat::{MainError, file};
use tempfile::{Builder, TempDir};

const PREFIX: &str = ".fheqat-new-";
/// Held while the folder is written: one that nobody holds was left behind.
const LOCK: &str = "lock";
/// What gets its own name in the end.
const CONTENT: &str = "content";

/// How often a folder is made anew that another process took for one left behind, before its lock was there.
const ATTEMPTS: usize = 8;

/// A folder under another name, removed when it is dropped.
pub(in crate::commands) struct Folder {
    folder: TempDir,
    _lock: File,
}

impl Folder {
    /// An empty one beside `path`. What killed processes left there is removed.
    pub(in crate::commands) fn beside(path: &Path) -> Result<Self, MainError> {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        sweep(parent);
        let make = || -> io::Result<Self> {
            for _ in 0..ATTEMPTS {
                let mut builder = Builder::new();
                builder.prefix(PREFIX);
                #[cfg(unix)]
                builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
                let folder = builder.tempdir_in(parent)?;
                let Ok(lock) = File::create(folder.path().join(LOCK)) else { continue };
                let _ = lock.lock();
                if folder.path().join(LOCK).exists() {
                    return Ok(Self { folder, _lock: lock });
                }
            }
            Err(io::Error::other("another process removes what is written"))
        };
        make().map_err(|source| format!("cannot write in `{}`: {source}", parent.display()).into())
    }

    /// Writes a file, and the folders that it is in.
    pub(in crate::commands) fn write(&self, path: &str, bytes: &[u8]) -> Result<(), MainError> {
        let path = self.content().join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        Ok(file::save(path, bytes)?)
    }

    /// Gives what was written its own name, which nothing may have.
    pub(in crate::commands) fn become_folder(self, path: &Path) -> Result<(), MainError> {
        let failed = |source| format!("cannot write `{}`: {source}", path.display());
        Ok(fs::rename(self.content(), path).map_err(failed)?)
    }

    /// Beside the lock, which therefore is there until nothing is left.
    fn content(&self) -> PathBuf {
        self.folder.path().join(CONTENT)
    }
}

/// Removes folders that nobody holds. What cannot be read or removed stays.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if !is_ours {
            continue;
        }
        // Without a lock it is removed only where it is empty.
        let _ = match File::open(entry.path().join(LOCK)) {
            Ok(lock) if lock.try_lock().is_ok() => {
                // The lock last, for this process may be killed too.
                let _ = fs::remove_dir_all(entry.path().join(CONTENT));
                fs::remove_dir_all(entry.path())
            }
            Ok(_) => Ok(()),
            Err(_) => fs::remove_dir(entry.path()),
        };
    }
}

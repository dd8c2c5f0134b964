//! The part of a file that is not yet there in full.

use std::{
    fs::{self, File, Metadata, Permissions},
    io::{self, BufWriter, Write},
    path::Path,
};

use tempfile::{Builder, NamedTempFile};

use super::Readers;

const PREFIX: &str = ".fheqat-";
const SUFFIX: &str = ".part";
const DRAWN: usize = 12;

/// How often a part is made anew that another process took for one left behind, before its lock was there.
const ATTEMPTS: usize = 8;

/// A file under another name, locked, and removed when it is dropped.
pub(super) struct Part {
    file: NamedTempFile,
    permissions: Option<Permissions>,
}

impl Part {
    /// An empty one, with the rights that the whole will have or fewer.
    pub(super) fn new(folder: &Path, readers: Readers, before: Option<&Metadata>) -> io::Result<Self> {
        let before = before.filter(|_| readers == Readers::AsBefore);
        let is_usual = readers == Readers::AsBefore && before.is_none();
        for _ in 0..ATTEMPTS {
            let file = create(folder, is_usual)?;
            // Where there are no locks, nothing is swept either.
            let _ = file.as_file().lock();
            if is_there(file.as_file()) {
                if let Some(before) = before {
                    keep_owner(file.as_file(), before);
                }
                return Ok(Self { file, permissions: before.map(Metadata::permissions) });
            }
        }
        Err(io::Error::other("another process removes its parts"))
    }

    pub(super) fn fill(&mut self, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        let mut writer = BufWriter::new(self.file.as_file_mut());
        content(&mut writer)?;
        writer.flush()
    }

    /// Makes it durable under its own name.
    pub(super) fn become_file(self, path: &Path) -> io::Result<()> {
        let Self { file, permissions } = self;
        if let Some(permissions) = permissions {
            file.as_file().set_permissions(permissions)?;
        }
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }
}

/// Of the usual mode, or for the owner alone.
fn create(folder: &Path, is_usual: bool) -> io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX).rand_bytes(DRAWN);
    #[cfg(unix)]
    if is_usual {
        use std::os::unix::fs::PermissionsExt;
        return builder.permissions(Permissions::from_mode(0o666)).tempfile_in(folder);
    }
    let _ = is_usual;
    builder.tempfile_in(folder)
}

#[cfg(unix)]
fn is_there(file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    file.metadata().is_ok_and(|found| found.nlink() > 0)
}

#[cfg(not(unix))]
fn is_there(_: &File) -> bool {
    true
}

/// Who may not give a file away keeps it.
#[cfg(unix)]
fn keep_owner(file: &File, before: &Metadata) {
    use std::os::unix::fs::{MetadataExt, fchown};
    let is_same =
        file.metadata().is_ok_and(|found| (found.uid(), found.gid()) == (before.uid(), before.gid()));
    if !is_same {
        let _ = fchown(file, Some(before.uid()), Some(before.gid()));
    }
}

#[cfg(not(unix))]
fn keep_owner(_: &File, _: &Metadata) {}

/// Removes the parts of a folder that nobody holds. What cannot be read or removed stays.
pub(super) fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let is_part = entry.file_name().to_str().is_some_and(is_name);
        if is_part && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            let Ok(file) = File::open(entry.path()) else { continue };
            // Held until it is removed: who made it just now sees that it is gone.
            if file.try_lock().is_ok() {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

pub(super) fn is_name(name: &str) -> bool {
    let drawn = name.strip_prefix(PREFIX).and_then(|name| name.strip_suffix(SUFFIX));
    drawn.is_some_and(|drawn| drawn.len() == DRAWN && drawn.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

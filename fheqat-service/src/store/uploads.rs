//! Unfinished uploads: files that grow by chunks, `uploads/CLIENT/SHA256.LENGTH`. What is in a file is what the server has, whatever
//! became of the process that wrote it.

use std::{
    collections::HashMap,
    fs, io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use fheqat_client::wire;
use tokio::{
    fs::File,
    io::AsyncWriteExt,
    sync::{Mutex as AsyncMutex, OwnedMutexGuard},
};

use super::{
    files::{self, Files},
    ids::{Client, Sha256},
};
use crate::clock::Clock;

type Name = (Client, Sha256);

/// All unfinished uploads.
pub(crate) struct Uploads {
    files: Arc<Files>,
    clock: Arc<Clock>,
    /// Uploads of this process: who writes, and when a chunk last came.
    active: Mutex<HashMap<Name, Active>>,
}

#[derive(Clone)]
struct Active {
    lock: Arc<AsyncMutex<()>>,
    seen: u64,
}

/// An upload that a request writes to; no other does meanwhile.
pub(crate) struct Append {
    path: PathBuf,
    file: File,
    length: u64,
    offset: u64,
    _lock: OwnedMutexGuard<()>,
}

/// Why a chunk cannot be added to an upload.
pub(crate) enum NoAppend {
    /// The upload was begun with this length.
    Length(u64),
    /// It ends here.
    Offset(u64),
    Disk(io::Error),
}

impl Uploads {
    pub(super) fn new(files: Arc<Files>, clock: Arc<Clock>) -> Self {
        let uploads = Self { files, clock, active: Mutex::default() };
        for (client, sha256, ..) in uploads.all() {
            uploads.touch(&(client, sha256));
        }
        uploads
    }

    fn active(&self) -> MutexGuard<'_, HashMap<Name, Active>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn touch(&self, name: &Name) -> Arc<AsyncMutex<()>> {
        let seen = self.clock.seconds();
        let mut active = self.active();
        let entry = active.entry(name.clone()).or_insert_with(|| Active { lock: Arc::default(), seen });
        entry.seen = seen;
        Arc::clone(&entry.lock)
    }

    /// Files of a client: hash, whole length, path.
    fn of(&self, client: &Client) -> Vec<(Sha256, u64, PathBuf)> {
        let folder = self.files.uploads(client);
        let read = |name: &str| {
            let (sha256, length) = name.split_once('.')?;
            Some((sha256.parse().ok()?, length.parse().ok()?, folder.join(name)))
        };
        // A client without a folder has none.
        files::names(&folder, read).unwrap_or_default()
    }

    fn all(&self) -> Vec<(Client, Sha256, u64, PathBuf)> {
        let clients = self.files.uploading_clients().unwrap_or_default();
        let of = |client: Client| {
            let files = self.of(&client);
            files.into_iter().map(move |(sha256, length, path)| (Arc::clone(&client), sha256, length, path))
        };
        clients.into_iter().flat_map(of).collect()
    }

    /// How far an upload is. What is counted is on disk.
    pub(crate) fn get(&self, client: &Client, sha256: &Sha256) -> io::Result<Option<wire::Key>> {
        let Some((_, length, path)) = self.of(client).into_iter().find(|(of, ..)| of == sha256) else {
            return Ok(None);
        };
        let file = fs::File::options().append(true).open(path)?;
        file.sync_all()?;
        let offset = file.metadata()?.len();
        Ok(Some(wire::Key { sha256: sha256.to_string(), length, offset, key: None }))
    }

    /// How many a client has, beside one.
    pub(crate) fn count_others(&self, client: &Client, sha256: &Sha256) -> usize {
        self.of(client).iter().filter(|(of, ..)| of != sha256).count()
    }

    /// Opens an upload to write to it from `offset` on; waits while another request does.
    pub(crate) async fn append(
        &self,
        client: &Client,
        sha256: Sha256,
        length: u64,
        offset: u64,
    ) -> Result<Append, NoAppend> {
        let name = (Arc::clone(client), sha256);
        let lock = self.touch(&name).lock_owned().await;
        let begun = self.of(client).into_iter().find(|&(of, ..)| of == sha256);
        match begun {
            Some((_, other, _)) if other != length => return Err(NoAppend::Length(other)),
            None if offset != 0 => {
                drop(lock);
                self.forget_unused(&name);
                return Err(NoAppend::Offset(0));
            }
            _ => {}
        }
        let folder = self.files.uploads(client);
        let path = folder.join(format!("{sha256}.{length}"));
        let open = async || {
            tokio::fs::create_dir_all(&folder).await?;
            let file = File::options().append(true).create(true).open(&path).await?;
            file.sync_all().await?;
            let offset = file.metadata().await?.len();
            if offset == 0 {
                files::sync_folder(&folder)?;
            }
            Ok((file, offset))
        };
        let (file, end) = open().await.map_err(NoAppend::Disk)?;
        if end == offset {
            Ok(Append { path, file, length, offset, _lock: lock })
        } else {
            Err(NoAppend::Offset(end))
        }
    }

    /// Forgets a name without a file that no request waits for.
    fn forget_unused(&self, name: &Name) {
        let mut active = self.active();
        if active.get(name).is_some_and(|active| Arc::strong_count(&active.lock) == 1) {
            active.remove(name);
        }
    }

    /// Drops an upload. False if there is none.
    pub(crate) async fn remove(&self, client: &Client, sha256: &Sha256) -> io::Result<bool> {
        let name = (Arc::clone(client), *sha256);
        let Some((.., path)) = self.of(client).into_iter().find(|(of, ..)| of == sha256) else {
            return Ok(false);
        };
        let _lock = self.touch(&name).lock_owned().await;
        // Its lock stays, as others may wait for it; `expire` removes both.
        files::remove(&path)?;
        Ok(true)
    }

    /// Removes uploads that got no chunk for so many seconds.
    pub(crate) fn expire(&self, seconds: u64) {
        let now = self.clock.seconds();
        for (client, sha256, _, path) in self.all() {
            let name = (client, sha256);
            let mut active = self.active();
            let is_old = active
                .get(&name)
                .is_none_or(|active| active.seen + seconds <= now && Arc::strong_count(&active.lock) == 1);
            if is_old {
                if let Err(error) = files::remove(&path) {
                    tracing::warn!(%error, "cannot remove an old upload");
                }
                active.remove(&name);
            }
        }
        self.active().retain(|_, active| active.seen + seconds > now || Arc::strong_count(&active.lock) > 1);
    }
}

impl Append {
    /// Bytes that are on disk, or written to be.
    pub(crate) const fn offset(&self) -> u64 {
        self.offset
    }

    pub(crate) const fn is_whole(&self) -> bool {
        self.offset == self.length
    }

    /// Bytes that are missing.
    pub(crate) const fn missing(&self) -> u64 {
        self.length.saturating_sub(self.offset)
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        &self.path
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes).await?;
        self.offset += bytes.len() as u64;
        Ok(())
    }

    /// Returns once all that was written is on disk.
    pub(crate) async fn sync(&mut self) -> io::Result<()> {
        self.file.flush().await?;
        self.file.sync_all().await
    }

    /// Removes the file.
    pub(crate) fn remove(&self) {
        if let Err(error) = files::remove(&self.path) {
            tracing::warn!(%error, "cannot remove an upload");
        }
    }
}

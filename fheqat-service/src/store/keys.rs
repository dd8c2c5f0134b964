//! Registered evaluation keys: a file for all clients that have equal ones, a record for each client.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use fheqat::{
    fhe::{EvaluationKeys, KeyId},
    params::Parameters,
};
use fheqat_client::wire::{self, Code, Failure};

use super::{
    files::Files,
    ids::{Client, Sha256},
    records::KeyRecord,
    writer::{Records, Write},
};
use crate::{
    config::Limits,
    failure::{disk, failure},
};

/// The registered keys of all clients.
pub(crate) struct Keys {
    records: Records,
    files: Arc<Files>,
    limits: Limits,
    known: Mutex<BTreeMap<(Client, Sha256), KeyRecord>>,
    /// Held while a file gets its first record or loses its last.
    changes: tokio::sync::Mutex<()>,
    /// Reading a file of keys takes twice its size.
    reading: tokio::sync::Semaphore,
}

/// The keys that a client registered under an id.
#[derive(Clone, Debug)]
pub(crate) struct RegisteredKey {
    pub(crate) file: Sha256,
    pub(crate) parameters: Parameters,
}

impl Keys {
    pub(super) fn new(
        records: Records,
        files: Arc<Files>,
        limits: Limits,
        known: Vec<(Client, Sha256, KeyRecord)>,
    ) -> Self {
        let known = known.into_iter().map(|(client, sha256, record)| ((client, sha256), record)).collect();
        Self {
            records,
            files,
            limits,
            known: Mutex::new(known),
            changes: tokio::sync::Mutex::new(()),
            reading: tokio::sync::Semaphore::new(1),
        }
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<(Client, Sha256), KeyRecord>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client's keys, in the order of their hashes.
    pub(crate) fn of(&self, client: &Client) -> Vec<wire::Key> {
        let known = self.known();
        let all = known.range((Arc::clone(client), Sha256::from_bytes([0; 32]))..);
        all.take_while(|((of, _), _)| of == client)
            .map(|((_, sha256), record)| on_wire(sha256, record))
            .collect()
    }

    pub(crate) fn get(&self, client: &Client, sha256: &Sha256) -> Option<wire::Key> {
        self.known().get(&(Arc::clone(client), *sha256)).map(|record| on_wire(sha256, record))
    }

    /// The keys that a client has under an id.
    pub(crate) fn find(&self, client: &Client, key: KeyId) -> Option<RegisteredKey> {
        let known = self.known();
        let all = known.range((Arc::clone(client), Sha256::from_bytes([0; 32]))..);
        all.take_while(|((of, _), _)| of == client)
            .find(|(_, record)| record.key == key)
            .map(|((_, sha256), record)| RegisteredKey { file: *sha256, parameters: record.parameters })
    }

    pub(crate) fn count(&self) -> usize {
        self.known().len()
    }

    /// Registers a whole upload after its hash and its content are checked.
    ///
    /// # Errors
    /// `malformed`, `too_large` or `key_exists` when the upload is useless; `unavailable` when it may be tried again.
    pub(crate) async fn register(
        &self,
        client: &Client,
        sha256: Sha256,
        upload: &Path,
    ) -> Result<wire::Key, Failure> {
        let permit = self.reading.acquire().await;
        let path = upload.to_owned();
        let read = tokio::task::spawn_blocking(move || read_keys(&path, sha256)).await;
        drop(permit);
        let record = read.map_err(|_| crate::failure::internal())??;
        let (memory, allowed) = (record.parameters.server_key_bytes().0, self.limits.key_memory);
        if memory > allowed {
            let message = format!("the keys take {memory} bytes in memory, and {allowed} are allowed");
            return Err(failure(Code::TooLarge, message));
        }
        let _changes = self.changes.lock().await;
        if let Some(other) = self.find(client, record.key).filter(|other| other.file != sha256) {
            return Err(failure(
                Code::KeyExists,
                format!("key {} is registered as file {}: delete that one first", record.key, other.file),
            ));
        }
        self.files.keep_key(upload, &sha256).map_err(|error| {
            tracing::error!(%error, "cannot keep evaluation keys");
            disk()
        })?;
        let write = Write::PutKey(Arc::clone(client), sha256, Box::new(record.clone()));
        self.records.write(vec![write]).await.map_err(|_| disk())?;
        let key = on_wire(&sha256, &record);
        self.known().insert((Arc::clone(client), sha256), record);
        Ok(key)
    }

    /// Forgets a client's key; its file goes with the last record and job. False if the client has no such key.
    pub(crate) async fn remove(
        &self,
        client: &Client,
        sha256: &Sha256,
        in_use: impl Fn() -> HashSet<Sha256>,
    ) -> Result<bool, Failure> {
        let _changes = self.changes.lock().await;
        let name = (Arc::clone(client), *sha256);
        if !self.known().contains_key(&name) {
            return Ok(false);
        }
        self.records.write(vec![Write::RemoveKey(Arc::clone(client), *sha256)]).await.map_err(|_| disk())?;
        self.known().remove(&name);
        self.remove_if_unused(sha256, &in_use());
        Ok(true)
    }

    fn remove_if_unused(&self, sha256: &Sha256, in_use: &HashSet<Sha256>) {
        let is_known = self.known().keys().any(|(_, of)| of == sha256);
        if !is_known
            && !in_use.contains(sha256)
            && let Err(error) = self.files.remove_key(sha256)
        {
            tracing::warn!(%error, file = %sha256, "cannot remove evaluation keys");
        }
    }

    /// Removes files that no client and no job has.
    pub(super) fn sweep(&self, in_use: &HashSet<Sha256>) {
        let known: BTreeSet<Sha256> = self.known().keys().map(|(_, sha256)| *sha256).collect();
        match self.files.all_keys() {
            Ok(files) => files
                .iter()
                .filter(|file| !known.contains(file))
                .for_each(|file| self.remove_if_unused(file, in_use)),
            Err(error) => tracing::warn!(%error, "cannot look for unused evaluation keys"),
        }
    }

    /// As [`sweep`](Self::sweep), while clients register keys.
    pub(crate) async fn sweep_later(&self, in_use: impl Fn() -> HashSet<Sha256>) {
        let _changes = self.changes.lock().await;
        self.sweep(&in_use());
    }
}

fn on_wire(sha256: &Sha256, record: &KeyRecord) -> wire::Key {
    wire::Key {
        sha256: sha256.to_string(),
        length: record.length,
        offset: record.length,
        key: Some(record.key.to_string()),
    }
}

fn read_keys(path: &Path, sha256: Sha256) -> Result<KeyRecord, Failure> {
    let bytes = fheqat::file::load(path).map_err(|error| {
        tracing::error!(%error, "cannot read an upload");
        disk()
    })?;
    let found = Sha256::of(&bytes);
    if found != sha256 {
        return Err(failure(
            Code::Malformed,
            format!("the bytes have the SHA-256 {found}, not {sha256}: send them again from the start"),
        ));
    }
    let keys =
        EvaluationKeys::from_bytes(&bytes).map_err(|error| failure(Code::Malformed, error.to_string()))?;
    Ok(KeyRecord { key: keys.id(), parameters: *keys.parameters(), length: bytes.len() as u64 })
}

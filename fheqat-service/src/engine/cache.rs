//! Expanded keys, as many as a limit of memory allows: the least recently used goes first, and none that runs.

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use fheqat::{
    fhe::{EvaluationKeys, ModelId, Server, ServerHalf, ServerKey},
    prelude::ServerError,
};

use super::{EngineError, Expanded};
use crate::store::ids::Sha256;

/// Servers that are kept for a key, with their threads.
const SERVERS: usize = 2;

/// Where evaluation keys come from.
pub(crate) trait KeySource: Send + Sync {
    /// Reads keys. Blocks.
    ///
    /// # Errors
    /// Why they cannot be read.
    fn evaluation_keys(&self, file: &Sha256) -> Result<EvaluationKeys, String>;
}

/// What a cache holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CacheUse {
    pub(crate) keys: usize,
    pub(crate) bytes: u64,
}

/// Expanded keys by the hash of their file.
pub(super) struct Cache {
    limit: u64,
    source: Arc<dyn KeySource>,
    state: Mutex<State>,
    changed: Condvar,
    /// Expanding takes memory beside what the key takes: one at a time.
    expanding: Mutex<()>,
}

#[derive(Default)]
struct State {
    keys: HashMap<Sha256, Slot>,
    /// Of all slots.
    bytes: u64,
    uses: u64,
}

struct Slot {
    /// None while it is being expanded.
    key: Option<Expanded>,
    bytes: u64,
    /// Leases.
    leases: usize,
    used: u64,
    servers: Vec<((ModelId, NonZeroUsize), Server)>,
}

/// A key that stays in the cache while this lives.
pub(super) struct Lease<'a> {
    cache: &'a Cache,
    file: Sha256,
    key: Expanded,
}

impl Cache {
    pub(super) fn new(limit: u64, source: Arc<dyn KeySource>) -> Self {
        Self { limit, source, state: Mutex::default(), changed: Condvar::new(), expanding: Mutex::new(()) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn usage(&self) -> CacheUse {
        let state = self.state();
        CacheUse { keys: state.keys.len(), bytes: state.bytes }
    }

    pub(super) fn expanded(&self) -> Vec<Sha256> {
        let state = self.state();
        state.keys.iter().filter(|(_, slot)| slot.key.is_some()).map(|(&file, _)| file).collect()
    }

    /// A key, expanded once though several ask. Waits while keys that run take the memory. Blocks.
    pub(super) fn get(&self, file: &Sha256) -> Result<Lease<'_>, EngineError> {
        let mut state = self.state();
        loop {
            state.uses += 1;
            let used = state.uses;
            match state.keys.get_mut(file) {
                None => break,
                Some(Slot { key: None, .. }) => {
                    state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                Some(slot) => {
                    slot.used = used;
                    slot.leases += 1;
                    let key = slot.key.clone();
                    // It was there under the same lock.
                    return key
                        .map(|key| Lease { cache: self, file: *file, key })
                        .ok_or(EngineError::Cancelled);
                }
            }
        }
        let used = state.uses;
        let slot = Slot { key: None, bytes: 0, leases: 1, used, servers: Vec::new() };
        state.keys.insert(*file, slot);
        drop(state);
        let reserved = Reserved { cache: self, file: *file };
        let key = self.expand(file)?;
        std::mem::forget(reserved);
        let mut state = self.state();
        if let Some(slot) = state.keys.get_mut(file) {
            slot.key = Some(Arc::clone(&key));
        }
        self.changed.notify_all();
        Ok(Lease { cache: self, file: *file, key })
    }

    fn expand(&self, file: &Sha256) -> Result<Expanded, EngineError> {
        let _one = self.expanding.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = self.source.evaluation_keys(file).map_err(EngineError::Key)?;
        self.make_room(file, keys.memory().0)?;
        Ok(Arc::new(ServerKey::from(keys)))
    }

    fn make_room(&self, file: &Sha256, bytes: u64) -> Result<(), EngineError> {
        if bytes > self.limit {
            let limit = self.limit;
            return Err(EngineError::Key(format!(
                "the keys take {bytes} bytes in memory, and {limit} are allowed"
            )));
        }
        let mut state = self.state();
        while state.bytes + bytes > self.limit {
            let unused = state.keys.iter().filter(|(_, slot)| slot.leases == 0);
            match unused.min_by_key(|(_, slot)| slot.used).map(|(&file, _)| file) {
                Some(oldest) => state.remove(&oldest),
                None => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
        state.bytes += bytes;
        if let Some(slot) = state.keys.get_mut(file) {
            slot.bytes = bytes;
        }
        Ok(())
    }
}

impl State {
    fn remove(&mut self, file: &Sha256) {
        if let Some(slot) = self.keys.remove(file) {
            self.bytes -= slot.bytes;
        }
    }
}

/// A place for a key that is being expanded; it is given up if that fails.
struct Reserved<'a> {
    cache: &'a Cache,
    file: Sha256,
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        self.cache.state().remove(&self.file);
        self.cache.changed.notify_all();
    }
}

impl Lease<'_> {
    /// A server with so many threads, which are kept for the next batch.
    pub(super) fn server(
        &self,
        half: &Arc<ServerHalf>,
        threads: NonZeroUsize,
    ) -> Result<Server, EngineError> {
        let name = (half.model(), threads);
        let mut state = self.cache.state();
        let kept =
            state.keys.get(&self.file).and_then(|slot| slot.servers.iter().find(|(of, _)| *of == name));
        if let Some((_, server)) = kept {
            return Ok(server.clone());
        }
        drop(state);
        let server = Server::new(Arc::clone(half), Arc::clone(&self.key), Some(threads)).map_err(
            |error| match error {
                ServerError::Mismatch(mismatch) => EngineError::Key(mismatch.to_string()),
                error => EngineError::Fault(error.to_string()),
            },
        )?;
        state = self.cache.state();
        if let Some(slot) = state.keys.get_mut(&self.file) {
            if slot.servers.len() >= SERVERS {
                slot.servers.remove(0);
            }
            slot.servers.push((name, server.clone()));
        }
        Ok(server)
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if let Some(slot) = self.cache.state().keys.get_mut(&self.file) {
            slot.leases -= 1;
        }
        self.cache.changed.notify_all();
    }
}

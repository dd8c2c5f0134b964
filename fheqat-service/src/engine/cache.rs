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

/// Keys that are kept, however little memory they take: those of models without rotations take none.
const KEYS: usize = 256;
/// Servers that are kept, with their threads.
const SERVERS: usize = 16;

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
    /// The last used is the last.
    servers: Vec<((Sha256, ModelId, NonZeroUsize), Server)>,
}

struct Slot {
    /// None while it is being expanded.
    key: Option<Expanded>,
    bytes: u64,
    /// Leases.
    leases: usize,
    used: u64,
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
        let slot = Slot { key: None, bytes: 0, leases: 1, used };
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
        while state.bytes + bytes > self.limit || state.keys.len() > KEYS {
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
        self.servers.retain(|((of, ..), _)| of != file);
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
        let name = (self.file, half.model(), threads);
        let mut state = self.cache.state();
        if let Some(at) = state.servers.iter().position(|(of, _)| *of == name) {
            let kept = state.servers.remove(at);
            let server = kept.1.clone();
            state.servers.push(kept);
            return Ok(server);
        }
        drop(state);
        let server = Server::new(Arc::clone(half), Arc::clone(&self.key), Some(threads)).map_err(
            |error| match error {
                ServerError::Mismatch(mismatch) => EngineError::Key(mismatch.to_string()),
                error => EngineError::Fault(error.to_string()),
            },
        )?;
        state = self.cache.state();
        if state.servers.len() >= SERVERS {
            state.servers.remove(0);
        }
        state.servers.push((name, server.clone()));
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Keys that take no memory once they are expanded.
    struct Small;

    impl KeySource for Small {
        fn evaluation_keys(&self, _: &Sha256) -> Result<EvaluationKeys, String> {
            let keys = EvaluationKeys::from_bytes(include_bytes!("../../../tests/formats/8/flat.keys"));
            keys.map_err(|error| error.to_string())
        }
    }

    #[test]
    fn keys_that_take_no_memory_go_too() {
        let half = ServerHalf::from_bytes(include_bytes!("../../../tests/formats/8/flat.server")).unwrap();
        let (half, cache) = (Arc::new(half), Cache::new(1_000_000, Arc::new(Small)));
        let file = |number: usize| Sha256::of(&number.to_le_bytes());
        for number in 0..2 * KEYS {
            let lease = cache.get(&file(number)).unwrap();
            lease.server(&half, NonZeroUsize::MIN).unwrap();
        }
        assert!(cache.usage().keys <= KEYS, "{} keys are kept", cache.usage().keys);
        assert!(cache.state().servers.len() <= SERVERS);
        assert!(cache.expanded().contains(&file(2 * KEYS - 1)) && !cache.expanded().contains(&file(0)));
    }
}

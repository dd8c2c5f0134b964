//! Files in the object store, by name and SHA-256.

use std::{path::Path, time::Duration};

use async_nats::jetstream::object_store::{InfoErrorKind, ObjectMetadata, ObjectStore};
use sha2::Digest;
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    time::timeout,
};

use super::{Link, NatsError, messages::Name};
use crate::store::ids::Sha256;

const CHUNK: usize = 512 * 1024;
/// How long the next bytes of an object may take.
const NEXT: Duration = Duration::from_secs(10);
const PART: usize = 1 << 20;

/// An object's name: the gateway that put it, what it is, and its SHA-256.
pub(super) fn object(gateway: Name, kind: Kind, sha256: &Sha256) -> String {
    let kind = match kind {
        Kind::Key => "key",
        Kind::Half => "half",
        Kind::Inputs => "inputs",
        Kind::Results => "results",
    };
    format!("{gateway}.{kind}.{sha256}")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Key,
    Half,
    Inputs,
    Results,
}

/// Puts a file, if it is not there.
pub(super) async fn put_file(link: &Link, name: &str, path: &Path) -> Result<(), NatsError> {
    let unreadable = |error: std::io::Error| NatsError::Damaged(error.to_string());
    let file = tokio::fs::File::open(path).await.map_err(unreadable)?;
    let length = file.metadata().await.map_err(unreadable)?.len();
    put_if_missing(link, name, file, length).await
}

/// Puts bytes, if they are not there.
pub(super) async fn put(link: &Link, name: &str, bytes: &[u8]) -> Result<(), NatsError> {
    put_if_missing(link, name, bytes, bytes.len() as u64).await
}

async fn put_if_missing(
    link: &Link,
    name: &str,
    mut bytes: impl AsyncRead + Unpin,
    length: u64,
) -> Result<(), NatsError> {
    let store = link.objects().await?;
    let chunk_size = CHUNK.min(link.message());
    if store.info(name).await.is_ok_and(|info| !info.deleted && info.size as u64 == length) {
        return Ok(());
    }
    let metadata =
        ObjectMetadata { name: name.to_owned(), chunk_size: Some(chunk_size), ..ObjectMetadata::default() };
    let put = store.put(metadata, &mut bytes).await;
    put.map(drop).map_err(|error| NatsError::Refused { what: "an object", reason: error.to_string() })
}

/// Reads an object of at most so many bytes, and compares its SHA-256.
pub(super) async fn get(link: &Link, name: &str, sha256: &Sha256, limit: u64) -> Result<Vec<u8>, NatsError> {
    let missing = || NatsError::Missing(format!("object {name}"));
    let store = link.objects().await?;
    let info = store.info(name).await.map_err(|error| match error.kind() {
        InfoErrorKind::NotFound => missing(),
        _ => NatsError::Refused { what: "an object", reason: error.to_string() },
    })?;
    if info.deleted {
        return Err(missing());
    }
    let length = info.size as u64;
    if length > limit {
        return Err(NatsError::Damaged(format!(
            "object {name} has {length} bytes, {limit} are allowed, and it"
        )));
    }
    let mut object = store.get(name).await.map_err(|_| missing())?;
    let mut bytes = Vec::new();
    let mut hash = sha2::Sha256::new();
    while (bytes.len() as u64) < length {
        let before = bytes.len();
        let mut part = (&mut object).take(PART.min(length as usize - before) as u64);
        // Of an object whose parts have expired nothing comes.
        let read = timeout(NEXT, part.read_to_end(&mut bytes)).await;
        match read {
            Ok(Ok(read)) if read > 0 => hash.update(&bytes[before..]),
            _ => return Err(missing()),
        }
    }
    if Sha256::from_bytes(hash.finalize().into()) == *sha256 {
        Ok(bytes)
    } else {
        Err(NatsError::Damaged(format!("object {name}")))
    }
}

/// Removes an object that may be gone.
pub(super) async fn remove(link: &Link, name: &str) {
    match link.objects().await {
        Ok(objects) => delete(&objects, name).await,
        Err(error) => tracing::debug!(%error, name, "cannot remove an object"),
    }
}

async fn delete(store: &ObjectStore, name: &str) {
    if let Err(error) = store.delete(name).await {
        tracing::debug!(%error, name, "cannot remove an object");
    }
}

//! `/v1/keys`: evaluation keys, uploaded in chunks.

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use bytes::{Bytes, BytesMut};
use fheqat_client::wire::{self, Code};

use super::{Refusal, Shared, auth::Caller, body::Pieces, path::Named};
use crate::{
    failure::{disk, failure, internal},
    store::{
        Append, NoAppend,
        ids::{Client, Sha256},
    },
};

/// Bytes that are written at once.
const BLOCK: usize = 256 * 1024;
const OFFSET: &str = "upload-offset";
const LENGTH: &str = "upload-length";

/// The client's registered keys.
#[utoipa::path(get, path = "/v1/keys", operation_id = "list_keys", tag = "keys", security(("token" = [])), responses(
    (status = 200, description = "The client's keys", body = wire::Keys),
    (status = "default", description = "An error", body = wire::Failure),
))]
pub(super) async fn list(Caller(client): Caller, State(service): State<Shared>) -> Json<wire::Keys> {
    Json(wire::Keys { keys: service.store.keys.of(&client) })
}

/// How far an upload is, or a registered key.
#[utoipa::path(get, path = "/v1/keys/{sha256}", operation_id = "get_upload", tag = "keys", security(("token" = [])), params(
    ("sha256" = String, Path, description = "Of the whole file, 64 lower-case hexadecimal digits"),
), responses(
    (status = 200, description = "The key, or how far its upload is", body = wire::Key),
    (status = "default", description = "An error", body = wire::Failure),
))]
pub(super) async fn get(
    Caller(client): Caller,
    State(service): State<Shared>,
    Named(sha256): Named<String>,
) -> Result<Json<wire::Key>, Refusal> {
    let sha256 = parse(&sha256)?;
    if let Some(key) = service.store.keys.get(&client, &sha256) {
        return Ok(Json(key));
    }
    let found = blocking(move || service.store.uploads.get(&client, &sha256)).await?;
    found.map_err(unwritable)?.map(Json).ok_or_else(no_such_key)
}

/// Appends a chunk of evaluation keys; the last one registers them.
#[utoipa::path(patch, path = "/v1/keys/{sha256}", operation_id = "append_to_upload", tag = "keys", security(("token" = [])), params(
    ("sha256" = String, Path, description = "Of the whole file, 64 lower-case hexadecimal digits"),
    ("Upload-Length" = u64, Header, description = "Bytes of the whole file"),
    ("Upload-Offset" = u64, Header, description = "Where the chunk begins"),
), request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The chunk"), responses(
    (status = 200, description = "The chunk is on disk, or the key was registered before", body = wire::Key),
    (status = 201, description = "The key is registered", body = wire::Key),
    (status = 409, description = "The chunk begins where the upload does not end", body = wire::Failure,
        headers(("upload-offset" = u64, description = "Where the upload ends"))),
    (status = "default", description = "An error", body = wire::Failure),
))]
pub(super) async fn append(
    Caller(client): Caller,
    State(service): State<Shared>,
    Named(sha256): Named<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let sha256 = parse(&sha256)?;
    let [length, offset] = [number(&headers, LENGTH)?, number(&headers, OFFSET)?];
    if let Some(key) = service.store.keys.get(&client, &sha256) {
        return Ok(Json(key).into_response());
    }
    let most = service.limits.key_file;
    if length > most {
        let message = format!("the keys have {length} bytes, and {most} are allowed");
        return Err(Refusal::new(Code::TooLarge, message));
    }
    check_count(&service, &client, &sha256)?;
    // A client that goes away must not stop it between writing and counting.
    let upload = Upload { service, client, sha256, length, offset };
    tokio::spawn(upload.receive(body)).await.unwrap_or_else(|_| Err(internal().into()))
}

/// Forgets a key or drops an upload.
#[utoipa::path(delete, path = "/v1/keys/{sha256}", operation_id = "remove_key", tag = "keys", security(("token" = [])), params(
    ("sha256" = String, Path, description = "Of the whole file, 64 lower-case hexadecimal digits"),
), responses(
    (status = 204, description = "The client has no such key any more"),
    (status = "default", description = "An error", body = wire::Failure),
))]
pub(super) async fn remove(
    Caller(client): Caller,
    State(service): State<Shared>,
    Named(sha256): Named<String>,
) -> Result<StatusCode, Refusal> {
    let sha256 = parse(&sha256)?;
    let task = async move {
        let in_use = || service.store.jobs.keys_in_use();
        // First, as an upload that ends meanwhile registers the key.
        let was_begun = service.store.uploads.remove(&client, &sha256).await.map_err(unwritable)?;
        let was_registered = service.store.keys.remove(&client, &sha256, in_use).await?;
        if was_registered || was_begun { Ok(StatusCode::NO_CONTENT) } else { Err(no_such_key()) }
    };
    tokio::spawn(task).await.unwrap_or_else(|_| Err(internal().into()))
}

/// Whether a client may have keys beside its others.
fn check_count(service: &Shared, client: &Client, sha256: &Sha256) -> Result<(), Refusal> {
    let others = service.store.keys.of(client).len() + service.store.uploads.count_others(client, sha256);
    if others >= service.limits.keys_of_client {
        let message = format!("you have {others} keys and uploads, as many as the server allows: delete one");
        return Err(Refusal::new(Code::TooManyKeys, message));
    }
    Ok(())
}

/// A chunk that arrives.
struct Upload {
    service: Shared,
    client: Client,
    sha256: Sha256,
    length: u64,
    offset: u64,
}

impl Upload {
    async fn receive(self, body: Body) -> Result<Response, Refusal> {
        let Self { service, client, sha256, length, offset } = &self;
        let opened = service.store.uploads.append(client, *sha256, *length, *offset).await;
        let mut append = match opened {
            Ok(append) => append,
            Err(NoAppend::Length(other)) => {
                let message = format!("the upload began with a length of {other} bytes: delete it first");
                return Err(Refusal::new(Code::Malformed, message));
            }
            Err(NoAppend::Offset(offset)) => return Ok(wrong_offset(offset)),
            Err(NoAppend::Disk(error)) => return Err(unwritable(error)),
        };
        // Others may have begun since they were counted.
        if *offset == 0
            && let Err(refusal) = check_count(service, client, sha256)
        {
            append.remove();
            return Err(refusal);
        }
        let received = self.write(&mut append, body).await;
        append.sync().await.map_err(unwritable)?;
        received?;
        if !append.is_whole() {
            return Ok(Json(self.key(&append)).into_response());
        }
        match service.store.keys.register(client, *sha256, append.path()).await {
            Ok(key) => {
                append.remove();
                Ok((StatusCode::CREATED, Json(key)).into_response())
            }
            Err(refusal) => {
                if refusal.code != Code::Unavailable {
                    append.remove();
                }
                Err(refusal.into())
            }
        }
    }

    async fn write(&self, append: &mut Append, body: Body) -> Result<(), Refusal> {
        let mut pieces = Pieces::new(body, self.service.limits.idle);
        let mut block = BytesMut::with_capacity(BLOCK);
        loop {
            let piece = pieces.next().await;
            let is_end = !matches!(piece, Ok(Some(_)));
            let bytes = piece.as_ref().ok().and_then(Option::as_ref).map_or(&[][..], |piece: &Bytes| piece);
            if (block.len() + bytes.len()) as u64 > append.missing() {
                let message = format!("more bytes came than the {} that Upload-Length says", self.length);
                return Err(failure(Code::Malformed, message).into());
            }
            block.extend_from_slice(bytes);
            if is_end || block.len() >= BLOCK {
                append.write(&block).await.map_err(unwritable)?;
                block.clear();
            }
            if is_end {
                return piece.map(drop);
            }
        }
    }

    fn key(&self, append: &Append) -> wire::Key {
        wire::Key { sha256: self.sha256.to_string(), length: self.length, offset: append.offset(), key: None }
    }
}

fn wrong_offset(offset: u64) -> Response {
    let message = format!("the upload ends at byte {offset}: go on there");
    let mut response = Refusal::new(Code::WrongOffset, message).into_response();
    response.headers_mut().insert(OFFSET, HeaderValue::from(offset));
    response
}

fn parse(sha256: &str) -> Result<Sha256, Refusal> {
    sha256.parse().map_err(|_| no_such_key())
}

fn no_such_key() -> Refusal {
    Refusal::new(Code::NotFound, "you have no such key and no such upload: /v1/keys lists the keys")
}

fn number(headers: &HeaderMap, name: &str) -> Result<u64, Refusal> {
    let number = headers.get(name).and_then(|header| header.to_str().ok()?.parse().ok());
    number
        .ok_or_else(|| Refusal::new(Code::BadRequest, format!("send a whole number in the header `{name}`")))
}

#[allow(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn unwritable(error: std::io::Error) -> Refusal {
    tracing::error!(%error, "cannot write an upload");
    disk().into()
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work).await.map_err(|_| internal().into())
}

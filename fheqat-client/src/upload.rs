//! Registers evaluation keys: in chunks, from where the service has them.

use std::fmt::Write;

use bytes::Bytes;
use fheqat::{fhe::KeyId, prelude::EvaluationKeys};
use reqwest::Method;
use sha2::{Digest, Sha256};

use crate::{
    error::Error,
    retry::{Again, Call, Reason},
    service::Service,
    transport::Request,
    wire::{Code, Key},
};

impl Service {
    /// Sends evaluation keys, unless the service has them; what it has of them is not sent again.
    ///
    /// # Errors
    /// When there is no answer, or an error.
    pub async fn register(&self, keys: &EvaluationKeys) -> Result<Key, Error> {
        let bytes = Bytes::from(keys.to_bytes());
        Upload::new(self, bytes, keys.id()).run().await
    }
}

struct Upload<'a> {
    service: &'a Service,
    call: Call,
    bytes: Bytes,
    sha256: String,
    id: KeyId,
    /// The most that the service has had: only what goes beyond brings the upload on.
    furthest: u64,
    /// Bytes that an earlier call has sent, and that may be damaged.
    is_resumed: bool,
}

/// What became of a chunk.
enum Sent {
    Here(Key),
    /// Nobody knows how much of it arrived.
    Lost,
    /// The upload does not end where the chunk begins.
    Elsewhere,
}

impl<'a> Upload<'a> {
    fn new(service: &'a Service, bytes: Bytes, id: KeyId) -> Self {
        let digits = |mut text: String, byte: &u8| {
            let _ = write!(text, "{byte:02x}");
            text
        };
        let sha256 = Sha256::digest(&bytes).iter().fold(String::new(), digits);
        let call = service.call("register evaluation keys");
        Self { service, call, bytes, sha256, id, furthest: 0, is_resumed: false }
    }

    async fn run(mut self) -> Result<Key, Error> {
        let mut known = self.ask().await?;
        self.is_resumed = known.as_ref().is_some_and(|key| key.offset > 0);
        loop {
            if let Some(key) = known.take_if(|key| key.key.is_some()) {
                return self.finished(key);
            }
            let offset = known.as_ref().map_or(0, |key| key.offset);
            if offset > self.furthest {
                self.furthest = offset;
                self.call.went_on();
            }
            known = match self.append(offset).await {
                Ok(Sent::Here(key)) => {
                    if key.key.is_none() && key.offset <= self.furthest {
                        self.pause("the service has no more of the keys than before").await?;
                    }
                    Some(key)
                }
                Ok(Sent::Lost) => self.ask().await?,
                Ok(Sent::Elsewhere) => {
                    self.pause("the service has another part of the keys than it said").await?;
                    self.ask().await?
                }
                // The service has dropped the upload; this time all of it comes from here.
                Err(error) if self.is_resumed && error.code() == Some(Code::Malformed) => {
                    (self.is_resumed, self.furthest) = (false, 0);
                    None
                }
                Err(error) => return Err(error),
            };
        }
    }

    /// How far the upload is; nothing if there is none.
    async fn ask(&mut self) -> Result<Option<Key>, Error> {
        let request = Request::new(Method::GET, self.service.url(&["keys", &self.sha256]));
        match self.service.transport.send(&mut self.call, &request).await {
            Ok(answer) => answer.json(self.call.doing()).map(Some),
            Err(error) if error.code() == Some(Code::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends a chunk, once.
    async fn append(&mut self, offset: u64) -> Result<Sent, Error> {
        let length = self.bytes.len();
        let begin = usize::try_from(offset).ok().filter(|&begin| begin <= length);
        let Some(begin) = begin else {
            let reason = format!("says that it has {offset} bytes of {length}");
            return Err(Error::Answer { doing: self.call.doing(), reason });
        };
        let end = begin.saturating_add(self.service.options.chunk.max(1)).min(length);
        let request = Request::new(Method::PATCH, self.service.url(&["keys", &self.sha256]))
            .header("upload-length", length)
            .header("upload-offset", offset)
            .octets(self.bytes.slice(begin..end));
        match self.service.transport.send_once(&mut self.call, &request).await {
            Ok(Some(answer)) => answer.json(self.call.doing()).map(Sent::Here),
            Ok(None) => Ok(Sent::Lost),
            Err(error) if error.code() == Some(Code::WrongOffset) => Ok(Sent::Elsewhere),
            Err(error) => Err(error),
        }
    }

    async fn pause(&mut self, reason: &str) -> Result<(), Error> {
        self.call.pause(Again { reason: Reason::Lost(reason.to_owned()), after: None }).await
    }

    fn finished(&self, key: Key) -> Result<Key, Error> {
        let expected = self.id.to_string();
        if key.sha256 == self.sha256 && key.key.as_ref() == Some(&expected) {
            return Ok(key);
        }
        let reason = format!("is about another key than {expected}");
        Err(Error::Answer { doing: self.call.doing(), reason })
    }
}

//! Results from NATS to the records: acknowledged once they are on disk.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_nats::jetstream;
use bytes::Bytes;
use fheqat::fhe::EncryptedOutput;
use fheqat_client::frames;
use futures_util::StreamExt;

use super::{PAUSE, Shared};
use crate::{
    execute::{Book, Halves, Outcome, Task},
    nats::{
        NatsError,
        messages::{self, Answer, Body, ResultHeader},
        objects::{self, Kind},
    },
    store::ids::JobId,
};

/// Results that are recorded together, and the bytes after which no more are taken.
const TOGETHER: usize = 256;
const TOGETHER_BYTES: usize = 16 << 20;

/// Results that are read, and what is done once they are recorded.
#[derive(Default)]
struct Batch {
    outcomes: Vec<(JobId, Outcome)>,
    messages: Vec<jetstream::Message>,
    objects: Vec<String>,
    bytes: usize,
}

impl Shared {
    pub(super) async fn record_results(self: Arc<Self>) {
        loop {
            self.link.connected().await;
            if let Err(error) = self.record_while_connected().await {
                tracing::warn!(%error, "cannot take results from NATS now");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn record_while_connected(&self) -> Result<(), NatsError> {
        let lost = |reason: String| NatsError::Refused { what: "results", reason };
        self.link.prepare().await?;
        let consumer = self.link.consume_results(self.name).await?;
        let stream = consumer.stream().max_messages_per_batch(TOGETHER).heartbeat(Duration::from_secs(1));
        let stream = stream.expires(Duration::from_secs(30)).messages().await;
        let mut ready = Box::pin(stream.map_err(|error| lost(error.to_string()))?.ready_chunks(TOGETHER));
        while let Some(messages) = ready.next().await {
            let mut batch = Batch::default();
            let mut end = None;
            for message in messages {
                match message {
                    Ok(message) => self.read(message, &mut batch).await,
                    Err(error) => end = Some(lost(error.to_string())),
                }
                if batch.bytes >= TOGETHER_BYTES {
                    self.record(std::mem::take(&mut batch)).await;
                }
            }
            self.record(batch).await;
            self.wake.notify_one();
            if let Some(error) = end {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Puts them on disk, and then lets NATS forget them.
    async fn record(&self, Batch { outcomes, messages, objects, .. }: Batch) {
        if !outcomes.is_empty() {
            let jobs = Arc::clone(&self.server.jobs);
            let finish = move || Book::finish(&*jobs, outcomes);
            if tokio::task::spawn_blocking(finish).await.is_err() {
                tracing::error!("cannot record results");
                return;
            }
        }
        for message in messages {
            // If it is lost, the result comes again and is dropped.
            if let Err(error) = message.ack().await {
                tracing::debug!(error, "cannot acknowledge a result");
            }
        }
        for name in objects {
            objects::remove(&self.link, &name).await;
        }
    }

    async fn read(&self, message: jetstream::Message, batch: &mut Batch) {
        match messages::read::<ResultHeader>(&message.payload) {
            Ok((header, body)) => self.take(header, body, batch).await,
            Err(error) => tracing::warn!(%error, "a result cannot be read"),
        }
        batch.messages.push(message);
    }

    async fn take(&self, header: ResultHeader, body: Bytes, batch: &mut Batch) {
        let ResultHeader { job, sending, worker, answer } = header;
        let Some(task) = self.schedule().task(job).cloned() else {
            tracing::debug!(%job, %worker, "a result that nobody waits for");
            if let Answer::Done(Body::Object { sha256, .. }) = &answer {
                batch.objects.push(objects::object(self.name, Kind::Results, sha256));
            }
            return;
        };
        let outcome = match answer {
            Answer::Done(place) => match self.results(&task, place, body, batch).await {
                Ok(results) => Ok(results),
                Err(reason) => {
                    tracing::warn!(%job, %worker, reason, "a worker gave a result that cannot be used");
                    return self.lose(job, sending).await;
                }
            },
            Answer::Failed { code, message } => Err(messages::read_failure(code, message)),
            Answer::Lacks => {
                tracing::info!(%job, %worker, "a worker did not find the key or the half of a job");
                self.put_again(&task);
                return self.lose(job, sending).await;
            }
            Answer::Returned => return self.schedule().again(job, sending),
        };
        let Some(ended) = self.schedule().ended(job, Instant::now()) else { return };
        if outcome.is_ok()
            && let Some(ran) = ended.ran
        {
            let name = self.server.models.name(ended.task.model);
            self.server.metrics.ran(&name, ended.task.samples, ran);
        }
        batch.bytes += outcome.as_ref().map_or(0, Bytes::len);
        batch.outcomes.push((job, outcome));
    }

    async fn lose(&self, job: JobId, sending: u64) {
        if self.schedule().lose(job, sending) {
            self.fail(vec![job]).await;
        }
    }

    /// The results of a job, if they are what they should be.
    async fn results(
        &self,
        task: &Task,
        place: Body,
        here: Bytes,
        batch: &mut Batch,
    ) -> Result<Bytes, String> {
        let results = match place {
            Body::Here => here,
            Body::Object { sha256, length: _ } => {
                let name = objects::object(self.name, Kind::Results, &sha256);
                let limit = 2 * self.server.limits.result as u64;
                let read = objects::get(&self.link, &name, &sha256, limit).await;
                batch.objects.push(name);
                read.map_err(|error| error.to_string())?.into()
            }
        };
        let files = frames::split(&results, task.samples).map_err(|error| error.to_string())?;
        if files.len() != task.samples {
            return Err(format!("{} results of {} samples", files.len(), task.samples));
        }
        for file in files {
            let output = EncryptedOutput::from_bytes(file).map_err(|error| error.to_string())?;
            if output.model() != task.model || output.key() != task.key_id {
                return Err("a result of another model or key".to_owned());
            }
        }
        Ok(results)
    }
}

//! From a job that a worker has room for to a message in NATS.

use std::sync::{Arc, PoisonError};

use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;
use fheqat::fhe::ModelId;
use tokio::sync::{OnceCell, Semaphore};

use super::{PAUSE, Shared, schedule::Dispatch};
use crate::{
    execute::{Book, Task},
    nats::{
        NatsError, link,
        messages::{self, Body, JobHeader},
        objects::{self, Kind},
    },
    store::{ids::Sha256, writer::Unavailable},
};

/// Jobs on their way to NATS at once.
const AT_ONCE: usize = 32;

/// Why a job was not sent.
#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error(transparent)]
    Nats(#[from] NatsError),
    #[error(transparent)]
    Disk(#[from] Unavailable),
    #[error("NATS does not take a job: {0}")]
    Publish(#[from] async_nats::jetstream::context::PublishError),
    #[error("there is no half of model {model}: {reason}")]
    Half { model: ModelId, reason: String },
    #[error("a task ended early")]
    Task(#[from] tokio::task::JoinError),
}

impl Shared {
    /// Sends jobs while workers have room for them.
    pub(super) async fn send_jobs(self: Arc<Self>) {
        let room = Arc::new(Semaphore::new(AT_ONCE));
        loop {
            self.wake.notified().await;
            while self.is_open() && !self.stops() {
                let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
                let Some(dispatch) = self.schedule().next() else { break };
                let shared = Arc::clone(&self);
                tokio::spawn(async move {
                    shared.send(dispatch).await;
                    drop(permit);
                });
            }
        }
    }

    async fn send(&self, Dispatch { task, worker, sending }: Dispatch) {
        let (job, now) = (task.id, std::time::Instant::now);
        match self.publish(task, worker, sending).await {
            Ok(Some(sequence)) => self.schedule().taken(job, sending, sequence, now()),
            // It was cancelled.
            Ok(None) => drop(self.schedule().remove(job)),
            Err(error) => {
                tracing::warn!(%error, %job, "cannot send a job now");
                tokio::time::sleep(PAUSE).await;
                self.schedule().again(job, sending);
                self.wake.notify_one();
            }
        }
    }

    /// The number that NATS gave the message; none if the job is not wanted any more.
    async fn publish(
        &self,
        task: Task,
        worker: messages::Name,
        sending: u64,
    ) -> Result<Option<u64>, SendError> {
        let (jobs, job) = (Arc::clone(&self.server.jobs), task.id);
        let inputs = tokio::task::spawn_blocking(move || Book::inputs(&*jobs, job)).await??;
        let Some(inputs) = inputs else { return Ok(None) };
        let half = self.put_half(task.model).await?;
        self.put_key(task.key).await?;
        let mut header = JobHeader {
            gateway: self.name,
            job,
            sending,
            model: task.model,
            key_id: task.key_id,
            key: task.key,
            half,
            samples: task.samples as u32,
            rotations: task.rotations as u32,
            alone: task.alone,
            body: Body::Here,
        };
        let mut message = messages::write_with(&header, &inputs);
        if message.len() > self.link.message() {
            let (sha256, length) = (Sha256::of(&inputs), inputs.len() as u64);
            objects::put(&self.link, &objects::object(self.name, Kind::Inputs, &sha256), &inputs).await?;
            header.body = Body::Object { sha256, length };
            message = messages::write(&header);
        }
        let id = format!("{job}.{sending}");
        let subject = link::job_subject(worker, self.name);
        let taken = self.publish_twice(&subject, &id, message).await?;
        Ok(Some(taken))
    }

    /// An answer that gets lost is asked for once more: NATS knows the message's id.
    async fn publish_twice(
        &self,
        subject: &str,
        id: &str,
        message: Bytes,
    ) -> Result<u64, async_nats::jetstream::context::PublishError> {
        let publish = || PublishMessage::build().message_id(id).payload(message.clone());
        let first = async { self.link.context.send_publish(subject.to_owned(), publish()).await?.await };
        match first.await {
            Ok(ack) => Ok(ack.sequence),
            Err(_) => {
                Ok(self.link.context.send_publish(subject.to_owned(), publish()).await?.await?.sequence)
            }
        }
    }

    /// The half of a model is in NATS. Gives its SHA-256.
    async fn put_half(&self, model: ModelId) -> Result<Sha256, SendError> {
        let cell = self.cell(&model.to_string());
        let put = || async {
            let models = Arc::clone(&self.server.models);
            let read = move || {
                crate::execute::Halves::half(&*models, model).map(|half| {
                    let bytes = half.to_bytes();
                    (Sha256::of(&bytes), bytes)
                })
            };
            let half = tokio::task::spawn_blocking(read).await?;
            let (sha256, bytes) = half.map_err(|reason| SendError::Half { model, reason })?;
            objects::put(&self.link, &objects::object(self.name, Kind::Half, &sha256), &bytes).await?;
            Ok::<_, SendError>(sha256)
        };
        cell.get_or_try_init(put).await.copied()
    }

    /// Evaluation keys are in NATS.
    async fn put_key(&self, key: Sha256) -> Result<(), SendError> {
        let cell = self.cell(&key.to_string());
        let put = || async {
            let path = self.server.files.key(&key);
            objects::put_file(&self.link, &objects::object(self.name, Kind::Key, &key), &path).await?;
            Ok::<_, SendError>(key)
        };
        cell.get_or_try_init(put).await.map(drop)
    }

    fn cell(&self, name: &str) -> Arc<OnceCell<Sha256>> {
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(objects.entry(name.to_owned()).or_default())
    }

    /// A worker did not find a job's key or half.
    pub(super) fn put_again(&self, task: &Task) {
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        objects.remove(&task.key.to_string());
        objects.remove(&task.model.to_string());
    }
}

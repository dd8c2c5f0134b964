//! From what a job gave to a message in NATS; then the job is not held any more.

use std::sync::Arc;

use async_nats::jetstream::{AckKind, message::PublishMessage};
use tokio::sync::{Semaphore, mpsc};

use super::{PAUSE, Shared, is_lack};
use crate::{
    execute::Outcome,
    nats::{
        link,
        messages::{self, Answer, Body, JobHeader, ResultHeader},
        objects::{self, Kind},
    },
    store::ids::{JobId, Sha256},
};

/// Results on their way to NATS at once.
const AT_ONCE: usize = 64;

/// What a job gave.
pub(super) enum Given {
    Outcome(Outcome),
    /// A file that it needs is not there.
    Lacks,
    /// Nothing: the worker stops.
    Back,
}

/// A job and what it gave.
pub(super) struct Ready {
    job: JobId,
    given: Given,
}

impl Shared {
    /// Sends what a job gave, unless something was sent before.
    pub(super) fn ready(&self, job: JobId, given: Given) {
        if self.jobs().end(job).is_some() {
            // The receiver lives as long as the process.
            let _ = self.results.send(Ready { job, given });
        }
    }

    pub(super) async fn send_results(self: Arc<Self>, mut ready: mpsc::UnboundedReceiver<Ready>) {
        let room = Arc::new(Semaphore::new(AT_ONCE));
        while let Some(Ready { job, given }) = ready.recv().await {
            let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
            let shared = Arc::clone(&self);
            tokio::spawn(async move {
                shared.send_result(job, given).await;
                drop(permit);
            });
        }
    }

    async fn send_result(&self, id: JobId, given: Given) {
        let was_run = matches!(given, Given::Outcome(_));
        // Until NATS has it the result stays here, and the job is announced as held.
        loop {
            let Some(header) = self.jobs().get(id).map(|job| job.header.clone()) else { return };
            match self.publish_result(&header, &given).await {
                Ok(()) => break,
                Err(error) => {
                    tracing::warn!(error, job = %id, "cannot send a result now");
                    tokio::time::sleep(PAUSE).await;
                    self.link.connected().await;
                }
            }
        }
        let job = {
            let mut jobs = self.jobs();
            let Some(job) = jobs.remove(id) else { return };
            if was_run {
                jobs.count(&job);
            }
            job
        };
        self.acknowledge(job.acker, AckKind::Ack);
    }

    async fn publish_result(&self, header: &JobHeader, given: &Given) -> Result<(), String> {
        let (answer, bytes) = match given {
            Given::Outcome(Ok(bytes)) => (Answer::Done(Body::Here), &bytes[..]),
            Given::Outcome(Err(failure)) if is_lack(failure) && self.lacks(header) => {
                (Answer::Lacks, &[][..])
            }
            Given::Outcome(Err(failure)) => (Answer::failed(failure), &[][..]),
            Given::Lacks => (Answer::Lacks, &[][..]),
            Given::Back => (Answer::Returned, &[][..]),
        };
        let JobHeader { gateway, job, sending, .. } = *header;
        let mut result = ResultHeader { job, sending, worker: self.id, answer };
        let mut message = messages::write_with(&result, bytes);
        if message.len() > self.link.message() {
            let (sha256, length) = (Sha256::of(bytes), bytes.len() as u64);
            let name = objects::object(gateway, Kind::Results, &sha256);
            objects::put(&self.link, &name, bytes).await.map_err(|error| error.to_string())?;
            result.answer = Answer::Done(Body::Object { sha256, length });
            message = messages::write(&result);
        }
        let id = format!("{job}.{sending}.{}", self.id);
        let publish = PublishMessage::build().message_id(id).payload(message);
        let sent =
            async { self.link.context.send_publish(link::results_subject(gateway), publish).await?.await };
        sent.await.map(drop).map_err(|error| error.to_string())
    }

    /// Whether the key or the half of a job is not in the object store.
    fn lacks(&self, header: &JobHeader) -> bool {
        let lacking = &self.jobs().lacking;
        lacking.contains(&header.key) || lacking.contains(&header.half)
    }
}

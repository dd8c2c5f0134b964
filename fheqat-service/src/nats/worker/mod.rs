//! Runs the jobs of gateways.

mod desk;
mod held;
mod results;

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock},
    time::{Duration, Instant},
};

use async_nats::jetstream::{self, AckKind, message::Acker};
use bytes::Bytes;
use fheqat::fhe::{ModelId, ServerHalf};
use fheqat_client::{
    frames,
    wire::{Code, Failure},
};
use futures_util::StreamExt;
use tokio::{
    runtime::Handle,
    sync::{Notify, mpsc},
};

use self::held::{Arrival, Jobs};
use super::{
    Link, NatsError, link,
    messages::{self, Announcement, Body, Cancelled, JobHeader, Name, Progress},
    objects::{self, Kind},
};
use crate::{
    engine::Engine,
    execute::{Executor, Task, local::Local},
    failure::failure,
    metrics::Metrics,
    store::ids::{JobId, Sha256},
};

/// How often a worker says what it does.
const ANNOUNCE: Duration = Duration::from_secs(1);
/// How often NATS hears that a message is worked on.
const SIGNAL: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(500);
/// Bytes of inputs beyond which no more are taken.
const MOST_BYTES: usize = 256 << 20;
/// Bytes of inputs of one job.
const INPUTS: u64 = 64 << 20;
const SAMPLES: u32 = 1 << 16;
/// Messages that are on their way at once.
const AHEAD: usize = 64;
/// How long the last results may take when the worker stops.
const LAST: Duration = Duration::from_secs(5);

/// What bounds a worker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes of expanded keys.
    pub(crate) key_memory: u64,
    /// Bytes of a file of evaluation keys.
    pub(crate) key_file: u64,
    /// Bytes of a server half.
    pub(crate) half_file: u64,
    /// How long a job may run.
    pub(crate) run: Duration,
}

/// Runs jobs.
pub(crate) struct Worker {
    shared: Arc<Shared>,
    local: Arc<Local>,
}

struct Shared {
    link: Link,
    id: Name,
    name: String,
    threads: NonZeroUsize,
    limits: Limits,
    runtime: Handle,
    engine: OnceLock<Arc<Engine>>,
    jobs: Mutex<Jobs>,
    halves: Mutex<HashMap<ModelId, Half>>,
    results: mpsc::UnboundedSender<results::Ready>,
    /// Rotations that were not sent yet.
    progress: Mutex<HashMap<Name, HashMap<JobId, u64>>>,
    progressed: Notify,
    stops: RwLock<bool>,
}

/// A half that is kept.
struct Half {
    file: Sha256,
    server: Arc<ServerHalf>,
    used: Instant,
}

impl Worker {
    /// Begins to take jobs.
    ///
    /// # Errors
    /// When the operating system has no threads or no entropy left.
    pub(crate) fn start(
        link: Link,
        name: &str,
        threads: NonZeroUsize,
        limits: Limits,
        runtime: &Handle,
    ) -> std::io::Result<Self> {
        let mut id = [0; 8];
        getrandom::fill(&mut id).map_err(std::io::Error::from)?;
        let (results, ready) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            link,
            id: Name::from_bytes(id),
            name: name.chars().filter(|char| !char.is_control()).take(Announcement::TEXT / 4).collect(),
            threads,
            limits,
            runtime: runtime.clone(),
            engine: OnceLock::new(),
            jobs: Mutex::default(),
            halves: Mutex::default(),
            results,
            progress: Mutex::default(),
            progressed: Notify::new(),
            stops: RwLock::new(false),
        });
        let engine = Arc::new(Engine::new(limits.key_memory, Arc::clone(&shared) as Arc<_>));
        let _ = shared.engine.set(Arc::clone(&engine));
        let book = Arc::clone(&shared) as Arc<_>;
        let halves = Arc::clone(&shared) as Arc<_>;
        let local = Local::start(book, halves, engine, Arc::new(Metrics::new()), threads, limits.run)?;
        let local = Arc::new(local);
        tracing::info!(worker = %shared.id, name = shared.name, threads, "ready");
        runtime.spawn(Arc::clone(&shared).take_jobs(Arc::clone(&local)));
        runtime.spawn(Arc::clone(&shared).send_results(ready));
        runtime.spawn(Arc::clone(&shared).announce_always());
        runtime.spawn(Arc::clone(&shared).signal());
        runtime.spawn(Arc::clone(&shared).send_progress());
        runtime.spawn(Arc::clone(&shared).cancel(Arc::clone(&local)));
        Ok(Self { shared, local })
    }

    /// Its id, another each time that it starts.
    pub(crate) fn id(&self) -> String {
        self.shared.id.to_string()
    }

    /// Finishes what runs, gives back the rest, and returns once NATS has it, or after so long.
    pub(crate) async fn stop(self, timeout: Duration) {
        let Self { shared, local } = self;
        *shared.stops.write().unwrap_or_else(PoisonError::into_inner) = true;
        shared.announce().await;
        let stopped = tokio::task::spawn_blocking(move || local.stop(timeout)).await;
        if stopped.is_err() {
            tracing::error!("cannot finish what runs");
        }
        let unfinished = shared.jobs().unfinished();
        tracing::info!(jobs = unfinished.len(), "gives back jobs");
        for job in unfinished {
            shared.ready(job, results::Given::Back);
        }
        let end = Instant::now() + LAST;
        while !shared.jobs().is_empty() && Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        shared.announce().await;
        let _ = tokio::time::timeout(LAST, shared.link.client.flush()).await;
    }
}

impl Shared {
    fn jobs(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stops(&self) -> bool {
        *self.stops.read().unwrap_or_else(PoisonError::into_inner)
    }

    async fn take_jobs(self: Arc<Self>, local: Arc<Local>) {
        while !self.stops() {
            self.link.connected().await;
            if let Err(error) = self.take_while_connected(&local).await {
                tracing::warn!(%error, "cannot take jobs from NATS now");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn take_while_connected(&self, local: &Local) -> Result<(), NatsError> {
        let lost = |reason: String| NatsError::Refused { what: "jobs", reason };
        self.link.prepare().await?;
        let consumer = self.link.consume_jobs(self.id).await?;
        let stream = consumer.stream().max_messages_per_batch(AHEAD).heartbeat(Duration::from_secs(1));
        let stream = stream.expires(Duration::from_secs(30)).messages().await;
        let mut messages = stream.map_err(|error| lost(error.to_string()))?;
        self.announce().await;
        while let Some(message) = messages.next().await {
            if self.stops() {
                return Ok(());
            }
            self.take(message.map_err(|error| lost(error.to_string()))?, local).await;
            while self.jobs().bytes() > MOST_BYTES {
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(())
    }

    async fn take(&self, message: jetstream::Message, local: &Local) {
        let (message, acker) = message.split();
        let acker = Arc::new(acker);
        let Ok((header, body)) = messages::read::<JobHeader>(&message.payload) else {
            tracing::warn!(subject = %message.subject, "a job cannot be read");
            self.acknowledge(acker, AckKind::Term);
            return;
        };
        let arrival = self.jobs().arrives(&header, &acker);
        match arrival {
            Arrival::New => {}
            Arrival::Here(former) => {
                if let Some(former) = former {
                    self.acknowledge(former, AckKind::Ack);
                }
                return;
            }
            Arrival::Done => return self.acknowledge(acker, AckKind::Ack),
        }
        let job = header.job;
        let inputs = self.inputs(&header, body).await;
        let task = task(&header, inputs.as_ref().map_or(0, |inputs| inputs.len() as u64));
        self.jobs().insert(header, inputs.as_ref().cloned().unwrap_or_default(), acker);
        match inputs {
            Ok(_) => local.submit(task),
            Err(given) => self.ready(job, given),
        }
    }

    /// The inputs of a job, whose numbers are checked.
    async fn inputs(&self, header: &JobHeader, here: Bytes) -> Result<Bytes, results::Given> {
        let wrong = |message: &str| results::Given::Outcome(Err(failure(Code::Malformed, message)));
        let inputs = match header.body {
            Body::Here => here,
            Body::Object { sha256, length } => {
                if length > INPUTS {
                    return Err(wrong("the inputs are larger than a worker takes"));
                }
                let name = objects::object(header.gateway, Kind::Inputs, &sha256);
                match objects::get(&self.link, &name, &sha256, length).await {
                    Ok(inputs) => inputs.into(),
                    Err(error) => {
                        tracing::warn!(%error, job = %header.job, "cannot read inputs");
                        return Err(results::Given::Lacks);
                    }
                }
            }
        };
        let samples = header.samples as usize;
        let files = frames::split(&inputs, samples).map_or(0, |files| files.len());
        if header.samples > SAMPLES || files != samples {
            return Err(wrong("the inputs are not as many as the job says"));
        }
        let has_other_half = |of: &JobHeader| of.model == header.model && of.half != header.half;
        let kept = self.halves().get(&header.model).map(|kept| kept.file);
        if kept.is_some_and(|kept| kept != header.half) || self.jobs().find(has_other_half).is_some() {
            return Err(wrong("another server half has the model's id"));
        }
        Ok(inputs)
    }

    /// Tells NATS that a message is not needed any more. If that gets lost, the message comes again and is dropped.
    fn acknowledge(&self, acker: Arc<Acker>, kind: AckKind) {
        self.runtime.spawn(async move {
            let sent = tokio::time::timeout(LAST, acker.double_ack_with(kind)).await;
            if !matches!(sent, Ok(Ok(()))) {
                tracing::debug!("cannot acknowledge a job");
            }
        });
    }

    async fn announce_always(self: Arc<Self>) {
        loop {
            self.announce().await;
            tokio::time::sleep(ANNOUNCE).await;
        }
    }

    async fn announce(&self) {
        if !self.link.is_connected() {
            return;
        }
        let keys = self.engine.get().map(|engine| engine.expanded()).unwrap_or_default();
        let announcement = {
            let mut jobs = self.jobs();
            Announcement {
                worker: self.id,
                name: self.name.clone(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                threads: self.threads.get() as u32,
                window: jobs.window(self.threads.get()),
                keys,
                held: jobs.held(),
                done: jobs.done,
                stops: self.stops(),
            }
        };
        let _ = self.link.client.publish(link::WORKERS, messages::write(&announcement)).await;
    }

    /// Tells NATS that messages are worked on.
    async fn signal(self: Arc<Self>) {
        loop {
            tokio::time::sleep(ANNOUNCE).await;
            let silent = self.jobs().silent(SIGNAL);
            for acker in silent {
                if let Err(error) = acker.ack_with(AckKind::Progress).await {
                    tracing::debug!(error, "cannot say that a job is worked on");
                }
            }
        }
    }

    async fn send_progress(self: Arc<Self>) {
        const BETWEEN: Duration = Duration::from_millis(50);
        loop {
            self.progressed.notified().await;
            let progress = std::mem::take(&mut *self.progress.lock().unwrap_or_else(PoisonError::into_inner));
            for (gateway, jobs) in progress {
                let message = Progress { worker: self.id, jobs: jobs.into_iter().collect() };
                let subject = link::progress_subject(gateway);
                let _ = self.link.client.publish(subject, messages::write(&message)).await;
            }
            let _ = self.link.client.flush().await;
            tokio::time::sleep(BETWEEN).await;
        }
    }

    /// Stops jobs that nobody wants.
    async fn cancel(self: Arc<Self>, local: Arc<Local>) {
        loop {
            if let Ok(mut messages) = self.link.client.subscribe(link::CANCELLED).await {
                while let Some(message) = messages.next().await {
                    let Ok((Cancelled(jobs), _)) = messages::read(&message.payload) else { continue };
                    for id in jobs {
                        let job = self.jobs().remove(id);
                        let Some(job) = job else { continue };
                        local.cancel(id);
                        self.acknowledge(job.acker, AckKind::Term);
                    }
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn halves(&self) -> MutexGuard<'_, HashMap<ModelId, Half>> {
        self.halves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A job for the threads of this process: gateways take turns.
fn task(header: &JobHeader, bytes: u64) -> Task {
    Task {
        id: header.job,
        client: header.gateway.to_string().into(),
        model: header.model,
        key_id: header.key_id,
        key: header.key,
        samples: header.samples as usize,
        rotations: header.rotations as usize,
        bytes,
        alone: header.alone,
    }
}

/// Why a job that has a key or a half which is not there has failed.
fn is_lack(failure: &Failure) -> bool {
    matches!(failure.code, Code::UnknownKey | Code::UnknownModel)
}

//! The server's side: sends jobs to workers, and records what they give.

mod results;
mod schedule;
mod send;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use fheqat::file::FileError;
use fheqat_client::wire::{self, Code};
use futures_util::StreamExt;
use tokio::{
    runtime::Handle,
    sync::{Notify, OnceCell},
};

use self::schedule::{Losses, Runs, Schedule};
use super::{
    Link, NatsError,
    link::{self, GIVEN_UP},
    messages::{self, Announcement, Cancelled, Name, Progress},
};
use crate::{
    config::Limits,
    execute::{Book, Executor, Task},
    failure::failure,
    metrics::Metrics,
    models::Models,
    store::{
        Files, Jobs,
        ids::{JobId, Sha256},
    },
};

/// How often silence is looked at.
const TICK: Duration = Duration::from_millis(250);
/// A gateway that did nothing for so long hears nobody, and blames nobody.
const ASLEEP: Duration = Duration::from_secs(1);
/// How long a gateway that starts with unfinished jobs listens for workers that have them.
const LISTEN: Duration = Duration::from_millis(1500);
const PAUSE: Duration = Duration::from_millis(500);
/// How often objects that are not needed are removed.
const SWEEP: Duration = Duration::from_hours(1);

/// Sends jobs to workers.
pub(crate) struct Gateway {
    shared: Arc<Shared>,
    runtime: Handle,
}

/// What a gateway needs of the server.
pub(crate) struct Server {
    pub(crate) jobs: Arc<Jobs>,
    pub(crate) models: Arc<Models>,
    pub(crate) files: Arc<Files>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) limits: Limits,
}

struct Shared {
    link: Link,
    name: Name,
    server: Server,
    schedule: Mutex<Schedule>,
    /// There may be something to send.
    wake: Notify,
    /// NATS has what it must have, and it is known what workers hold.
    open: AtomicBool,
    stops: AtomicBool,
    /// Objects that have been put.
    objects: Mutex<HashMap<String, Arc<OnceCell<Sha256>>>>,
}

impl Gateway {
    /// A gateway whose name is in the state folder, where it is put at the first start.
    ///
    /// # Errors
    /// When the name cannot be read or written, or the operating system has no entropy.
    pub(crate) fn new(
        link: Link,
        state: &Path,
        server: Server,
        runtime: Handle,
    ) -> Result<Self, GatewayError> {
        let shared = Shared {
            link,
            name: name(&state.join("gateway"))?,
            server,
            schedule: Mutex::new(Schedule::new(getrandom::u64()? >> 1)),
            wake: Notify::new(),
            open: AtomicBool::new(false),
            stops: AtomicBool::new(false),
            objects: Mutex::default(),
        };
        Ok(Self { shared: Arc::new(shared), runtime })
    }

    /// Begins, once the unfinished jobs are known.
    pub(crate) fn start(&self) {
        let shared = &self.shared;
        self.runtime.spawn(Arc::clone(shared).connections());
        self.runtime.spawn(Arc::clone(shared).send_jobs());
        self.runtime.spawn(Arc::clone(shared).watch());
        self.runtime.spawn(Arc::clone(shared).record_results());
        for what in [Hears::Workers, Hears::Progress, Hears::GivenUp] {
            self.runtime.spawn(Arc::clone(shared).hear(what));
        }
    }
}

/// Why a gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GatewayError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("`{}` does not hold the name of a gateway: restore it, or remove it if NATS has no job of this gateway", .0.display())]
    Name(PathBuf),
    #[error("the operating system has no entropy: {0}")]
    Entropy(#[from] getrandom::Error),
}

/// The name in a file, or a new one.
fn name(path: &Path) -> Result<Name, GatewayError> {
    if path.exists() {
        let text = String::from_utf8(fheqat::file::load(path)?).ok();
        let name = text.and_then(|text| text.trim().parse().ok());
        return name.ok_or_else(|| GatewayError::Name(path.to_owned()));
    }
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)?;
    let name = Name::from_bytes(bytes);
    fheqat::file::save(path, format!("{name}\n").as_bytes())?;
    Ok(name)
}

impl Executor for Gateway {
    fn submit(&self, task: Task) {
        self.shared.schedule().submit(task, Instant::now());
        self.shared.wake.notify_one();
    }

    fn cancel(&self, job: JobId) {
        let was_sent = self.shared.schedule().remove(job);
        let shared = Arc::clone(&self.shared);
        if was_sent {
            self.runtime.spawn(async move { shared.cancel(vec![job]).await });
        }
        self.shared.wake.notify_one();
    }

    fn stop(&self, timeout: Duration) {
        self.shared.stops.store(true, Ordering::Relaxed);
        let end = Instant::now() + timeout;
        // What is not done then goes on, and its results wait for the next start.
        while self.shared.schedule().sent_jobs() > 0
            && self.shared.link.is_connected()
            && Instant::now() < end
        {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn workers(&self) -> Option<wire::Workers> {
        let schedule = self.shared.schedule();
        let on_wire = |seen: schedule::Seen<'_>| wire::Worker {
            id: seen.said.worker.to_string(),
            name: seen.said.name.clone(),
            version: seen.said.version.clone(),
            threads: seen.said.threads as usize,
            seen: seen.ago.as_secs_f64(),
            keys: seen.said.keys.len(),
            running: seen.running,
            waiting: seen.waiting,
            done: seen.said.done,
            stops: seen.said.stops,
        };
        let workers = schedule.workers(Instant::now()).map(on_wire).collect();
        Some(wire::Workers { connected: self.shared.is_open(), workers })
    }
}

/// What a gateway listens to in core NATS.
#[derive(Clone, Copy)]
enum Hears {
    Workers,
    Progress,
    GivenUp,
}

impl Shared {
    fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed) && self.link.is_connected()
    }

    fn stops(&self) -> bool {
        self.stops.load(Ordering::Relaxed)
    }

    /// After every connection streams are there, and jobs that no worker holds are sent again.
    async fn connections(self: Arc<Self>) {
        let mut is_first = true;
        loop {
            self.link.connected().await;
            if let Err(error) = self.prepare(is_first).await {
                tracing::warn!(%error, "cannot use NATS");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            if is_first && self.schedule().has_jobs() {
                tokio::time::sleep(LISTEN).await;
            }
            is_first = false;
            self.schedule().listen_again(Instant::now());
            self.open.store(true, Ordering::Relaxed);
            self.wake.notify_one();
            self.link.disconnected().await;
            self.open.store(false, Ordering::Relaxed);
            // What NATS had may be gone.
            self.objects.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }

    async fn prepare(&self, is_first: bool) -> Result<(), NatsError> {
        self.link.prepare().await?;
        if is_first {
            self.purge("*").await?;
            self.sweep(true).await;
        }
        Ok(())
    }

    /// Removes this gateway's messages to a worker.
    async fn purge(&self, worker: &str) -> Result<(), NatsError> {
        let subject = format!("fheqat.jobs.{worker}.{}", self.name);
        let purged = self.link.jobs().await?.purge().filter(subject).await;
        purged
            .map(drop)
            .map_err(|error| NatsError::Refused { what: "to remove jobs", reason: error.to_string() })
    }

    /// Removes objects of this gateway that belong to nothing any more.
    async fn sweep(&self, is_first: bool) {
        let own = format!("{}.", self.name);
        let Ok(store) = self.link.objects().await else { return };
        let Ok(mut list) = store.list().await else { return };
        let files = Arc::clone(&self.server.files);
        let keys = tokio::task::spawn_blocking(move || files.all_keys()).await;
        let Ok(Ok(keys)) = keys else { return };
        let keys: HashSet<String> = keys.iter().map(|key| format!("{own}key.{key}")).collect();
        let mut old = Vec::new();
        while let Ok(Some(Ok(object))) = tokio::time::timeout(PAUSE, list.next()).await {
            let Some((kind, _)) = object.name.strip_prefix(&own).and_then(|rest| rest.split_once('.')) else {
                continue;
            };
            let is_old = match kind {
                "key" => !keys.contains(&object.name),
                // At the start no message names any; later they expire.
                "inputs" | "half" => is_first,
                _ => false,
            };
            if is_old {
                old.push(object.name);
            }
        }
        for name in old {
            super::objects::remove(&self.link, &name).await;
        }
    }

    /// Looks at workers that are silent, and removes what is not needed.
    async fn watch(self: Arc<Self>) {
        let mut last = Instant::now();
        let mut swept = Instant::now();
        loop {
            tokio::time::sleep(TICK).await;
            let now = Instant::now();
            let slept = now - last >= ASLEEP;
            last = now;
            if slept || !self.is_open() {
                self.schedule().listen_again(now);
                continue;
            }
            let Losses { silent, failed } = self.schedule().silence(now);
            for worker in silent {
                if let Err(error) = self.purge(&worker.to_string()).await {
                    tracing::warn!(%error, "cannot remove the jobs of a worker that is gone");
                }
            }
            self.fail(failed).await;
            self.wake.notify_one();
            if swept.elapsed() >= SWEEP {
                swept = now;
                self.sweep(false).await;
                // Objects expire.
                self.objects.lock().unwrap_or_else(PoisonError::into_inner).clear();
            }
        }
    }

    /// Ends jobs that have lost too many workers.
    async fn fail(&self, failed: Vec<JobId>) {
        if failed.is_empty() {
            return;
        }
        tracing::error!(jobs = ?failed, "jobs have lost too many workers");
        let message = "every worker that ran the job was lost: the workers' logs may say why";
        let outcomes = failed.into_iter().map(|job| (job, Err(failure(Code::Internal, message)))).collect();
        let jobs = Arc::clone(&self.server.jobs);
        let finish = move || Book::finish(&*jobs, outcomes);
        if tokio::task::spawn_blocking(finish).await.is_err() {
            tracing::error!("cannot record failed jobs");
        }
    }

    async fn cancel(&self, jobs: Vec<JobId>) {
        let message = messages::write(&Cancelled(jobs));
        // A worker that does not hear it runs the job, and its result is dropped.
        let _ = self.link.client.publish(link::cancel_subject(self.name), message).await;
    }

    /// Listens, for ever.
    async fn hear(self: Arc<Self>, what: Hears) {
        let subject = match what {
            Hears::Workers => link::WORKERS.to_owned(),
            Hears::Progress => link::progress_subject(self.name),
            Hears::GivenUp => GIVEN_UP.to_owned(),
        };
        loop {
            match self.link.client.subscribe(subject.clone()).await {
                Ok(mut messages) => {
                    while let Some(message) = messages.next().await {
                        self.heard(what, &message.payload).await;
                    }
                }
                Err(error) => tracing::warn!(%error, subject, "cannot listen"),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn heard(&self, what: Hears, message: &Bytes) {
        match what {
            Hears::Workers => {
                let Ok((said, _)) = messages::read::<Announcement>(message) else { return };
                if !said.is_plausible() {
                    return;
                }
                let unwanted = self.schedule().heard(said, self.name, Instant::now());
                if !unwanted.is_empty() {
                    self.cancel(unwanted).await;
                }
                self.wake.notify_one();
            }
            Hears::Progress => {
                let Ok((Progress { worker, jobs }, _)) = messages::read(message) else { return };
                for (job, rotations) in jobs {
                    match self.schedule().runs(job, worker, Instant::now()) {
                        Runs::Elsewhere => continue,
                        Runs::Begins(waited) => self.server.metrics.waited(waited),
                        Runs::On => {}
                    }
                    Book::progress(&*self.server.jobs, job, rotations as usize);
                }
            }
            Hears::GivenUp => {
                let advisory: Option<serde_json::Value> = serde_json::from_slice(message).ok();
                let Some(number) = advisory.and_then(|advisory| advisory.get("stream_seq")?.as_u64()) else {
                    return;
                };
                let failed = self.schedule().lose_message(number);
                if let Ok(jobs) = self.link.jobs().await {
                    let _ = jobs.delete_message(number).await;
                }
                self.fail(failed.into_iter().collect()).await;
                self.wake.notify_one();
            }
        }
    }
}

//! Jobs: an index in memory of what the records have, and who waits for what.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use fheqat::fhe::ModelId;
use fheqat_client::wire::{self, Code, Failure};
use tokio::sync::watch;

use super::{
    ids::{Client, JobId, Sha256},
    index::{Entry, Index, NewJob, Progress},
    records::{JobRecord, Stage},
    running::RunningJobs,
    writer::{Records, Unavailable, Write},
};
use crate::{
    clock::Clock,
    config::Limits,
    execute::{Book, Executor, Outcome, Task},
    failure::{disk, failure, internal, later},
};

/// How often a process may end while a job runs.
const MOST_ENDED: u32 = 5;

/// All jobs.
pub(crate) struct Jobs {
    records: Records,
    clock: Arc<Clock>,
    limits: Limits,
    index: Mutex<Index>,
    executor: OnceLock<Arc<dyn Executor>>,
    running: RunningJobs,
    stopping: watch::Sender<bool>,
}

impl Jobs {
    pub(super) fn new(
        records: Records,
        clock: Arc<Clock>,
        limits: Limits,
        known: Vec<(JobId, JobRecord)>,
        (running, ran): (RunningJobs, HashSet<JobId>),
    ) -> Self {
        let mut index = Index::default();
        let mut writes = Vec::new();
        for (id, mut record) in known {
            if record.waits() && ran.contains(&id) {
                writes.push(ended_with_process(id, &mut record, clock.seconds()));
            }
            let progress = if record.waits() { Progress::Queued } else { Progress::Ended };
            index.insert(id, record, progress);
        }
        // If the disk cannot be used, the next start counts as the first.
        if !writes.is_empty() {
            let _ = records.write_blocking(writes);
        }
        let stopping = watch::Sender::new(false);
        Self {
            records,
            clock,
            limits,
            index: Mutex::new(index),
            executor: OnceLock::new(),
            running,
            stopping,
        }
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who runs jobs from now on. It gets those that are unfinished.
    pub(crate) fn run_on(&self, executor: Arc<dyn Executor>) {
        let mut unfinished: Vec<(u64, Task)> = self
            .index()
            .jobs
            .iter()
            .filter(|(_, entry)| entry.record.waits())
            .map(|(&id, entry)| (entry.record.number, task(id, &entry.record)))
            .collect();
        unfinished.sort_unstable_by_key(|&(number, _)| number);
        for (_, task) in unfinished {
            executor.submit(task);
        }
        let _ = self.executor.set(executor);
    }

    /// From now on no jobs are accepted, and nobody waits for those that are queued.
    pub(crate) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    pub(crate) fn stops(&self) -> bool {
        *self.stopping.borrow()
    }

    /// How many wait or run.
    pub(crate) fn waiting(&self) -> usize {
        self.index().waiting
    }

    /// How many are kept, with their results.
    pub(crate) fn kept(&self) -> usize {
        self.index().jobs.len()
    }

    /// Files of keys that unfinished jobs need.
    pub(crate) fn keys_in_use(&self) -> HashSet<Sha256> {
        let index = self.index();
        index.jobs.values().filter(|entry| entry.record.waits()).map(|entry| entry.record.key_file).collect()
    }

    /// Models that unfinished jobs need.
    pub(crate) fn models_in_use(&self) -> HashSet<ModelId> {
        let index = self.index();
        index.jobs.values().filter(|entry| entry.record.waits()).map(|entry| entry.record.model).collect()
    }

    /// Accepts a job: it is on disk when this returns, whoever waits for it.
    ///
    /// # Errors
    /// `queue_full`, `other_request`, or `unavailable`.
    pub(crate) async fn submit(self: &Arc<Self>, new: NewJob) -> Result<JobId, Failure> {
        if self.stops() {
            return Err(later(Code::Unavailable, "the server stops: try again later", 5));
        }
        let jobs = Arc::clone(self);
        // A client that goes away must not stop it halfway.
        tokio::spawn(async move { jobs.accept(new).await }).await.unwrap_or_else(|_| Err(internal()))
    }

    async fn accept(self: Arc<Self>, new: NewJob) -> Result<JobId, Failure> {
        let id = JobId::draw().map_err(|error| {
            tracing::error!(%error, "the operating system has no entropy");
            internal()
        })?;
        if let Some(found) = self.repeated(&new).await {
            return found;
        }
        let inputs = new.inputs.clone();
        let record = {
            let mut index = self.index();
            let bytes = inputs.len() as u64 + new.result.0;
            index.check(&new, bytes, &self.limits)?;
            let NewJob { client, model, key, key_file, samples, rotations, request, .. } = new;
            let number = index.next_number;
            let (ended, stage) = (0, Stage::Waiting);
            let record = JobRecord {
                number,
                client,
                model,
                key,
                key_file,
                samples,
                rotations,
                bytes,
                request,
                ended,
                stage,
            };
            // A request that came twice at once: the other may have entered meanwhile.
            if let Some(request) = &record.request
                && index.requests.contains_key(&(Arc::clone(&record.client), request.key.clone()))
            {
                return Err(later(Code::QueueFull, "the same request is being accepted", 1));
            }
            index.insert(id, record.clone(), Progress::Saving);
            record
        };
        let task = task(id, &record);
        if self.records.write(vec![Write::Submit(id, Box::new(record), inputs)]).await.is_err() {
            self.index().remove(id);
            return Err(disk());
        }
        let is_queued = self.index().jobs.get(&id).is_some_and(|entry| {
            entry.progress.send_if_modified(|progress| {
                let is_saving = *progress == Progress::Saving;
                if is_saving {
                    *progress = Progress::Queued;
                }
                is_saving
            })
        });
        if is_queued && let Some(executor) = self.executor.get() {
            executor.submit(task);
        }
        Ok(id)
    }

    /// The job of an earlier request with the same `Idempotency-Key`, once it is on disk.
    async fn repeated(&self, new: &NewJob) -> Option<Result<JobId, Failure>> {
        let request = new.request.as_ref()?;
        let (id, mut progress) = {
            let index = self.index();
            let id = *index.requests.get(&(Arc::clone(&new.client), request.key.clone()))?;
            let entry = index.jobs.get(&id)?;
            if entry.record.request.as_ref() != Some(request) {
                let message = "the Idempotency-Key belongs to a request with another body: draw a new one";
                return Some(Err(failure(Code::OtherRequest, message)));
            }
            (id, entry.progress.subscribe())
        };
        let saved = progress.wait_for(|progress| *progress != Progress::Saving).await.is_ok();
        let is_kept = saved && self.index().jobs.contains_key(&id);
        is_kept.then_some(Ok(id))
    }

    /// A client's job.
    pub(crate) fn get(&self, client: &Client, id: JobId) -> Option<wire::Job> {
        self.index().of(client, id).map(|entry| on_wire(id, entry))
    }

    /// A client's job once it has ended, or as it is after so long, or when the server stops.
    pub(crate) async fn wait(&self, client: &Client, id: JobId, timeout: Duration) -> Option<wire::Job> {
        let mut progress = self.index().of(client, id)?.progress.subscribe();
        let mut stopping = self.stopping.subscribe();
        let ended = async { progress.wait_for(|progress| *progress == Progress::Ended).await.is_ok() };
        let queued_at_stop = async {
            let _ = stopping.wait_for(|stops| *stops).await;
            let mut progress = self.index().of(client, id).map(|entry| entry.progress.subscribe());
            match &mut progress {
                // Those that run are finished first.
                Some(progress) if matches!(*progress.borrow(), Progress::Running(_)) => {
                    std::future::pending::<()>().await;
                }
                _ => {}
            }
        };
        tokio::select! {
            _ = ended => {}
            () = queued_at_stop => {}
            () = tokio::time::sleep(timeout) => {}
        }
        self.get(client, id)
    }

    /// Bytes of the result of a client's job. `None` if there is none.
    pub(crate) fn result_bytes(&self, client: &Client, id: JobId) -> Option<u64> {
        let index = self.index();
        let entry = index.of(client, id)?;
        match (&entry.unwritten, &entry.record.stage) {
            (Some(result), _) => Some(result.len() as u64),
            (None, Stage::Done { bytes, .. }) => Some(*bytes),
            _ => None,
        }
    }

    /// The framed results of a client's job that is done. `None` if there are none.
    pub(crate) async fn result(&self, client: &Client, id: JobId) -> Result<Option<Bytes>, Failure> {
        {
            let mut index = self.index();
            let Some(entry) = index.jobs.get_mut(&id).filter(|entry| entry.record.client == *client) else {
                return Ok(None);
            };
            if let Some(result) = &entry.unwritten {
                entry.fetched = true;
                return Ok(Some(result.clone()));
            }
        }
        let records = self.records.clone();
        let read = tokio::task::spawn_blocking(move || records.result(id)).await;
        let result = read.map_err(|_| internal())?.map_err(|_| disk())?;
        if result.is_some() {
            self.was_fetched(id);
        }
        Ok(result.map(Bytes::from))
    }

    /// Returns once no result of a job is being written, or after a while.
    async fn written(&self, id: JobId) -> Result<(), Unavailable> {
        const PAUSE: Duration = Duration::from_millis(5);
        const ATTEMPTS: usize = 1000;
        for _ in 0..ATTEMPTS {
            if self.index().jobs.get(&id).is_none_or(|entry| entry.unwritten.is_none()) {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(Unavailable)
    }

    fn was_fetched(&self, id: JobId) {
        let at = self.clock.seconds();
        let mut index = self.index();
        let Some(mut record) = index.jobs.get(&id).map(|entry| entry.record.clone()) else { return };
        let Stage::Done { fetched: fetched @ None, .. } = &mut record.stage else { return };
        *fetched = Some(at);
        index.replace(id, &record);
        drop(index);
        // If it is lost, the result stays longer.
        self.records.write_later(vec![Write::Update(id, Box::new(record))]);
    }

    /// Cancels a job, or removes one that has ended. `None` if the client has no such job.
    pub(crate) async fn remove(self: &Arc<Self>, client: &Client, id: JobId) -> Option<Result<(), Failure>> {
        self.index().of(client, id)?;
        let jobs = Arc::clone(self);
        let removed = tokio::spawn(async move {
            jobs.written(id).await?;
            let waits = jobs.index().jobs.get(&id).is_some_and(|entry| entry.record.waits());
            if waits { jobs.cancel(id).await } else { jobs.forget(vec![id]).await }
        });
        Some(removed.await.unwrap_or(Err(Unavailable)).map_err(|Unavailable| disk()))
    }

    async fn cancel(&self, id: JobId) -> Result<(), Unavailable> {
        let Begun::End(end) = self.begin_end(id, Err(failure(Code::Cancelled, "the job was cancelled")))
        else {
            return Ok(());
        };
        let written = self.records.write(vec![end.write()]).await;
        self.end(&end, written)?;
        if let Some(executor) = self.executor.get() {
            executor.cancel(id);
        }
        Ok(())
    }

    async fn forget(&self, ids: Vec<JobId>) -> Result<(), Unavailable> {
        self.records.write(ids.iter().map(|&id| Write::RemoveJob(id)).collect()).await?;
        let mut index = self.index();
        for id in ids {
            index.remove(id);
        }
        Ok(())
    }

    /// Removes results that are too old.
    pub(crate) async fn expire(&self) {
        let now = self.clock.seconds();
        let Limits { keep, keep_fetched, .. } = self.limits;
        let is_old = |record: &JobRecord| match record.stage {
            Stage::Waiting => false,
            Stage::Failed { at, .. } => at + keep <= now,
            Stage::Done { at, fetched, .. } => {
                at + keep <= now || fetched.is_some_and(|fetched| fetched + keep_fetched <= now)
            }
        };
        let old: Vec<JobId> = {
            let index = self.index();
            index.jobs.iter().filter(|(_, entry)| is_old(&entry.record)).map(|(&id, _)| id).collect()
        };
        for some in old.chunks(256) {
            if self.forget(some.to_vec()).await.is_err() {
                return;
            }
        }
    }

    fn progressed(&self, id: JobId, rotations: usize) {
        let index = self.index();
        let Some(entry) = index.jobs.get(&id).filter(|entry| entry.waits()) else { return };
        entry.progress.send_replace(Progress::Running(rotations));
    }

    /// The ends of jobs. Blocks until they are on disk, however long the disk cannot be used; only when the server stops it gives up, and
    /// those jobs run again after the next start. The second end of a job is dropped.
    fn record_ends(&self, mut outcomes: Vec<(JobId, Outcome)>) {
        const PAUSE: Duration = Duration::from_millis(200);
        loop {
            let mut ends = Vec::new();
            let mut later = Vec::new();
            for (id, outcome) in outcomes {
                match self.begin_end(id, outcome) {
                    Begun::End(end) => ends.push(end),
                    Begun::Other(outcome) => later.push((id, outcome)),
                    Begun::Ended => {}
                }
            }
            let written = self.records.write_blocking(ends.iter().map(|end| end.write()).collect());
            for end in ends {
                if self.end(&end, written).is_err() {
                    later.push((end.id, end.outcome()));
                }
            }
            if later.is_empty() || written.is_err() && self.stops() {
                return;
            }
            std::thread::sleep(PAUSE);
            outcomes = later;
        }
    }

    /// Claims the end of a job: nobody else writes one meanwhile.
    fn begin_end(&self, id: JobId, outcome: Outcome) -> Begun {
        let at = self.clock.seconds();
        let mut index = self.index();
        let Some(entry) = index.jobs.get_mut(&id).filter(|entry| entry.record.waits()) else {
            return Begun::Ended;
        };
        if entry.ending {
            return Begun::Other(outcome);
        }
        entry.ending = true;
        let mut record = entry.record.clone();
        let result = match outcome {
            Ok(result) => {
                record.stage = Stage::Done { bytes: result.len() as u64, at, fetched: None };
                index.answer(id, result.clone());
                Some(result)
            }
            Err(Failure { code, message, .. }) => {
                record.stage = Stage::Failed { code, message, at };
                None
            }
        };
        Begun::End(Box::new(End { id, record, result }))
    }

    fn end(&self, end: &End, written: Result<(), Unavailable>) -> Result<(), Unavailable> {
        let mut index = self.index();
        match written {
            Ok(()) => {
                let is_fetched = index.jobs.get(&end.id).is_some_and(|entry| entry.fetched);
                index.replace(end.id, &end.record);
                drop(index);
                if is_fetched {
                    self.was_fetched(end.id);
                }
            }
            Err(Unavailable) => {
                // A result stays what it is: another attempt writes it.
                if let Some(entry) = index.jobs.get_mut(&end.id) {
                    entry.ending = false;
                }
            }
        }
        written
    }
}

impl Book for Jobs {
    fn inputs(&self, job: JobId) -> Result<Option<Bytes>, Unavailable> {
        Ok(self.records.inputs(job)?.map(Bytes::from))
    }

    fn progress(&self, job: JobId, rotations: usize) {
        self.progressed(job, rotations);
    }

    fn begin_run(&self, jobs: &[JobId]) {
        self.running.change(true, jobs);
    }

    fn end_run(&self, jobs: &[JobId]) {
        self.running.change(false, jobs);
    }

    fn finish(&self, outcomes: Vec<(JobId, Outcome)>) {
        self.record_ends(outcomes);
    }
}

/// What became of an attempt to end a job.
enum Begun {
    /// It is to be written.
    End(Box<End>),
    /// Another end is being written.
    Other(Outcome),
    /// It has ended before.
    Ended,
}

/// The end of a job.
struct End {
    id: JobId,
    record: JobRecord,
    result: Option<Bytes>,
}

impl End {
    fn write(&self) -> Write {
        Write::End(self.id, Box::new(self.record.clone()), self.result.clone())
    }

    fn outcome(self) -> Outcome {
        let failed = || self.record.failure().unwrap_or_else(internal);
        self.result.clone().ok_or_else(failed)
    }
}

/// A job ran when the last process ended: at most so often, as it may be what ended it.
fn ended_with_process(id: JobId, record: &mut JobRecord, at: u64) -> Write {
    record.ended += 1;
    if record.ended < MOST_ENDED {
        return Write::Update(id, Box::new(record.clone()));
    }
    let message = format!("the server ended {MOST_ENDED} times while the job ran: it is not tried again");
    tracing::error!(job = %id, message);
    record.stage = Stage::Failed { code: Code::Internal, message, at };
    Write::End(id, Box::new(record.clone()), None)
}

fn task(id: JobId, record: &JobRecord) -> Task {
    Task {
        id,
        client: Arc::clone(&record.client),
        model: record.model,
        key_id: record.key,
        key: record.key_file,
        samples: record.samples,
        rotations: record.rotations,
        bytes: record.bytes,
        alone: record.ended > 0,
    }
}

fn on_wire(id: JobId, Entry { record, progress, unwritten, .. }: &Entry) -> wire::Job {
    let of = record.samples * record.rotations;
    let state = match (&record.stage, *progress.borrow()) {
        (Stage::Waiting, _) if unwritten.is_some() => wire::State::Done,
        (Stage::Waiting, Progress::Running(done)) => wire::State::Running { done: done.min(of), of },
        (Stage::Waiting, _) => wire::State::Queued,
        (Stage::Done { .. }, _) => wire::State::Done,
        (Stage::Failed { .. }, _) => wire::State::Failed { error: record.failure().unwrap_or_else(internal) },
    };
    wire::Job {
        id: id.to_string(),
        model: record.model.to_string(),
        key: record.key.to_string(),
        samples: record.samples,
        state,
    }
}

//! Runs jobs on threads of this process, in batches.

use std::{
    collections::{HashMap, HashSet},
    num::NonZeroUsize,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use fheqat::{
    fhe::{EncryptedInput, ModelId, ServerHalf},
    prelude::Control,
};
use fheqat_client::{
    frames,
    wire::{Code, Failure},
};

use super::{
    Book, Executor, Halves, Outcome, Task,
    fair::{Batch, Fair, Group, Part},
    gather::Gather,
    isolate::run_apart,
};
use crate::{
    engine::{Engine, EngineError},
    failure::{failure, internal},
    metrics::Metrics,
    store::ids::{JobId, Sha256},
};

/// What a batch should take: long enough that starting and ending it costs little, short enough for others to wait.
const BATCH_SECONDS: f64 = 2.0;
/// Samples of a batch for each thread while nobody knows how long they take; a few run at once on a thread.
const FIRST: usize = 8;
/// Bytes of inputs and results of a batch.
const BATCH_BYTES: u64 = 32 << 20;
/// How often progress is reported.
const REPORT: Duration = Duration::from_millis(200);
/// Batches of results that wait to be written.
const UNWRITTEN: usize = 2;
/// What a run takes at most to stop after it was cancelled.
const CANCELLED: Duration = Duration::from_secs(10);

/// Runs jobs on threads of this process.
pub(crate) struct Local {
    shared: Arc<Shared>,
    ends: mpsc::SyncSender<Ends>,
}

/// What goes to the thread that writes results.
enum Ends {
    Outcomes(Vec<(JobId, Outcome)>),
    /// Answers once all before are written.
    Flush(mpsc::Sender<()>),
}

struct Shared {
    jobs: Arc<dyn Book>,
    models: Arc<dyn Halves>,
    engine: Arc<Engine>,
    metrics: Arc<Metrics>,
    state: Mutex<State>,
    changed: Condvar,
    /// How long a job may run.
    longest: Duration,
}

struct State {
    fair: Fair,
    gather: Gather,
    /// Threads that no batch has.
    free: usize,
    running: HashMap<Group, Running>,
    /// Jobs some of whose samples are done.
    begun: HashMap<JobId, Begun>,
    /// Seconds of a thread that a sample takes.
    seconds: HashMap<ModelId, f64>,
    stops: bool,
}

/// A batch that runs.
struct Running {
    parts: Vec<Part>,
    cancelled: HashSet<JobId>,
    control: Arc<Control>,
    began: Instant,
}

/// A job's inputs that have not run, in reverse order, and its results so far.
#[derive(Default)]
struct Begun {
    inputs: Vec<EncryptedInput>,
    results: Vec<Vec<u8>>,
    /// How long its batches took.
    ran: Duration,
}

impl Local {
    /// Starts so many threads. A job that runs for `longest` fails.
    ///
    /// # Errors
    /// When the operating system has no threads left.
    pub(crate) fn start(
        jobs: Arc<dyn Book>,
        models: Arc<dyn Halves>,
        engine: Arc<Engine>,
        metrics: Arc<Metrics>,
        threads: NonZeroUsize,
        longest: Duration,
    ) -> std::io::Result<Self> {
        let threads = threads.get();
        let state = State {
            fair: Fair::default(),
            gather: Gather::default(),
            free: threads,
            running: HashMap::new(),
            begun: HashMap::new(),
            seconds: HashMap::new(),
            stops: false,
        };
        let state = Mutex::new(state);
        let shared =
            Arc::new(Shared { jobs, models, engine, metrics, state, changed: Condvar::new(), longest });
        let (ends, arriving) = mpsc::sync_channel(UNWRITTEN);
        let spawn = |name: String, work: Box<dyn FnOnce() + Send>| {
            thread::Builder::new().name(name).spawn(work).map(drop)
        };
        for lane in 0..threads {
            let (shared, ends) = (Arc::clone(&shared), ends.clone());
            spawn(format!("run {lane}"), Box::new(move || shared.work(&ends)))?;
        }
        let jobs = Arc::clone(&shared.jobs);
        spawn("results".to_owned(), Box::new(move || write_results(&*jobs, &arriving)))?;
        let watched = Arc::clone(&shared);
        spawn("progress".to_owned(), Box::new(move || watched.report()))?;
        Ok(Self { shared, ends })
    }
}

fn write_results(jobs: &dyn Book, arriving: &mpsc::Receiver<Ends>) {
    for ends in arriving {
        match ends {
            Ends::Outcomes(outcomes) => jobs.finish(outcomes),
            // Whoever asked may be gone.
            Ends::Flush(answer) => drop(answer.send(())),
        }
    }
}

impl Executor for Local {
    fn submit(&self, task: Task) {
        self.shared.state().fair.push(task);
        self.shared.changed.notify_all();
    }

    fn cancel(&self, job: JobId) {
        self.shared.cancel(job);
    }

    fn stop(&self, timeout: Duration) {
        let mut state = self.shared.state();
        state.stops = true;
        state.fair.keep_begun();
        self.shared.changed.notify_all();
        let works = |state: &mut State| !state.running.is_empty() || !state.fair.is_empty();
        let (mut state, waited) = self
            .shared
            .changed
            .wait_timeout_while(state, timeout, works)
            .unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            state.fair = Fair::default();
            state.running.values().for_each(|running| running.control.cancel());
            let stopped = self.shared.changed.wait_timeout_while(state, CANCELLED, works);
            drop(stopped.unwrap_or_else(PoisonError::into_inner));
        } else {
            drop(state);
        }
        let (answer, answered) = mpsc::channel();
        if self.ends.send(Ends::Flush(answer)).is_ok() {
            let _ = answered.recv_timeout(CANCELLED);
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cancel(&self, job: JobId) {
        let mut state = self.state();
        state.fair.remove(job);
        state.begun.remove(&job);
        for running in state.running.values_mut() {
            if running.parts.iter().any(|part| part.task.id == job) {
                running.cancelled.insert(job);
            }
            if running.parts.iter().all(|part| running.cancelled.contains(&part.task.id)) {
                running.control.cancel();
            }
        }
    }

    /// The loop of one thread.
    fn work(&self, ends: &mpsc::SyncSender<Ends>) {
        loop {
            let (batch, threads, control) = self.next();
            let group = batch.group;
            let ids: Vec<JobId> = batch.parts.iter().map(|part| part.task.id).collect();
            self.jobs.begin_run(&ids);
            let began = Instant::now();
            let outcomes = self.run(batch, threads, &control);
            self.jobs.end_run(&ids);
            // Before the batch counts as over: a stop waits for batches, and then for what was sent.
            if ends.send(Ends::Outcomes(outcomes)).is_err() {
                return;
            }
            let mut state = self.state();
            let cancelled = state.running.remove(&group).map(|running| running.cancelled);
            for job in cancelled.unwrap_or_default() {
                state.begun.remove(&job);
            }
            state.fair.done(&group);
            let now = Instant::now();
            state.gather.ended(group, ids.len(), now - began, now);
            state.free += threads.get();
            drop(state);
            self.changed.notify_all();
        }
    }

    /// Waits for a batch.
    fn next(&self) -> (Batch, NonZeroUsize, Arc<Control>) {
        let mut state = self.state();
        loop {
            let held = state.gather.held(Instant::now(), |group| state.fair.waiting(group));
            let share = state.free / state.fair.ready(&held).max(1);
            if let Some(threads) = NonZeroUsize::new(share.max(1).min(state.free)) {
                let State { fair, seconds, .. } = &mut *state;
                if let Some(batch) = fair.take(&held, |task| samples(task, seconds.get(&task.model), threads))
                {
                    state.free -= threads.get();
                    let control = Arc::new(Control::new());
                    let parts = batch.parts.clone();
                    let running = Running {
                        parts,
                        cancelled: HashSet::new(),
                        control: Arc::clone(&control),
                        began: Instant::now(),
                    };
                    state.running.insert(batch.group, running);
                    return (batch, threads, control);
                }
            }
            state = match state.gather.until(&held) {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let wait = until.saturating_duration_since(Instant::now());
                    self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Runs a batch, and gives the ends of the jobs that it ends.
    fn run(&self, batch: Batch, threads: NonZeroUsize, control: &Arc<Control>) -> Vec<(JobId, Outcome)> {
        let Batch { group: (model, key), parts } = batch;
        for part in &parts {
            self.jobs.progress(part.task.id, part.samples.start * part.task.rotations);
            if part.samples.start == 0 {
                self.metrics.waited(part.since.elapsed());
            }
        }
        let half = match self.models.half(model) {
            Ok(half) => half,
            Err(reason) => {
                tracing::error!(%model, reason, "jobs have no model");
                return self.all_fail(&parts, &failure(Code::UnknownModel, "the server has lost the model"));
            }
        };
        let mut outcomes = Vec::new();
        let mut ready = Vec::new();
        for part in parts {
            match self.inputs(&part) {
                Ok(Some(samples)) => ready.push((part, samples)),
                Ok(None) => {}
                Err(failure) => outcomes.push(self.fail(&part, failure)),
            }
        }
        let began = Instant::now();
        let ran = run_apart(ready, |samples: &[EncryptedInput]| {
            let began = Instant::now();
            let results = self.engine.run(&half, &key, samples, threads, control)?;
            self.ran(&half, samples.len(), threads, began.elapsed());
            Ok(results.iter().map(fheqat::fhe::EncryptedOutput::to_bytes).collect())
        });
        for (part, results) in ran {
            match results {
                Ok(results) => outcomes.extend(self.hand_out(&part, results, began.elapsed())),
                // Whoever stopped it knows what becomes of the job.
                Err(EngineError::Cancelled) if control.is_cancelled() => {}
                Err(error) => outcomes.push(self.fail(&part, why(&error, &key, model))),
            }
        }
        outcomes
    }

    /// The inputs of a part; none if its job was cancelled. Waits while the disk cannot be used.
    fn inputs(&self, part: &Part) -> Result<Option<Vec<EncryptedInput>>, Failure> {
        const PAUSE: Duration = Duration::from_millis(500);
        let Part { task, samples, .. } = part;
        if samples.start > 0 {
            let mut state = self.state();
            return Ok(state.begun.get_mut(&task.id).map(|begun| begun.take(samples.len())));
        }
        let body = loop {
            match self.jobs.inputs(task.id) {
                Ok(Some(body)) => break body,
                Ok(None) => return Ok(None),
                Err(_) if self.state().stops => return Ok(None),
                Err(_) => thread::sleep(PAUSE),
            }
        };
        let read = || {
            let files = frames::split(&body, task.samples).ok()?;
            files.into_iter().rev().map(|file| EncryptedInput::from_bytes(file).ok()).collect()
        };
        let inputs: Option<Vec<EncryptedInput>> = read();
        let Some(inputs) = inputs.filter(|inputs| inputs.len() == task.samples) else {
            tracing::error!(job = %task.id, "a job's inputs cannot be read any more");
            return Err(internal());
        };
        let mut begun = Begun { inputs, results: Vec::new(), ran: Duration::ZERO };
        let first = begun.take(samples.len());
        if samples.end < task.samples {
            self.state().begun.insert(task.id, begun);
        }
        Ok(Some(first))
    }

    /// Gives a part its results, and ends its job if that has all of its own.
    fn hand_out(&self, part: &Part, mut of_part: Vec<Vec<u8>>, took: Duration) -> Option<(JobId, Outcome)> {
        let Part { task, samples, .. } = part;
        let mut state = self.state();
        if samples.end < task.samples {
            if let Some(begun) = state.begun.get_mut(&task.id) {
                begun.results.append(&mut of_part);
                begun.ran += took;
            }
            return None;
        }
        let mut all = match state.begun.remove(&task.id) {
            Some(begun) => begun.results,
            None if samples.start > 0 => return None,
            None => Vec::new(),
        };
        all.append(&mut of_part);
        Some((task.id, Ok(Bytes::from(frames::join(&all)))))
    }

    /// Ends a job whose sample cannot run.
    fn fail(&self, part: &Part, failure: Failure) -> (JobId, Outcome) {
        let mut state = self.state();
        state.fair.remove(part.task.id);
        state.begun.remove(&part.task.id);
        (part.task.id, Err(failure))
    }

    fn all_fail(&self, parts: &[Part], failure: &Failure) -> Vec<(JobId, Outcome)> {
        parts.iter().map(|part| self.fail(part, failure.clone())).collect()
    }

    /// Learns how long a sample takes.
    fn ran(&self, half: &ServerHalf, samples: usize, threads: NonZeroUsize, took: Duration) {
        self.metrics.ran(&self.models.name(half.model()), samples, took);
        let now = took.as_secs_f64() * threads.get() as f64 / samples.max(1) as f64;
        let mut state = self.state();
        let seconds = state.seconds.entry(half.model()).or_insert(now);
        *seconds = 0.7 * *seconds + 0.3 * now;
    }

    /// Ends jobs that have run for too long.
    fn end_overdue(&self) {
        let state = self.state();
        let mut overdue = Vec::new();
        for Running { parts, cancelled, began, .. } in state.running.values() {
            let running = parts.iter().map(|part| part.task.id).filter(|job| !cancelled.contains(job));
            overdue.extend(running.filter(|job| {
                let before = state.begun.get(job).map_or(Duration::ZERO, |begun| begun.ran);
                before + began.elapsed() >= self.longest
            }));
        }
        drop(state);
        if overdue.is_empty() {
            return;
        }
        let seconds = self.longest.as_secs();
        let message = format!(
            "the job ran for {seconds} seconds, as long as the server allows: send fewer items, or ask for a higher `--max-run`"
        );
        for &job in &overdue {
            self.cancel(job);
        }
        let ends = overdue.into_iter().map(|job| (job, Err(failure(Code::TooLong, message.clone()))));
        self.jobs.finish(ends.collect());
    }

    /// Ends jobs that have run for too long, and tells the store how far the others are: samples of a batch begin in their order.
    fn report(&self) {
        loop {
            thread::sleep(REPORT);
            self.end_overdue();
            let state = self.state();
            for Running { parts, control, .. } in state.running.values() {
                let mut rotations = control.rotations();
                for Part { task, samples, .. } in parts {
                    let done = rotations.min(samples.len() * task.rotations);
                    rotations -= done;
                    self.jobs.progress(task.id, samples.start * task.rotations + done);
                }
            }
        }
    }
}

impl Begun {
    fn take(&mut self, samples: usize) -> Vec<EncryptedInput> {
        let rest = self.inputs.len().saturating_sub(samples);
        self.inputs.drain(rest..).rev().collect()
    }
}

/// What a client is told of a run that failed.
fn why(error: &EngineError, key: &Sha256, model: ModelId) -> Failure {
    match error {
        EngineError::Sample { mismatch, .. } => failure(Code::Malformed, mismatch.to_string()),
        EngineError::Key(reason) => {
            tracing::error!(file = %key, reason, "cannot use evaluation keys");
            failure(Code::UnknownKey, reason)
        }
        error => {
            tracing::error!(%error, %model, "a job failed");
            internal()
        }
    }
}

/// Samples of the batch whose first job this is.
fn samples(task: &Task, seconds: Option<&f64>, threads: NonZeroUsize) -> usize {
    let threads = threads.get();
    let by_time = seconds
        .map_or(threads * FIRST, |seconds| (BATCH_SECONDS * threads as f64 / seconds.max(1e-6)) as usize);
    let by_size = BATCH_BYTES / (task.bytes / task.samples.max(1) as u64).max(1);
    by_time.max(2 * threads).min(by_size as usize).max(1)
}

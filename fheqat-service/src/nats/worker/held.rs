//! The jobs that a worker has.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use async_nats::jetstream::message::Acker;
use bytes::Bytes;

use crate::{
    nats::messages::{Held, JobHeader, Name},
    store::ids::{JobId, Sha256},
};

/// Jobs that were done and whose messages may come again.
const DONE: usize = 16_384;
/// How long the work lasts that a worker wants to hold.
const AHEAD: f64 = 4.0;
/// Samples of a thread that a worker wants to hold at least.
const LEAST: usize = 4;
/// And while it does not know how long they take.
const FIRST: usize = 8;
/// How long speed is measured.
const PERIOD: Duration = Duration::from_millis(900);
/// Samples that a worker wants to hold at most.
const MOST: f64 = 4096.0;

pub(super) struct Job {
    pub(super) header: JobHeader,
    pub(super) inputs: Bytes,
    pub(super) acker: Arc<Acker>,
    /// When NATS was told last that it is worked on.
    signalled: Instant,
    /// It has a result, which is on its way.
    pub(super) ended: bool,
}

/// What to do with a message.
pub(super) enum Arrival {
    /// Run it.
    New,
    /// The job is here; the former message, if it is another, is not needed.
    Here(Option<Arc<Acker>>),
    /// It was done before.
    Done,
}

#[derive(Default)]
pub(super) struct Jobs {
    by_id: HashMap<JobId, Job>,
    bytes: usize,
    done_lately: VecDeque<(JobId, u64)>,
    done_set: HashSet<(JobId, u64)>,
    /// Files that are not in the object store.
    pub(super) lacking: HashSet<Sha256>,
    pub(super) done: u64,
    /// Samples that were done since the speed was measured.
    samples: usize,
    /// Samples a second.
    speed: Option<f64>,
    measured: Option<Instant>,
    was_busy: bool,
}

impl Jobs {
    /// What is to be done about a message of a job.
    pub(super) fn arrives(&mut self, header: &JobHeader, acker: &Arc<Acker>) -> Arrival {
        if self.done_set.contains(&(header.job, header.sending)) {
            return Arrival::Done;
        }
        let Some(job) = self.by_id.get_mut(&header.job) else { return Arrival::New };
        let former = std::mem::replace(&mut job.acker, Arc::clone(acker));
        let is_other = job.header.sending != header.sending;
        job.header.sending = header.sending;
        job.signalled = Instant::now();
        Arrival::Here(is_other.then_some(former))
    }

    pub(super) fn insert(&mut self, header: JobHeader, inputs: Bytes, acker: Arc<Acker>) {
        self.bytes += inputs.len();
        let job = Job { header, inputs, acker, signalled: Instant::now(), ended: false };
        self.by_id.insert(job.header.job, job);
    }

    pub(super) fn get(&self, id: JobId) -> Option<&Job> {
        self.by_id.get(&id)
    }

    /// The job's result is on its way. `None` if the job is not here, or had one before.
    pub(super) fn end(&mut self, id: JobId) -> Option<&Job> {
        let job = self.by_id.get_mut(&id).filter(|job| !job.ended)?;
        job.ended = true;
        Some(job)
    }

    pub(super) fn remove(&mut self, id: JobId) -> Option<Job> {
        let job = self.by_id.remove(&id)?;
        self.bytes -= job.inputs.len();
        let name = (id, job.header.sending);
        if self.done_set.insert(name) {
            self.done_lately.push_back(name);
        }
        if self.done_lately.len() > DONE
            && let Some(oldest) = self.done_lately.pop_front()
        {
            self.done_set.remove(&oldest);
        }
        Some(job)
    }

    /// A job was done.
    pub(super) fn count(&mut self, job: &Job) {
        self.done += 1;
        self.samples += job.header.samples as usize;
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Jobs without a result.
    pub(super) fn unfinished(&self) -> Vec<JobId> {
        self.by_id.iter().filter(|(_, job)| !job.ended).map(|(&id, _)| id).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub(super) fn held(&self) -> Vec<Held> {
        let held = |(&job, Job { header, .. }): (&JobId, &Job)| Held {
            gateway: header.gateway,
            job,
            samples: header.samples,
        };
        self.by_id.iter().map(held).collect()
    }

    /// Gateways that may have put a file.
    pub(super) fn gateways(&self, file: &Sha256) -> HashSet<Name> {
        let named = self.by_id.values().filter(|job| job.header.key == *file || job.header.half == *file);
        named.map(|job| job.header.gateway).collect()
    }

    /// Any job that is here and matches.
    pub(super) fn find(&self, matches: impl Fn(&JobHeader) -> bool) -> Option<&JobHeader> {
        self.by_id.values().map(|job| &job.header).find(|header| matches(header))
    }

    /// Messages of which NATS has heard nothing for so long.
    pub(super) fn silent(&mut self, after: Duration) -> Vec<Arc<Acker>> {
        let now = Instant::now();
        let silent = self.by_id.values_mut().filter(|job| now - job.signalled >= after);
        silent
            .map(|job| {
                job.signalled = now;
                Arc::clone(&job.acker)
            })
            .collect()
    }

    /// Samples that the worker wants to hold.
    pub(super) fn window(&mut self, threads: usize) -> u32 {
        let now = Instant::now();
        let lasted = self.measured.map_or(PERIOD, |measured| now - measured);
        let is_busy = !self.by_id.is_empty();
        // While nothing ends the period goes on.
        if lasted >= PERIOD && (self.samples > 0 || !is_busy) {
            if self.was_busy && is_busy && self.samples > 0 {
                let lately = self.samples as f64 / lasted.as_secs_f64();
                let speed = self.speed.unwrap_or(lately);
                self.speed = Some(0.7 * speed + 0.3 * lately);
            }
            (self.measured, self.was_busy, self.samples) = (Some(now), is_busy, 0);
        }
        let least = threads * if self.speed.is_some() { LEAST } else { FIRST };
        let wanted = self.speed.map_or(0.0, |speed| (AHEAD * speed).min(MOST));
        least.max(wanted as usize) as u32
    }
}

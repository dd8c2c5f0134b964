//! Which worker gets which job, and what becomes of jobs whose worker is gone. Knows nothing of NATS.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    time::{Duration, Instant},
};

use crate::{
    execute::{Task, fair::Fair},
    nats::messages::{Announcement, Name},
    store::ids::{JobId, Sha256},
};

/// A worker that is silent so long has lost its jobs.
const SILENT: Duration = Duration::from_secs(3);
/// A worker that does not hold a job so long after it was sent has lost it.
const UNHELD: Duration = Duration::from_secs(5);
/// What is known of a silent worker is kept so long.
const FORGOTTEN: Duration = Duration::from_mins(2);
/// After so many lost workers a job fails.
const LOSSES: u32 = 3;
/// A worker that has the key may have so much more of its window filled than the least busy one.
const MARGIN: f64 = 0.5;
/// Workers that are listened to.
const WORKERS: usize = 1024;
/// Expanded keys of a worker that are looked at.
const KEYS: usize = 4096;

/// All jobs that have no result, and all workers.
#[derive(Default)]
pub(super) struct Schedule {
    jobs: HashMap<JobId, Job>,
    fair: Fair,
    /// Go before all others.
    again: VecDeque<JobId>,
    /// Jobs that ran when a worker was lost: they run alone.
    suspects: VecDeque<JobId>,
    workers: BTreeMap<Name, Worker>,
    /// Gets no more jobs until it has none, for a suspect.
    reserved: Option<Name>,
    sending: u64,
}

struct Job {
    task: Task,
    since: Instant,
    losses: u32,
    place: Place,
}

enum Place {
    Waits,
    Sent(Sent),
}

struct Sent {
    worker: Name,
    sending: u64,
    /// When and where NATS took it.
    taken: Option<(Instant, u64)>,
    /// When the worker was first heard without it.
    unheld: Option<Instant>,
    begun: Option<Instant>,
}

struct Worker {
    said: Announcement,
    keys: HashSet<Sha256>,
    seen: Instant,
    jobs: HashSet<JobId>,
    samples: usize,
    /// Samples of other gateways.
    others: usize,
    /// It runs a suspect, and nothing else.
    alone: bool,
    /// Jobs that were taken from it for its silence.
    lost: Option<HashSet<JobId>>,
}

/// A job that is to be sent.
#[derive(Debug)]
pub(super) struct Dispatch {
    pub(super) task: Task,
    pub(super) worker: Name,
    pub(super) sending: u64,
}

/// What follows from the silence of workers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Losses {
    /// Messages for them are of no use any more.
    pub(super) silent: Vec<Name>,
    /// Jobs that have lost too many workers.
    pub(super) failed: Vec<JobId>,
}

/// What it means that a worker runs a job.
pub(super) enum Runs {
    /// The job is not this gateway's, or not sent there.
    Elsewhere,
    /// It began, after so long.
    Begins(Duration),
    /// It began before.
    On,
}

/// What the records and metrics want to know of a job that has a result.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) task: Task,
    /// How long it ran.
    pub(super) ran: Option<Duration>,
}

/// A worker as it is now.
pub(super) struct Seen<'a> {
    pub(super) said: &'a Announcement,
    pub(super) ago: Duration,
    pub(super) running: usize,
    pub(super) waiting: usize,
}

impl Worker {
    fn new(said: Announcement, now: Instant) -> Self {
        Self {
            said,
            keys: HashSet::new(),
            seen: now,
            jobs: HashSet::new(),
            samples: 0,
            others: 0,
            alone: false,
            lost: None,
        }
    }

    fn is_there(&self) -> bool {
        self.lost.is_none() && !self.said.stops
    }

    /// The share of its window that is filled.
    fn filled(&self) -> f64 {
        (self.samples + self.others) as f64 / f64::from(self.said.window.max(1))
    }

    fn has_room(&self) -> bool {
        self.is_there() && !self.alone && self.samples + self.others < self.said.window.max(1) as usize
    }
}

impl Schedule {
    /// Sendings are counted from a number that no other process used.
    pub(super) fn new(sending: u64) -> Self {
        Self { sending, ..Self::default() }
    }

    pub(super) fn submit(&mut self, task: Task, now: Instant) {
        self.fair.push(task.clone());
        self.jobs.insert(task.id, Job { task, since: now, losses: 0, place: Place::Waits });
    }

    /// Forgets a job. Whether it was sent.
    pub(super) fn remove(&mut self, id: JobId) -> bool {
        let was_sent = self.sent(id).is_some();
        self.take_out(id);
        was_sent
    }

    fn take_out(&mut self, id: JobId) -> Option<Job> {
        if self.unplace(id).is_none() {
            self.stop_waiting(id);
        }
        self.jobs.remove(&id)
    }

    fn stop_waiting(&mut self, id: JobId) {
        self.fair.remove(id);
        self.again.retain(|&job| job != id);
        self.suspects.retain(|&job| job != id);
    }

    /// Takes a job from its worker.
    fn unplace(&mut self, id: JobId) -> Option<Sent> {
        let job = self.jobs.get_mut(&id)?;
        let Place::Sent(sent) = std::mem::replace(&mut job.place, Place::Waits) else { return None };
        if let Some(worker) = self.workers.get_mut(&sent.worker)
            && worker.jobs.remove(&id)
        {
            worker.samples -= job.task.samples;
            worker.alone &= !worker.jobs.is_empty();
        }
        Some(sent)
    }

    fn place(&mut self, id: JobId, name: Name, sent: Sent) {
        let (Some(job), Some(worker)) = (self.jobs.get_mut(&id), self.workers.get_mut(&name)) else { return };
        job.place = Place::Sent(sent);
        if worker.jobs.insert(id) {
            worker.samples += job.task.samples;
        }
    }

    /// The next job that a worker has room for.
    pub(super) fn next(&mut self) -> Option<Dispatch> {
        if let Some(id) = self.suspects.front().copied() {
            if let Some(worker) = self.idle() {
                self.suspects.pop_front();
                self.reserved = None;
                return self.dispatch(id, worker, true);
            }
            self.reserve();
        } else {
            self.reserved = None;
        }
        let reserved = self.reserved;
        let has_room = |(name, worker): &(&Name, &Worker)| Some(**name) != reserved && worker.has_room();
        if !self.workers.iter().any(|worker| has_room(&worker)) {
            return None;
        }
        let id = self.again.pop_front().or_else(|| {
            let batch = self.fair.take(&HashSet::new(), |task| task.samples)?;
            self.fair.done(&batch.group);
            batch.parts.first().map(|part| part.task.id)
        })?;
        let key = self.jobs.get(&id)?.task.key;
        let worker = self.choose(&key)?;
        self.dispatch(id, worker, false)
    }

    fn dispatch(&mut self, id: JobId, worker: Name, alone: bool) -> Option<Dispatch> {
        self.sending += 1;
        let sending = self.sending;
        let mut task = self.jobs.get(&id)?.task.clone();
        task.alone |= alone;
        self.place(id, worker, Sent { worker, sending, taken: None, unheld: None, begun: None });
        let to = self.workers.get_mut(&worker)?;
        to.alone = alone;
        // It will be there once the job has begun; what the worker says counts again when it has none of the key's jobs.
        to.keys.insert(task.key);
        tracing::debug!(job = %id, %worker, alone, "sent");
        Some(Dispatch { task, worker, sending })
    }

    /// A worker that has nothing to do.
    fn idle(&self) -> Option<Name> {
        let is_idle = |worker: &Worker| worker.has_room() && worker.jobs.is_empty();
        let idle = self.workers.iter().filter(|(_, worker)| is_idle(worker));
        // Where no other gateway's jobs are.
        idle.min_by_key(|(_, worker)| worker.others).map(|(&name, _)| name)
    }

    fn reserve(&mut self) {
        let is_there =
            |name: Name| self.workers.get(&name).is_some_and(|worker| worker.is_there() && !worker.alone);
        if self.reserved.is_some_and(is_there) || self.workers.values().any(|worker| worker.alone) {
            return;
        }
        let there = self.workers.iter().filter(|(_, worker)| worker.is_there());
        self.reserved =
            there.min_by(|(_, a), (_, b)| a.filled().total_cmp(&b.filled())).map(|(&name, _)| name);
    }

    /// The least busy worker that has the key, or the least busy one if that is much less busy.
    fn choose(&self, key: &Sha256) -> Option<Name> {
        let with_room = || {
            let all = self.workers.iter();
            all.filter(|(name, worker)| Some(**name) != self.reserved && worker.has_room())
        };
        let least = |(_, a): &(&Name, &Worker), (_, b): &(&Name, &Worker)| {
            a.filled().total_cmp(&b.filled()).then_with(|| a.keys.len().cmp(&b.keys.len()))
        };
        let (&any, least_busy) = with_room().min_by(least)?;
        let warm = with_room().filter(|(_, worker)| worker.keys.contains(key)).min_by(least);
        let near = warm.filter(|(_, worker)| worker.filled() <= least_busy.filled() + MARGIN);
        Some(near.map_or(any, |(&name, _)| name))
    }

    /// NATS has taken a job.
    pub(super) fn taken(&mut self, id: JobId, sending: u64, sequence: u64, now: Instant) {
        if let Some(sent) = self.sent(id).filter(|sent| sent.sending == sending) {
            sent.taken = Some((now, sequence));
        }
    }

    fn sent(&mut self, id: JobId) -> Option<&mut Sent> {
        match &mut self.jobs.get_mut(&id)?.place {
            Place::Sent(sent) => Some(sent),
            Place::Waits => None,
        }
    }

    /// A job is sent again, before all others, unless it has been meanwhile.
    pub(super) fn again(&mut self, id: JobId, sending: u64) {
        if self.sent(id).is_some_and(|sent| sent.sending == sending) {
            self.unplace(id);
            self.again.push_back(id);
        }
    }

    /// Something is wrong with what was sent: as if its worker had been lost. True if the job has failed.
    pub(super) fn lose(&mut self, id: JobId, sending: u64) -> bool {
        let is_there = self.sent(id).is_some_and(|sent| sent.sending == sending);
        is_there && self.lose_now(id)
    }

    /// As [`lose`](Self::lose), by the number that NATS gave the message.
    pub(super) fn lose_message(&mut self, sequence: u64) -> Option<JobId> {
        let is_message = |job: &Job| matches!(&job.place, Place::Sent(Sent { taken: Some((_, number)), .. }) if *number == sequence);
        let id = *self.jobs.iter().find(|(_, job)| is_message(job))?.0;
        self.lose_now(id).then_some(id)
    }

    fn lose_now(&mut self, id: JobId) -> bool {
        self.unplace(id);
        let Some(job) = self.jobs.get_mut(&id) else { return false };
        job.losses += 1;
        if job.losses >= LOSSES {
            return self.take_out(id).is_some();
        }
        self.suspects.push_back(id);
        false
    }

    /// A job has a result. `None` if it had one before, or was cancelled.
    pub(super) fn ended(&mut self, id: JobId, now: Instant) -> Option<Ended> {
        let begun = self.sent(id).and_then(|sent| sent.begun);
        let Job { task, .. } = self.take_out(id)?;
        Some(Ended { task, ran: begun.map(|begun| now - begun) })
    }

    pub(super) fn task(&self, id: JobId) -> Option<&Task> {
        self.jobs.get(&id).map(|job| &job.task)
    }

    /// A job runs at a worker.
    pub(super) fn runs(&mut self, id: JobId, at: Name, now: Instant) -> Runs {
        let Some(job) = self.jobs.get_mut(&id) else { return Runs::Elsewhere };
        let since = job.since;
        let Place::Sent(sent) = &mut job.place else { return Runs::Elsewhere };
        if sent.worker != at {
            return Runs::Elsewhere;
        }
        let is_first = sent.begun.is_none();
        sent.begun.get_or_insert(now);
        if is_first { Runs::Begins(now - since) } else { Runs::On }
    }

    /// What a worker says. Gives jobs of `gateway` that it holds and that nobody wants.
    pub(super) fn heard(&mut self, said: Announcement, gateway: Name, now: Instant) -> Vec<JobId> {
        let name = said.worker;
        if !self.workers.contains_key(&name) && self.workers.len() >= WORKERS {
            return Vec::new();
        }
        let worker = self.workers.entry(name).or_insert_with(|| Worker::new(said.clone(), now));
        worker.seen = now;
        let forgiven = worker.lost.take().unwrap_or_default();
        worker.others =
            said.held.iter().filter(|held| held.gateway != gateway).map(|held| held.samples as usize).sum();
        worker.keys = said.keys.iter().take(KEYS).copied().collect();
        worker.keys.extend(worker.jobs.iter().filter_map(|id| Some(self.jobs.get(id)?.task.key)));
        let held: HashSet<JobId> =
            said.held.iter().filter(|held| held.gateway == gateway).map(|held| held.job).collect();
        worker.said = said;
        let missing: Vec<JobId> = worker.jobs.difference(&held).copied().collect();
        for id in forgiven {
            if let Some(job) = self.jobs.get_mut(&id) {
                job.losses = job.losses.saturating_sub(1);
            }
        }
        self.look_for(&missing, now);
        let mut unwanted = Vec::new();
        for id in held {
            match self.jobs.get_mut(&id).map(|job| &mut job.place) {
                None => unwanted.push(id),
                Some(Place::Sent(sent)) => {
                    if sent.worker == name {
                        sent.unheld = None;
                    }
                }
                Some(Place::Waits) => self.adopt(id, name, now),
            }
        }
        unwanted
    }

    /// A worker has a job that waits here: it was sent by an earlier process, or taken from a worker that had only been silent.
    fn adopt(&mut self, id: JobId, worker: Name, now: Instant) {
        self.stop_waiting(id);
        self.sending += 1;
        let sending = self.sending;
        self.place(id, worker, Sent { worker, sending, taken: Some((now, 0)), unheld: None, begun: None });
    }

    /// Jobs that were sent to a worker which does not hold them.
    fn look_for(&mut self, missing: &[JobId], now: Instant) {
        for &id in missing {
            let Some(sent) = self.sent(id) else { continue };
            let was_taken = sent.taken.is_some_and(|(at, _)| now - at >= UNHELD);
            let since = *sent.unheld.get_or_insert(now);
            if was_taken && now - since >= UNHELD {
                tracing::warn!(job = %id, worker = %sent.worker, "a worker does not hold a job that it was sent");
                self.unplace(id);
                self.again.push_back(id);
            }
        }
    }

    /// Workers that are silent lose their jobs.
    pub(super) fn silence(&mut self, now: Instant) -> Losses {
        let mut losses = Losses::default();
        self.workers.retain(|_, worker| now - worker.seen < FORGOTTEN);
        let silent = |worker: &Worker| worker.lost.is_none() && now - worker.seen >= SILENT;
        losses.silent =
            self.workers.iter().filter(|(_, worker)| silent(worker)).map(|(&name, _)| name).collect();
        for name in &losses.silent {
            let Some(worker) = self.workers.get_mut(name) else { continue };
            let mut jobs: Vec<JobId> = worker.jobs.iter().copied().collect();
            jobs.sort_unstable_by_key(|id| match self.jobs.get(id).map(|job| &job.place) {
                Some(Place::Sent(sent)) => sent.sending,
                _ => u64::MAX,
            });
            let has_begun = |id: &JobId| {
                self.jobs
                    .get(id)
                    .is_some_and(|job| matches!(&job.place, Place::Sent(Sent { begun: Some(_), .. })))
            };
            let (begun, waiting): (Vec<JobId>, Vec<JobId>) = jobs.into_iter().partition(has_begun);
            // If it did not say which ran, all may have.
            let (suspects, others) = if begun.is_empty() { (waiting, begun) } else { (begun, waiting) };
            worker.lost = Some(suspects.iter().copied().collect());
            worker.keys.clear();
            tracing::warn!(worker = %name, name = worker.said.name, ran = suspects.len(), waited = others.len(), "a worker is silent");
            for id in others {
                self.unplace(id);
                self.again.push_back(id);
            }
            for id in suspects {
                if self.lose_now(id) {
                    losses.failed.push(id);
                }
            }
        }
        losses
    }

    /// Nobody could be heard for some time: silence counts from now.
    pub(super) fn listen_again(&mut self, now: Instant) {
        for worker in self.workers.values_mut().filter(|worker| worker.lost.is_none()) {
            worker.seen = now;
        }
    }

    /// Workers that were heard lately.
    pub(super) fn workers(&self, now: Instant) -> impl Iterator<Item = Seen<'_>> {
        let there = self.workers.values().filter(|worker| worker.lost.is_none());
        there.map(move |worker| {
            let begun = |id: &&JobId| {
                self.jobs
                    .get(id)
                    .is_some_and(|job| matches!(&job.place, Place::Sent(Sent { begun: Some(_), .. })))
            };
            let running = worker.jobs.iter().filter(begun).count();
            let waiting = worker.jobs.len() - running;
            Seen { said: &worker.said, ago: now - worker.seen, running, waiting }
        })
    }

    pub(super) fn has_jobs(&self) -> bool {
        !self.jobs.is_empty()
    }

    /// Jobs that workers have.
    pub(super) fn sent_jobs(&self) -> usize {
        self.workers.values().map(|worker| worker.jobs.len()).sum()
    }
}

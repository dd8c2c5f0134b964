//! Which samples run next: those of the client that has had the least. Samples of one model and one key run together.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    ops::Range,
    sync::Arc,
    time::Instant,
};

use fheqat::fhe::ModelId;

use super::Task;
use crate::store::ids::{Client, JobId, Sha256};

/// What can run together.
pub(crate) type Group = (ModelId, Sha256);

/// Jobs that wait, by client.
#[derive(Default)]
pub(crate) struct Fair {
    clients: HashMap<Client, Queue>,
    /// Jobs that wait, by group.
    groups: HashMap<Group, usize>,
    /// Groups that run: their jobs wait for the end of the batch.
    busy: HashSet<Group>,
    /// What the client of the last batch had had before. A client that comes back starts there.
    had: f64,
}

#[derive(Default)]
struct Queue {
    /// Rotations that it has had.
    had: f64,
    jobs: VecDeque<Waiting>,
}

struct Waiting {
    task: Task,
    since: Instant,
    /// Samples that have been taken.
    taken: usize,
}

/// Samples that run together.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) group: Group,
    pub(crate) parts: Vec<Part>,
}

/// Samples of one job.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) task: Task,
    pub(crate) samples: Range<usize>,
    pub(crate) since: Instant,
}

impl Fair {
    pub(crate) fn push(&mut self, task: Task) {
        let queue = self.clients.entry(Arc::clone(&task.client)).or_default();
        if queue.jobs.is_empty() {
            queue.had = queue.had.max(self.had);
        }
        *self.groups.entry((task.model, task.key)).or_default() += 1;
        queue.jobs.push_back(Waiting { task, since: Instant::now(), taken: 0 });
    }

    fn retain(&mut self, keep: impl Fn(&Waiting) -> bool) {
        for queue in self.clients.values_mut() {
            queue.jobs.retain(|job| {
                let stays = keep(job);
                if !stays {
                    forget(&mut self.groups, &job.group());
                }
                stays
            });
        }
    }

    /// Forgets a job.
    pub(crate) fn remove(&mut self, id: JobId) {
        self.retain(|job| job.task.id != id);
    }

    /// Forgets jobs that have not begun.
    pub(crate) fn keep_begun(&mut self) {
        self.retain(|job| job.taken > 0);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// How many groups wait, do not run and are not `held`.
    pub(crate) fn ready(&self, held: &HashSet<Group>) -> usize {
        self.groups.keys().filter(|group| !self.busy.contains(group) && !held.contains(group)).count()
    }

    /// How many jobs of a group wait.
    pub(crate) fn waiting(&self, group: &Group) -> usize {
        self.groups.get(group).copied().unwrap_or(0)
    }

    /// The next batch, of a group that is not `held` and of at most as many samples as `limit` says for the job at its front. Its group is
    /// busy until [`done`](Self::done).
    pub(crate) fn take(&mut self, held: &HashSet<Group>, limit: impl Fn(&Task) -> usize) -> Option<Batch> {
        let mut clients: Vec<(&Client, &mut Queue)> =
            self.clients.iter_mut().filter(|(_, queue)| !queue.jobs.is_empty()).collect();
        clients.sort_by(|(left, a), (right, b)| a.had.total_cmp(&b.had).then_with(|| left.cmp(right)));
        let busy = &self.busy;
        let (first, front) = clients.iter().enumerate().find_map(|(index, (_, queue))| {
            let may_run = |job: &&Waiting| !busy.contains(&job.group()) && !held.contains(&job.group());
            queue.jobs.iter().find(may_run).map(|job| (index, &job.task))
        })?;
        let group = (front.model, front.key);
        let only = front.alone.then_some(front.id);
        let mut room = limit(front).max(1);
        let cost = front.rotations.max(1) as f64;
        self.had = self.had.max(clients[first].1.had);
        clients.swap(0, first);
        let mut parts = Vec::new();
        for (_, queue) in clients {
            let before = room;
            let ended = queue.take(group, only, &mut room, &mut parts);
            (0..ended).for_each(|_| forget(&mut self.groups, &group));
            queue.had += (before - room) as f64 * cost;
            if room == 0 {
                break;
            }
        }
        self.busy.insert(group);
        let had = self.had;
        self.clients.retain(|_, queue| !queue.jobs.is_empty() || queue.had > had);
        Some(Batch { group, parts })
    }

    /// The batch of a group is over.
    pub(crate) fn done(&mut self, group: &Group) {
        self.busy.remove(group);
    }
}

impl Queue {
    /// Gives how many jobs have all their samples taken.
    fn take(&mut self, group: Group, only: Option<JobId>, room: &mut usize, parts: &mut Vec<Part>) -> usize {
        let before = self.jobs.len();
        let may_run = |job: &&mut Waiting| {
            job.group() == group && only.map_or(!job.task.alone, |only| job.task.id == only)
        };
        for job in self.jobs.iter_mut().filter(may_run) {
            if *room == 0 {
                break;
            }
            let end = job.task.samples.min(job.taken + *room);
            let samples = job.taken..end;
            *room -= samples.len();
            job.taken = end;
            parts.push(Part { task: job.task.clone(), samples, since: job.since });
        }
        self.jobs.retain(|job| job.taken < job.task.samples);
        before - self.jobs.len()
    }
}

/// A job of a group waits no more.
fn forget(groups: &mut HashMap<Group, usize>, group: &Group) {
    if let Some(jobs) = groups.get_mut(group) {
        *jobs -= 1;
        if *jobs == 0 {
            groups.remove(group);
        }
    }
}

impl Waiting {
    fn group(&self) -> Group {
        (self.task.model, self.task.key)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn model(number: u8) -> ModelId {
        postcard::from_bytes(&[number; 12]).unwrap()
    }

    fn task(number: u8, client: &str, group: u8, samples: usize) -> Task {
        Task {
            id: JobId::from_bytes([number; 16]),
            client: client.into(),
            model: model(group),
            key_id: postcard::from_bytes(&[group; 12]).unwrap(),
            key: Sha256::from_bytes([group; 32]),
            samples,
            rotations: 10,
            bytes: 100,
            alone: false,
        }
    }

    fn taken(batch: &Batch) -> Vec<(u8, Range<usize>)> {
        batch.parts.iter().map(|part| (part.task.id.0[0], part.samples.clone())).collect()
    }

    #[test]
    fn jobs_of_one_model_and_key_run_together() {
        let mut fair = Fair::default();
        for (number, client, group) in [(1, "a", 1), (2, "a", 2), (3, "a", 1), (4, "b", 1)] {
            fair.push(task(number, client, group, 2));
        }
        assert_eq!(fair.ready(&HashSet::new()), 2);
        assert_eq!(taken(&fair.take(&HashSet::new(), |_| 9).unwrap()), [(1, 0..2), (3, 0..2), (4, 0..2)]);
        assert_eq!(taken(&fair.take(&HashSet::new(), |_| 9).unwrap()), [(2, 0..2)]);
        assert!(fair.take(&HashSet::new(), |_| 9).is_none() && fair.is_empty());
    }

    #[test]
    fn a_long_job_runs_in_parts_and_not_twice_at_once() {
        let mut fair = Fair::default();
        fair.push(task(1, "a", 1, 5));
        let batch = fair.take(&HashSet::new(), |_| 2).unwrap();
        assert_eq!(taken(&batch), [(1, 0..2)]);
        assert!(fair.take(&HashSet::new(), |_| 2).is_none());
        fair.done(&batch.group);
        assert_eq!(taken(&fair.take(&HashSet::new(), |_| 9).unwrap()), [(1, 2..5)]);
    }

    /// One client has a thousand samples in the queue; another's wait for a batch, not for all of them.
    #[test]
    fn clients_take_turns() {
        let mut fair = Fair::default();
        fair.push(task(1, "a", 1, 1000));
        let mut order = Vec::new();
        for round in 0..6 {
            if round == 1 {
                fair.push(task(2, "b", 2, 20));
            }
            let batch = fair.take(&HashSet::new(), |_| 10).unwrap();
            order.push(batch.parts[0].task.id.0[0]);
            fair.done(&batch.group);
        }
        assert_eq!(order, [1, 2, 1, 2, 1, 1]);
    }

    /// A client that was away gets no more than its share when it comes back.
    #[test]
    fn who_was_away_saves_nothing() {
        let mut fair = Fair::default();
        fair.push(task(1, "a", 1, 1000));
        for _ in 0..50 {
            let batch = fair.take(&HashSet::new(), |_| 10).unwrap();
            fair.done(&batch.group);
        }
        fair.push(task(2, "b", 2, 1000));
        let count = (0..20).filter(|_| {
            let batch = fair.take(&HashSet::new(), |_| 10).unwrap();
            fair.done(&batch.group);
            batch.parts[0].task.id.0[0] == 2
        });
        assert!((9..=11).contains(&count.count()));
    }

    #[test]
    fn a_job_that_may_end_the_process_runs_alone() {
        let mut fair = Fair::default();
        for number in 1..5 {
            fair.push(Task { alone: number % 2 == 0, ..task(number, "a", 1, 2) });
        }
        let mut batches = Vec::new();
        while let Some(batch) = fair.take(&HashSet::new(), |_| 9) {
            fair.done(&batch.group);
            batches.push(batch.parts.iter().map(|part| part.task.id.0[0]).collect::<Vec<_>>());
        }
        assert_eq!(batches, [vec![1, 3], vec![2], vec![4]]);
    }

    #[test]
    fn removed_jobs_do_not_run_and_begun_ones_end() {
        let mut fair = Fair::default();
        for number in 1..4 {
            fair.push(task(number, "a", number, 4));
        }
        fair.remove(JobId::from_bytes([2; 16]));
        let batch = fair.take(&HashSet::new(), |_| 1).unwrap();
        fair.keep_begun();
        fair.done(&batch.group);
        assert_eq!(taken(&fair.take(&HashSet::new(), |_| 9).unwrap()), [(1, 1..4)]);
        assert!(fair.is_empty());
    }

    #[test]
    fn what_is_held_is_passed_over() {
        let mut fair = Fair::default();
        fair.push(task(1, "a", 1, 1));
        fair.push(task(2, "b", 2, 1));
        let held = HashSet::from([(model(1), task(1, "a", 1, 1).key)]);
        assert_eq!((fair.ready(&held), fair.waiting(&(model(1), task(1, "a", 1, 1).key))), (1, 1));
        assert_eq!(taken(&fair.take(&held, |_| 9).unwrap()), [(2, 0..1)]);
        assert!(fair.take(&held, |_| 9).is_none());
        assert_eq!(taken(&fair.take(&HashSet::new(), |_| 9).unwrap()), [(1, 0..1)]);
    }
}

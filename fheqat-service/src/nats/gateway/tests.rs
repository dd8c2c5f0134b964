//! Schedules without NATS: time is what the tests say.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use super::schedule::{Dispatch, Losses, Schedule};
use crate::{
    execute::Task,
    nats::messages::{Announcement, Held, Name},
    store::ids::{JobId, Sha256},
};

const GATEWAY: Name = Name::from_bytes([9; 8]);

/// A schedule, its time, and what workers say.
struct Scene {
    schedule: Schedule,
    now: Instant,
}

fn job(number: u8) -> JobId {
    JobId::from_bytes([number; 16])
}

fn worker(number: u8) -> Name {
    Name::from_bytes([number; 8])
}

fn key(number: u8) -> Sha256 {
    Sha256::from_bytes([number; 32])
}

fn task(number: u8, of_key: u8, client: &str) -> Task {
    Task {
        id: job(number),
        client: client.into(),
        model: postcard::from_bytes(&[1; 12]).unwrap(),
        key_id: postcard::from_bytes(&[of_key; 12]).unwrap(),
        key: key(of_key),
        samples: 1,
        rotations: 10,
        bytes: 100,
        alone: false,
    }
}

impl Scene {
    fn new(workers: u8) -> Self {
        let mut scene = Self { schedule: Schedule::new(0), now: Instant::now() };
        (1..=workers).for_each(|number| drop(scene.says(number, &[], &[])));
        scene
    }

    /// A worker that wants four samples says which keys and jobs it has.
    fn says(&mut self, number: u8, keys: &[u8], jobs: &[u8]) -> Vec<JobId> {
        let held = jobs.iter().map(|&number| Held { gateway: GATEWAY, job: job(number), samples: 1 });
        let said = Announcement {
            worker: worker(number),
            name: String::new(),
            version: String::new(),
            threads: 1,
            window: 4,
            keys: keys.iter().map(|&number| key(number)).collect(),
            held: held.collect(),
            done: 0,
            stops: false,
        };
        self.schedule.heard(said, GATEWAY, self.now)
    }

    fn submit(&mut self, number: u8, of_key: u8) {
        self.schedule.submit(task(number, of_key, "a"), self.now);
    }

    /// Sends all that there is room for: jobs and workers.
    fn send(&mut self) -> Vec<(u8, u8)> {
        let mut sent = Vec::new();
        while let Some(Dispatch { task, worker, sending }) = self.schedule.next() {
            self.schedule.taken(task.id, sending, sending, self.now);
            sent.push((task.id.0[0], worker.0[0]));
        }
        sent
    }

    fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    fn ends(&mut self, number: u8) -> bool {
        self.schedule.ended(job(number), self.now).is_some()
    }

    fn runs(&mut self, number: u8, at: u8) {
        self.schedule.runs(job(number), worker(at), self.now);
    }

    /// A worker is silent while the others are heard.
    fn lose(&mut self, number: u8, others: &[(u8, &[u8])]) -> Losses {
        self.wait(3);
        for &(other, jobs) in others {
            self.says(other, &[], jobs);
        }
        let losses = self.schedule.silence(self.now);
        assert_eq!(losses.silent, [worker(number)]);
        losses
    }
}

#[test]
fn jobs_follow_their_key_until_its_worker_is_much_busier() {
    let mut scene = Scene::new(2);
    scene.says(2, &[7], &[]);
    (1..=8).for_each(|number| scene.submit(number, 7));
    let to: Vec<u8> = scene.send().iter().map(|sent| sent.1).collect();
    // Three go to the one that has the key; then the other is half a window behind.
    assert_eq!(to[..3], [2, 2, 2]);
    let of_first: Vec<&u8> = to.iter().filter(|&&to| to == 1).collect();
    assert_eq!((of_first.len(), to.len()), (4, 8));
}

#[test]
fn new_keys_go_to_the_least_busy_worker_and_spread() {
    let mut scene = Scene::new(3);
    (1..=3).for_each(|number| scene.submit(number, number));
    let mut to: Vec<u8> = scene.send().iter().map(|sent| sent.1).collect();
    to.sort_unstable();
    assert_eq!(to, [1, 2, 3]);
    // Idle ones with fewer keys come first.
    (1..=3).for_each(|number| assert!(scene.ends(number)));
    scene.says(1, &[1], &[]);
    scene.says(2, &[], &[]);
    scene.says(3, &[3], &[]);
    scene.submit(4, 4);
    assert_eq!(scene.send(), [(4, 2)]);
}

#[test]
fn no_more_is_sent_than_workers_want() {
    let mut scene = Scene::new(1);
    (1..=9).for_each(|number| scene.submit(number, 1));
    assert_eq!(scene.send().len(), 4);
    assert!(scene.ends(1) && !scene.ends(1));
    assert_eq!(scene.send(), [(5, 1)]);
    assert!(scene.schedule.remove(job(5)) && !scene.schedule.remove(job(9)));
    assert_eq!(scene.send(), [(6, 1)]);
}

#[test]
fn clients_take_turns() {
    let mut scene = Scene::new(1);
    (1..=8).for_each(|number| scene.submit(number, 1));
    scene.schedule.submit(task(9, 2, "b"), scene.now);
    assert!(scene.send().iter().any(|sent| sent.0 == 9));
}

#[test]
fn what_a_lost_worker_ran_runs_alone() {
    let mut scene = Scene::new(2);
    (1..=8).for_each(|number| scene.submit(number, 1));
    let sent = scene.send();
    let at_first: Vec<u8> = sent.iter().filter(|sent| sent.1 == 1).map(|sent| sent.0).collect();
    let at_second: Vec<u8> = sent.iter().filter(|sent| sent.1 == 2).map(|sent| sent.0).collect();
    scene.runs(at_first[0], 1);
    let losses = scene.lose(1, &[(2, &at_second)]);
    assert!(losses.failed.is_empty());
    // The other worker gets nothing until it is idle, then the suspect alone, then what had only waited.
    for number in &at_second {
        assert_eq!(scene.send(), []);
        assert!(scene.ends(*number));
    }
    assert_eq!(scene.send(), [(at_first[0], 2)]);
    assert!(scene.ends(at_first[0]));
    let mut rest: Vec<u8> = scene.send().iter().map(|sent| sent.0).collect();
    rest.sort_unstable();
    assert_eq!(rest, at_first[1..]);
}

#[test]
fn a_job_that_loses_three_workers_fails_and_no_other() {
    let mut scene = Scene::new(1);
    (1..=3).for_each(|number| scene.submit(number, 1));
    assert_eq!(scene.send().len(), 3);
    scene.runs(1, 1);
    for (lost, next) in [(1, 2), (2, 3)] {
        assert_eq!(scene.lose(lost, &[(next, &[])]).failed, []);
        assert_eq!(scene.send(), [(1, next)]);
        scene.runs(1, next);
    }
    assert_eq!(scene.lose(3, &[(4, &[])]).failed, [job(1)]);
    assert_eq!(scene.send(), [(2, 4), (3, 4)]);
}

/// Machines that are busy are heard late: they are not gone.
#[test]
fn a_worker_that_was_only_silent_keeps_its_job_and_its_name() {
    let mut scene = Scene::new(1);
    scene.submit(1, 1);
    scene.send();
    scene.runs(1, 1);
    for _ in 0..5 {
        assert_eq!(scene.lose(1, &[]).failed, []);
        assert_eq!(scene.says(1, &[], &[1]), []);
        assert_eq!(scene.send(), []);
        scene.runs(1, 1);
    }
    assert!(scene.ends(1));
}

#[test]
fn jobs_that_workers_hold_after_a_start_are_theirs() {
    let mut scene = Scene::new(2);
    scene.submit(1, 1);
    scene.submit(2, 1);
    assert_eq!(scene.says(1, &[], &[1, 3]), [job(3)]);
    assert_eq!(scene.send().iter().map(|sent| sent.0).collect::<Vec<_>>(), [2]);
}

#[test]
fn a_job_that_its_worker_does_not_hold_is_sent_again() {
    let mut scene = Scene::new(1);
    scene.submit(1, 1);
    assert_eq!(scene.send(), [(1, 1)]);
    for second in 0..14 {
        let sent = scene.send();
        if !sent.is_empty() {
            assert!(sent == [(1, 1)] && second >= 5);
            return;
        }
        scene.wait(1);
        scene.says(1, &[], &[]);
    }
    panic!("the job is lost");
}

#[test]
fn messages_that_nats_gives_up_count_as_losses() {
    let mut scene = Scene::new(1);
    scene.submit(1, 1);
    for round in 0..3_u64 {
        let Dispatch { task, sending, .. } = scene.schedule.next().unwrap();
        scene.schedule.taken(task.id, sending, 100 + round, scene.now);
        assert_eq!(scene.schedule.lose_message(99), None);
        assert_eq!(scene.schedule.lose_message(100 + round), (round == 2).then(|| job(1)));
    }
    assert!(!scene.schedule.has_jobs());
}

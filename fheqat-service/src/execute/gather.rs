//! Clients whose results come together ask again together. A batch that began with the first of these requests would have one sample, so the
//! next batch of a group waits a moment for as many jobs as the last one had.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use super::fair::Group;

/// The longest wait, as a part of the time that the last batch took.
const PART: f64 = 0.03;
/// The longest wait.
const LONGEST: Duration = Duration::from_millis(50);

/// Groups whose last batch has just ended.
#[derive(Default)]
pub(crate) struct Gather(HashMap<Group, Last>);

struct Last {
    jobs: usize,
    until: Instant,
}

impl Gather {
    /// A batch of so many jobs has ended.
    pub(crate) fn ended(&mut self, group: Group, jobs: usize, took: Duration, now: Instant) {
        self.0.retain(|_, last| last.until > now);
        if jobs > 1 {
            self.0.insert(group, Last { jobs, until: now + took.mul_f64(PART).min(LONGEST) });
        }
    }

    /// The groups that wait for more jobs than `waiting` says they have.
    pub(crate) fn held(&self, now: Instant, waiting: impl Fn(&Group) -> usize) -> HashSet<Group> {
        let waits = |(group, last): &(&Group, &Last)| last.until > now && waiting(group) < last.jobs;
        self.0.iter().filter(waits).map(|(group, _)| *group).collect()
    }

    /// When the first of these groups has waited long enough.
    pub(crate) fn until(&self, held: &HashSet<Group>) -> Option<Instant> {
        held.iter().filter_map(|group| Some(self.0.get(group)?.until)).min()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::store::ids::Sha256;

    fn group(number: u8) -> Group {
        (postcard::from_bytes(&[number; 12]).unwrap(), Sha256::from_bytes([number; 32]))
    }

    #[test]
    fn a_group_waits_a_moment_for_as_many_jobs_as_before() {
        let (mut gather, now) = (Gather::default(), Instant::now());
        gather.ended(group(1), 16, Duration::from_secs(1), now);
        let held = |gather: &Gather, after: u64, waiting: usize| {
            let held = gather.held(now + Duration::from_millis(after), |_| waiting);
            let until = gather.until(&held);
            assert_eq!(until.is_some(), !held.is_empty());
            assert!(until.is_none_or(|until| until == now + Duration::from_millis(30)));
            held.contains(&group(1))
        };
        assert!(held(&gather, 0, 3) && held(&gather, 29, 15));
        assert!(!held(&gather, 0, 16) && !held(&gather, 30, 3));
        gather.ended(group(2), 2, Duration::from_secs(100), now + Duration::from_secs(1));
        assert!(!held(&gather, 0, 3), "what is over is forgotten");
        assert_eq!(gather.until(&[group(2)].into()), Some(now + Duration::from_millis(1050)));
    }

    #[test]
    fn one_request_after_another_never_waits() {
        let (mut gather, now) = (Gather::default(), Instant::now());
        gather.ended(group(1), 1, Duration::from_secs(1), now);
        assert!(gather.held(now, |_| 0).is_empty());
    }
}

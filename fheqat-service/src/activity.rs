//! What ran lately, for the page.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use fheqat_client::wire;

/// How far back the page looks.
const LATELY: Duration = Duration::from_mins(5);
const SLOT: Duration = Duration::from_secs(5);
/// Batches and waits that are kept: the latest, however many there were.
const MOST: usize = 4096;

/// Batches and waits of the last minutes.
#[derive(Default)]
pub(crate) struct Activity(Mutex<State>);

#[derive(Default)]
struct State {
    batches: VecDeque<Batch>,
    waits: VecDeque<(Instant, Duration)>,
}

struct Batch {
    ended: Instant,
    model: String,
    samples: u64,
    took: Duration,
}

/// Samples of a model, and seconds that they took together.
pub(crate) type OfModels = HashMap<String, (u64, f64)>;

impl Activity {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A job began to run.
    pub(crate) fn waited(&self, now: Instant, waited: Duration) {
        let mut state = self.state();
        keep(&mut state.waits);
        state.waits.push_back((now, waited));
    }

    /// A batch ended.
    pub(crate) fn ran(&self, now: Instant, model: &str, samples: usize, took: Duration) {
        let mut state = self.state();
        keep(&mut state.batches);
        state.batches.push_back(Batch { ended: now, model: model.to_owned(), samples: samples as u64, took });
    }

    /// The last minutes.
    pub(crate) fn lately(&self, now: Instant) -> (wire::Activity, OfModels) {
        let slots = (LATELY.as_secs() / SLOT.as_secs()) as usize;
        let mut samples = vec![0; slots];
        let mut of_models = OfModels::new();
        let (mut waits, mut runs) = (Vec::new(), Vec::new());
        let state = self.state();
        for Batch { ended, model, samples: of_batch, took } in &state.batches {
            let age = now.saturating_duration_since(*ended);
            let slot = (age.as_secs() / SLOT.as_secs()) as usize;
            let Some(slot) = slots.checked_sub(slot + 1) else { continue };
            samples[slot] += of_batch;
            runs.push(took.as_secs_f64());
            let (count, seconds) = of_models.entry(model.clone()).or_default();
            *count += of_batch;
            *seconds += took.as_secs_f64();
        }
        let is_lately = |at: Instant| now.saturating_duration_since(at) < LATELY;
        waits.extend(state.waits.iter().filter(|(at, _)| is_lately(*at)).map(|(_, wait)| wait.as_secs_f64()));
        drop(state);
        let slot = SLOT.as_secs() as u32;
        (wire::Activity { slot, samples, wait: percentiles(waits), run: percentiles(runs) }, of_models)
    }
}

/// Makes room for one more.
fn keep<T>(latest: &mut VecDeque<T>) {
    if latest.len() == MOST {
        latest.pop_front();
    }
}

fn percentiles(mut values: Vec<f64>) -> Option<wire::Percentiles> {
    values.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let rank = (share * values.len() as f64).ceil() as usize;
        values.get(rank.saturating_sub(1)).copied()
    };
    Some(wire::Percentiles { p50: at(0.5)?, p95: at(0.95)?, p99: at(0.99)? })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn batches_fall_into_slots_and_grow_old() {
        let activity = Activity::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        activity.ran(at(0), "old", 7, Duration::from_secs(1));
        activity.ran(at(100), "iris", 3, Duration::from_secs(2));
        activity.ran(at(101), "iris", 2, Duration::from_secs(4));
        activity.waited(at(0), Duration::from_secs(9));
        activity.waited(at(101), Duration::from_secs(1));
        let (lately, of_models) = activity.lately(at(301));
        assert_eq!(lately.samples.iter().sum::<u64>(), 5);
        assert_eq!(lately.samples[60 - 1 - 40], 5);
        assert_eq!(of_models, [("iris".to_owned(), (5, 6.0))].into());
        assert_eq!(lately.run, Some(wire::Percentiles { p50: 2.0, p95: 4.0, p99: 4.0 }));
        assert_eq!(lately.wait, Some(wire::Percentiles { p50: 1.0, p95: 1.0, p99: 1.0 }));
        assert_eq!(activity.lately(at(1000)).0.run, None);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let activity = Activity::default();
        let now = Instant::now();
        for _ in 0..2 * MOST {
            activity.ran(now, "iris", 1, Duration::ZERO);
            activity.waited(now, Duration::ZERO);
        }
        assert_eq!(activity.lately(now).0.samples.iter().sum::<u64>(), MOST as u64);
        assert_eq!(activity.state().waits.len(), MOST);
    }
}

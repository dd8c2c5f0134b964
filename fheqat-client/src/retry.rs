//! When a request that failed is made again.

use std::{
    sync::Arc,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use rand::RngExt;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use tokio::time::Instant;

use crate::{error::Error, options::Options};

/// A deadline behind this is none; clocks cannot count to any.
const LONGEST: Duration = Duration::from_hours(100_000);

/// Why a request failed that may be made again.
pub(crate) struct Again {
    pub(crate) reason: Reason,
    /// When the server wants to be asked again.
    pub(crate) after: Option<Duration>,
}

pub(crate) enum Reason {
    /// No whole answer.
    Lost(String),
    /// An answer that refuses the request.
    Refused(Error),
    /// There is no result yet.
    Waiting,
}

/// What the requests of a call have in common.
#[derive(Clone)]
pub(crate) struct Call {
    options: Arc<Options>,
    doing: &'static str,
    end: Instant,
    /// Failures since the last request that brought the call on.
    failures: u32,
    pauses: ChaCha8Rng,
}

impl Call {
    pub(crate) fn new(options: &Arc<Options>, doing: &'static str) -> Self {
        /// Calls with one seed do not pause alike.
        static CALLS: AtomicU64 = AtomicU64::new(0);
        let seed = options.seed.unwrap_or_else(|| {
            // Without entropy the order of calls has to do: pauses need no more.
            let call = CALLS.fetch_add(1, Ordering::Relaxed);
            getrandom::u64().unwrap_or(call)
        });
        Self {
            options: Arc::clone(options),
            doing,
            end: Instant::now() + options.deadline.min(LONGEST),
            failures: 0,
            pauses: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    pub(crate) const fn doing(&self) -> &'static str {
        self.doing
    }

    pub(crate) fn silence(&self) -> Duration {
        self.options.silence
    }

    pub(crate) fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    /// How long the server may be asked to wait: some of the time that is left is for its answer.
    pub(crate) fn wait(&self) -> Duration {
        const LONGEST: Duration = Duration::from_mins(1);
        self.options.wait.min(self.left() / 2).min(LONGEST)
    }

    /// A request brought the call on.
    pub(crate) const fn went_on(&mut self) {
        self.failures = 0;
    }

    /// The call is over, without an error of the server.
    pub(crate) fn late(&self) -> Error {
        Error::Deadline { doing: self.doing, allowed: self.options.deadline, last: None }
    }

    /// Pauses before the next attempt.
    ///
    /// # Errors
    /// When there is to be none.
    pub(crate) async fn pause(&mut self, again: Again) -> Result<(), Error> {
        if again.after.is_none() {
            self.failures += 1;
            if self.failures >= self.options.attempts {
                return Err(self.give_up(again.reason));
            }
        }
        let pause = again.after.unwrap_or(Duration::ZERO).max(self.next_pause());
        if pause >= self.left() {
            return Err(match self.give_up(again.reason) {
                late @ Error::Deadline { .. } => late,
                last => Error::Deadline {
                    doing: self.doing,
                    allowed: self.options.deadline,
                    last: Some(Box::new(last)),
                },
            });
        }
        tokio::time::sleep(pause).await;
        Ok(())
    }

    fn give_up(&self, reason: Reason) -> Error {
        match reason {
            Reason::Lost(reason) => {
                Error::Unreachable { doing: self.doing, attempts: self.failures.max(1), reason }
            }
            Reason::Refused(error) => error,
            Reason::Waiting => self.late(),
        }
    }

    fn next_pause(&mut self) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(20);
        let whole = self.options.first_pause.saturating_mul(1 << doublings).min(self.options.longest_pause);
        whole.mul_f64(self.pauses.random_range(0.5..1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_time_may_be_allowed() {
        let (deadline, first_pause) = (Duration::MAX, Duration::MAX);
        let mut call = Call::new(&Arc::new(Options { deadline, first_pause, ..Options::default() }), "test");
        call.failures = 9;
        assert!(call.left() > Duration::from_hours(1) && call.next_pause() <= Duration::from_secs(10));
    }

    fn call(seed: u64) -> Call {
        Call::new(&Arc::new(Options { seed: Some(seed), ..Options::default() }), "test")
    }

    fn quick() -> Call {
        let (first_pause, deadline) = (Duration::from_micros(10), Duration::from_mins(1));
        let options = Options { deadline, first_pause, ..Options::default() };
        Call::new(&Arc::new(options), "test")
    }

    fn pauses(call: &mut Call) -> Vec<Duration> {
        let next = |failures| {
            call.failures = failures;
            call.next_pause()
        };
        (1..=30).map(next).collect()
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_vary_by_half() {
        let options = Options::default();
        let mut whole = options.first_pause;
        for pause in pauses(&mut call(7)) {
            assert!(whole / 2 <= pause && pause < whole, "{pause:?} of {whole:?}");
            whole = (whole * 2).min(options.longest_pause);
        }
    }

    #[test]
    fn a_seed_draws_the_same_pauses() {
        assert_eq!(pauses(&mut call(1)), pauses(&mut call(1)));
        assert_ne!(pauses(&mut call(1)), pauses(&mut call(2)));
    }

    #[tokio::test]
    async fn the_server_says_when_to_come_back_and_the_deadline_when_not_to() {
        let mut call = quick();
        let (start, again) = (Instant::now(), || Reason::Lost("gone".into()));
        let asked = Duration::from_millis(30);
        for _ in 0..9 {
            assert!(call.pause(Again { reason: again(), after: Some(asked) }).await.is_ok());
        }
        assert!(start.elapsed() >= 9 * asked);
        let asked = Duration::from_secs(61);
        let late = call.pause(Again { reason: again(), after: Some(asked) }).await;
        assert!(matches!(late, Err(Error::Deadline { last: Some(_), .. })), "{late:?}");
    }

    #[tokio::test]
    async fn so_many_failures_in_a_row_are_the_last() {
        let mut call = quick();
        let lost = || Again { reason: Reason::Lost("gone".into()), after: None };
        for _ in 1..8 {
            assert!(call.pause(lost()).await.is_ok());
        }
        call.went_on();
        for _ in 1..8 {
            assert!(call.pause(lost()).await.is_ok());
        }
        let given_up = call.pause(lost()).await;
        assert!(matches!(given_up, Err(Error::Unreachable { attempts: 8, .. })), "{given_up:?}");
    }
}

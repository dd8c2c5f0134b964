//! What a load test found.

use std::{
    fmt::{self, Display, Formatter},
    time::Duration,
};

use fheqat::MainError;
use hdrhistogram::Histogram;
use serde::Serialize;

use super::Answer;

/// Figures of a load test.
#[derive(Serialize)]
pub(super) struct Report {
    requests: usize,
    clients: usize,
    samples_a_request: usize,
    seconds: f64,
    samples_a_second: f64,
    /// Milliseconds within which so many percent of the requests were answered.
    latency: Vec<(f64, f64)>,
    /// How often a server said that it has too much to do; those requests were sent again.
    refused: usize,
    pub(super) errors: usize,
    pub(super) wrong: usize,
    /// The first error.
    error: Option<String>,
    #[serde(skip)]
    microseconds: Vec<u64>,
    #[serde(skip)]
    right: usize,
}

/// What a histogram reaches.
const LONGEST: Duration = Duration::from_hours(1);
const PERCENT: [f64; 5] = [50.0, 90.0, 99.0, 99.9, 100.0];

impl Report {
    pub(super) fn new(requests: usize, clients: usize, samples: usize, took: Duration) -> Self {
        Self {
            requests,
            clients,
            samples_a_request: samples,
            seconds: took.as_secs_f64(),
            samples_a_second: 0.0,
            latency: Vec::new(),
            refused: 0,
            errors: 0,
            wrong: 0,
            error: None,
            microseconds: Vec::new(),
            right: 0,
        }
    }

    pub(super) fn add(&mut self, answer: &Answer, is_right: impl FnOnce(&[u8]) -> bool) {
        self.refused += answer.refused;
        self.microseconds.push(answer.took.as_micros() as u64);
        match &answer.result {
            Ok(bytes) if is_right(bytes) => self.right += 1,
            Ok(_) => self.wrong += 1,
            Err(reason) => {
                self.errors += 1;
                self.error.get_or_insert_with(|| reason.clone());
            }
        }
    }

    pub(super) fn ended(mut self) -> Result<Self, MainError> {
        self.samples_a_second = (self.right * self.samples_a_request) as f64 / self.seconds;
        let mut histogram = Histogram::<u64>::new_with_max(LONGEST.as_micros() as u64, 3)?;
        for &microseconds in &self.microseconds {
            histogram.saturating_record(microseconds);
        }
        let at = |percent: f64| histogram.value_at_percentile(percent) as f64 / 1e3;
        self.latency = PERCENT.into_iter().map(|percent| (percent, at(percent))).collect();
        Ok(self)
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { requests, clients, samples_a_request, seconds, samples_a_second, .. } = self;
        writeln!(
            f,
            "{requests} requests of {samples_a_request} samples from {clients} clients in {seconds:.2} s"
        )?;
        writeln!(f, "{samples_a_second:.1} samples a second")?;
        for (percent, milliseconds) in &self.latency {
            writeln!(f, "{percent:>5} % within {milliseconds:.1} ms")?;
        }
        writeln!(
            f,
            "{} errors, {} wrong results, {} refused and sent again",
            self.errors, self.wrong, self.refused
        )?;
        if let Some(error) = &self.error {
            writeln!(f, "first error: {error}")?;
        }
        Ok(())
    }
}

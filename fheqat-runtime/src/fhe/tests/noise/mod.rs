//! Measured noise against predicted, on real ciphertexts.
//!
//! `cargo test --release --workspace --lib tests::noise -- --ignored --nocapture --test-threads 1`

mod circuits;
mod failures;
mod packing;
mod primitives;
mod probe;
mod rounding;

/// What a measured variance may be of the predicted.
const MOST: f64 = 1.0 + 1.0 / 16.0;

/// What it is at least. A rotation's part is predicted a 16th above its formula, which leaves 0.94; the formula's transforms
/// are up to a seventh above what is measured, at up to half of the sum; extractions of one rotation are taken to be as
/// correlated as at worst. A key switch's formula has digits of mean square `(B^2 + 2) / 12`; tfhe's ties follow the next
/// digit, which leaves `B / (4 (B + 1))` less in all but the last: 0.88 of it at `B = 4`.
const LEAST: f64 = 0.75;

/// One measurement in 30,000 is further off than so many standard deviations.
const DEVIATIONS: f64 = 4.0;

/// The deviation of a measurement of 4,000 independent values. One of the predicted variance is above [`MOST`] once in 400
/// times, one of the share that the model leaves of it, 0.95, once in a million.
const PRECISE: f64 = 0.0225;

/// That of 16,000, for what is cheap to measure or predicted to the point.
const MORE_PRECISE: f64 = 0.0113;

/// The variance of `samples` normal samples of variance 1 has deviation `sqrt(2 / samples)`; five of them leave one false
/// alarm in a million.
pub(super) fn slack(samples: usize) -> f64 {
    5.0 * (2.0 / samples as f64).sqrt()
}

/// A variance measured, in parts of the predicted.
struct Ratio {
    mean: f64,
    /// The standard deviation of `mean`.
    deviation: f64,
    samples: usize,
    values: usize,
}

impl Ratio {
    /// Of squared errors in parts of the predicted variance, `[samples, values]`: samples are independent, while values of
    /// one may have noise in common.
    fn of(samples: &[Vec<f64>]) -> Self {
        let means: Vec<f64> =
            samples.iter().map(|values| values.iter().sum::<f64>() / values.len() as f64).collect();
        let count = means.len() as f64;
        let mean = means.iter().sum::<f64>() / count;
        let squares: f64 = means.iter().map(|sample| (sample - mean).powi(2)).sum();
        Self {
            mean,
            deviation: (squares / (count - 1.0) / count).sqrt(),
            samples: samples.len(),
            values: samples.iter().map(Vec::len).sum(),
        }
    }

    fn print(&self, what: &str) {
        println!("{:.3} +- {:.3} of {:>6} values: {what}", self.mean, self.deviation, self.values);
    }

    /// [`DEVIATIONS`], and more where few samples know their deviation badly: about Student's quantile.
    fn unsure(&self) -> f64 {
        DEVIATIONS * self.deviation * (1.0 + 12.0 / self.samples as f64)
    }

    /// From [`LEAST`] to [`MOST`].
    fn check(&self, what: &str) {
        self.check_above(what, LEAST);
    }

    /// From `least` to [`MOST`].
    fn check_above(&self, what: &str, least: f64) {
        self.print(what);
        assert!(self.deviation <= PRECISE, "{what}: a deviation of {} tells nothing", self.deviation);
        assert!((least..=MOST).contains(&self.mean), "{what}: {} of the predicted", self.mean);
    }

    /// The same, as nearly as few values tell.
    fn check_roughly(&self, what: &str) {
        self.print(what);
        let unsure = self.unsure();
        assert!(
            (LEAST - unsure..=MOST + unsure).contains(&self.mean),
            "{what}: {} of the predicted",
            self.mean
        );
    }
}

//! From observed floats to the step of a quantizer.

use fheqat_spec::Range;
use serde::{Deserialize, Serialize};

use super::round_level;

/// How calibration chooses a step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Observer {
    /// Nothing observed is clipped.
    MinMax,
    /// This fraction of the observed values is not clipped.
    Percentile(f32),
    /// The least squared error.
    MeanSquaredError,
}

const CANDIDATES: u16 = 100;

impl Observer {
    /// The step for `levels` after seeing `values`; 1 when none of them is on a side that has levels.
    #[must_use]
    pub fn step(self, values: &[f32], levels: Range) -> f32 {
        let mut reach: Vec<f32> =
            values.iter().map(|&value| steps_needed(value, levels)).filter(|&step| step > 0.0).collect();
        reach.sort_unstable_by(f32::total_cmp);
        let Some(&widest) = reach.last() else {
            return 1.0;
        };
        match self {
            Self::MinMax => widest,
            Self::Percentile(fraction) => {
                let last = reach.len() - 1;
                reach[((last as f32 * fraction).round() as usize).min(last)]
            }
            Self::MeanSquaredError => least_error(values, levels, widest),
        }
    }
}

/// The smallest step at which `value` is not clipped; zero where no level is on its side.
fn steps_needed(value: f32, levels: Range) -> f32 {
    let extreme = if value < 0.0 { levels.lo } else { levels.hi };
    if extreme == 0 { 0.0 } else { value / extreme as f32 }
}

fn least_error(values: &[f32], levels: Range, widest: f32) -> f32 {
    let (mut best, mut least) = (widest, f64::INFINITY);
    for candidate in 1..=CANDIDATES {
        let step = widest * f32::from(candidate) / f32::from(CANDIDATES);
        let error: f64 = values
            .iter()
            .map(|&value| f64::from(value - round_level(value / step, levels) * step).powi(2))
            .sum();
        if error < least {
            (best, least) = (step, error);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn min_max_clips_nothing() {
        let levels = Range::signed(3);
        assert!((Observer::MinMax.step(&[0.1, 1.5, -1.0], levels) - 0.5).abs() < 1e-6);
        assert!((Observer::MinMax.step(&[-4.0], Range::unsigned(3)) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_percentile_ignores_outliers() {
        let mut values = vec![3.0; 99];
        values.push(300.0);
        let step = Observer::Percentile(0.95).step(&values, Range::unsigned(2));
        assert!((step - 1.0).abs() < 1e-6);
    }

    #[test]
    fn the_least_error_is_the_least_of_a_fine_search() {
        let values: Vec<f32> = (0..200u8).map(|k| (f32::from(k) * 0.37).sin().powi(3) * 2.0).collect();
        let levels = Range::signed(3);
        let error = |step: f32| -> f32 {
            values.iter().map(|value| (value - round_level(value / step, levels) * step).powi(2)).sum()
        };
        let found = error(Observer::MeanSquaredError.step(&values, levels));
        let fine = (1..3000).map(|k| error(k as f32 * 1e-3)).fold(f32::INFINITY, f32::min);
        assert!(found <= fine * 1.02, "{found} {fine}");
    }
}

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

//! Numbers of each sample.

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::{answers::Answers, ratios::mean};

/// How near predictions of numbers are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NumberMetrics {
    /// The mean of the outputs' R2.
    pub r2: f64,
    /// Each output in its order.
    pub outputs: Vec<NumberScore>,
}

/// How near one output is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NumberScore {
    /// The part of the variance of the targets that is predicted: 1 is perfect, 0 no better than their mean, below 0 worse.
    /// Where all targets are one number, 1 if it is predicted exactly, else 0.
    pub r2: f64,
    /// The mean distance from the targets, in their units.
    pub mean_absolute_error: f64,
    /// The root of the mean squared distance from the targets, in their units.
    pub root_mean_squared_error: f64,
}

impl NumberScore {
    fn new(answers: &Answers<'_>, values: &ArrayView2<'_, f32>, output: usize) -> Self {
        let pairs = || {
            let of_row = |(row, outputs): (usize, ndarray::ArrayView1<'_, f32>)| {
                (f64::from(values[[row, output]]), f64::from(outputs[output]))
            };
            answers.rows().map(of_row)
        };
        let average = mean(pairs().map(|(target, _)| target)).unwrap_or_default();
        let first = pairs().next().map_or(0.0, |(target, _)| target);
        let is_constant = pairs().all(|(target, _)| (target - first).abs() <= 0.0);
        let spread = mean(pairs().map(|(target, _)| (target - average).powi(2))).unwrap_or_default();
        let squared = mean(pairs().map(|(target, found)| (target - found).powi(2))).unwrap_or_default();
        let r2 = match (is_constant, squared > 0.0) {
            (false, _) => 1.0 - squared / spread,
            (true, true) => 0.0,
            (true, false) => 1.0,
        };
        let absolute = mean(pairs().map(|(target, found)| (target - found).abs()));
        Self {
            r2,
            mean_absolute_error: absolute.unwrap_or_default(),
            root_mean_squared_error: squared.sqrt(),
        }
    }
}

/// The mean R2 of the outputs.
pub(crate) fn mean_r2(answers: &Answers<'_>, values: &ArrayView2<'_, f32>) -> f64 {
    NumberMetrics::new(answers, values).r2
}

impl NumberMetrics {
    pub(super) fn new(answers: &Answers<'_>, values: &ArrayView2<'_, f32>) -> Self {
        let outputs: Vec<NumberScore> =
            (0..values.ncols()).map(|output| NumberScore::new(answers, values, output)).collect();
        let r2 = mean(outputs.iter().map(|output| output.r2)).unwrap_or_default();
        Self { r2, outputs }
    }
}

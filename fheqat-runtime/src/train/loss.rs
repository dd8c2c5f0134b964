//! Losses and their gradients with respect to the outputs.

use ndarray::{ArrayView2, ArrayViewMut2};

use super::config::Loss;
use crate::data::Targets;

/// What a batch gives.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Tally {
    pub(crate) loss: f64,
    pub(crate) right: usize,
    pub(crate) samples: usize,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Self) {
        self.loss += other.loss;
        self.right += other.right;
        self.samples += other.samples;
    }

    /// Mean over the samples.
    pub(crate) fn mean_loss(&self) -> f64 {
        self.loss / self.samples.max(1) as f64
    }
}

/// Loss of the outputs `[n, k]` of the samples at `rows`; the gradient of its mean over the batch goes to `gradient`.
pub(crate) fn judge(
    loss: Loss,
    outputs: &ArrayView2<'_, f32>,
    targets: &Targets,
    rows: &[usize],
    mut gradient: ArrayViewMut2<'_, f32>,
) -> Tally {
    let mut tally = Tally { samples: rows.len(), ..Tally::default() };
    let each = 1.0 / rows.len() as f32;
    for ((output, mut slope), &row) in outputs.rows().into_iter().zip(gradient.rows_mut()).zip(rows) {
        if let Targets::Classes { labels, .. } = targets {
            tally.right += usize::from(class(output.iter().copied()) == labels[row]);
        }
        if let (Loss::CrossEntropy, Targets::Classes { labels, .. }) = (loss, targets) {
            let most = output.fold(f32::NEG_INFINITY, |most, &value| most.max(value));
            let mut sum = 0.0;
            for (slope, &value) in slope.iter_mut().zip(output) {
                *slope = (value - most).exp();
                sum += *slope;
            }
            tally.loss += f64::from(sum.ln() + most - output[labels[row]]);
            slope.mapv_inplace(|exponential| exponential / sum * each);
            slope[labels[row]] -= each;
            continue;
        }
        let share = 1.0 / output.len() as f32;
        for (column, (slope, &value)) in slope.iter_mut().zip(output).enumerate() {
            let error = value - target(targets, row, column);
            tally.loss += f64::from(error * error * share);
            *slope = 2.0 * error * share * each;
        }
    }
    tally
}

fn target(targets: &Targets, row: usize, column: usize) -> f32 {
    match targets {
        Targets::Classes { labels, .. } => f32::from(u8::from(labels[row] == column)),
        Targets::Values(values) => values[[row, column]],
    }
}

/// The index of the largest output, the first of equals.
pub(crate) fn class(outputs: impl Iterator<Item = f32>) -> usize {
    let mut best = (0, f32::NEG_INFINITY);
    for (index, value) in outputs.enumerate() {
        if value > best.1 {
            best = (index, value);
        }
    }
    best.0
}

//! Products of a batch with weights, and gradients back through them.

use ndarray::{Array2, Axis};

use crate::{
    nn::{
        matrix::{head, head_mut, slice, slice_mut},
        multiply::multiply,
        ops::{
            affine::Affine,
            operation::{Back, Batch, Run, Slopes, Units, gather},
            route::Route,
            sliding::{Sliding, SlidingGradients},
        },
    },
    quant::transition::middle,
    vectors::on_vectors,
};

/// A matrix, and what follows where no quantizer does.
///
/// Quantized, sums are integers below 2^24 held in `f32`, so they are exact in any order of addition.
#[derive(Clone, Debug)]
pub(crate) struct Product {
    /// `[out, in]`, or `[filters, fan_in]`.
    pub(crate) weights: Array2<f32>,
    /// Rows up to the last that has weights; the others are zero, and are not multiplied where they are no filters.
    pub(crate) used: usize,
    /// What filters see, where the rows are filters.
    pub(crate) sliding: Option<Sliding>,
    /// The sum of each row.
    pub(crate) row_sums: Vec<f32>,
    /// `sum * unit + bias`.
    pub(crate) affine: Option<Affine>,
}

impl Run for Product {
    fn run(&mut self, batch: Batch<'_>) {
        let Some(from) = batch.from else { return };
        let length = batch.count * batch.output.ncols();
        if let Some(sliding) = &mut self.sliding {
            sliding.run(&self.weights, batch.read, &mut slice_mut(batch.output)[..length]);
        } else {
            let operand = head(&batch.before[from], batch.count);
            let output = head_mut(batch.output, batch.count);
            let (mut used, mut unused) = output.split_at(Axis(1), self.used);
            unused.fill(0.0);
            multiply(&operand, &head(&self.weights, self.used).t(), 0.0, &mut used);
        }
        if let Some(affine) = &self.affine {
            affine.run(&mut slice_mut(batch.output)[..length]);
        }
    }

    fn back(&self, back: Back<'_>) {
        let Some(from) = back.at.from else { return };
        let (at, count, length, route) = (back.at, back.count, back.length(), back.route());
        let Back { outputs, slopes, before, own, numbers, .. } = back;
        if let Some(affine) = &self.affine {
            numbers.clear();
            numbers.resize(at.width, 0.0);
            let slopes = &mut slice_mut(slopes)[..length];
            on_vectors(|| through_affine(affine, slopes, slice(&outputs[at.index]), numbers));
            gather(numbers, &mut own.log_gains);
        }
        let Slopes { weights, biases, filters, .. } = own;
        on_vectors(|| sum_columns(&slice(slopes)[..length], at.width, biases));
        self.back_to_operands(
            (slopes, &outputs[from]),
            count,
            filters.as_mut(),
            weights,
            (&mut before[from], route),
        );
        if self.affine.is_none()
            && at.network.hold(at.index).has_centre()
            && let Ok((_, levels)) = at.input_levels()
        {
            on_vectors(|| subtract_middle(weights, biases, middle(levels)));
        }
    }

    fn multiplications(&self) -> usize {
        let positions = self.sliding.as_ref().map_or(1, |sliding| sliding.filters.windows.positions);
        let rows = if self.sliding.is_some() { self.weights.nrows() } else { self.used };
        rows * self.weights.ncols() * positions
    }

    fn weights(&self) -> Option<&Array2<f32>> {
        Some(&self.weights)
    }

    fn row_sums(&self) -> &[f32] {
        &self.row_sums
    }

    fn affine(&self) -> Option<&Affine> {
        self.affine.as_ref()
    }

    fn units(&self) -> Units<'_> {
        self.affine.as_ref().map_or(Units::All(1.0), |affine| Units::Each(&affine.units))
    }
}

impl Product {
    /// From slopes of sums to those of the weights, and to those of what was multiplied.
    fn back_to_operands(
        &self,
        (slopes, operand): (&Array2<f32>, &Array2<f32>),
        count: usize,
        memory: Option<&mut SlidingGradients>,
        weights: &mut Array2<f32>,
        (to, route): (&mut Array2<f32>, Route),
    ) {
        if let (Some(sliding), Some(memory)) = (&self.sliding, memory) {
            let slopes = &slice(slopes)[..count * slopes.ncols()];
            let length = if route == Route::Nothing { 0 } else { count * to.ncols() };
            let to = &mut slice_mut(to)[..length];
            return sliding.gradients(&self.weights, slopes, memory, weights, (to, route == Route::Add));
        }
        let slopes = head(slopes, count).split_at(Axis(1), self.used).0;
        let used = head(&self.weights, self.used);
        multiply(&slopes.t(), &head(operand, count), 0.0, &mut head_mut(weights, self.used));
        match route {
            Route::Nothing => {}
            Route::Write => multiply(&slopes, &used, 0.0, &mut head_mut(to, count)),
            Route::Add => multiply(&slopes, &used, 1.0, &mut head_mut(to, count)),
        }
    }
}

/// Turns slopes of `sum * unit + bias` into slopes of `sum`; adds those by the logarithm of each number's unit to
/// `log_units`.
#[expect(
    clippy::inline_always,
    reason = "only what is inlined into a dispatch is compiled for its instructions"
)]
#[inline(always)]
fn through_affine(affine: &Affine, slopes: &mut [f32], out: &[f32], log_units: &mut [f32]) {
    let width = affine.units.len();
    for (slopes, values) in slopes.chunks_exact_mut(width).zip(out.chunks_exact(width)) {
        let numbers = slopes.iter_mut().zip(values).zip(&affine.biases).zip(&affine.units);
        for ((((slope, value), bias), unit), log_unit) in numbers.zip(&mut *log_units) {
            *log_unit += *slope * (value - bias);
            *slope *= unit;
        }
    }
}

/// Sums each column of `width`; of a convolution, the columns of each filter's positions.
#[expect(
    clippy::inline_always,
    reason = "only what is inlined into a dispatch is compiled for its instructions"
)]
#[inline(always)]
fn sum_columns(rows: &[f32], width: usize, sums: &mut [f32]) {
    sums.fill(0.0);
    if width != sums.len() {
        let positions = width / sums.len();
        for row in rows.chunks_exact(width) {
            for (sum, values) in sums.iter_mut().zip(row.chunks_exact(positions)) {
                *sum += values.iter().sum::<f32>();
            }
        }
        return;
    }
    for row in rows.chunks_exact(width) {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += value;
        }
    }
}

/// A centred layer computes `sum_i q_i (a_i - middle)`.
#[expect(
    clippy::inline_always,
    reason = "only what is inlined into a dispatch is compiled for its instructions"
)]
#[inline(always)]
fn subtract_middle(weights: &mut Array2<f32>, sums: &[f32], middle: f32) {
    let width = weights.ncols();
    for (row, sum) in slice_mut(weights).chunks_exact_mut(width).zip(sums) {
        let shift = middle * sum;
        for weight in row {
            *weight -= shift;
        }
    }
}

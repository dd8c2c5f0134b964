//! Convolutions as products of filters with what they see, many samples at a time.
//!
//! In the matrices here the samples are innermost, so that what a window sees is copied, and slopes are added back, by rows.

use std::sync::Arc;

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, linalg::general_mat_mul};
use rayon::prelude::*;

use super::window::Filters;
use crate::{
    nn::matrix::{matrix, matrix_mut},
    vectors::on_vectors,
};

/// Numbers that filters see of a part: so many that they stay near the processor.
const NEAR: usize = 1 << 15;
/// The side of the squares that are transposed at once; parts have whole ones.
const SIDE: usize = 8;

/// The filters of a layer with memory for a batch, in parts that run beside each other.
#[derive(Clone, Debug)]
pub(crate) struct Sliding {
    pub(crate) filters: Arc<Filters>,
    /// Most samples of a part.
    samples: usize,
    parts: Vec<Part>,
}

/// Memory for the gradients of a batch through filters.
#[derive(Clone, Debug)]
pub(crate) struct SlidingGradients {
    parts: Vec<(Part, Array2<f32>)>,
}

/// The matrices of some samples.
#[derive(Clone, Debug)]
struct Part {
    /// `[channels * area, samples]`.
    inputs: Vec<f32>,
    /// `[channels * elements, positions * samples]`.
    columns: Vec<f32>,
    /// `[filters, positions * samples]`.
    sums: Vec<f32>,
}

impl Sliding {
    pub(crate) fn new(filters: &Arc<Filters>, batch: usize) -> Self {
        let (samples, parts) = parts(filters, batch);
        Self { filters: Arc::clone(filters), samples, parts: vec![Part::new(filters, samples); parts] }
    }

    /// Multiplies what filters see of each sample, `[channels, area]`, with `weights`; gives `[filters, positions]`.
    pub(crate) fn run(&mut self, weights: &Array2<f32>, samples: &[f32], to: &mut [f32]) {
        let Self { filters, samples: most, parts } = self;
        parts
            .par_iter_mut()
            .zip(samples.par_chunks(*most * filters.inputs()))
            .zip(to.par_chunks_mut(*most * filters.outputs()))
            .for_each(|((part, samples), to)| part.run(filters, weights, samples, to));
    }

    /// From the slopes of the sums of the batch that has just run to those of the weights, and, unless `to` is empty, to those
    /// of the samples, which are added where there are some.
    pub(crate) fn gradients(
        &self,
        weights: &Array2<f32>,
        slopes: &[f32],
        memory: &mut SlidingGradients,
        weight_slopes: &mut Array2<f32>,
        (to, adds): (&mut [f32], bool),
    ) {
        let filters = &*self.filters;
        let used = slopes.len().div_ceil(self.samples * filters.outputs());
        let parts = memory.parts[..used].par_iter_mut().zip(&self.parts);
        let parts = parts.zip(slopes.par_chunks(self.samples * filters.outputs()));
        if to.is_empty() {
            parts.for_each(|(((part, weight_slopes), run), slopes)| {
                part.weight_slopes(filters, &run.columns, slopes, weight_slopes);
            });
        } else {
            parts.zip(to.par_chunks_mut(self.samples * filters.inputs())).for_each(
                |((((part, weight_slopes), run), slopes), to)| {
                    part.weight_slopes(filters, &run.columns, slopes, weight_slopes);
                    part.input_slopes(filters, weights, to, adds);
                },
            );
        }
        weight_slopes.fill(0.0);
        for (_, part) in &memory.parts[..used] {
            *weight_slopes += part;
        }
    }
}

impl SlidingGradients {
    pub(crate) fn new(filters: &Filters, batch: usize) -> Self {
        let (samples, parts) = parts(filters, batch);
        let weights = Array2::zeros((filters.count, filters.fan_in()));
        Self { parts: vec![(Part::new(filters, samples), weights); parts] }
    }
}

/// Samples of a part, and how many parts there are.
fn parts(filters: &Filters, batch: usize) -> (usize, usize) {
    let squares = (NEAR / filters.columns() / SIDE).max(1);
    let samples = (squares * SIDE).min(batch);
    (samples, batch.div_ceil(samples))
}

impl Part {
    fn new(filters: &Filters, samples: usize) -> Self {
        Self {
            inputs: vec![0.0; filters.inputs() * samples],
            columns: vec![0.0; filters.columns() * samples],
            sums: vec![0.0; filters.outputs() * samples],
        }
    }

    fn run(&mut self, filters: &Filters, weights: &Array2<f32>, samples: &[f32], to: &mut [f32]) {
        let count = samples.len() / filters.inputs();
        transpose(samples, filters.inputs(), &mut self.inputs);
        filters.windows.gather(&self.inputs, count, &mut self.columns);
        for (group, weights) in filters.by_group(weights) {
            let columns = filters.seen(group, &self.columns, count);
            let mut sums = filters.given_mut(group, &mut self.sums, count);
            general_mat_mul(1.0, &weights, &columns, 0.0, &mut sums);
        }
        transpose(&self.sums[..to.len()], count, to);
    }

    /// Takes the slopes of sums, and gives those of the weights; `columns` is what the filters saw.
    fn weight_slopes(
        &mut self,
        filters: &Filters,
        columns: &[f32],
        slopes: &[f32],
        weight_slopes: &mut Array2<f32>,
    ) {
        let count = slopes.len() / filters.outputs();
        transpose(slopes, filters.outputs(), &mut self.sums);
        let rows = filters.count / filters.groups;
        for (group, mut to) in weight_slopes.axis_chunks_iter_mut(Axis(0), rows).enumerate() {
            let slopes = filters.given(group, &self.sums, count);
            let columns = filters.seen(group, columns, count);
            general_mat_mul(1.0, &slopes, &columns.t(), 0.0, &mut to);
        }
    }

    /// Gives the slopes of the samples, from those of the sums that [`Part::weight_slopes`] took.
    fn input_slopes(&mut self, filters: &Filters, weights: &Array2<f32>, to: &mut [f32], adds: bool) {
        let count = to.len() / filters.inputs();
        for (group, weights) in filters.by_group(weights) {
            let slopes = filters.given(group, &self.sums, count);
            let mut columns = filters.seen_mut(group, &mut self.columns, count);
            general_mat_mul(1.0, &weights.t(), &slopes, 0.0, &mut columns);
        }
        let inputs = &mut self.inputs[..to.len()];
        inputs.fill(0.0);
        filters.windows.scatter(&self.columns, count, inputs);
        if adds {
            for (sample, to) in to.chunks_exact_mut(filters.inputs()).enumerate() {
                for (to, slopes) in to.iter_mut().zip(inputs.chunks_exact(count)) {
                    *to += slopes[sample];
                }
            }
        } else {
            transpose(inputs, count, to);
        }
    }
}

/// Matrices of `count` samples, by group.
impl Filters {
    fn by_group<'a>(
        &self,
        weights: &'a Array2<f32>,
    ) -> impl Iterator<Item = (usize, ArrayView2<'a, f32>)> + use<'a> {
        weights.axis_chunks_iter(Axis(0), self.count / self.groups).enumerate()
    }

    fn seen<'a>(&self, group: usize, columns: &'a [f32], count: usize) -> ArrayView2<'a, f32> {
        let shape = [self.fan_in(), self.windows.positions * count];
        matrix(&columns[group * shape[0] * shape[1]..], shape)
    }

    fn seen_mut<'a>(&self, group: usize, columns: &'a mut [f32], count: usize) -> ArrayViewMut2<'a, f32> {
        let shape = [self.fan_in(), self.windows.positions * count];
        matrix_mut(&mut columns[group * shape[0] * shape[1]..], shape)
    }

    fn given<'a>(&self, group: usize, sums: &'a [f32], count: usize) -> ArrayView2<'a, f32> {
        let shape = [self.count / self.groups, self.windows.positions * count];
        matrix(&sums[group * shape[0] * shape[1]..], shape)
    }

    fn given_mut<'a>(&self, group: usize, sums: &'a mut [f32], count: usize) -> ArrayViewMut2<'a, f32> {
        let shape = [self.count / self.groups, self.windows.positions * count];
        matrix_mut(&mut sums[group * shape[0] * shape[1]..], shape)
    }
}

/// From `[rows, width]` to `[width, rows]`, in squares that fit the registers.
fn transpose(from: &[f32], width: usize, to: &mut [f32]) {
    on_vectors(|| transpose_squares(from, width, to));
}

#[expect(
    clippy::inline_always,
    reason = "only what is inlined into a dispatch is compiled for its instructions"
)]
#[inline(always)]
fn transpose_squares(from: &[f32], width: usize, to: &mut [f32]) {
    let rows = from.len() / width;
    let bands = from.chunks_exact(SIDE * width);
    let below = bands.remainder().chunks_exact(width);
    for (band, from) in bands.enumerate() {
        let lines: [&[f32]; SIDE] = std::array::from_fn(|k| &from[k * width..(k + 1) * width]);
        let squares = lines.map(|line| line.as_chunks::<SIDE>());
        let mut to = to.chunks_exact_mut(rows).map(|to| &mut to[band * SIDE..(band + 1) * SIDE]);
        for column in 0..width / SIDE {
            let square: [[f32; SIDE]; SIDE] = squares.map(|(squares, _)| squares[column]);
            for (k, to) in to.by_ref().take(SIDE).enumerate() {
                to.copy_from_slice(&square.map(|line| line[k]));
            }
        }
        for (k, to) in to.take(width % SIDE).enumerate() {
            to.copy_from_slice(&squares.map(|(_, beside)| beside[k]));
        }
    }
    for (row, from) in (rows - below.len()..).zip(below) {
        for (to, &value) in to.chunks_exact_mut(rows).zip(from) {
            to[row] = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transpose_has_each_number_at_its_place() {
        for (rows, width) in [(1, 1), (3, 40), (16, 8), (17, 21), (40, 5)] {
            let from: Vec<f32> = (0..rows * width).map(|number| number as f32).collect();
            let mut to = vec![-1.0; rows * width];
            transpose(&from, width, &mut to);
            let expected = matrix(&from, [rows, width]);
            assert_eq!(matrix(&to, [width, rows]), expected.t());
        }
    }
}

//! `MaxPool2d`: the largest level of each window.
//!
//! Encrypted, `max(a, b) = b + ReLU(a - b)`: a table for each number of a window but one, first along its rows, then across
//! them, so that windows which overlap share what they have in common. Padding is left out.

use std::sync::Arc;

use fheqat_spec::{self as spec, Range};

use super::{
    operation::{At, Back, Batch, Ends, Exact, Lowering, Mode, Operation, Refresh, Run, State, Units},
    place::Place,
    window::{Windows, pairs},
};
use crate::{
    circuit::{
        build::{OutsideBound, Values, merge},
        ir::{Term, Tolerance},
    },
    nn::{dimensions::Dimensions, error::NetworkError, matrix::slice_mut, module::stateless},
};

/// The largest level of each window of `K` by `K`, `[channels, height, width]` to `[channels, rows, columns]`.
#[derive(Clone, Copy, Debug)]
pub struct MaxPool2d<const K: usize>;

stateless!(MaxPool2d<K>);

impl<const K: usize> Dimensions for MaxPool2d<K> {
    const DIMENSIONS: &'static [usize] = &[K];
}

/// The largest number of each window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MaxPool(Arc<Windows>);

impl MaxPool {
    pub(super) fn placed(window: &spec::Window, place: &Place<'_>) -> Option<(usize, Self)> {
        let windows = Windows::new(window, &place.dims)?;
        Some((windows.channels * windows.positions, Self(Arc::new(windows))))
    }
}

impl State for MaxPool {
    fn reached(&self, at: At<'_>) -> Option<Range> {
        at.network.reached(at.from?)
    }

    fn ones(&self) -> Option<usize> {
        None
    }

    fn remove(&mut self, ends: Ends, gone: &[Vec<bool>], _: &[usize]) -> Vec<bool> {
        ends.from.map_or_else(|| vec![false; ends.width], |from| self.0.all(&gone[from]))
    }
}

impl Operation for MaxPool {
    type Kernel = Kernel;
    type Integers = Integers;

    fn kernel(&self, _: At<'_>, _: Mode) -> Kernel {
        Kernel { windows: Arc::clone(&self.0), unit: 1.0 }
    }

    fn refresh(&self, kernel: &mut Kernel, refresh: &mut Refresh<'_>) -> Result<(), NetworkError> {
        kernel.unit = refresh.at.output_unit(refresh.precision)?;
        Ok(())
    }

    fn integers(&self, _: At<'_>) -> Result<Integers, NetworkError> {
        Ok(Integers(Arc::clone(&self.0)))
    }
}

/// Takes the largest number of each window, times a unit.
#[derive(Clone, Debug)]
pub(crate) struct Kernel {
    windows: Arc<Windows>,
    /// The step, where the numbers are the network's output; else 1.
    unit: f32,
}

impl Kernel {
    /// For each number that it gives, the index of the number of `sample` that it is; of equal ones the first.
    fn largest<'a>(&'a self, sample: &'a [f32]) -> impl Iterator<Item = usize> + 'a {
        let windows = &*self.windows;
        pairs(windows.channels, windows.positions).map(move |(channel, position)| {
            let seen = windows.at(channel, position);
            let larger = |best: usize, next: usize| if sample[next] > sample[best] { next } else { best };
            seen.reduce(larger).unwrap_or(channel * windows.area)
        })
    }
}

impl Run for Kernel {
    fn run(&mut self, batch: Batch<'_>) {
        let Some(from) = batch.from else { return };
        let width = batch.output.ncols();
        let samples = batch.read.chunks_exact(batch.before[from].ncols());
        for (to, sample) in slice_mut(batch.output).chunks_exact_mut(width).zip(samples) {
            for (to, largest) in to.iter_mut().zip(self.largest(sample)) {
                *to = sample[largest] * self.unit;
            }
        }
    }

    fn back(&self, mut back: Back<'_>) {
        let Some(from) = back.at.from else { return };
        let read = back.read.chunks_exact(back.before[from].ncols());
        for ((to, slopes), sample) in back.samples().zip(read) {
            for (largest, slope) in self.largest(sample).zip(slopes) {
                to[largest] += slope * self.unit;
            }
        }
    }

    fn units(&self) -> Units<'_> {
        Units::All(self.unit)
    }
}

/// The largest level of each window, `[channels, positions]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Integers(Arc<Windows>);

impl Exact for Integers {
    fn run(&self, _: &[f32], _: &[Vec<i64>], operand: &[i64]) -> Vec<i64> {
        let largest = |(channel, position)| {
            self.0.at(channel, position).map(|level| operand[level]).max().unwrap_or_default()
        };
        pairs(self.0.channels, self.0.positions).map(largest).collect()
    }

    fn lower(&self, lowering: Lowering<'_>) -> Result<Values, OutsideBound> {
        let Lowering { builder, operand, name, reads: (reads, levels), .. } = lowering;
        let layer = builder.layer(name, (reads, Range::new(levels.lo - levels.hi, levels.hi - levels.lo)));
        let mut larger = |one: Vec<Term>, other: Vec<Term>| {
            let difference = merge(one.into_iter().chain(other.iter().map(|term| term.times(-1))));
            let rectified = builder.table(layer, Tolerance::EXACT, difference, |value| value.max(0))?;
            Ok(merge(other.into_iter().chain(rectified)))
        };
        let windows = &*self.0;
        pairs(windows.channels, windows.positions)
            .map(|(channel, position)| {
                // Of copies of a level one is enough, and of a maximum of two that share a copy no bound would be found.
                let mut seen: Vec<&[Term]> = Vec::new();
                let mut largest: Option<Vec<Term>> = None;
                for row in 0..windows.rows {
                    let mut of_row: Option<Vec<Term>> = None;
                    for number in windows.row(channel, position, row) {
                        let level = operand[number].as_slice();
                        if seen.contains(&level) {
                            continue;
                        }
                        seen.push(level);
                        of_row = Some(match of_row {
                            Some(before) => larger(before, level.to_vec())?,
                            None => level.to_vec(),
                        });
                    }
                    largest = match (largest, of_row) {
                        (Some(before), Some(row)) => Some(larger(before, row)?),
                        (before, row) => before.or(row),
                    };
                }
                Ok(largest.unwrap_or_default())
            })
            .collect()
    }
}

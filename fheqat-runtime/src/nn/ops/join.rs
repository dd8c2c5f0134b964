//! `Concat`, `Reshape` and `Flatten`: numbers one after the other, as they are.

use fheqat_spec::Range;

use super::{
    operation::{At, Back, Batch, Ends, Exact, Lowering, Mode, Operation, Refresh, Run, State, Units},
    place::Place,
    sum::scaled,
};
use crate::{
    circuit::build::{OutsideBound, Values},
    nn::{
        error::NetworkError,
        matrix::{slice, slice_mut},
        module::stateless,
    },
};

/// Tensors of levels that share one scale, one after the other along axis 0.
#[derive(Clone, Copy, Debug)]
pub struct Concat;

/// The same levels in another shape.
#[derive(Clone, Copy, Debug)]
pub struct Reshape;

/// Every number in one dimension, channels first.
#[derive(Clone, Copy, Debug)]
pub struct Flatten;

stateless!(Concat);
stateless!(Reshape);
stateless!(Flatten);

/// The numbers of nodes, which are its operands, one node after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Join(Vec<usize>);

impl Join {
    pub(super) fn placed(place: &Place<'_>) -> Option<(usize, Self)> {
        Some((place.widths.iter().sum(), Self(place.operands?.to_vec())))
    }
}

impl State for Join {
    fn operands(&self) -> Option<&[usize]> {
        Some(&self.0)
    }

    fn reached(&self, at: At<'_>) -> Option<Range> {
        let ranges = self.0.iter().map(|&operand| at.network.reached(operand));
        ranges.reduce(|a, b| Some(a?.cover(b?)))?
    }

    fn ones(&self) -> Option<usize> {
        None
    }

    fn remove(&mut self, _: Ends, gone: &[Vec<bool>], _: &[usize]) -> Vec<bool> {
        self.0.iter().flat_map(|&operand| gone[operand].iter().copied()).collect()
    }
}

impl Operation for Join {
    type Kernel = Kernel;
    type Integers = Integers;

    fn kernel(&self, _: At<'_>, _: Mode) -> Kernel {
        Kernel { operands: self.0.clone(), unit: 1.0 }
    }

    fn refresh(&self, kernel: &mut Kernel, refresh: &mut Refresh<'_>) -> Result<(), NetworkError> {
        kernel.unit = refresh.at.output_unit(refresh.precision)?;
        Ok(())
    }

    fn integers(&self, _: At<'_>) -> Result<Integers, NetworkError> {
        Ok(Integers(self.0.clone()))
    }
}

/// Puts the rows of its operands one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Kernel {
    operands: Vec<usize>,
    /// The step, where the numbers are the network's output; else 1.
    unit: f32,
}

impl Run for Kernel {
    fn run(&mut self, batch: Batch<'_>) {
        let Batch { before, count, output, .. } = batch;
        let width = output.ncols();
        let output = &mut slice_mut(output)[..count * width];
        let mut start = 0;
        for &operand in &self.operands {
            let own = before[operand].ncols();
            let rows = slice(&before[operand]).chunks_exact(own);
            for (to, from) in output.chunks_exact_mut(width).zip(rows) {
                to[start..start + own].copy_from_slice(from);
            }
            start += own;
        }
        for value in output {
            *value *= self.unit;
        }
    }

    fn back(&self, back: Back<'_>) {
        let (width, length) = (back.at.width, back.length());
        let slopes = scaled(back.slopes, length, self.unit);
        let mut start = 0;
        for (&operand, &route) in self.operands.iter().zip(back.routes) {
            let to = &mut back.before[operand];
            let own = to.ncols();
            for (to, from) in slice_mut(to).chunks_exact_mut(own).zip(slopes.chunks_exact(width)) {
                for (to, &slope) in to.iter_mut().zip(&from[start..]) {
                    route.pass(to, slope);
                }
            }
            start += own;
        }
    }

    fn units(&self) -> Units<'_> {
        Units::All(self.unit)
    }
}

/// The levels of its operands, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Integers(Vec<usize>);

impl Exact for Integers {
    fn run(&self, _: &[f32], values: &[Vec<i64>], _: &[i64]) -> Vec<i64> {
        self.0.iter().flat_map(|&operand| values[operand].iter().copied()).collect()
    }

    fn lower(&self, lowering: Lowering<'_>) -> Result<Values, OutsideBound> {
        Ok(self.0.iter().flat_map(|&operand| lowering.values[operand].clone()).collect())
    }
}

//! `Add`: sums of levels that share one scale.

use fheqat_spec::Range;
use ndarray::Array2;

use super::{
    operation::{At, Back, Batch, Ends, Exact, Lowering, Mode, Operation, Refresh, Run, State, Units},
    place::Place,
};
use crate::{
    circuit::build::{OutsideBound, Values, merge},
    nn::{
        error::NetworkError,
        matrix::{slice, slice_mut},
        module::stateless,
    },
};

/// The sum of two or more tensors of levels that share one scale.
#[derive(Clone, Copy, Debug)]
pub struct Add;

stateless!(Add);

/// The sum of nodes, which are its operands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sum(Vec<usize>);

impl Sum {
    pub(super) fn placed(place: &Place<'_>) -> Option<(usize, Self)> {
        Some((place.operand_width()?, Self(place.operands?.to_vec())))
    }
}

impl State for Sum {
    fn operands(&self) -> Option<&[usize]> {
        Some(&self.0)
    }

    fn adds_levels(&self) -> bool {
        true
    }

    fn reached(&self, _: At<'_>) -> Option<Range> {
        None
    }

    fn ones(&self) -> Option<usize> {
        Some(self.0.len())
    }

    fn remove(&mut self, ends: Ends, gone: &[Vec<bool>], _: &[usize]) -> Vec<bool> {
        (0..ends.width).map(|number| self.0.iter().all(|&operand| gone[operand][number])).collect()
    }
}

impl Operation for Sum {
    type Kernel = Kernel;
    type Integers = Integers;

    fn kernel(&self, _: At<'_>, _: Mode) -> Kernel {
        Kernel { operands: self.0.clone(), unit: 1.0 }
    }

    fn refresh(&self, kernel: &mut Kernel, refresh: &mut Refresh<'_>) -> Result<(), NetworkError> {
        kernel.unit = refresh.at.output_unit(refresh.precision)?;
        Ok(())
    }

    fn integers(&self, at: At<'_>) -> Result<Integers, NetworkError> {
        Ok(Integers { operands: self.0.clone(), width: at.width })
    }
}

/// Adds the rows of its operands.
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
        output.fill(0.0);
        for &operand in &self.operands {
            for (to, from) in output.iter_mut().zip(slice(&before[operand])) {
                *to += from;
            }
        }
        for value in output {
            *value *= self.unit;
        }
    }

    fn back(&self, back: Back<'_>) {
        let length = back.length();
        let slopes = scaled(back.slopes, length, self.unit);
        for (&operand, &route) in self.operands.iter().zip(back.routes) {
            for (to, &slope) in slice_mut(&mut back.before[operand]).iter_mut().zip(&*slopes) {
                route.pass(to, slope);
            }
        }
    }

    fn units(&self) -> Units<'_> {
        Units::All(self.unit)
    }
}

/// The first slopes, times the unit of the numbers they are of.
pub(super) fn scaled(slopes: &mut Array2<f32>, length: usize, unit: f32) -> &mut [f32] {
    let slopes = &mut slice_mut(slopes)[..length];
    for slope in slopes.iter_mut() {
        *slope *= unit;
    }
    slopes
}

/// The sum of the levels of its operands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Integers {
    operands: Vec<usize>,
    width: usize,
}

impl Exact for Integers {
    fn run(&self, _: &[f32], values: &[Vec<i64>], _: &[i64]) -> Vec<i64> {
        (0..self.width).map(|at| self.operands.iter().map(|&operand| values[operand][at]).sum()).collect()
    }

    fn lower(&self, lowering: Lowering<'_>) -> Result<Values, OutsideBound> {
        let values = lowering.values;
        let sum = |at: usize| merge(self.operands.iter().flat_map(|&operand| values[operand][at].clone()));
        Ok((0..self.width).map(sum).collect())
    }
}

//! `Transpose`: numbers in another order.

use fheqat_spec::{Axes, Known, Range};

use super::{
    operation::{At, Back, Batch, Ends, Exact, Lowering, Mode, Operation, Refresh, Run, State, Units},
    place::Place,
    sum::scaled,
};
use crate::{
    circuit::build::{OutsideBound, Values},
    nn::{error::NetworkError, matrix::slice_mut, module::stateless},
};

/// The same levels with their axes in another order.
#[derive(Clone, Copy, Debug)]
pub struct Transpose;

stateless!(Transpose);

/// Number `k` is number `order[k]` of the node it reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Permute(Vec<usize>);

impl Permute {
    pub(super) fn placed(axes: &Axes, place: &Place<'_>) -> Option<(usize, Self)> {
        place.operands?;
        Some((place.operand_width()?, Self(order(axes, &place.dims)?)))
    }
}

/// For each number of a transposed tensor, by rows, which number of the operand of these dimensions it is.
fn order(axes: &Axes, dims: &[usize]) -> Option<Vec<usize>> {
    let axes: Vec<usize> = axes
        .get()
        .iter()
        .map(|axis: &Known<i64>| usize::try_from(axis.get()?).ok())
        .collect::<Option<_>>()?;
    let mut strides = vec![1; dims.len()];
    for axis in (1..dims.len()).rev() {
        strides[axis - 1] = strides[axis] * dims[axis];
    }
    let mut order = vec![0];
    for axis in axes {
        let (count, stride) = (*dims.get(axis)?, strides[axis]);
        order = order.iter().flat_map(|start| (0..count).map(move |at| start + at * stride)).collect();
    }
    Some(order)
}

impl State for Permute {
    fn reached(&self, at: At<'_>) -> Option<Range> {
        at.network.reached(at.from?)
    }

    fn ones(&self) -> Option<usize> {
        None
    }

    fn remove(&mut self, ends: Ends, gone: &[Vec<bool>], _: &[usize]) -> Vec<bool> {
        match ends.from {
            Some(from) => self.0.iter().map(|&number| gone[from][number]).collect(),
            None => vec![false; ends.width],
        }
    }
}

impl Operation for Permute {
    type Kernel = Kernel;
    type Integers = Integers;

    fn kernel(&self, _: At<'_>, _: Mode) -> Kernel {
        Kernel { order: self.0.clone(), unit: 1.0 }
    }

    fn refresh(&self, kernel: &mut Kernel, refresh: &mut Refresh<'_>) -> Result<(), NetworkError> {
        kernel.unit = refresh.at.output_unit(refresh.precision)?;
        Ok(())
    }

    fn integers(&self, _: At<'_>) -> Result<Integers, NetworkError> {
        Ok(Integers(self.0.clone()))
    }
}

/// Puts the numbers of rows in another order.
#[derive(Clone, Debug)]
pub(crate) struct Kernel {
    order: Vec<usize>,
    /// The step, where the numbers are the network's output; else 1.
    unit: f32,
}

impl Run for Kernel {
    fn run(&mut self, batch: Batch<'_>) {
        let width = self.order.len();
        let rows = slice_mut(batch.output).chunks_exact_mut(width);
        for (to, from) in rows.zip(batch.read.chunks_exact(width)) {
            for (to, &number) in to.iter_mut().zip(&self.order) {
                *to = from[number] * self.unit;
            }
        }
    }

    fn back(&self, back: Back<'_>) {
        let Some(from) = back.at.from else { return };
        let (width, length, route) = (back.at.width, back.length(), back.route());
        let slopes = scaled(back.slopes, length, self.unit);
        let rows = slice_mut(&mut back.before[from]).chunks_exact_mut(width);
        for (to, from) in rows.zip(slopes.chunks_exact(width)) {
            for (&number, &slope) in self.order.iter().zip(from) {
                route.pass(&mut to[number], slope);
            }
        }
    }

    fn units(&self) -> Units<'_> {
        Units::All(self.unit)
    }
}

/// Level `k` is level `order[k]` of what it reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Integers(Vec<usize>);

impl Exact for Integers {
    fn run(&self, _: &[f32], _: &[Vec<i64>], operand: &[i64]) -> Vec<i64> {
        self.0.iter().map(|&number| operand[number]).collect()
    }

    fn lower(&self, lowering: Lowering<'_>) -> Result<Values, OutsideBound> {
        Ok(self.0.iter().map(|&number| lowering.operand[number].clone()).collect())
    }
}

//! `Dropout`: numbers that training leaves out at random, and nothing else does.

use fheqat_spec::{self as spec, Range};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{
    operation::{At, Back, Batch, Ends, Exact, Lowering, Mode, Operation, Refresh, Run, State, Units},
    place::Place,
};
use crate::{
    circuit::build::{OutsideBound, Values},
    nn::{
        error::NetworkError,
        matrix::{slice, slice_mut},
        module::stateless,
        precision::Statistics,
    },
};

/// The stream of a seed that chooses what the first node leaves out; each other has the next.
const LEFT_OUT: u64 = 1 << 33;

/// In training each number is zero with probability `p`, and divided by `1 - p` else; everywhere else it is as it is.
#[derive(Clone, Copy, Debug)]
pub struct Dropout;

stateless!(Dropout);

/// Numbers of which training leaves out some.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LeaveOut {
    /// The probability of each.
    p: f32,
}

impl LeaveOut {
    pub(super) fn placed(dropout: &spec::Dropout, place: &Place<'_>) -> Option<(usize, Self)> {
        Some((place.operand_width()?, Self { p: dropout.p.get()? as f32 }))
    }
}

impl State for LeaveOut {
    fn reached(&self, at: At<'_>) -> Option<Range> {
        at.network.reached(at.from?)
    }

    fn ones(&self) -> Option<usize> {
        None
    }

    fn remove(&mut self, ends: Ends, gone: &[Vec<bool>], _: &[usize]) -> Vec<bool> {
        ends.from.map_or_else(|| vec![false; ends.width], |from| gone[from].clone())
    }
}

impl Operation for LeaveOut {
    type Kernel = Kernel;
    type Integers = Integers;

    fn kernel(&self, at: At<'_>, mode: Mode) -> Kernel {
        match mode.statistics {
            Statistics::Running => Kernel { p: 0.0, rng: None, factors: Vec::new(), unit: 1.0 },
            Statistics::Batch => Kernel {
                p: self.p,
                rng: Some(mode.seed.rng(LEFT_OUT + at.index as u64)),
                factors: Vec::with_capacity(mode.batch * at.width),
                unit: 1.0,
            },
        }
    }

    fn refresh(&self, kernel: &mut Kernel, refresh: &mut Refresh<'_>) -> Result<(), NetworkError> {
        kernel.unit = refresh.at.output_unit(refresh.precision)?;
        Ok(())
    }

    fn integers(&self, _: At<'_>) -> Result<Integers, NetworkError> {
        Ok(Integers)
    }
}

/// Multiplies each number by zero or `1 / (1 - p)` in training, and by a unit.
#[derive(Clone, Debug)]
pub(crate) struct Kernel {
    p: f32,
    /// Where it trains.
    rng: Option<ChaCha8Rng>,
    /// What each number of the last batch was multiplied by, where it trains.
    factors: Vec<f32>,
    /// The step, where the numbers are the network's output; else 1.
    unit: f32,
}

impl Run for Kernel {
    fn run(&mut self, batch: Batch<'_>) {
        let to = &mut slice_mut(batch.output)[..batch.read.len()];
        let Some(rng) = &mut self.rng else {
            for (to, number) in to.iter_mut().zip(batch.read) {
                *to = number * self.unit;
            }
            return;
        };
        let kept = self.unit / (1.0 - self.p);
        self.factors.clear();
        self.factors.extend(batch.read.iter().map(|_| if rng.random::<f32>() < self.p { 0.0 } else { kept }));
        for (to, (number, factor)) in to.iter_mut().zip(batch.read.iter().zip(&self.factors)) {
            *to = number * factor;
        }
    }

    fn back(&self, back: Back<'_>) {
        let Some(from) = back.at.from else { return };
        let (length, route) = (back.length(), back.route());
        let to = &mut slice_mut(&mut back.before[from])[..length];
        for (number, (to, slope)) in to.iter_mut().zip(slice(back.slopes)).enumerate() {
            route.pass(to, slope * self.factors.get(number).copied().unwrap_or(self.unit));
        }
    }

    fn units(&self) -> Units<'_> {
        Units::All(self.unit)
    }
}

/// The levels that it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Integers;

impl Exact for Integers {
    fn run(&self, _: &[f32], _: &[Vec<i64>], operand: &[i64]) -> Vec<i64> {
        operand.to_vec()
    }

    fn lower(&self, lowering: Lowering<'_>) -> Result<Values, OutsideBound> {
        Ok(lowering.operand.clone())
    }
}

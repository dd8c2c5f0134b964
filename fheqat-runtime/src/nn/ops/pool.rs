//! `AvgPool2d` and `GlobalAvgPool2d`: sums of windows, which the quantizer behind them divides and rounds.

use std::sync::Arc;

use fheqat_spec::{self as spec, Range};
use ndarray::ArrayView1;

use super::{
    operation::{At, Back, Batch, Ends, Exact, Lowering, Mode, ONE, Operation, Refresh, Run, State, Units},
    place::Place,
    window::{Windows, pairs},
};
use crate::{
    circuit::build::{OutsideBound, Values, weighted_sum},
    nn::{
        dimensions::Dimensions, error::NetworkError, matrix::slice_mut, module::stateless,
        precision::Precision,
    },
    quant::transition::Dequantize,
};

/// The average of each window of `K` by `K`, `[channels, height, width]`: a sum in integers, which the quantizer behind it
/// divides and rounds.
#[derive(Clone, Copy, Debug)]
pub struct AvgPool2d<const K: usize>;

/// The average of each channel, `[channels, height, width]` to `[channels]`.
#[derive(Clone, Copy, Debug)]
pub struct GlobalAvgPool2d;

stateless!(AvgPool2d<K>);
stateless!(GlobalAvgPool2d);

impl<const K: usize> Dimensions for AvgPool2d<K> {
    const DIMENSIONS: &'static [usize] = &[K];
}

/// The sums of windows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pool(Arc<Windows>);

impl Pool {
    pub(super) fn placed(pool: &spec::Pool, place: &Place<'_>) -> Option<(usize, Self)> {
        let windows = match &pool.window {
            Some(window) => Windows::new(window, &place.dims),
            None => Windows::whole(&place.dims),
        }?;
        Some((windows.channels * windows.positions, Self(Arc::new(windows))))
    }
}

impl Pool {
    fn average(&self, at: At<'_>) -> Result<Dequantize, NetworkError> {
        Ok(Dequantize::average(at.input_levels()?.0, self.0.elements as f32))
    }
}

impl State for Pool {
    fn reached(&self, _: At<'_>) -> Option<Range> {
        None
    }

    fn units(&self, at: At<'_>) -> Result<(ArrayView1<'_, f32>, f32), NetworkError> {
        Ok((ONE, at.input_levels()?.0))
    }

    fn dequantize_into(
        &self,
        at: At<'_>,
        _row_sums: &[f32],
        channels: &mut Vec<Dequantize>,
    ) -> Result<(), NetworkError> {
        channels.clear();
        channels.push(self.average(at)?);
        Ok(())
    }

    fn ones(&self) -> Option<usize> {
        Some(self.0.elements)
    }

    fn remove(&mut self, ends: Ends, gone: &[Vec<bool>], _: &[usize]) -> Vec<bool> {
        ends.from.map_or_else(|| vec![false; ends.width], |from| self.0.all(&gone[from]))
    }
}

impl Operation for Pool {
    type Kernel = Kernel;
    type Integers = Integers;

    fn kernel(&self, _: At<'_>, _: Mode) -> Kernel {
        Kernel { windows: Arc::clone(&self.0), unit: 1.0 }
    }

    fn refresh(&self, kernel: &mut Kernel, refresh: &mut Refresh<'_>) -> Result<(), NetworkError> {
        let at = refresh.at;
        kernel.unit = match refresh.precision {
            Precision::Float => 1.0 / self.0.elements as f32,
            Precision::Quantized if at.is_last() => self.average(at)?.share(),
            Precision::Quantized => 1.0,
        };
        Ok(())
    }

    fn integers(&self, _: At<'_>) -> Result<Integers, NetworkError> {
        Ok(Integers(Arc::clone(&self.0)))
    }
}

/// Sums windows, each times a unit.
#[derive(Clone, Debug)]
pub(crate) struct Kernel {
    windows: Arc<Windows>,
    unit: f32,
}

impl Run for Kernel {
    fn run(&mut self, batch: Batch<'_>) {
        let Some(from) = batch.from else { return };
        let samples = batch.read.chunks_exact(batch.before[from].ncols());
        let width = batch.output.ncols();
        for (to, sample) in slice_mut(batch.output).chunks_exact_mut(width).zip(samples) {
            self.windows.sum(sample, self.unit, to);
        }
    }

    fn back(&self, mut back: Back<'_>) {
        for (to, slopes) in back.samples() {
            self.windows.spread(slopes, self.unit, to);
        }
    }

    fn units(&self) -> Units<'_> {
        Units::All(self.unit)
    }
}

/// The sums of windows, `[channels, positions]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Integers(Arc<Windows>);

impl Exact for Integers {
    fn run(&self, _: &[f32], _: &[Vec<i64>], operand: &[i64]) -> Vec<i64> {
        let sum = |(channel, position)| self.0.at(channel, position).map(|level| operand[level]).sum();
        pairs(self.0.channels, self.0.positions).map(sum).collect()
    }

    fn lower(&self, lowering: Lowering<'_>) -> Result<Values, OutsideBound> {
        let levels = lowering.operand;
        let window =
            |(channel, position)| weighted_sum(self.0.at(channel, position).map(|level| (&levels[level], 1)));
        Ok(pairs(self.0.channels, self.0.positions).map(window).collect())
    }
}

//! `Transpose`, `Pad`, `Upsample` and `Slice`: what an op gives that only leads wires elsewhere.

use std::sync::Arc;

use fheqat_spec::{self as spec, Axes, Known, Range};
use rand_chacha::ChaCha8Rng;

use super::{
    operation::{At, Back, Batch, Ends, Exact, Lowering, Mode, Operation, Refresh, Run, State, Units},
    place::Place,
};
use crate::{
    circuit::build::{OutsideBound, Values},
    nn::{
        dimensions::Dimensions,
        error::NetworkError,
        matrix::slice_mut,
        module::{LayerMut, LayerRef, Module, stateless},
    },
};

/// The same levels with their axes in another order.
#[derive(Clone, Copy, Debug)]
pub struct Transpose;

/// Zero levels around each channel: `[channels, length]` or `[channels, height, width]`, with `padding = 1` on every side or
/// `padding = (top, bottom, left, right)`, of a sequence `padding = (left, right)`.
#[derive(Clone, Copy, Debug)]
pub struct Pad;

/// Each number `FACTOR` times along each axis behind the channels, which is the nearest neighbour: `[channels, length]` to
/// `[channels, length * FACTOR]`, `[channels, height, width]` to `[channels, height * FACTOR, width * FACTOR]`.
#[derive(Clone, Copy, Debug)]
pub struct Upsample<const FACTOR: usize>;

/// The numbers from `START` to `END`, without `END`, of one axis: of the channels, or of `axis = 1` or what it names.
///
/// Two of them that read one field split it: `Slice<0, 4>` and `#[layer(from = a)]` with `Slice<4, 8>` are the halves of eight channels.
#[derive(Clone, Copy, Debug)]
pub struct Slice<const START: usize, const END: usize>;

stateless!(Transpose);
stateless!(Pad);
stateless!(Upsample<FACTOR>);

impl<const START: usize, const END: usize> Dimensions for Slice<START, END> {
    const DIMENSIONS: &'static [usize] = &[START, END];
}

#[diagnostic::do_not_recommend]
impl<const START: usize, const END: usize> Module for Slice<START, END> {
    fn init(_: &spec::Layer, _: &spec::Fact, _: &mut ChaCha8Rng) -> Self {
        Self
    }
    fn layer(&self) -> LayerRef<'_> {
        LayerRef::stateless("Slice")
    }
    fn layer_mut(&mut self) -> LayerMut<'_> {
        LayerMut::stateless()
    }
}

impl<const FACTOR: usize> Dimensions for Upsample<FACTOR> {
    const DIMENSIONS: &'static [usize] = &[FACTOR];
}

/// Number `k` is number `sources[k]` of the node it reads, or zero where that is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wires(Arc<[Option<usize>]>);

impl Wires {
    /// Axis `k` is axis `axes[k]` of the operand.
    pub(super) fn transposed(axes: &Axes, place: &Place<'_>) -> Option<(usize, Self)> {
        let axes: Vec<usize> = axes
            .get()
            .iter()
            .map(|axis: &Known<i64>| usize::try_from(axis.get()?).ok())
            .collect::<Option<_>>()?;
        let axes: Vec<_> = axes
            .iter()
            .map(|&axis| Some((axis, (0..*place.dims.get(axis)?).map(Some).collect())))
            .collect::<Option<_>>()?;
        Self::of(&axes, place)
    }

    /// Zeros around each channel.
    pub(super) fn padded(pad: &spec::Pad, place: &Place<'_>) -> Option<(usize, Self)> {
        Self::by_axis(place, |axis, length| {
            let Some(axis) = axis.checked_sub(1) else { return Some((0..length).map(Some).collect()) };
            let [before, behind] = pad.padding.around(axis).get()?.map(usize::try_from);
            let zeros = |count| std::iter::repeat_n(None, count);
            Some(zeros(before.ok()?).chain((0..length).map(Some)).chain(zeros(behind.ok()?)).collect())
        })
    }

    /// Each number of a channel several times.
    pub(super) fn repeated(upsample: &spec::Upsample, place: &Place<'_>) -> Option<(usize, Self)> {
        let factor = usize::try_from(upsample.factor.get()?).ok()?;
        Self::by_axis(place, |axis, length| {
            let times = if axis == 0 { 1 } else { factor };
            Some((0..length).flat_map(|number| std::iter::repeat_n(Some(number), times)).collect())
        })
    }

    /// A part of one axis.
    pub(super) fn sliced(slice: &spec::Slice, place: &Place<'_>) -> Option<(usize, Self)> {
        let number = |number: Known<i64>| usize::try_from(number.get()?).ok();
        let (start, end, of) = (number(slice.start)?, number(slice.end)?, number(slice.axis)?);
        Self::by_axis(place, |axis, length| {
            let part = if axis == of { start..end } else { 0..length };
            (part.end <= length).then(|| part.map(Some).collect())
        })
    }

    /// Each axis in its place: of each of its positions which of the operand's it is, by the axis and its length.
    fn by_axis(
        place: &Place<'_>,
        of: impl Fn(usize, usize) -> Option<Vec<Option<usize>>>,
    ) -> Option<(usize, Self)> {
        let axes = place.dims.iter().enumerate();
        let axes: Vec<_> =
            axes.map(|(axis, &length)| Some((axis, of(axis, length)?))).collect::<Option<_>>()?;
        Self::of(&axes, place)
    }

    /// For each axis which of the operand's it is, and of each of its positions which of that axis.
    fn of(axes: &[(usize, Vec<Option<usize>>)], place: &Place<'_>) -> Option<(usize, Self)> {
        place.operands?;
        let mut strides = vec![1; place.dims.len()];
        for axis in (1..place.dims.len()).rev() {
            strides[axis - 1] = strides[axis] * place.dims[axis];
        }
        let mut sources = vec![Some(0)];
        for (axis, positions) in axes {
            let stride = *strides.get(*axis)?;
            let next = |start: Option<usize>| {
                positions.iter().map(move |&position| Some(start? + position? * stride))
            };
            sources = sources.into_iter().flat_map(next).collect();
        }
        Some((sources.len(), Self(sources.into())))
    }
}

impl State for Wires {
    fn reached(&self, at: At<'_>) -> Option<Range> {
        let levels = at.network.reached(at.from?)?;
        let has_zeros = self.0.iter().any(Option::is_none);
        Some(if has_zeros { levels.cover(Range::new(0, 0)) } else { levels })
    }

    fn ones(&self) -> Option<usize> {
        None
    }

    /// A zero is as good as gone: no weight that reads it does anything.
    fn remove(&mut self, ends: Ends, gone: &[Vec<bool>], _: &[usize]) -> Vec<bool> {
        match ends.from {
            Some(from) => {
                self.0.iter().map(|source| source.is_none_or(|number| gone[from][number])).collect()
            }
            None => vec![false; ends.width],
        }
    }
}

impl Operation for Wires {
    type Kernel = Kernel;
    type Integers = Integers;

    fn kernel(&self, _: At<'_>, _: Mode) -> Kernel {
        Kernel { sources: Arc::clone(&self.0), unit: 1.0 }
    }

    fn refresh(&self, kernel: &mut Kernel, refresh: &mut Refresh<'_>) -> Result<(), NetworkError> {
        kernel.unit = refresh.at.output_unit(refresh.precision)?;
        Ok(())
    }

    fn integers(&self, _: At<'_>) -> Result<Integers, NetworkError> {
        Ok(Integers(Arc::clone(&self.0)))
    }
}

/// Leads the numbers of rows elsewhere.
#[derive(Clone, Debug)]
pub(crate) struct Kernel {
    sources: Arc<[Option<usize>]>,
    /// The step, where the numbers are the network's output; else 1.
    unit: f32,
}

impl Run for Kernel {
    fn run(&mut self, batch: Batch<'_>) {
        let Some(from) = batch.from else { return };
        let samples = batch.read.chunks_exact(batch.before[from].ncols());
        let rows = slice_mut(batch.output).chunks_exact_mut(self.sources.len());
        for (to, sample) in rows.zip(samples) {
            for (to, source) in to.iter_mut().zip(&*self.sources) {
                *to = source.map_or(0.0, |number| sample[number] * self.unit);
            }
        }
    }

    fn back(&self, mut back: Back<'_>) {
        for (to, slopes) in back.samples() {
            for (source, slope) in self.sources.iter().zip(slopes) {
                if let Some(number) = *source
                    && let Some(to) = to.get_mut(number)
                {
                    *to += slope * self.unit;
                }
            }
        }
    }

    fn units(&self) -> Units<'_> {
        Units::All(self.unit)
    }
}

/// Level `k` is level `sources[k]` of what it reads, or zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Integers(Arc<[Option<usize>]>);

impl Exact for Integers {
    fn run(&self, _: &[f32], _: &[Vec<i64>], operand: &[i64]) -> Vec<i64> {
        self.0.iter().map(|source| source.map_or(0, |number| operand[number])).collect()
    }

    fn lower(&self, lowering: Lowering<'_>) -> Result<Values, OutsideBound> {
        let wires = |source: &Option<usize>| source.map(|number| lowering.operand[number].clone());
        Ok(self.0.iter().map(|source| wires(source).unwrap_or_default()).collect())
    }
}

//! `Mul` and `ConstantAdd`: constants of each channel, which the table behind holds, or the client.

use fheqat_spec::{self as spec, Does, Range};
use ndarray::{Array1, ArrayView1};
use rand_chacha::ChaCha8Rng;

use super::{
    affine::Affine,
    norm::Integers,
    operation::{At, AtLoad, Back, Batch, Ends, Mode, Operation, Refresh, Run, State, Units},
    place::Place,
};
use crate::{
    nn::{
        error::{ConstantsError, NetworkError},
        matrix::{slice, slice_mut},
        module::{LayerMut, LayerRef, Module},
        precision::{Precision, Statistics},
        tensors::{TensorReader, TensorWriter, WeightsError},
        usable::{Bad, infinite},
    },
    quant::transition::Dequantize,
};

/// Each channel times a constant, `value = 0.5` for all of them or [one for each](Mul::set_values), channels along axis 0.
///
/// It reads levels or sums, which stay the integers they are: the table behind holds the constant, or the client's scale, so it costs
/// nothing encrypted, and a quantizer has to stand behind it wherever levels are needed. Constants do not train. Weights have them as
/// the tensor `value`, `[channels]`.
#[derive(Clone, Debug)]
pub struct Mul {
    /// What it holds.
    pub state: ConstantState,
}

/// A constant added to each channel, `value = 0.5` for all of them or [one for each](ConstantAdd::set_values), channels along axis 0.
///
/// What is said of [`Mul`] holds for it.
#[derive(Clone, Debug)]
pub struct ConstantAdd {
    /// What it holds.
    pub state: ConstantState,
}

macro_rules! layer {
    ($name:ident) => {
        #[diagnostic::do_not_recommend]
        impl Module for $name {
            fn init(layer: &spec::Layer, fact: &spec::Fact, _: &mut ChaCha8Rng) -> Self {
                Self { state: ConstantState::new(layer, fact) }
            }
            fn layer(&self) -> LayerRef<'_> {
                LayerRef::new(stringify!($name), &self.state)
            }
            fn layer_mut(&mut self) -> LayerMut<'_> {
                LayerMut::new(&mut self.state)
            }
        }

        impl $name {
            /// The constants, `[channels]`.
            #[must_use]
            pub fn values(&self) -> ArrayView1<'_, f32> {
                self.state.values.view()
            }

            /// Sets one constant for all channels, or one for each, `[channels]`.
            ///
            /// # Errors
            /// When there are as many of neither, or one is not finite. The constants stay as they were.
            pub fn set_values(&mut self, values: &[f32]) -> Result<(), ConstantsError> {
                self.state.set(values)
            }
        }
    };
}
layer!(Mul);
layer!(ConstantAdd);

/// Constants, one for each channel.
#[derive(Clone, Debug, PartialEq)]
pub struct ConstantState {
    does: Does,
    pub(crate) values: Array1<f32>,
}

const VALUE: &str = "value";

impl ConstantState {
    /// As many channels as axis 0 of the tensor has.
    pub(crate) fn new(layer: &spec::Layer, fact: &spec::Fact) -> Self {
        let (does, value) = match layer {
            spec::Layer::Constant(constant) => (constant.does, constant.value.or(constant.does.neutral())),
            _ => (Does::Add, 0.0),
        };
        let shape = fact.shape.get();
        let first = shape.as_ref().and_then(|shape| shape.dims().first()?.get());
        let channels = first.and_then(|channels| usize::try_from(channels).ok()).unwrap_or(0);
        Self { does, values: Array1::from_elem(channels, value as f32) }
    }

    fn set(&mut self, values: &[f32]) -> Result<(), ConstantsError> {
        if let Some(channel) = values.iter().position(|value| !value.is_finite()) {
            return Err(ConstantsError::Infinite { channel, value: values[channel] });
        }
        match values {
            [value] => self.values.fill(*value),
            _ if values.len() == self.values.len() => self.values = values.to_vec().into(),
            _ => {
                return Err(ConstantsError::Count { found: values.len(), channels: self.values.len() });
            }
        }
        Ok(())
    }

    /// Constants in a network.
    pub(super) fn placed(
        layer: &spec::Constant,
        state: LayerRef<'_>,
        place: &Place<'_>,
    ) -> Option<(usize, Self)> {
        let state: &Self = state.state()?;
        let fits = place.dims.first() == Some(&state.values.len()) && state.does == layer.does;
        Some((place.operand_width()?, state.clone())).filter(|_| fits && place.operands.is_some())
    }

    /// What each channel stands for, from what it stands for in front of the constants: one for each, or one for all.
    fn apply(&self, before: &[Dequantize]) -> impl ExactSizeIterator<Item = Dequantize> {
        let channels = self.values.iter().enumerate();
        channels.map(|(channel, &value)| {
            let before = before.get(channel).or(before.first()).copied().unwrap_or(Dequantize::plain(1.0));
            match self.does {
                Does::Multiply => before.mapped(value, 0.0),
                Does::Add => before.mapped(1.0, value),
            }
        })
    }
}

impl State for ConstantState {
    fn reached(&self, _: At<'_>) -> Option<Range> {
        None
    }

    fn dequantize_into(
        &self,
        at: At<'_>,
        row_sums: &[f32],
        channels: &mut Vec<Dequantize>,
    ) -> Result<(), NetworkError> {
        let from = at.from.ok_or_else(|| at.network.not_calibrated(at.index))?;
        at.network.dequantize_into(from, row_sums, channels)?;
        *channels = self.apply(channels).collect();
        Ok(())
    }

    fn ones(&self) -> Option<usize> {
        Some(1)
    }

    fn unusable(&self) -> Option<Bad> {
        infinite("constant", &self.values)
    }

    fn remove(&mut self, ends: Ends, gone: &[Vec<bool>], _: &[usize]) -> Vec<bool> {
        ends.from.map_or_else(|| vec![false; ends.width], |from| gone[from].clone())
    }

    fn save(&self, _: Option<&'static str>, to: &mut TensorWriter) {
        to.tensor(VALUE, self.values.shape(), &self.values);
    }

    fn load(&mut self, _: AtLoad, from: &mut TensorReader<'_>) -> Result<(), WeightsError> {
        self.values = Array1::from_vec(from.required(VALUE, &[self.values.len()]));
        Ok(())
    }

    fn store(&self, layer: LayerMut<'_>) {
        if let Some(state) = layer.state::<Self>() {
            state.clone_from(self);
        }
    }
}

impl Operation for ConstantState {
    type Kernel = Kernel;
    type Integers = Integers;

    fn kernel(&self, at: At<'_>, mode: Mode) -> Kernel {
        Kernel { affine: Affine::new(at.width), statistics: mode.statistics }
    }

    /// In training, where a batch normalisation hands on values, it does so too.
    fn refresh(&self, kernel: &mut Kernel, refresh: &mut Refresh<'_>) -> Result<(), NetworkError> {
        let at = refresh.at;
        let affine = &mut kernel.affine;
        match (refresh.precision, kernel.statistics, at.from) {
            (Precision::Float, ..) => affine.set(self.apply(&[Dequantize::plain(1.0)])),
            (Precision::Quantized, Statistics::Batch, Some(from)) => {
                affine.set(self.apply(refresh.read(from)?));
            }
            (Precision::Quantized, ..) if at.is_last() => {
                affine.set(refresh.read(at.index)?.iter().copied());
            }
            // The staircase behind it holds what it does.
            (Precision::Quantized, ..) => {}
        }
        Ok(())
    }

    fn integers(&self, _: At<'_>) -> Result<Integers, NetworkError> {
        Ok(Integers)
    }
}

/// A factor and a constant for each number, or nothing where the staircase behind holds them.
#[derive(Clone, Debug)]
pub(crate) struct Kernel {
    affine: Affine,
    statistics: Statistics,
}

impl Run for Kernel {
    fn run(&mut self, batch: Batch<'_>) {
        let output = &mut slice_mut(batch.output)[..batch.read.len()];
        output.copy_from_slice(batch.read);
        self.affine.run(output);
    }

    fn back(&self, back: Back<'_>) {
        let Some(from) = back.at.from else { return };
        let (length, route) = (back.length(), back.route());
        let to = &mut slice_mut(&mut back.before[from])[..length];
        let slopes = slice(back.slopes).iter().zip(self.affine.units.iter().cycle());
        for (to, (slope, unit)) in to.iter_mut().zip(slopes) {
            route.pass(to, slope * unit);
        }
    }

    fn units(&self) -> Units<'_> {
        match self.statistics {
            Statistics::Running => Units::Each(&self.affine.units),
            Statistics::Batch => Units::TimesRead(&self.affine.units),
        }
    }

    fn normalized(&self) -> bool {
        matches!(self.statistics, Statistics::Batch)
    }
}

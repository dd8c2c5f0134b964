//! Layers as they are trained: float state, and the integers it stands for.

use fheqat_spec as spec;
use ndarray::{Array1, Array2, ArrayView1};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::quant::{
    Quantizer,
    row::{RowLimits, RowRounder},
};

/// Reads the input: rounds floats to integer levels.
#[derive(Clone, Debug)]
pub struct QuantIdentity {
    /// What trains.
    pub state: QuantizerState,
}

/// `max(x, 0)`, rounded to integer levels.
#[derive(Clone, Debug)]
pub struct QuantReLU {
    /// What trains.
    pub state: QuantizerState,
}

/// A dense layer with integer weights and a float bias, `[IN]` to `[OUT]`.
#[derive(Clone, Debug)]
pub struct QuantLinear<const IN: usize, const OUT: usize> {
    /// What trains.
    pub state: LinearState,
}

/// The sum of two or more tensors of levels that share one scale.
#[derive(Clone, Copy, Debug)]
pub struct Add;

/// Tensors of levels that share one scale, one after the other along axis 0.
#[derive(Clone, Copy, Debug)]
pub struct Concat;

/// The same levels in another shape.
#[derive(Clone, Copy, Debug)]
pub struct Reshape;

/// The same levels with their axes in another order.
#[derive(Clone, Copy, Debug)]
pub struct Transpose;

/// Filters of length `K` with integer weights and a float bias, `[IN, length]` to `[OUT, positions]`.
#[derive(Clone, Debug)]
pub struct QuantConv1d<const IN: usize, const OUT: usize, const K: usize> {
    /// What trains.
    pub state: LinearState,
}

/// Filters of `K` by `K` with integer weights and a float bias, `[IN, height, width]` to `[OUT, rows, columns]`.
#[derive(Clone, Debug)]
pub struct QuantConv2d<const IN: usize, const OUT: usize, const K: usize> {
    /// What trains.
    pub state: LinearState,
}

/// The average of each window of `K` by `K`, `[channels, height, width]`: a sum in integers, which the quantizer behind it
/// divides and rounds.
#[derive(Clone, Copy, Debug)]
pub struct AvgPool2d<const K: usize>;

/// The average of each channel, `[channels, height, width]` to `[channels]`.
#[derive(Clone, Copy, Debug)]
pub struct GlobalAvgPool2d;

/// Every number in one dimension, channels first.
#[derive(Clone, Copy, Debug)]
pub struct Flatten;

/// The state of a quantizer.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantizerState {
    /// The function before the rounding.
    pub(crate) transfer: spec::Transfer,
    /// The levels it gives.
    pub(crate) levels: spec::Range,
    /// The step the user fixed.
    pub(crate) fixed: Option<f32>,
    /// The step between two levels; `None` until training or calibration has chosen it.
    pub(crate) step: Option<f32>,
}

/// The state of a layer with weights: a row for each neuron, or for each filter of a convolution.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearState {
    /// Float weights, `[out, in]`, in units of `scale`.
    pub(crate) weight: Array2<f32>,
    /// Float bias, `[out]`, in the units of the layer's output.
    pub(crate) bias: Array1<f32>,
    /// The float weight that one integer unit stands for; `None` until training or calibration has chosen it, and
    /// weights are in the units of the layer till then.
    pub(crate) scale: Option<f32>,
    /// Which weights pruning keeps, `[out, in]`; the others are zero.
    pub(crate) mask: Option<Array2<bool>>,
    /// What the integers of a row keep.
    pub(crate) limits: RowLimits,
    /// The budget that was declared; training may choose a smaller one.
    pub(crate) declared_l1: Option<usize>,
    /// How the user wants the bias held.
    pub(crate) declared: spec::Bias,
    /// How it is held: free behind float training, whatever was declared.
    pub(crate) hold: spec::Bias,
}

/// A layer of any kind, to read.
#[derive(Clone, Copy, Debug)]
pub enum LayerRef<'a> {
    /// A quantizer.
    Quantizer(&'a QuantizerState),
    /// A dense layer or a convolution.
    Linear(&'a LinearState),
    /// A layer that nothing trains, by the name of its type.
    Stateless(&'static str),
}

/// A layer of any kind, to change.
#[derive(Debug)]
pub enum LayerMut<'a> {
    /// A quantizer.
    Quantizer(&'a mut QuantizerState),
    /// A dense layer or a convolution.
    Linear(&'a mut LinearState),
    /// A layer that nothing trains.
    Stateless,
}

/// What `#[quant_net]` needs of the type of a field.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a layer of fheqat",
    label = "this names another type",
    note = "import fheqat's: `use fheqat::prelude::*;`"
)]
pub trait Module: Sized {
    /// A fresh layer.
    fn init(layer: &spec::Layer, rng: &mut ChaCha8Rng) -> Self;
    /// The layer to read.
    fn layer(&self) -> LayerRef<'_>;
    /// The layer to change.
    fn layer_mut(&mut self) -> LayerMut<'_>;
}

macro_rules! quantizer_module {
    ($type:ident, $transfer:expr) => {
        #[diagnostic::do_not_recommend]
        impl Module for $type {
            fn init(layer: &spec::Layer, _: &mut ChaCha8Rng) -> Self {
                Self { state: QuantizerState::new(layer, $transfer) }
            }
            fn layer(&self) -> LayerRef<'_> {
                LayerRef::Quantizer(&self.state)
            }
            fn layer_mut(&mut self) -> LayerMut<'_> {
                LayerMut::Quantizer(&mut self.state)
            }
        }

        impl $type {
            /// The step between two levels; `None` until training or calibration has chosen it.
            #[must_use]
            pub fn step(&self) -> Option<f32> {
                self.state.step
            }
        }
    };
}

quantizer_module!(QuantIdentity, spec::Transfer::Signed);
quantizer_module!(QuantReLU, spec::Transfer::ReLU);

macro_rules! stateless_module {
    ($type:ident $(<$number:ident>)?) => {
        #[diagnostic::do_not_recommend]
        impl $(<const $number: usize>)? Module for $type $(<$number>)? {
            fn init(_: &spec::Layer, _: &mut ChaCha8Rng) -> Self {
                Self
            }
            fn layer(&self) -> LayerRef<'_> {
                LayerRef::Stateless(stringify!($type))
            }
            fn layer_mut(&mut self) -> LayerMut<'_> {
                LayerMut::Stateless
            }
        }
    };
}

stateless_module!(Add);
stateless_module!(Concat);
stateless_module!(Reshape);
stateless_module!(Transpose);
stateless_module!(AvgPool2d<K>);
stateless_module!(GlobalAvgPool2d);
stateless_module!(Flatten);

macro_rules! weighted_module {
    ($type:ident<$($number:ident),*>, $width:literal, $inputs:expr) => {
        #[diagnostic::do_not_recommend]
        impl<$(const $number: usize),*> Module for $type<$($number),*> {
            fn init(layer: &spec::Layer, rng: &mut ChaCha8Rng) -> Self {
                Self { state: LinearState::new(layer, [OUT, $inputs / groups(layer)], rng) }
            }
            fn layer(&self) -> LayerRef<'_> {
                LayerRef::Linear(&self.state)
            }
            fn layer_mut(&mut self) -> LayerMut<'_> {
                LayerMut::Linear(&mut self.state)
            }
        }

        impl<$(const $number: usize),*> $type<$($number),*> {
            #[doc = concat!("The float weights, `[OUT, ", $width, "]`.")]
            #[must_use]
            pub fn weights(&self) -> Array2<f32> {
                self.state.float_weights()
            }

            #[doc = concat!("The integer weights that run, `[OUT, ", $width, "]`; `None` until training or calibration has chosen their scale.")]
            #[must_use]
            pub fn integers(&self) -> Option<Array2<i32>> {
                self.state.scale.map(|_| self.state.integers())
            }

            /// The float weight that one integer unit stands for.
            #[must_use]
            pub fn scale(&self) -> Option<f32> {
                self.state.scale
            }

            /// The float bias, `[OUT]`; unused where it is held centred.
            #[must_use]
            pub fn bias(&self) -> ArrayView1<'_, f32> {
                self.state.bias.view()
            }
        }
    };
}

weighted_module!(QuantLinear<IN, OUT>, "IN", IN);
weighted_module!(QuantConv1d<IN, OUT, K>, "IN / groups * K", IN * K);
weighted_module!(QuantConv2d<IN, OUT, K>, "IN / groups * K * K", IN * K * K);

fn groups(layer: &spec::Layer) -> usize {
    match layer {
        spec::Layer::Conv(conv) => {
            conv.groups.get().and_then(|groups| usize::try_from(groups).ok()).unwrap_or(1)
        }
        _ => 1,
    }
}

impl QuantizerState {
    fn new(layer: &spec::Layer, transfer: spec::Transfer) -> Self {
        let spec::Layer::Quantizer(quantizer) = layer else {
            return Self { transfer, levels: spec::Range::new(0, 0), fixed: None, step: None };
        };
        let fixed = match quantizer.scale {
            spec::Scale::Fixed(spec::Known::Now(step)) => Some(step as f32),
            _ => None,
        };
        Self {
            transfer: quantizer.transfer,
            levels: quantizer.levels().or(spec::Range::new(0, 0)),
            fixed,
            step: fixed,
        }
    }

    /// The quantizer, once its step is known.
    #[must_use]
    pub fn quantizer(&self) -> Option<Quantizer> {
        self.step.map(|step| Quantizer { step, levels: self.levels })
    }
}

impl LinearState {
    /// Fresh weights, and no bias.
    fn new(layer: &spec::Layer, shape: [usize; 2], rng: &mut ChaCha8Rng) -> Self {
        let nothing = RowLimits { weights: spec::Range::new(0, 0), max_nonzero: 0, max_l1: None };
        let (limits, declared) = match layer {
            spec::Layer::Linear(linear) => (RowLimits::of(linear).unwrap_or(nothing), linear.bias),
            spec::Layer::Conv(conv) => (RowLimits::of(&conv.row()).unwrap_or(nothing), conv.filters.bias),
            _ => (nothing, spec::Bias::None),
        };
        let mut state = Self {
            weight: Array2::zeros(shape),
            bias: Array1::zeros(shape[0]),
            scale: None,
            mask: None,
            limits,
            declared_l1: limits.max_l1,
            declared,
            hold: declared,
        };
        state.draw(rng);
        state
    }

    /// Uniform weights of standard deviation `1 / sqrt(3 * in)`, as in `PyTorch`.
    pub(crate) fn draw(&mut self, rng: &mut ChaCha8Rng) {
        let bound = 1.0 / (self.weight.ncols() as f32).sqrt();
        self.weight.mapv_inplace(|_| rng.random_range(-bound..bound));
    }

    /// The weights in the layer's own units, `[out, in]`.
    #[must_use]
    pub fn float_weights(&self) -> Array2<f32> {
        let scale = self.scale.unwrap_or(1.0);
        self.weight.mapv(|weight| weight * scale)
    }

    /// The integers nearest to the weights that keep every limit, `[out, in]`: exactly what quantized runs multiply by.
    #[must_use]
    pub fn integers(&self) -> Array2<i32> {
        let mut rounded = Array2::zeros(self.weight.dim());
        self.round_into(&self.limits, &mut RowRounder::default(), &mut rounded);
        rounded.mapv(|weight: f32| weight as i32)
    }

    /// The same as floats, under `limits`.
    pub(crate) fn round_into(&self, limits: &RowLimits, rounder: &mut RowRounder, rounded: &mut Array2<f32>) {
        let width = self.weight.ncols();
        let rows = super::slice(&self.weight).chunks_exact(width);
        for (row, integers) in rows.zip(super::slice_mut(rounded).chunks_exact_mut(width)) {
            rounder.nearest(limits, row, integers);
        }
    }
}

//! Layers as they are trained: float state, and the integers it stands for.

use std::{fmt, marker::PhantomData};

use fheqat_spec as spec;
use ndarray::{Array1, Array2, ArrayView1};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::{
    activation::{Activation, Function},
    multiply,
};
use crate::quant::{
    Quantizer, Standardization,
    row::{RowLimits, RowRounder},
    transition::Channel,
};

/// The stream of a seed that draws biases.
const BIASES: u64 = 8;

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

/// The function `F` of each number, rounded to integer levels.
pub struct QuantAct<F> {
    /// What trains.
    pub state: QuantizerState,
    function: PhantomData<fn() -> F>,
}

/// Batch normalisation of each channel, `gamma * (x - mean) / sqrt(variance + 1e-5) + beta`, with channels along axis 0.
///
/// Training normalises with the statistics of a batch and keeps running averages; everything else uses those, folded into
/// the table behind it or the client's scale, so encrypted it costs nothing.
#[derive(Clone, Debug)]
pub struct BatchNorm {
    /// What trains.
    pub state: NormState,
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
    pub(crate) curve: Curve,
    /// The levels it gives: those declared or, where it reads the input, as many of them as training samples reach.
    pub(crate) levels: spec::Range,
    /// The levels that were declared.
    pub(crate) declared: spec::Range,
    /// The step the user fixed.
    pub(crate) fixed: Option<f32>,
    /// The step between two levels; `None` until training or calibration has chosen it.
    pub(crate) step: Option<f32>,
    /// What features go through before they are rounded, where the quantizer reads the network's input.
    pub(crate) standardization: Option<Standardization>,
}

/// What a quantizer applies before it rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Curve {
    /// Nothing.
    Identity,
    /// `max(x, 0)`, which is the clamp to levels from zero.
    Rectify,
    /// A function.
    Function(Function),
}

impl Curve {
    /// The function, where it is one.
    pub(crate) fn function(self) -> Option<Function> {
        match self {
            Self::Function(function) => Some(function),
            Self::Identity | Self::Rectify => None,
        }
    }
}

/// The state of a batch normalisation, `[channels]` each.
#[derive(Clone, Debug, PartialEq)]
pub struct NormState {
    /// What a channel is multiplied by.
    pub(crate) gamma: Array1<f32>,
    /// What is added to it.
    pub(crate) beta: Array1<f32>,
    /// Its mean, averaged over batches.
    pub(crate) mean: Array1<f32>,
    /// Its variance, averaged over batches.
    pub(crate) variance: Array1<f32>,
}

/// The state of a layer with weights: a row for each neuron, or for each filter of a convolution.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearState {
    /// Float weights, `[out, in]`, in units of `scale`.
    pub(crate) weight: Array2<f32>,
    /// Float bias, `[out]`, in the units of the layer's output.
    pub(crate) bias: Array1<f32>,
    /// The float weight that one integer unit stands for, `[1]` of all rows or `[out]` of each; `None` until training or
    /// calibration has chosen it, and weights are in the units of the layer till then.
    pub(crate) scale: Option<Array1<f32>>,
    /// Which rows share a scale.
    pub(crate) weight_scale: spec::WeightScale,
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
    /// A batch normalisation.
    Norm(&'a NormState),
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
    /// A batch normalisation.
    Norm(&'a mut NormState),
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
    /// A fresh layer, whose output is as `fact` says.
    fn init(layer: &spec::Layer, fact: &spec::Fact, rng: &mut ChaCha8Rng) -> Self;
    /// The layer to read.
    fn layer(&self) -> LayerRef<'_>;
    /// The layer to change.
    fn layer_mut(&mut self) -> LayerMut<'_>;
}

macro_rules! quantizer_module {
    ($type:ident, $curve:expr) => {
        #[diagnostic::do_not_recommend]
        impl Module for $type {
            fn init(layer: &spec::Layer, _: &spec::Fact, _: &mut ChaCha8Rng) -> Self {
                Self { state: QuantizerState::new(layer, $curve) }
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

quantizer_module!(QuantIdentity, Curve::Identity);
quantizer_module!(QuantReLU, Curve::Rectify);

impl<F: Activation> Module for QuantAct<F> {
    fn init(layer: &spec::Layer, _: &spec::Fact, _: &mut ChaCha8Rng) -> Self {
        let curve = Curve::Function(Function::of::<F>());
        Self { state: QuantizerState::new(layer, curve), function: PhantomData }
    }
    fn layer(&self) -> LayerRef<'_> {
        LayerRef::Quantizer(&self.state)
    }
    fn layer_mut(&mut self) -> LayerMut<'_> {
        LayerMut::Quantizer(&mut self.state)
    }
}

impl<F> QuantAct<F> {
    /// The step between two levels; `None` until training or calibration has chosen it.
    #[must_use]
    pub fn step(&self) -> Option<f32> {
        self.state.step
    }
}

impl<F> Clone for QuantAct<F> {
    fn clone(&self) -> Self {
        Self { state: self.state.clone(), function: PhantomData }
    }
}

impl<F> fmt::Debug for QuantAct<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QuantAct").field("state", &self.state).finish()
    }
}

#[diagnostic::do_not_recommend]
impl Module for BatchNorm {
    fn init(_: &spec::Layer, fact: &spec::Fact, _: &mut ChaCha8Rng) -> Self {
        Self { state: NormState::new(fact) }
    }
    fn layer(&self) -> LayerRef<'_> {
        LayerRef::Norm(&self.state)
    }
    fn layer_mut(&mut self) -> LayerMut<'_> {
        LayerMut::Norm(&mut self.state)
    }
}

impl BatchNorm {
    /// What each channel is multiplied by once it is normalised, `[channels]`.
    #[must_use]
    pub fn gamma(&self) -> ArrayView1<'_, f32> {
        self.state.gamma.view()
    }

    /// What is then added, `[channels]`; unused behind a layer whose bias is held centred.
    #[must_use]
    pub fn beta(&self) -> ArrayView1<'_, f32> {
        self.state.beta.view()
    }

    /// The running average of each channel's mean, `[channels]`.
    #[must_use]
    pub fn mean(&self) -> ArrayView1<'_, f32> {
        self.state.mean.view()
    }

    /// The running average of each channel's variance, `[channels]`.
    #[must_use]
    pub fn variance(&self) -> ArrayView1<'_, f32> {
        self.state.variance.view()
    }
}

impl QuantIdentity {
    /// What features go through before they are rounded, where training standardised them.
    #[must_use]
    pub const fn standardization(&self) -> Option<&Standardization> {
        self.state.standardization.as_ref()
    }
}

macro_rules! stateless_module {
    ($type:ident $(<$number:ident>)?) => {
        #[diagnostic::do_not_recommend]
        impl $(<const $number: usize>)? Module for $type $(<$number>)? {
            fn init(_: &spec::Layer, _: &spec::Fact, _: &mut ChaCha8Rng) -> Self {
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
            fn init(layer: &spec::Layer, _: &spec::Fact, rng: &mut ChaCha8Rng) -> Self {
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
                self.state.scale.as_ref().map(|_| self.state.integers())
            }

            /// The float weight that one integer unit stands for, `[1]`, or `[OUT]` where the layer is `per_channel`; `None`
            /// until training or calibration has chosen it.
            #[must_use]
            pub fn scale(&self) -> Option<ArrayView1<'_, f32>> {
                self.state.scale.as_ref().map(|scale| scale.view())
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
    pub(crate) fn new(layer: &spec::Layer, curve: Curve) -> Self {
        let spec::Layer::Quantizer(quantizer) = layer else {
            return Self {
                curve,
                levels: spec::Range::new(0, 0),
                declared: spec::Range::new(0, 0),
                fixed: None,
                step: None,
                standardization: None,
            };
        };
        let fixed = match quantizer.scale {
            spec::Scale::Fixed(spec::Known::Now(step)) => Some(step as f32),
            _ => None,
        };
        let declared = quantizer.levels().or(spec::Range::new(0, 0));
        Self { curve, levels: declared, declared, fixed, step: fixed, standardization: None }
    }

    /// The quantizer, once its step is known.
    #[must_use]
    pub fn quantizer(&self) -> Option<Quantizer> {
        self.step.map(|step| Quantizer { step, levels: self.levels })
    }
}

impl NormState {
    /// The share of the last batch in the running averages, as in `PyTorch`.
    pub(crate) const MOMENTUM: f32 = 0.1;

    /// As many channels as axis 0 of the tensor has.
    fn new(fact: &spec::Fact) -> Self {
        let shape = fact.shape.get();
        let first = shape.as_ref().and_then(|shape| shape.dims().first()?.get());
        let channels = first.and_then(|channels| usize::try_from(channels).ok()).unwrap_or(0);
        Self {
            gamma: Array1::ones(channels),
            beta: Array1::zeros(channels),
            mean: Array1::zeros(channels),
            variance: Array1::ones(channels),
        }
    }

    pub(crate) fn channels(&self) -> impl ExactSizeIterator<Item = Channel> {
        let learned = self.gamma.iter().zip(&self.beta);
        learned
            .zip(self.mean.iter().zip(&self.variance))
            .map(|((&gamma, &beta), (&mean, &variance))| Channel { gamma, beta, mean, variance })
    }
}

impl LinearState {
    /// Fresh weights and biases.
    pub(crate) fn new(layer: &spec::Layer, shape: [usize; 2], rng: &mut ChaCha8Rng) -> Self {
        let nothing = RowLimits { weights: spec::Range::new(0, 0), max_nonzero: 0, max_l1: None };
        let row = match layer {
            spec::Layer::Linear(linear) => Some(*linear),
            spec::Layer::Conv(conv) => Some(conv.row()),
            _ => None,
        };
        let limits = row.as_ref().and_then(RowLimits::of).unwrap_or(nothing);
        let declared = row.map_or(spec::Bias::None, |row| row.bias);
        let mut state = Self {
            weight: Array2::zeros(shape),
            bias: Array1::zeros(shape[0]),
            scale: None,
            weight_scale: row.map_or(spec::WeightScale::PerTensor, |row| row.weight_scale),
            mask: None,
            limits,
            declared_l1: limits.max_l1,
            declared,
            hold: declared,
        };
        state.draw(rng);
        state
    }

    /// Uniform weights and biases of standard deviation `1 / sqrt(3 * in)`, as in `PyTorch`. A bias that is held follows its
    /// weights once training is quantized.
    pub(crate) fn draw(&mut self, rng: &mut ChaCha8Rng) {
        let bound = 1.0 / (self.weight.ncols() as f32).sqrt();
        if self.declared != spec::Bias::None {
            let mut rng = rng.clone();
            rng.set_stream(BIASES);
            self.bias.mapv_inplace(|_| rng.random_range(-bound..bound));
        }
        self.weight.mapv_inplace(|_| rng.random_range(-bound..bound));
    }

    /// The weights in the layer's own units, `[out, in]`.
    #[must_use]
    pub fn float_weights(&self) -> Array2<f32> {
        let mut weights = self.weight.clone();
        self.scale_rows(&mut weights);
        weights
    }

    /// From integer units to the layer's own.
    pub(crate) fn scale_rows(&self, weights: &mut Array2<f32>) {
        let Some(scale) = &self.scale else { return };
        for (mut row, scale) in weights.rows_mut().into_iter().zip(scale.iter().cycle()) {
            row *= *scale;
        }
    }

    /// How many scales it has: one, or one for each row.
    pub(crate) fn scales(&self) -> usize {
        match self.weight_scale {
            spec::WeightScale::PerTensor => 1,
            spec::WeightScale::PerChannel => self.weight.nrows(),
        }
    }

    /// Gives all its scales one value.
    pub(crate) fn set_scale(&mut self, scale: f32) {
        self.scale = Some(Array1::from_elem(self.scales(), scale));
    }

    /// Makes every output `ratio` times as large.
    pub(crate) fn stretch(&mut self, ratio: f32) {
        if let Some(scale) = &mut self.scale {
            *scale *= ratio;
        }
        self.bias *= ratio;
    }

    /// The integers nearest to the weights that keep every limit, `[out, in]`: exactly what quantized runs multiply by.
    #[must_use]
    pub fn integers(&self) -> Array2<i32> {
        let mut rounded = Array2::zeros(self.weight.dim());
        self.round_into(&self.limits, &mut Vec::new(), &mut rounded);
        rounded.mapv(|weight: f32| weight as i32)
    }

    /// The same as floats, under `limits`, on as many threads as there are parts that pay.
    pub(crate) fn round_into(
        &self,
        limits: &RowLimits,
        rounders: &mut Vec<RowRounder>,
        rounded: &mut Array2<f32>,
    ) {
        /// Multiplications that take as long as rounding one weight.
        const EACH: usize = 32;
        let (rows, width) = self.weight.dim();
        let parts = multiply::parts(rows, width * EACH);
        if rounders.len() < parts {
            rounders.resize_with(parts, RowRounder::default);
        }
        let part = rows.div_ceil(parts) * width;
        let rows = super::slice(&self.weight).par_chunks(part);
        rows.zip(super::slice_mut(rounded).par_chunks_mut(part)).zip(rounders).for_each(
            |((rows, integers), rounder)| {
                for (row, integers) in rows.chunks_exact(width).zip(integers.chunks_exact_mut(width)) {
                    rounder.nearest(limits, row, integers);
                }
            },
        );
    }
}

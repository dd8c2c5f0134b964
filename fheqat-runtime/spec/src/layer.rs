//! The layers, as data.

use crate::{Axes, Known, Range, Shape, Source};

/// A layer with every option resolved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Layer {
    /// `QuantIdentity`, `QuantReLU` or `QuantAct<F>`.
    Quantizer(Quantizer),
    /// `QuantLinear<IN, OUT>`.
    Linear(Linear),
    /// `Add`: the sum of two or more tensors of levels, a raw accumulator.
    Add {
        /// Widest accumulator allowed.
        acc_bits: Known<i64>,
    },
    /// `Concat`: tensors of levels one after the other along axis 0.
    Concat,
    /// `Reshape`: the same numbers, in the order of rows, in another shape.
    Reshape(Shape),
    /// `Transpose`: axis `k` of the output is axis `axes[k]` of the operand.
    Transpose(Axes),
    /// `QuantConv1d<IN, OUT, K>` or `QuantConv2d<IN, OUT, K>`.
    Conv(Conv),
    /// `AvgPool2d<K>` or `GlobalAvgPool2d`.
    Pool(Pool),
    /// `Flatten`, to one dimension.
    Flatten,
    /// `BatchNorm`: each channel times a factor, plus an offset. The table behind it holds both.
    BatchNorm,
}

/// Rounds to integer levels: `level = clamp(round(f(x) / scale))`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantizer {
    /// The function before the rounding.
    pub transfer: Transfer,
    /// Width of a level.
    pub bits: Known<i64>,
    /// Where the step comes from.
    pub scale: Scale,
    /// The standard deviation that what it reads may be off by encrypted, in its own steps, where it is not the network's.
    pub tolerance: Option<Known<f64>>,
}

/// The function a quantizer applies before it rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// `x`, to levels `-2^(b-1)..=2^(b-1)-1`.
    Signed,
    /// `x`, to levels `0..=2^b-1`.
    Unsigned,
    /// `max(x, 0)`, to levels `0..=2^b-1`.
    ReLU,
    /// Any function of one number, `QuantAct<F>`.
    Function {
        /// Whether its levels are `-2^(b-1)..=2^(b-1)-1`, and not `0..=2^b-1`.
        signed: Known<bool>,
    },
}

/// Where a quantizer's step comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// Calibrated on data, then trained.
    Learned,
    /// Fixed by the user.
    Fixed(Known<f64>),
    /// That of the levels which another field gives.
    From(Source),
}

/// A dense layer, `[inputs]` to `[outputs]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Linear {
    /// Features in.
    pub inputs: Known<i64>,
    /// Neurons.
    pub outputs: Known<i64>,
    /// Width of an integer weight.
    pub weight_bits: Known<i64>,
    /// Which integers of that width a weight may be.
    pub weight_range: WeightRange,
    /// What shares a scale.
    pub weight_scale: WeightScale,
    /// Most non-zero weights a neuron keeps.
    pub max_nonzero: Option<Known<i64>>,
    /// Most that a neuron's absolute integer weights sum to.
    pub max_l1: Option<Known<i64>>,
    /// Widest accumulator allowed.
    pub acc_bits: Known<i64>,
    /// How the float bias trains.
    pub bias: Bias,
    /// As the output: the standard deviation, in their steps, that the levels it sums would be off by if they made up all
    /// that the client may read its sums off by, where it is not the network's.
    pub tolerance: Option<Known<f64>>,
}

/// A bank of filters that slides over channels, `[inputs, length]` or `[inputs, height, width]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conv {
    /// Channels in and out, and what holds for the weights of each filter.
    pub filters: Linear,
    /// What a filter sees at once.
    pub window: Window,
    /// Parts that the channels fall into; a filter reads the channels of its own part.
    pub groups: Known<i64>,
}

/// Sums of windows, channel by channel. The quantizer behind them divides and rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// What is summed; `None` for the whole channel.
    pub window: Option<Window>,
    /// Widest accumulator allowed.
    pub acc_bits: Known<i64>,
}

/// A window and how it slides, alike along every axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Axes it slides along, one or two.
    pub axes: usize,
    /// Its length along each axis.
    pub kernel: Known<i64>,
    /// The distance between two positions.
    pub stride: Known<i64>,
    /// Zeros put before and behind each axis: levels that are zero exactly, and add nothing to a sum.
    pub padding: Known<i64>,
}

/// Which integers of a width a weight may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightRange {
    /// `-(2^(b-1)-1)..=2^(b-1)-1`.
    Narrow,
    /// `-2^(b-1)..=2^(b-1)-1`.
    Full,
}

/// What shares the float weight that one integer unit stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightScale {
    /// All weights of the layer.
    PerTensor,
    /// The weights of each neuron or filter.
    PerChannel,
}

/// How a layer's float bias trains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bias {
    /// Held where the transition of the quantizer behind sits in the middle of the accumulator's range, which halves
    /// the slots an encrypted neuron needs.
    Centred,
    /// Trained freely.
    Free,
    /// Zero.
    None,
}

impl Layer {
    /// The type as the user writes it, without its numbers.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Quantizer(quantizer) => quantizer.kind(),
            Self::Linear(_) => "QuantLinear",
            Self::Add { .. } => "Add",
            Self::Concat => "Concat",
            Self::Reshape(_) => "Reshape",
            Self::Transpose(_) => "Transpose",
            Self::Conv(conv) => conv.kind(),
            Self::Pool(pool) => pool.kind(),
            Self::Flatten => "Flatten",
            Self::BatchNorm => "BatchNorm",
        }
    }

    /// The tolerance that it has of its own.
    #[must_use]
    pub const fn tolerance(&self) -> Option<Known<f64>> {
        match self {
            Self::Quantizer(quantizer) => quantizer.tolerance,
            Self::Linear(linear) | Self::Conv(Conv { filters: linear, .. }) => linear.tolerance,
            _ => None,
        }
    }

    /// Whether it takes two or more operands; the others take one.
    #[must_use]
    pub const fn is_joint(&self) -> bool {
        matches!(self, Self::Add { .. } | Self::Concat)
    }
}

impl Conv {
    /// The type as the user writes it, without its numbers.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        if self.window.axes == 1 { "QuantConv1d" } else { "QuantConv2d" }
    }

    /// One filter as a row of a dense layer: `IN / groups * K^axes` inputs.
    #[must_use]
    pub const fn row(&self) -> Linear {
        let inputs = match (self.filters.inputs, self.groups, self.window.elements()) {
            (Known::Now(inputs), Known::Now(groups), Known::Now(elements)) if inputs % groups == 0 => {
                Known::Now(inputs / groups * elements)
            }
            _ => Known::Later,
        };
        Linear { inputs, ..self.filters }
    }
}

impl Pool {
    /// The type as the user writes it, without its numbers.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        if self.window.is_some() { "AvgPool2d" } else { "GlobalAvgPool2d" }
    }

    /// How many numbers of a tensor of `shape` a sum has.
    #[must_use]
    pub const fn elements(&self, shape: Known<Shape>) -> Known<i64> {
        match (self.window, shape) {
            (Some(window), _) => window.elements(),
            (None, Known::Now(shape)) => shape.without_channels(),
            (None, Known::Later) => Known::Later,
        }
    }
}

impl Window {
    /// How many numbers of a channel it sees.
    #[must_use]
    pub const fn elements(&self) -> Known<i64> {
        match self.kernel {
            Known::Now(kernel) => Known::Now(kernel.pow(self.axes as u32)),
            Known::Later => Known::Later,
        }
    }

    /// How many positions it takes along an axis: `(length + 2 padding - kernel) / stride + 1`, rounded down.
    #[must_use]
    pub const fn positions(&self, length: Known<i64>) -> Known<i64> {
        match (length, self.kernel, self.stride, self.padding) {
            (Known::Now(length), Known::Now(kernel), Known::Now(stride), Known::Now(padding))
                if length + 2 * padding >= kernel =>
            {
                Known::Now((length + 2 * padding - kernel) / stride + 1)
            }
            _ => Known::Later,
        }
    }

    /// The shape of `channels` behind it, as far as the shape in front of it tells.
    #[must_use]
    pub const fn slide(&self, channels: Known<i64>, over: Known<Shape>) -> Shape {
        let mut dims = [channels, Known::Later, Known::Later];
        if let Known::Now(over) = over
            && over.rank() == self.axes + 1
        {
            let mut axis = 1;
            while axis <= self.axes {
                dims[axis] = self.positions(over.dims()[axis]);
                axis += 1;
            }
        }
        Shape::new(dims.split_at(self.axes + 1).0)
    }
}

impl Quantizer {
    /// The type as the user writes it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self.transfer {
            Transfer::Signed | Transfer::Unsigned => "QuantIdentity",
            Transfer::ReLU => "QuantReLU",
            Transfer::Function { .. } => "QuantAct",
        }
    }

    /// Whether it gives levels below zero.
    #[must_use]
    pub const fn is_signed(&self) -> Known<bool> {
        match self.transfer {
            Transfer::Signed => Known::Now(true),
            Transfer::Unsigned | Transfer::ReLU => Known::Now(false),
            Transfer::Function { signed } => signed,
        }
    }

    /// The levels it can give.
    #[must_use]
    pub const fn levels(&self) -> Known<Range> {
        match (self.bits, self.is_signed()) {
            (Known::Now(bits), Known::Now(true)) => Known::Now(Range::signed(bits)),
            (Known::Now(bits), Known::Now(false)) => Known::Now(Range::unsigned(bits)),
            _ => Known::Later,
        }
    }
}

impl Linear {
    /// The integers a weight may be.
    #[must_use]
    pub const fn weights(&self) -> Known<Range> {
        match (self.weight_bits, self.weight_range) {
            (Known::Now(bits), WeightRange::Narrow) => Known::Now(Range::narrow(bits)),
            (Known::Now(bits), WeightRange::Full) => Known::Now(Range::signed(bits)),
            (Known::Later, _) => Known::Later,
        }
    }

    /// Most non-zero weights of one neuron: `max_nonzero`, but never more than there are inputs.
    #[must_use]
    pub const fn terms(&self) -> Known<i64> {
        match (self.inputs, self.max_nonzero) {
            (Known::Now(inputs), Some(Known::Now(most))) => {
                Known::Now(if most < inputs { most } else { inputs })
            }
            (inputs, None) => inputs,
            _ => Known::Later,
        }
    }

    /// The range of an accumulator over all weights the options allow and all inputs in `inputs`.
    #[must_use]
    pub const fn accumulator(&self, inputs: Range) -> Known<Range> {
        let max_l1 = match self.max_l1 {
            None => None,
            Some(Known::Now(budget)) => Some(budget),
            Some(Known::Later) => return Known::Later,
        };
        match (self.weights(), self.terms()) {
            (Known::Now(weights), Known::Now(terms)) => {
                Known::Now(crate::range::dot(weights, inputs, terms, max_l1))
            }
            _ => Known::Later,
        }
    }
}

impl Bias {
    /// How a bias trains where the user does not say: in front of nothing but batch normalisations, whose offsets are enough,
    /// in the last layer, and else.
    #[must_use]
    pub const fn default_for(is_last: bool, is_normalized: bool) -> Self {
        match (is_last, is_normalized) {
            (true, _) => Self::Free,
            (false, true) => Self::None,
            (false, false) => Self::Centred,
        }
    }
}

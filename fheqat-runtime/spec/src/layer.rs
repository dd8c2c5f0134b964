//! The layers, as data.

use crate::{Axes, Known, Range, Shape, Source};

/// A layer with every option resolved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Layer {
    /// `QuantIdentity` or `QuantReLU`.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Linear {
    /// Features in.
    pub inputs: Known<i64>,
    /// Neurons.
    pub outputs: Known<i64>,
    /// Width of an integer weight.
    pub weight_bits: Known<i64>,
    /// Which integers of that width a weight may be.
    pub weight_range: WeightRange,
    /// Most non-zero weights a neuron keeps.
    pub max_nonzero: Option<Known<i64>>,
    /// Most that a neuron's absolute integer weights sum to.
    pub max_l1: Option<Known<i64>>,
    /// Widest accumulator allowed.
    pub acc_bits: Known<i64>,
    /// How the float bias trains.
    pub bias: Bias,
}

/// Which integers of a width a weight may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightRange {
    /// `-(2^(b-1)-1)..=2^(b-1)-1`.
    Narrow,
    /// `-2^(b-1)..=2^(b-1)-1`.
    Full,
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
        }
    }

    /// Whether it takes two or more operands; the others take one.
    #[must_use]
    pub const fn is_joint(&self) -> bool {
        matches!(self, Self::Add { .. } | Self::Concat)
    }
}

impl Quantizer {
    /// The type as the user writes it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self.transfer {
            Transfer::Signed | Transfer::Unsigned => "QuantIdentity",
            Transfer::ReLU => "QuantReLU",
        }
    }

    /// The levels it can give.
    #[must_use]
    pub const fn levels(&self) -> Known<Range> {
        match (self.bits, self.transfer) {
            (Known::Now(bits), Transfer::Signed) => Known::Now(Range::signed(bits)),
            (Known::Now(bits), Transfer::Unsigned | Transfer::ReLU) => Known::Now(Range::unsigned(bits)),
            (Known::Later, _) => Known::Later,
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
    /// How a bias trains where the user does not say.
    #[must_use]
    pub const fn default_for(is_last: bool) -> Self {
        if is_last { Self::Free } else { Self::Centred }
    }
}

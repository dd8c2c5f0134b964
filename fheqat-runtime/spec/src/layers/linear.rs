//! `QuantLinear<IN, OUT>`.

use super::{
    properties::{Gives, Operands, Outputs, Properties, Shapes, Takes},
    shown::{Formula, Shown, Terms},
};
use crate::{
    Fact, Form, Known, Range, Shape, Sums,
    numbers::{Numbers, Readable, structure, words},
    sums::Products,
};

/// A dense layer, `[inputs]` to `[outputs]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear<N: Numbers = Readable> {
    /// Features in.
    pub inputs: N::Of<i64>,
    /// Neurons.
    pub outputs: N::Of<i64>,
    /// Width of an integer weight.
    pub weight_bits: N::Of<i64>,
    /// Which integers of that width a weight may be.
    pub weight_range: WeightRange,
    /// What shares a scale.
    pub weight_scale: WeightScale,
    /// Most non-zero weights a neuron keeps.
    pub max_nonzero: Option<N::Of<i64>>,
    /// Most that a neuron's absolute integer weights sum to.
    pub max_l1: Option<N::Of<i64>>,
    /// Widest accumulator allowed, where the user says; see [`MAX_TABLE_BITS`](crate::limits::MAX_TABLE_BITS).
    pub acc_bits: Option<N::Of<i64>>,
    /// How the float bias trains.
    pub bias: Bias,
    /// As the output: the standard deviation, in their steps, that the levels it sums would be off by if they made up all
    /// that the client may read its sums off by, where it is not the network's.
    pub tolerance: Option<N::Of<f64>>,
}

structure!(Linear {
    inputs: number,
    outputs: number,
    weight_bits: number,
    weight_range: part,
    weight_scale: part,
    max_nonzero: bound,
    max_l1: bound,
    acc_bits: bound,
    bias: part,
    tolerance: bound,
});

/// Which integers of a width a weight may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightRange {
    /// `-(2^(b-1)-1)..=2^(b-1)-1`.
    Narrow,
    /// `-2^(b-1)..=2^(b-1)-1`.
    Full,
}

words!(WeightRange { Narrow, Full });

/// What shares the float weight that one integer unit stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightScale {
    /// All weights of the layer.
    PerTensor,
    /// The weights of each neuron or filter.
    PerChannel,
}

words!(WeightScale { PerTensor, PerChannel });

/// How a layer's float bias trains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bias {
    /// Held where the transition of the quantizer behind sits in the middle of the accumulator's range, which halves
    /// the slots an encrypted neuron needs.
    Centred,
    /// Trained no further from there than half the levels of the quantizer behind, which costs few slots more.
    Clipped,
    /// Trained freely.
    Free,
    /// Zero.
    None,
}

words!(Bias { Centred, Clipped, Free, None });

impl Linear {
    pub(crate) const fn properties(&self) -> Properties {
        Properties {
            kind: "QuantLinear",
            operands: Operands::One,
            takes: Takes::Levels,
            shapes: Shapes::Features(self.inputs),
            keeps_shape: false,
            gives: Gives::Sums,
            sums: Sums::Products(self.products()),
            tables: Known::Now(0),
            outputs: Some(Outputs { word: "neurons", step: Known::Now(1), rest: ">" }),
            tolerance: self.tolerance,
        }
    }

    pub(crate) const fn fact(&self, operand: &Fact) -> Fact {
        Fact {
            shape: Known::Now(Shape::flat(self.outputs)),
            range: self.products().accumulator(operand.range),
            form: Known::Now(Form::Raw),
        }
    }

    /// The integers a weight may be.
    #[must_use]
    pub const fn weights(&self) -> Known<Range> {
        match (self.weight_bits, self.weight_range) {
            (Known::Now(bits), WeightRange::Narrow) => Known::Now(Range::narrow(bits)),
            (Known::Now(bits), WeightRange::Full) => Known::Now(Range::signed(bits)),
            (Known::Later, _) => Known::Later,
        }
    }

    /// What one neuron sums.
    #[must_use]
    pub const fn products(&self) -> Products {
        Products {
            weights: self.weights(),
            inputs: self.inputs,
            max_nonzero: self.max_nonzero,
            max_l1: self.max_l1,
            acc_bits: self.acc_bits,
        }
    }

    /// Most non-zero weights of one neuron: `max_nonzero`, but never more than there are inputs.
    #[must_use]
    pub const fn terms(&self) -> Known<i64> {
        self.products().terms()
    }

    /// The range of an accumulator over all weights the options allow and all inputs in `inputs`.
    #[must_use]
    pub const fn accumulator(&self, inputs: Range) -> Known<Range> {
        self.products().accumulator(Known::Now(inputs))
    }
}

impl Bias {
    /// Whether it is counted from where the transition of the quantizer behind sits in the middle of the accumulator's range.
    #[must_use]
    pub const fn has_centre(self) -> bool {
        matches!(self, Self::Centred | Self::Clipped)
    }

    /// How a bias trains where the user does not say: in front of nothing but batch normalisations, whose offsets are enough,
    /// in the last layer, and else.
    #[must_use]
    pub const fn default_for(is_last: bool, is_normalized: bool) -> Self {
        match (is_last, is_normalized) {
            (true, _) => Self::Free,
            (false, true) => Self::None,
            (false, false) => Self::Clipped,
        }
    }
}

impl<N: Numbers> Linear<N> {
    pub(crate) fn shown(&self) -> Shown<'_, N> {
        Shown {
            range: Formula::Products {
                terms: Terms::of(self.max_nonzero.as_ref().unwrap_or(&self.inputs)),
                weights: self,
            },
            tolerance: self.tolerance.as_ref(),
            ..Shown::operands("")
        }
        .with_channels(&self.outputs)
    }
}

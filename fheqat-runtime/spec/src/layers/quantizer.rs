//! `QuantIdentity`, `QuantReLU` and `QuantAct<F>`.

use super::{
    properties::{Gives, Operands, Properties, Shapes, Takes},
    shown::{Formula, Shown},
};
use crate::{
    Fact, Known, Range, Source, Sums,
    numbers::{Convert, Numbers, Part, Readable, Writer, structure},
};

/// Rounds to integer levels: `level = clamp(round(f(x) / scale))`.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantizer<N: Numbers = Readable> {
    /// The function before the rounding.
    pub transfer: Transfer<N>,
    /// Width of a level.
    pub bits: N::Of<i64>,
    /// Where the step comes from.
    pub scale: Scale<N>,
    /// The standard deviation that what it reads may be off by encrypted, in its own steps, where it is not the network's.
    pub tolerance: Option<N::Of<f64>>,
}

structure!(Quantizer { transfer: part, bits: number, scale: part, tolerance: bound });

/// The function a quantizer applies before it rounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transfer<N: Numbers = Readable> {
    /// `x`, to levels `-2^(b-1)..=2^(b-1)-1`.
    Signed,
    /// `x`, to levels `0..=2^b-1`.
    Unsigned,
    /// `max(x, 0)`, to levels `0..=2^b-1`.
    ReLU,
    /// Any function of one number, `QuantAct<F>`.
    Function {
        /// Whether its levels are `-2^(b-1)..=2^(b-1)-1`, and not `0..=2^b-1`.
        signed: N::Of<bool>,
    },
}

impl Copy for Transfer {}

impl<N: Numbers> Part<N> for Transfer<N> {
    type With<M: Numbers> = Transfer<M>;

    fn convert<M: Numbers>(&self, to: &impl Convert<N, M>) -> Transfer<M> {
        match self {
            Self::Signed => Transfer::Signed,
            Self::Unsigned => Transfer::Unsigned,
            Self::ReLU => Transfer::ReLU,
            Self::Function { signed } => Transfer::Function { signed: to.value(signed) },
        }
    }

    fn write<W: Writer<N>>(&self, to: &W) -> W::Expr {
        match self {
            Self::Signed => to.word("Transfer::Signed"),
            Self::Unsigned => to.word("Transfer::Unsigned"),
            Self::ReLU => to.word("Transfer::ReLU"),
            Self::Function { signed } => to.structure("Transfer::Function", [("signed", to.value(signed))]),
        }
    }
}

/// Where a quantizer's step comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Scale<N: Numbers = Readable> {
    /// Calibrated on data, then trained.
    Learned,
    /// Fixed by the user.
    Fixed(N::Of<f64>),
    /// That of the levels which another field gives.
    From(Source),
}

impl Copy for Scale {}

impl<N: Numbers> Part<N> for Scale<N> {
    type With<M: Numbers> = Scale<M>;

    fn convert<M: Numbers>(&self, to: &impl Convert<N, M>) -> Scale<M> {
        match self {
            Self::Learned => Scale::Learned,
            Self::Fixed(step) => Scale::Fixed(to.value(step)),
            Self::From(owner) => Scale::From(*owner),
        }
    }

    fn write<W: Writer<N>>(&self, to: &W) -> W::Expr {
        match self {
            Self::Learned => to.word("Scale::Learned"),
            Self::Fixed(step) => to.call("Scale::Fixed", to.value(step)),
            Self::From(owner) => to.call("Scale::From", Part::<N>::write(owner, to)),
        }
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

    pub(crate) const fn properties(&self) -> Properties {
        Properties {
            kind: self.kind(),
            operands: Operands::One,
            takes: match self.transfer {
                Transfer::Signed | Transfer::Unsigned => Takes::Anything,
                Transfer::ReLU | Transfer::Function { .. } => Takes::Integers,
            },
            shapes: Shapes::Any,
            keeps_shape: true,
            gives: Gives::Rounded {
                scale_from: match self.scale {
                    Scale::From(owner) => Some(owner),
                    Scale::Learned | Scale::Fixed(_) => None,
                },
                is_fixed: matches!(self.scale, Scale::Fixed(_)),
            },
            sums: Sums::None,
            tables: Known::Now(1),
            outputs: None,
            tolerance: self.tolerance,
        }
    }

    /// In which scale its levels are is the business of the network.
    pub(crate) const fn fact(&self, operand: &Fact) -> Fact {
        Fact { shape: operand.shape, range: self.levels(), form: Known::Later }
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

impl<N: Numbers> Quantizer<N> {
    pub(crate) fn shown(&self) -> Shown<'_, N> {
        Shown { range: Formula::Bits(&self.bits), tolerance: self.tolerance.as_ref(), ..Shown::operands("") }
    }
}

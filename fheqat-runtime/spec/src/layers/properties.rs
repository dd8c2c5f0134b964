//! What a layer answers to the laws, whatever it reads.

use super::Slice;
use crate::{Axes, Known, Shape, Source, Sums, Window};

/// Everything about a layer but what it makes of a fact. Each layer answers all of it in its own file.
#[derive(Clone, Copy, Debug)]
pub struct Properties {
    /// The type as the user writes it, without its numbers.
    pub kind: &'static str,
    /// How many operands it takes.
    pub operands: Operands,
    /// What its operands may be.
    pub takes: Takes,
    /// Which shapes they may have.
    pub shapes: Shapes,
    /// Whether it gives the shape of its operand.
    pub keeps_shape: bool,
    /// What it gives.
    pub gives: Gives,
    /// What it sums.
    pub sums: Sums,
    /// How many bootstraps it takes for each number that it gives, where it runs encrypted.
    pub tables: Known<i64>,
    /// How many channels it gives, where the user says that in its type.
    pub outputs: Option<Outputs>,
    /// The tolerance that it has of its own.
    pub tolerance: Option<Known<f64>>,
}

/// How many operands a layer takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operands {
    /// One.
    One,
    /// Two or more, which it adds number by number.
    Added,
    /// Two or more, which it joins along axis 0.
    Joined,
}

impl Operands {
    /// Whether there are two or more.
    #[must_use]
    pub const fn are_several(self) -> bool {
        match self {
            Self::One => false,
            Self::Added | Self::Joined => true,
        }
    }
}

/// What an operand may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Floats that nothing has quantized, for the client runs it.
    Plain {
        /// The layer that does the same encrypted.
        encrypted_kind: &'static str,
    },
    /// Floats that nothing has quantized, and nothing else.
    Features,
    /// Floats that nothing has quantized, levels, or sums.
    Anything,
    /// Levels or sums.
    Integers,
    /// Levels.
    Levels,
}

/// Which shapes an operand may have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shapes {
    /// Any, which need not be known.
    Any,
    /// Any, which must be known.
    Known,
    /// One dimension of so many features.
    Features(Known<i64>),
    /// Channels and axes that a window slides over.
    Image {
        /// How many axes.
        axes: usize,
        /// How many channels, where that matters.
        channels: Known<i64>,
        /// The window, where it is smaller than the axes.
        window: Option<Window>,
        /// How the channels are grouped, where they are.
        groups: Option<Groups>,
    },
    /// Channels and one axis behind them, or two.
    Channels {
        /// How many axes, where that matters.
        axes: Option<usize>,
    },
    /// As many numbers as this shape holds.
    Elements(Shape),
    /// As many axes as are put in order here.
    Order(Axes),
    /// An axis that has this part.
    Part(Slice),
}

/// Channels that fall into equal groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Groups {
    /// How many groups.
    pub groups: Known<i64>,
    /// Channels in.
    pub inputs: Known<i64>,
    /// Channels out.
    pub outputs: Known<i64>,
}

impl Shapes {
    /// Whether it takes some shapes and not others, and so cannot do without an `input`.
    #[must_use]
    pub const fn are_certain(&self) -> bool {
        match self {
            Self::Features(_) | Self::Image { .. } | Self::Channels { .. } => true,
            Self::Any | Self::Known | Self::Elements(_) | Self::Order(_) | Self::Part(_) => false,
        }
    }

    /// Whether its shape must be known.
    #[must_use]
    pub const fn must_be_known(&self) -> bool {
        match self {
            Self::Any => false,
            Self::Known
            | Self::Features(_)
            | Self::Image { .. }
            | Self::Channels { .. }
            | Self::Elements(_)
            | Self::Order(_)
            | Self::Part(_) => true,
        }
    }

    /// The only shape there is.
    #[must_use]
    pub const fn only(&self) -> Known<Shape> {
        match self {
            Self::Features(features) => Known::Now(Shape::flat(*features)),
            Self::Any
            | Self::Known
            | Self::Image { .. }
            | Self::Channels { .. }
            | Self::Elements(_)
            | Self::Order(_)
            | Self::Part(_) => Known::Later,
        }
    }
}

/// What a layer gives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Gives {
    /// Levels that it rounds to.
    Rounded {
        /// The field in whose scale they are; `None` for a scale of their own.
        scale_from: Option<Source>,
        /// Whether the user fixed the scale.
        is_fixed: bool,
    },
    /// Levels 0 and 1 that the client encodes: so many channels for each of its operand. Their step is 1.
    Encoded {
        /// How many.
        bits: Known<i64>,
    },
    /// The levels of its operands.
    Levels,
    /// Integers of its operand, each with a factor and an offset that the table behind them holds.
    Normalized,
    /// What it [sums](Properties::sums).
    Sums,
    /// Floats that the client computes, of which nothing is encrypted.
    Plain,
    /// Nothing, for it was refused.
    Unknown,
}

/// Channels that a layer gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outputs {
    /// What the user calls them.
    pub word: &'static str,
    /// Their number must be a multiple of this.
    pub step: Known<i64>,
    /// How the type goes on behind their number.
    pub rest: &'static str,
}

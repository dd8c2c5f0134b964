//! What layers sum, and how far the sums reach.

use crate::{Known, Range, Shape, Window, range::dot};

/// What a layer sums.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sums {
    /// Nothing.
    None,
    /// Products of weights and levels.
    Products(Products),
    /// Levels in a window, or in a channel.
    Levels(Levels),
    /// One level of each operand.
    Operands {
        /// Widest accumulator allowed.
        acc_bits: Known<i64>,
    },
}

impl Sums {
    /// What the user calls them.
    #[must_use]
    pub const fn text(&self) -> &'static str {
        match self {
            Self::None => "no sums",
            Self::Products(_) => "sums of products",
            Self::Levels(_) | Self::Operands { .. } => "sums of levels",
        }
    }
}

/// A row of weights, at most so many of them not zero, times levels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Products {
    /// The integers a weight may be.
    pub weights: Known<Range>,
    /// How many weights there are.
    pub inputs: Known<i64>,
    /// Most non-zero weights.
    pub max_nonzero: Option<Known<i64>>,
    /// Most that the absolute weights sum to.
    pub max_l1: Option<Known<i64>>,
    /// Widest accumulator allowed.
    pub acc_bits: Known<i64>,
}

impl Products {
    /// Most weights that are not zero: `max_nonzero`, but never more than there are.
    #[must_use]
    pub const fn terms(&self) -> Known<i64> {
        match (self.inputs, self.max_nonzero) {
            (Known::Now(inputs), Some(Known::Now(most))) => {
                Known::Now(if most < inputs { most } else { inputs })
            }
            (inputs, None) => inputs,
            (_, Some(Known::Later)) | (Known::Later, Some(_)) => Known::Later,
        }
    }

    /// The range of the sum over all weights the options allow and all levels in `inputs`.
    #[must_use]
    pub const fn accumulator(&self, inputs: Known<Range>) -> Known<Range> {
        let max_l1 = match self.max_l1 {
            None => None,
            Some(Known::Now(budget)) => Some(budget),
            Some(Known::Later) => return Known::Later,
        };
        match (self.weights, inputs, self.terms()) {
            (Known::Now(weights), Known::Now(inputs), Known::Now(terms)) => {
                Known::Now(dot(weights, inputs, terms, max_l1))
            }
            _ => Known::Later,
        }
    }
}

/// The levels in a window, or in a whole channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Levels {
    /// The window; `None` for the whole channel.
    pub window: Option<Window>,
    /// Widest accumulator allowed.
    pub acc_bits: Known<i64>,
}

impl Levels {
    /// How many levels of a tensor of `shape` are summed.
    #[must_use]
    pub const fn elements(&self, shape: Known<Shape>) -> Known<i64> {
        match (self.window, shape) {
            (Some(window), _) => window.elements(),
            (None, Known::Now(shape)) => shape.without_channels(),
            (None, Known::Later) => Known::Later,
        }
    }
}

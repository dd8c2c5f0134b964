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
    /// One level less another.
    Differences {
        /// Widest accumulator allowed, where the user says.
        acc_bits: Option<Known<i64>>,
    },
    /// One level of each operand.
    Operands {
        /// Widest accumulator allowed, where the user says.
        acc_bits: Option<Known<i64>>,
    },
}

impl Sums {
    /// The products, where it sums such.
    #[must_use]
    pub const fn products(&self) -> Option<&Products> {
        match self {
            Self::Products(products) => Some(products),
            Self::None | Self::Levels(_) | Self::Differences { .. } | Self::Operands { .. } => None,
        }
    }

    /// What the user calls them.
    #[must_use]
    pub const fn text(&self) -> &'static str {
        match self {
            Self::None => "no sums",
            Self::Products(_) => "sums of products",
            Self::Differences { .. } => "differences of levels",
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
    /// Widest accumulator allowed, where the user says.
    pub acc_bits: Option<Known<i64>>,
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
    /// Widest accumulator allowed, where the user says.
    pub acc_bits: Option<Known<i64>>,
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        Bias, Linear, Padding, WeightRange, WeightScale,
        limits::{INPUTS, KERNEL, Limit, MAX_ELEMENTS, MAX_L1, QUANTIZER_BITS, WEIGHT_BITS},
    };

    /// Often the largest number that is allowed.
    fn legal(limit: Limit) -> impl Strategy<Value = i64> {
        prop_oneof![2 => Just(limit.most), 1 => Just(limit.least), 1 => limit.least..=limit.most]
    }

    fn largest(range: Range) -> i128 {
        i128::from(range.lo).abs().max(i128::from(range.hi))
    }

    proptest! {
        /// Built with overflow checks, as tests are.
        #[test]
        fn no_legal_sum_overflows(
            weight_bits in legal(WEIGHT_BITS),
            bits in legal(QUANTIZER_BITS),
            inputs in legal(INPUTS),
            kernel in legal(KERNEL),
            max_l1 in proptest::option::of(legal(MAX_L1)),
            elements in 1..=MAX_ELEMENTS,
        ) {
            let window = Window {
                axes: 2,
                kernel: Known::Now(kernel),
                stride: Known::Now(1),
                dilation: Known::Now(1),
                padding: Padding::NONE,
            };
            let terms = inputs * window.elements().or(0);
            for (weight_range, levels) in
                [(WeightRange::Full, Range::signed(bits)), (WeightRange::Narrow, Range::unsigned(bits))]
            {
                let linear = Linear {
                    inputs: Known::Now(terms),
                    outputs: Known::Now(1),
                    weight_bits: Known::Now(weight_bits),
                    weight_range,
                    weight_scale: WeightScale::PerTensor,
                    max_nonzero: None,
                    max_l1: max_l1.map(Known::Now),
                    acc_bits: None,
                    bias: Bias::Free,
                    tolerance: None,
                };
                let Known::Now(sum) = linear.accumulator(levels) else { panic!("every number is known") };
                let weights = linear.weights().or(Range::new(0, 0));
                let most = i128::from(terms) * largest(weights) * largest(levels);
                prop_assert!(largest(sum) <= most);
                prop_assert!(max_l1.is_some() || largest(sum) == most, "{sum:?} of {most}");
                let pooled = levels.sum(elements);
                prop_assert_eq!(largest(pooled), i128::from(elements) * largest(levels));
            }
        }
    }
}

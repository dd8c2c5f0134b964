//! Why there are no parameters.

use std::fmt::{self, Display, Formatter};

use crate::params::dimension::Variance;
use thiserror::Error;

use crate::params::{Bytes, Log2Probability, Slots, TorusDistance};

/// Which value of a circuit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A sum that a table of this layer reads.
    Layer {
        /// Index in the circuit's layers.
        index: usize,
        /// Its name.
        name: String,
    },
    /// An output, by index in the circuit's.
    Output(usize),
}

impl Display for Location {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layer { name, .. } => write!(formatter, "`{name}`"),
            Self::Output(index) => write!(formatter, "output {index}"),
        }
    }
}

/// Why there are no parameters.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum Infeasible {
    /// An exact value has so many slots that the least noise of all parameters is too much.
    #[error(
        "no parameters keep {location} exact: it has {slots} slots, so its margin is {margin}, and the least noise any \
         parameters leave is 2^{:.2}, which fails with probability {p_fail} where {required} is allowed: lower \
         `max_l1` or `bits` of the layer, or ask for a larger `p_fail`",
        .noise.0.log2() / 2.0
    )]
    Noise {
        /// The layer or output.
        location: Location,
        /// Its slots.
        slots: Slots,
        /// Half a slot, less rounding.
        margin: TorusDistance,
        /// The least variance.
        noise: Variance,
        /// The probability of failure with it.
        p_fail: Log2Probability,
        /// The event's share of the whole inference's.
        required: Log2Probability,
    },
    /// The least noise of all parameters is more than a value's tolerance.
    #[error(
        "no parameters keep the noise of {location} within its tolerance: of its {slots} slots a standard deviation of \
         {allowed} is allowed, and the least that any parameters leave is 2^{:.2} turns: raise `tolerance`, or lower \
         `max_l1` or `bits` of the layer",
        .noise.0.log2() / 2.0
    )]
    Tolerance {
        /// The layer or output.
        location: Location,
        /// Its slots.
        slots: Slots,
        /// The standard deviation it may carry.
        allowed: TorusDistance,
        /// The least variance.
        noise: Variance,
    },
    /// Parameters exist, but no keys pack the results with as little noise as an output needs.
    #[error(
        "results cannot be packed: of its {slots} slots output {output} is allowed a standard deviation of {allowed}, its own \
         noise included, and packing adds 2^{:.2} at least: compile with `Results::Rounded`, lower `max_l1` or `bits` of the last layer, or ask for a \
         larger `p_fail`",
        .noise.0.log2() / 2.0
    )]
    Packing {
        /// The output with the least room, by index in the circuit's.
        output: usize,
        /// Its slots.
        slots: Slots,
        /// The standard deviation it may have.
        allowed: TorusDistance,
        /// The least variance that packing adds.
        noise: Variance,
    },
    /// Parameters exist, but their keys are too large.
    #[error(
        "the smallest server key that works takes {smallest}, and `max_server_key` is {allowed}: raise it, lower \
         `max_l1` or `bits`, or ask for a larger `p_fail`"
    )]
    ServerKey {
        /// The smallest of all parameters that keep the limits.
        smallest: Bytes,
        /// The largest that is allowed.
        allowed: Bytes,
    },
}

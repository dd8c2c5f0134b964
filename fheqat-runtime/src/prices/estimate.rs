//! What a circuit takes encrypted: the law of the report, found fast enough to ask thousands of times while a network trains.
//!
//! The price of a circuit is the cost of the cheapest parameters that keep its noise ([`params::search`](crate::params::search)) at
//! [`Prices::shipped`] and the default bounds, as a report has it. Training takes what a [quick search](search::quick) finds, which
//! costs at most a few hundredths more than what the whole space has; a test holds the two against one another.

use serde::{Deserialize, Serialize};

use crate::{
    circuit::ir::Graph,
    params::{
        Log2Probability,
        constraint::deviations,
        cost::Prices,
        search::{self, Bounds},
        workload::Workload,
    },
};

/// What one inference takes, by [`Graph::price`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Price {
    /// Blind rotations.
    pub rotations: usize,
    /// Seconds of one core at the prices that are shipped. Where no parameters are found, an extrapolation by which circuits
    /// without any can be compared.
    pub core_seconds: f64,
    /// Whether there are parameters that keep the noise, with a server key that is not too large.
    pub has_parameters: bool,
}

/// Seconds that a rotation takes for each slot, where its sum is as wide as parameters allow.
const A_SLOT: f64 = 2.6e-4;

/// So fine a grid that rounding jumps to it takes no distance.
const FINE: u32 = 24;

impl Graph {
    /// What one inference takes, where any value of it may be wrong with the probability that
    /// [`Bounds::default`] allows.
    #[must_use]
    pub fn price(&self) -> Price {
        self.price_at(Bounds::default().p_fail)
    }

    /// What one inference takes, where any value of it may be wrong with a probability of `p_fail`: within a few hundredths what the
    /// report of the compiled circuit predicts at the default options and this `p_fail`.
    #[must_use]
    pub fn price_at(&self, p_fail: Log2Probability) -> Price {
        let rotations = self.accumulators.len();
        let nothing = Price { rotations, core_seconds: f64::INFINITY, has_parameters: false };
        let Ok(usual) = Workload::of(self, p_fail) else { return nothing };
        let Ok(others) = Workload::alternatives(&usual, self, p_fail) else { return nothing };
        let bounds = Bounds { p_fail, ..Bounds::default() };
        match search::quick(&usual, &others, bounds, &Prices::shipped()) {
            Some(solution) => Price { core_seconds: solution.cost.0, has_parameters: true, ..nothing },
            None => Price { core_seconds: extrapolated(&usual, p_fail), ..nothing },
        }
    }
}

/// Seconds by the slots of exact sums that may have as much noise.
fn extrapolated(workload: &Workload, p_fail: Log2Probability) -> f64 {
    let margin = deviations(p_fail.share(workload.events()));
    let slots = workload.rotations.iter().map(|rotation| {
        let deviation = rotation.max_deviation(FINE, margin).0;
        0.5 / (margin.0 * deviation).max(f64::MIN_POSITIVE)
    });
    A_SLOT * slots.sum::<f64>()
}

#[cfg(all(test, feature = "fhe"))]
#[allow(clippy::unwrap_used)]
mod tests;

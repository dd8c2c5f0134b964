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
mod tests {
    use std::time::Instant;

    use fheqat_spec::Range;
    use ndarray::Array2;

    use super::*;
    use crate::{
        Seed,
        circuit::{
            Circuit,
            ir::{Term, Wire},
        },
        compile::CompileOptions,
        data::{self, Dataset},
        fixture::{Branch, Chain, Image, Normed, Tolerant, WideAndDeep},
        network::Network,
        train::TrainConfig,
    };

    fn trained<N: Network>(data: &Dataset) -> Circuit {
        let mut net = N::new(Seed(0));
        let config = TrainConfig { epochs: Some(20), progress: false, ..TrainConfig::declared() };
        net.train(data, &config).unwrap();
        net.circuit().unwrap()
    }

    /// Numbers of which two tell the class.
    fn features(width: usize) -> Dataset {
        let features =
            Array2::from_shape_fn((120, width), |(row, column)| ((row * 7 + column * 5) % 11) as f32 / 10.0);
        let class = |row: usize| usize::from(features[[row, 0]] + features[[row, width / 2]] > 1.0);
        let classes = (0..120).map(class).collect();
        Dataset::classes(features, classes, 2).unwrap()
    }

    fn circuits() -> Vec<(&'static str, Circuit)> {
        let (board, bits, images) = (data::checkerboard(Seed(0)).0, features(4), features(120));
        let wide = trained::<WideAndDeep>(&bits);
        let mut linear = wide.clone();
        linear.graph.accumulators.clear();
        for output in &mut linear.graph.outputs {
            output.terms = (0..4).map(|index| Term { wire: Wire::Input(index), weight: 3 }).collect();
            output.range = Range::new(0, 12);
        }
        vec![
            ("linear", linear),
            ("wide and deep", wide),
            ("dense, budget of 8", trained::<Chain<2, 30, 2, 30, 8, true>>(&board)),
            ("dense, no budget", trained::<Chain<2, 20, 2, 20, 0, false>>(&board)),
            ("deep and wide", trained::<Chain<2, 100, 2, 30, 0, true>>(&board)),
            ("normalized", trained::<Normed<1, 0>>(&board)),
            ("branches", trained::<Branch>(&board)),
            ("images", trained::<Image<true>>(&images)),
            ("tolerant", trained::<Tolerant<Chain<2, 20, 2, 20, 0, true>, 2>>(&board)),
            ("tolerant images", trained::<Tolerant<Image<true>, 3>>(&images)),
        ]
    }

    #[test]
    fn what_training_pays_is_what_the_report_predicts() {
        for (name, circuit) in circuits() {
            for p_fail in [-20.0, -40.0, -80.0].map(Log2Probability) {
                let started = Instant::now();
                let price = circuit.graph.price_at(p_fail);
                let fast = started.elapsed();
                let started = Instant::now();
                let report = circuit.compile(&CompileOptions::default().p_fail(p_fail)).unwrap().report();
                let whole = started.elapsed();
                let ratio = (price.core_seconds + 1e-9) / (report.core_seconds.0 + 1e-9);
                println!("{name}, {p_fail}: {price:?}, {ratio:.4} of the report, {fast:.1?} and {whole:.1?}");
                assert!(price.has_parameters && price.rotations == report.rotations(), "{name}, {p_fail}");
                assert!(
                    (0.9999..1.03).contains(&ratio),
                    "{name}, {p_fail}: {ratio} of {}",
                    report.core_seconds
                );
            }
        }
    }
}

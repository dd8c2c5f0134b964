//! Encrypted equals simulated for every layer: random weights, and the inputs that drive every sum to both its ends.

use fheqat_spec::{Known, Transfer, WeightScale};

use super::{exact::agree, graphs::samples};
use crate::{
    Seed,
    circuit::{
        Circuit,
        ir::{Accumulator, Wire},
        tests::soundness::{covering, extremes, features},
    },
    fixture::drawn::{Draw, PLAIN, Weights, window},
};

fn agree_at_extremes(circuit: &Circuit, p_fail: f64, most: usize, seed: Seed) {
    assert!(!circuit.graph.accumulators.is_empty(), "nothing is left to rotate");
    let ends = covering(&circuit.graph, &extremes(&circuit.graph, usize::MAX, seed));
    let ends = ends.iter().take(most).map(|levels| features(circuit, levels));
    agree(circuit, p_fail, &ends.chain(samples(circuit, 2, seed)).collect::<Vec<_>>());
}

/// A layer, and what stands before it.
pub(super) struct Kind {
    pub(super) name: &'static str,
    input: &'static [usize],
    transfer: Transfer,
    layer: fn(&mut Draw, usize) -> usize,
}

impl Kind {
    const fn new(
        name: &'static str,
        input: &'static [usize],
        transfer: Transfer,
        layer: fn(&mut Draw, usize) -> usize,
    ) -> Self {
        Self { name, input, transfer, layer }
    }

    /// The first draw that keeps `enough`.
    fn draw(&self, draw: impl Fn(&mut Draw), enough: impl Fn(&Circuit) -> bool) -> Circuit {
        let drawn = |seed| {
            let mut net = Draw::new(self.input, Seed(seed));
            draw(&mut net);
            net.finish().circuit()
        };
        (3..40).map(drawn).find(enough).unwrap()
    }

    /// Behind the quantized input, with a quantizer of two bits and a dense output behind it.
    fn behind_the_input(&self) -> Circuit {
        let net = |draw: &mut Draw| {
            let levels = draw.input(self.transfer, 2);
            let sums = (self.layer)(draw, levels);
            draw.quantizer(sums, Transfer::ReLU, 2);
            let levels = draw.last();
            let flat = draw.flatten(levels);
            draw.linear(flat, 2, Weights { max_l1: Some(12), ..PLAIN });
        };
        self.draw(net, |circuit| !circuit.graph.accumulators.is_empty())
    }

    /// Behind a quantizer that runs encrypted, with one of two bits behind it.
    pub(super) fn behind_rotations(&self) -> Circuit {
        let net = |draw: &mut Draw| {
            let fine = draw.input(self.transfer, 4);
            let levels = draw.quantizer_of(fine, self.transfer, 2, 2.5);
            let sums = (self.layer)(draw, levels);
            draw.quantizer(sums, Transfer::ReLU, 2);
        };
        let reads_a_rotation =
            |sum: &&Accumulator| sum.terms.iter().any(|term| matches!(term.wire, Wire::Table { .. }));
        self.draw(net, |circuit| circuit.graph.accumulators.iter().filter(reads_a_rotation).count() > 1)
    }

    fn check(&self) {
        agree_at_extremes(&self.behind_the_input(), -40.0, 12, Seed(3));
    }
}

const BUDGET: Weights = Weights { max_l1: Some(6), ..PLAIN };

const LINEAR: Kind =
    Kind::new("linear", &[4], Transfer::Signed, |draw, levels| draw.linear(levels, 4, BUDGET));

const CONV1D: Kind = Kind::new("conv1d", &[2, 6], Transfer::Unsigned, |draw, levels| {
    draw.conv(levels, 2, window(1, 3, 2, 1), 1, BUDGET)
});

const CONV2D: Kind =
    Kind::new("conv2d with stride and padding", &[1, 4, 4], Transfer::Signed, |draw, levels| {
        draw.conv(levels, 2, window(2, 3, 2, 1), 1, BUDGET)
    });

const GROUPS: Kind = Kind::new("conv2d in groups", &[2, 3, 3], Transfer::Unsigned, |draw, levels| {
    draw.conv(levels, 2, window(2, 2, 1, 0), 2, BUDGET)
});

const POOL: Kind = Kind::new("pool with padding", &[1, 4, 4], Transfer::Unsigned, |draw, levels| {
    draw.pool(levels, Some(window(2, 2, 2, 1)))
});

const GLOBAL_POOL: Kind =
    Kind::new("global pool", &[2, 3, 3], Transfer::Signed, |draw, levels| draw.pool(levels, None));

const ADD: Kind = Kind::new("add", &[3], Transfer::Signed, |draw, levels| {
    let other = draw.quantizer_like(levels, levels, Transfer::ReLU, 1);
    draw.add(&[levels, other, levels])
});

const RESIDUAL: Kind = Kind::new("residual sum", &[4], Transfer::Unsigned, |draw, levels| {
    let mixed = draw.linear(levels, 4, BUDGET);
    let other = draw.quantizer_like(mixed, levels, Transfer::ReLU, 2);
    draw.add(&[levels, other])
});

const CONCAT: Kind = Kind::new("concat", &[2], Transfer::Signed, |draw, levels| {
    let other = draw.quantizer_like(levels, levels, Transfer::ReLU, 1);
    let joined = draw.concat(&[levels, other]);
    draw.linear(joined, 3, BUDGET)
});

const RESHAPE: Kind =
    Kind::new("reshape, transpose and flatten", &[2, 3], Transfer::Unsigned, |draw, levels| {
        let turned = draw.transpose(levels, &[1, 0]);
        let shaped = draw.reshape(turned, &[2, 3]);
        draw.conv(shaped, 2, window(1, 2, 1, 0), 1, BUDGET)
    });

const BATCH_NORM: Kind = Kind::new(
    "batch norm over weights with a scale a filter",
    &[1, 3, 3],
    Transfer::Signed,
    |draw, levels| {
        let sums =
            draw.conv(levels, 3, window(2, 2, 1, 0), 1, Weights { scale: WeightScale::PerChannel, ..BUDGET });
        draw.norm(sums)
    },
);

const FUNCTION: Kind = Kind::new("function", &[3], Transfer::Signed, |draw, levels| {
    let sums = draw.linear(levels, 3, BUDGET);
    let levels = draw.quantizer(sums, Transfer::Function { signed: Known::Now(true) }, 3);
    draw.linear(levels, 4, BUDGET)
});

/// Those whose sums read several rotations when they stand behind rotations.
pub(super) const KINDS: [Kind; 11] =
    [LINEAR, CONV1D, CONV2D, GROUPS, POOL, GLOBAL_POOL, RESIDUAL, CONCAT, RESHAPE, BATCH_NORM, FUNCTION];

#[test]
fn linear() {
    LINEAR.check();
}

#[test]
fn conv1d() {
    CONV1D.check();
}

#[test]
fn conv2d_with_stride_and_padding() {
    CONV2D.check();
}

#[test]
fn conv2d_in_groups() {
    GROUPS.check();
}

#[test]
fn pool_with_padding() {
    POOL.check();
}

#[test]
fn global_pool() {
    GLOBAL_POOL.check();
}

#[test]
fn add() {
    ADD.check();
}

#[test]
fn residual_sum() {
    RESIDUAL.check();
}

#[test]
fn concat() {
    CONCAT.check();
}

#[test]
fn reshape_transpose_and_flatten() {
    RESHAPE.check();
}

#[test]
fn batch_norm_over_weights_with_a_scale_a_filter() {
    BATCH_NORM.check();
}

#[test]
fn functions() {
    for (signed, seed) in [(false, 7), (true, 8), (true, 9)] {
        let mut draw = Draw::new(&[3], Seed(seed));
        let levels = draw.input(Transfer::Signed, 3);
        let sums = draw.linear(levels, 2, BUDGET);
        draw.quantizer(sums, Transfer::Function { signed: Known::Now(signed) }, 3);
        agree_at_extremes(&draw.finish().circuit(), -40.0, 6, Seed(seed));
    }
}

#[test]
fn a_quantizer_of_levels() {
    let mut draw = Draw::new(&[2], Seed(4));
    let fine = draw.input(Transfer::Signed, 4);
    let coarse = draw.quantizer_of(fine, Transfer::Signed, 3, 2.5);
    draw.linear(coarse, 2, PLAIN);
    agree_at_extremes(&draw.finish().circuit(), -40.0, 12, Seed(4));
}

#[test]
fn levels_as_the_output() {
    let mut draw = Draw::new(&[3], Seed(5));
    let levels = draw.input(Transfer::Unsigned, 3);
    let sums = draw.linear(levels, 3, BUDGET);
    draw.quantizer(sums, Transfer::Signed, 3);
    agree_at_extremes(&draw.finish().circuit(), -40.0, 12, Seed(5));
}

#[test]
fn a_convolution_a_pool_and_a_residual_sum() {
    let mut draw = Draw::new(&[1, 4, 4], Seed(6));
    let levels = draw.input(Transfer::Unsigned, 2);
    let conv = draw.conv(levels, 2, window(2, 3, 2, 1), 1, BUDGET);
    let relu = draw.quantizer(conv, Transfer::ReLU, 2);
    let mix = draw.conv(relu, 2, window(2, 1, 1, 0), 2, BUDGET);
    let other = draw.quantizer_like(mix, relu, Transfer::Signed, 2);
    let sum = draw.add(&[other, relu]);
    let levels = draw.quantizer(sum, Transfer::ReLU, 2);
    draw.pool(levels, None);
    agree_at_extremes(&draw.finish().circuit(), -40.0, 2, Seed(6));
}

/// `cargo test --release -p fheqat-runtime any_network_encrypted -- --ignored`
#[test]
#[ignore = "minutes: networks of every layer, every sum at both ends"]
fn any_network_encrypted() {
    let mut run = 0;
    for seed in 0..60 {
        let circuit = Draw::any(Seed(seed)).circuit();
        let rotations = circuit.graph.accumulators.len();
        let slots = circuit.graph.accumulators.iter().map(Accumulator::slots).max();
        // Larger ones take a minute each and show no more.
        if (1..=40).contains(&rotations) && slots.is_some_and(|slots| slots <= 128) {
            run += 1;
            agree_at_extremes(&circuit, [-40.0, -64.0][seed as usize % 2], 6, Seed(seed));
        }
    }
    assert!(run > 20, "only {run} networks were of a size to run");
}

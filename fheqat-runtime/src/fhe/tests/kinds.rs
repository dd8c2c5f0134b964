//! Encrypted equals simulated for every layer: random weights, and the inputs that drive every sum to both its ends.

use fheqat_spec::{Known, Transfer, WeightScale};

use super::{exact::agree, graphs::samples};
use crate::{
    Seed,
    circuit::{
        Circuit,
        ir::Accumulator,
        soundness::{covering, extremes, features},
    },
    fixture::drawn::{Draw, PLAIN, Weights, window},
};

fn agree_at_extremes(circuit: &Circuit, p_fail: f64, most: usize, seed: Seed) {
    assert!(!circuit.graph.accumulators.is_empty(), "nothing is left to rotate");
    let ends = covering(&circuit.graph, &extremes(&circuit.graph, usize::MAX, seed));
    let ends = ends.iter().take(most).map(|levels| features(circuit, levels));
    let random = samples(circuit, 2, seed).into_iter().map(|levels| {
        let step = circuit.codec.encoders[0].quantizer.step;
        levels.into_iter().map(|level| level * step).collect()
    });
    agree(circuit, p_fail, &ends.chain(random).collect::<Vec<_>>());
}

/// A layer behind the quantized input, a quantizer of two bits, and a dense output: the first draw that is not constant.
fn check(input: &[usize], transfer: Transfer, layer: impl Fn(&mut Draw, usize) -> usize) {
    let drawn = |seed| {
        let mut draw = Draw::new(input, Seed(seed));
        let levels = draw.input(transfer, 2);
        let sums = layer(&mut draw, levels);
        draw.quantizer(sums, Transfer::ReLU, 2);
        let levels = draw.last();
        let flat = draw.flatten(levels);
        draw.linear(flat, 2, Weights { max_l1: Some(12), ..PLAIN });
        draw.finish().circuit()
    };
    let varies = |circuit: &Circuit| !circuit.graph.accumulators.is_empty();
    let circuit = (3..20).map(drawn).find(varies).unwrap();
    agree_at_extremes(&circuit, -40.0, 12, Seed(3));
}

const BUDGET: Weights = Weights { max_l1: Some(6), ..PLAIN };

#[test]
fn linear() {
    check(&[4], Transfer::Signed, |draw, levels| draw.linear(levels, 4, BUDGET));
}

#[test]
fn conv1d() {
    let strided = window(1, 3, 2, 1);
    check(&[2, 6], Transfer::Unsigned, |draw, levels| draw.conv(levels, 2, strided, 1, BUDGET));
}

#[test]
fn conv2d_with_stride_and_padding() {
    let strided = window(2, 3, 2, 1);
    check(&[1, 4, 4], Transfer::Signed, |draw, levels| draw.conv(levels, 2, strided, 1, BUDGET));
}

#[test]
fn conv2d_in_groups() {
    let plain = window(2, 2, 1, 0);
    check(&[2, 3, 3], Transfer::Unsigned, |draw, levels| draw.conv(levels, 2, plain, 2, BUDGET));
}

#[test]
fn pool_with_padding() {
    let padded = window(2, 2, 2, 1);
    check(&[1, 4, 4], Transfer::Unsigned, |draw, levels| draw.pool(levels, Some(padded)));
}

#[test]
fn global_pool() {
    check(&[2, 3, 3], Transfer::Signed, |draw, levels| draw.pool(levels, None));
}

#[test]
fn add() {
    check(&[3], Transfer::Signed, |draw, levels| {
        let other = draw.quantizer_like(levels, levels, Transfer::ReLU, 1);
        draw.add(&[levels, other, levels])
    });
}

#[test]
fn concat() {
    check(&[2], Transfer::Signed, |draw, levels| {
        let other = draw.quantizer_like(levels, levels, Transfer::ReLU, 1);
        let joined = draw.concat(&[levels, other]);
        draw.linear(joined, 3, BUDGET)
    });
}

#[test]
fn reshape_transpose_and_flatten() {
    check(&[2, 3], Transfer::Unsigned, |draw, levels| {
        let turned = draw.transpose(levels, &[1, 0]);
        let shaped = draw.reshape(turned, &[2, 3]);
        draw.conv(shaped, 2, window(1, 2, 1, 0), 1, BUDGET)
    });
}

#[test]
fn batch_norm_over_weights_with_a_scale_a_filter() {
    let weights = Weights { scale: WeightScale::PerChannel, ..BUDGET };
    check(&[1, 3, 3], Transfer::Signed, |draw, levels| {
        let sums = draw.conv(levels, 3, window(2, 2, 1, 0), 1, weights);
        draw.norm(sums)
    });
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

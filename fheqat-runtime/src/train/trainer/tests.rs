//! Limits of rows, step by step.

use std::path::Path;

use fheqat_spec::{Transfer, WeightRange, WeightScale};
use ndarray::Array2;
use rand::RngExt;

use super::*;
use crate::{
    Seed,
    data::csv::{self, CsvOptions},
    fixture::drawn::{Draw, PLAIN, Weights, window},
    nn::program::Node,
};

const STEPS: usize = 60;

/// Limits so tight that training runs into them.
fn tight(budget: bool, scale: WeightScale, range: WeightRange) -> Weights {
    let max_l1 = budget.then_some(5);
    Weights { max_nonzero: Some(3), max_l1, scale, range, ..PLAIN }
}

fn dense(weights: Weights, width: usize, classes: usize) -> Draw {
    let mut draw = Draw::new(&[width], Seed(1));
    let mut levels = draw.input(Transfer::Unsigned, 3);
    for _ in 0..2 {
        let sums = draw.linear(levels, 12, weights);
        levels = draw.quantizer(sums, Transfer::ReLU, 3);
    }
    draw.linear(levels, classes, weights);
    draw
}

fn residual(weights: Weights) -> Draw {
    let mut draw = Draw::new(&[8], Seed(2));
    let input = draw.input(Transfer::Signed, 3);
    let first = draw.linear(input, 10, weights);
    let relu = draw.quantizer(first, Transfer::ReLU, 3);
    let second = draw.linear(relu, 10, weights);
    let other = draw.quantizer_like(second, relu, Transfer::Signed, 3);
    let sum = draw.add(&[other, relu]);
    let again = draw.quantizer(sum, Transfer::ReLU, 3);
    draw.linear(again, 2, weights);
    draw
}

/// A convolution along as many axes as the image has, in two groups, and one of everything behind it.
fn convolutional(weights: Weights, image: &[usize]) -> Draw {
    let mut draw = Draw::new(image, Seed(3));
    let mut levels = draw.input(Transfer::Unsigned, 2);
    for groups in [2, 1] {
        let sums = draw.conv(levels, 6, window(image.len() - 1, 3, 1, 1), groups, weights);
        levels = draw.quantizer(sums, Transfer::ReLU, 3);
    }
    let flat = draw.flatten(levels);
    draw.linear(flat, 2, weights);
    draw
}

/// The network as training finds it, with nothing chosen.
fn fresh(draw: Draw) -> Program {
    let mut program = draw.finish().program();
    for node in &mut program.nodes {
        match &mut node.op {
            Op::Linear(state) => state.scale = None,
            Op::Quantizer(state) => state.step = state.fixed,
            _ => {}
        }
    }
    program.redraw(Seed(4));
    program
}

fn noise(width: usize) -> Dataset {
    let mut rng = Seed(5).rng(0);
    let features = Array2::from_shape_simple_fn((96, width), || rng.random_range(-1.0..1.0));
    Dataset::classes(features, (0..96).map(|sample| sample % 2).collect(), 2).unwrap()
}

/// Most weights and the largest sum of them in any row of integers.
fn fullest(integers: &Array2<f32>) -> (usize, usize) {
    assert!(integers.iter().all(|weight| weight.fract() == 0.0));
    let counts = integers.rows().into_iter().map(|row| row.iter().filter(|weight| **weight != 0.0).count());
    let sums = integers.rows().into_iter().map(|row| row.iter().map(|weight| weight.abs()).sum::<f32>());
    (counts.max().unwrap_or(0), sums.fold(0.0f32, f32::max) as usize)
}

/// Trains step by step at a rate that throws weights about, and gives how often integers changed from step to step.
fn drive(program: &mut Program, data: &Dataset, weights: Weights, rate: f32) -> usize {
    let config =
        TrainConfig { epochs: Some(STEPS / 3), batch: 32, rate, progress: false, ..TrainConfig::declared() };
    calibrate::calibrate(program, &data.features(), config.observer, Purpose::Train).unwrap();
    let mut trainer = Trainer::new(program.clone(), &config, data, &[]).unwrap();
    let ramp = (config.ramp * trainer.steps as f32) as usize;
    let (most, budget) = (weights.max_nonzero.map_or(usize::MAX, |most| most as usize), weights.max_l1);
    let budget = budget.map_or(usize::MAX, |budget| budget as usize);
    let mut changes = 0;
    let mut before: Vec<Array2<f32>> = Vec::new();
    let (mut has_filled_count, mut has_filled_budget) = (false, false);
    for step in 0..STEPS {
        let rows: Vec<usize> = (0..32).map(|row| (step * 32 + row) % data.len()).collect();
        let rate = trainer.rate();
        assert!(trainer.batch(data, &rows, rate).unwrap().loss.is_finite());
        for kernel in &trainer.runner.kernels {
            if let Kernel::Linear(product) = kernel {
                let (count, sum) = fullest(&product.weights);
                assert!(sum <= budget, "step {step} ran with {sum} of {budget}");
                let is_bounded = weights.max_l1.is_some() || step >= ramp;
                assert!(count <= most || !is_bounded, "step {step} ran with {count} of {most}");
            }
        }
        let integers: Vec<Array2<f32>> = trainer
            .program
            .nodes
            .iter()
            .filter_map(|Node { op, .. }| match op {
                Op::Linear(state) => Some(state.integers().mapv(|weight| weight as f32)),
                _ => None,
            })
            .collect();
        for integers in &integers {
            let (count, sum) = fullest(integers);
            assert!(count <= most && sum <= budget, "step {step}: {count} of {most}, {sum} of {budget}");
            has_filled_count |= count == most;
            has_filled_budget |= sum == budget;
        }
        changes += usize::from(!before.is_empty() && before != integers);
        before = integers;
    }
    assert!(has_filled_count, "no row ever had {most} weights");
    assert!(has_filled_budget || weights.max_l1.is_none(), "no row ever summed to {budget}");
    changes
}

#[test]
fn rows_keep_their_limits_after_every_step() {
    for has_budget in [true, false] {
        for scale in [WeightScale::PerTensor, WeightScale::PerChannel] {
            for range in [WeightRange::Narrow, WeightRange::Full] {
                let weights = tight(has_budget, scale, range);
                let networks = [
                    ("dense", dense(weights, 8, 2), 8),
                    ("residual", residual(weights), 8),
                    ("along one axis", convolutional(weights, &[4, 7]), 28),
                    ("along two axes", convolutional(weights, &[4, 5, 4]), 80),
                ];
                for (name, draw, width) in networks {
                    let changes = drive(&mut fresh(draw), &noise(width), weights, 0.2);
                    assert!(changes >= STEPS / 6, "{name}: integers changed in {changes} steps");
                }
            }
        }
    }
}

#[test]
fn rows_keep_their_limits_on_digits() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data/digits.csv.gz");
    let digits = csv::read(file, &CsvOptions { header: false, ..CsvOptions::default() }).unwrap();
    for max_l1 in [Some(12), None] {
        let weights = Weights { max_nonzero: Some(9), max_l1, ..PLAIN };
        let changes = drive(&mut fresh(dense(weights, 64, 10)), &digits, weights, 0.1);
        assert!(changes >= STEPS / 6, "integers changed in {changes} steps");
    }
}

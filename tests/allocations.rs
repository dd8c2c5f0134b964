//! A step of training allocates nothing of its own: every buffer is made before the first step and used by all.
#![allow(clippy::unwrap_used)]

use std::alloc::System;

use fheqat::{prelude::*, train::Validation};
use ndarray::Array2;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[quant_net(bits = 3, max_nonzero = 10, max_l1 = 8)]
struct Perceptron {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<72, 30>,
    relu1: QuantReLU,
    #[layer(per_channel, max_l1 = 12)]
    fc2: QuantLinear<30, 20>,
    relu2: QuantReLU,
    fc3: QuantLinear<20, 4>,
}

#[quant_net(bits = 3, max_nonzero = 9, input = [2, 6, 6])]
struct Convolutional {
    quant_inp: QuantIdentity,
    #[layer(bias = none)]
    conv1: QuantConv2d<2, 8, 3>, // [8, 4, 4]
    norm1: BatchNorm,
    relu1: QuantReLU,
    #[layer(groups = 2, padding = 1, per_channel)]
    conv2: QuantConv2d<8, 6, 3>, // [6, 4, 4]
    act2: QuantAct<Tanh>,
    pool: AvgPool2d<2>, // [6, 2, 2]
    quant_pool: QuantIdentity,
    flatten: Flatten,
    fc: QuantLinear<24, 4>,
}

#[quant_net(bits = 3, max_nonzero = 24)]
struct Residual {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<72, 16>,
    relu1: QuantReLU,
    fc2: QuantLinear<16, 16>,
    #[layer(scale_from = relu1)]
    quant2: QuantIdentity,
    #[layer(from = [quant2, relu1])]
    add: Add,
    relu2: QuantReLU,
    fc3: QuantLinear<16, 4>,
}

const BATCH: usize = 25;
/// As many as calibration looks at.
const SAMPLES: usize = 500;
/// With either, training looks at 2,000 samples to see whether it has learned anything.
const REPEATS: [usize; 2] = [4, 8];
/// Vectors of scratch memory that may grow once more when there are more steps: less than one allocation in ten steps.
const GROWTH: usize = 10;

/// The same samples each so many times in a row, so that calibration sees the same ones.
fn samples(repeats: usize) -> Dataset {
    let at = |(row, column): (usize, usize)| (row / repeats * 37 + column * column * 11) % 29;
    let features = Array2::from_shape_fn((SAMPLES * repeats, 72), |place| at(place) as f32 / 29.0 - 0.4);
    Dataset::classes(features, (0..SAMPLES * repeats).map(|row| row / repeats % 4).collect(), 4).unwrap()
}

fn allocations<N: Network>(data: &Dataset, config: &TrainConfig) -> usize {
    let mut net = N::new(Seed(0));
    let region = Region::new(ALLOCATOR);
    net.train(data, config).unwrap();
    region.change().allocations
}

/// Products of a step of `N`, forward and backward: each packs its operands into one allocation of `matrixmultiply`'s, and
/// nothing else allocates.
fn check<N: Network>(products: usize) {
    for config in [TrainConfig::declared(), TrainConfig::float()] {
        let (batch, validation) = (BATCH, Validation::None);
        let config = TrainConfig { epochs: Some(1), batch, validation, progress: false, ..config };
        let [few, many] = REPEATS.map(|repeats| allocations::<N>(&samples(repeats), &config));
        let steps = SAMPLES * (REPEATS[1] - REPEATS[0]) / BATCH;
        println!("{few} allocations, with {steps} steps more {many}");
        assert!(many > few, "the allocator counts nothing");
        assert!(many <= few + steps * products + GROWTH, "{many} > {few} + {steps} * {products} + {GROWTH}");
    }
}

#[test]
fn steps_allocate_nothing_but_the_packing_of_products() {
    // Of each layer forward and for the weights, and for the inputs where a layer with weights is in front.
    check::<Perceptron>(3 + 3 + 2);
    check::<Residual>(3 + 3 + 2);
    // `conv2` multiplies in two groups and two parts of the batch.
    check::<Convolutional>((1 + 4 + 1) + (1 + 4 + 1) + (4 + 1));
}

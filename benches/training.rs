//! Five epochs of the guide's network, of networks on handwritten digits, and of a wide one in large batches.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use fheqat::{
    data::{
        self,
        csv::{self, CsvOptions},
    },
    prelude::*,
    train::Validation,
};
use ndarray::Array2;

#[quant_net(bits = 3, max_nonzero = 30, max_l1 = 8)]
#[derive(Clone)]
struct Guide {
    #[layer(bits = 2, signed = false, scale = 0.333)]
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 100>,
    relu1: QuantReLU,
    fc2: QuantLinear<100, 100>,
    relu2: QuantReLU,
    fc3: QuantLinear<100, 2>,
}

#[quant_net(bits = 3, max_l1 = 16)]
#[derive(Clone)]
struct Perceptron {
    #[layer(signed = false)]
    quant_inp: QuantIdentity,
    fc1: QuantLinear<64, 64>,
    relu1: QuantReLU,
    fc2: QuantLinear<64, 10>,
}

#[quant_net(bits = 3, max_l1 = 24, input = [1, 8, 8])]
#[derive(Clone)]
struct Convolutional {
    #[layer(signed = false)]
    quant_inp: QuantIdentity,
    conv1: QuantConv2d<1, 12, 3>, // [12, 6, 6]
    relu1: QuantReLU,
    conv2: QuantConv2d<12, 16, 3>, // [16, 4, 4]
    relu2: QuantReLU,
    pool: AvgPool2d<2>, // [16, 2, 2]
    #[layer(signed = false)]
    quant_pool: QuantIdentity,
    flatten: Flatten, // [64]
    fc: QuantLinear<64, 10>,
}

#[quant_net(bits = 3, max_nonzero = 64)]
#[derive(Clone)]
struct Wide {
    #[layer(signed = false)]
    quant_inp: QuantIdentity,
    fc1: QuantLinear<784, 256>,
    relu1: QuantReLU,
    fc2: QuantLinear<256, 10>,
}

/// Passes over the data, so that calibration is a small part.
const EPOCHS: usize = 5;
/// Samples of the wide network.
const SAMPLES: usize = 2048;

fn train<N: Network + Clone>(criterion: &mut Criterion, name: &str, data: &Dataset, batches: &[usize]) {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements((EPOCHS * data.len()) as u64)).sample_size(20);
    for &batch in batches {
        let config = TrainConfig {
            epochs: Some(EPOCHS),
            batch,
            validation: Validation::None,
            progress: false,
            ..TrainConfig::declared()
        };
        let fresh = N::new(Seed(0));
        group.bench_function(format!("batch {batch}"), |bencher| {
            bencher.iter_batched(|| fresh.clone(), |mut net| net.train(data, &config), BatchSize::LargeInput);
        });
    }
    group.finish();
}

fn trainings(criterion: &mut Criterion) {
    let (checkerboard, _) = data::checkerboard(Seed(1));
    train::<Guide>(criterion, "guide", &checkerboard, &[32, 64]);

    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/digits.csv.gz");
    let digits = csv::read(file, &CsvOptions { header: false, ..CsvOptions::default() });
    let digits = digits.expect("the digits are part of this repository");
    train::<Perceptron>(criterion, "digits perceptron", &digits, &[64]);
    train::<Convolutional>(criterion, "digits convolutional", &digits, &[64]);

    let pixel = |(row, column): (usize, usize)| ((row * 37 + column * column * 11) % 29) as f32 / 29.0;
    let labels = (0..SAMPLES).map(|row| row % 10).collect();
    let images = Dataset::classes(Array2::from_shape_fn((SAMPLES, 784), pixel), labels, 10);
    let images = images.expect("every label is below ten");
    train::<Wide>(criterion, "wide", &images, &[64, 512]);
}

criterion_group!(benches, trainings);
criterion_main!(benches);

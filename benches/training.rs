//! One epoch of the guide's network, of networks on handwritten digits, and of a wide one in large batches.

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

/// Samples of the wide network.
const SAMPLES: usize = 4096;

fn epoch<N: Network + Clone>(criterion: &mut Criterion, name: &str, train: &Dataset, batches: &[usize]) {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(train.len() as u64)).sample_size(20);
    for &batch in batches {
        let config = TrainConfig {
            epochs: 1,
            batch,
            validation: Validation::None,
            progress: false,
            ..TrainConfig::declared()
        };
        let fresh = N::new(Seed(0));
        group.bench_function(format!("batch {batch}"), |bencher| {
            bencher.iter_batched(
                || fresh.clone(),
                |mut net| net.train(train, &config),
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

fn epochs(criterion: &mut Criterion) {
    let (checkerboard, _) = data::checkerboard(Seed(1));
    epoch::<Guide>(criterion, "guide", &checkerboard, &[32, 64]);

    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/digits.csv.gz");
    let digits = csv::read(file, &CsvOptions { header: false, ..CsvOptions::default() });
    let digits = digits.expect("the digits are part of this repository");
    epoch::<Perceptron>(criterion, "digits perceptron", &digits, &[64]);
    epoch::<Convolutional>(criterion, "digits convolutional", &digits, &[64]);

    let pixel = |(row, column): (usize, usize)| ((row * 37 + column * column * 11) % 29) as f32 / 29.0;
    let labels = (0..SAMPLES).map(|row| row % 10).collect();
    let images = Dataset::classes(Array2::from_shape_fn((SAMPLES, 784), pixel), labels, 10);
    let images = images.expect("every label is below ten");
    epoch::<Wide>(criterion, "wide", &images, &[64, 512]);
}

criterion_group!(benches, epochs);
criterion_main!(benches);

//! Convolutions and pools: evaluation, the integers and the circuit agree bit for bit.
#![allow(clippy::unwrap_used)]

use fheqat::{
    nn::tensors::WeightsError,
    prelude::*,
    spec::{Known, Range, Shape, judge_all},
    train::PtqConfig,
};

use self::{
    common::{Digits, Pooled, Signal, config, samples},
    exact::check_bits,
};

mod common;
mod exact;

#[quant_net(bits = 3, input = [1, 4, 4])]
struct Filtered {
    quant_inp: QuantIdentity,
    #[layer(stride = 2, padding = 1)]
    conv: QuantConv2d<1, 1, 4>,
}

#[quant_net(bits = 3, input = [4, 5, 6])]
struct Grouped {
    quant_inp: QuantIdentity,
    #[layer(stride = 2, padding = 1, groups = 2)]
    conv: QuantConv2d<4, 6, 3>,
}

#[quant_net(bits = 3, input = [2, 5, 4])]
struct Averaged {
    quant_inp: QuantIdentity,
    #[layer(padding = 1)]
    pool: AvgPool2d<2>,
}

#[cfg(feature = "fhe")]
fn check_encrypted<N: Network>(width: u16) {
    let data = samples(60, width);
    let mut net = N::new(Seed(2));
    net.train(&data, &config()).unwrap();
    let circuit = net.circuit().unwrap();
    let (client, server) = circuit.compile(&CompileOptions::default()).unwrap().keygen().unwrap();
    let dark = vec![-9.0; usize::from(width)];
    let samples: Vec<Vec<f32>> = data.samples().take(1).chain([dark]).collect();
    let results = server.run_batch(&client.encrypt_batch(&samples).unwrap()).unwrap();
    for (sample, result) in samples.iter().zip(client.decrypt_batch(&results).unwrap()) {
        assert_eq!(result, circuit.simulate(sample).unwrap());
    }
}

#[cfg(feature = "fhe")]
#[test]
fn encrypted_is_simulated_of_filters_and_pools() {
    check_encrypted::<Pooled>(40);
}

#[cfg(feature = "fhe")]
#[test]
fn encrypted_is_simulated_along_one_axis() {
    check_encrypted::<Signal>(24);
}

#[test]
fn a_small_network_with_two_convolutions_and_a_pool_is_exact() {
    let (train, test) = (samples(240, 64), samples(60, 64));
    let mut net = Digits::new(Seed(1));
    net.train(&train, &config()).unwrap();
    check_bits(&net, &test);
    let accuracy = net.evaluate(&test).unwrap().accuracy.unwrap();
    assert!(accuracy > 0.85, "{accuracy}");
    assert_eq!(net.conv1.integers().unwrap().dim(), (4, 9));
    assert_eq!(net.conv2.integers().unwrap().dim(), (6, 18));
    let sum = |row: ndarray::ArrayView1<'_, i32>| row.iter().map(|weight| weight.abs()).sum::<i32>();
    assert!(net.conv1.integers().unwrap().rows().into_iter().all(|row| sum(row) <= 12));
}

#[test]
fn convolutions_along_one_axis_are_exact() {
    let (train, test) = (samples(120, 24), samples(60, 24));
    let mut net = Signal::new(Seed(2));
    net.train(&train, &config()).unwrap();
    check_bits(&net, &test);
    let nonzero = |row: ndarray::ArrayView1<'_, i32>| row.iter().filter(|weight| **weight != 0).count();
    assert!(net.conv2.integers().unwrap().rows().into_iter().all(|row| nonzero(row) <= 10));
}

#[test]
fn sums_of_a_pool_may_be_the_output() {
    let (train, test) = (samples(120, 40), samples(60, 40));
    let mut net = Pooled::new(Seed(3));
    net.train(&train, &config()).unwrap();
    check_bits(&net, &test);
}

#[test]
fn filters_and_flattened_levels_may_be_the_output() {
    #[quant_net(bits = 3, input = [1, 2, 3])]
    struct Flat {
        quant_inp: QuantIdentity,
        flatten: Flatten,
    }

    let mut filtered = Filtered::new(Seed(4));
    filtered.quantize(&samples(30, 16), &PtqConfig::default()).unwrap();
    check_bits(&filtered, &samples(30, 16));
    let mut flat = Flat::new(Seed(4));
    flat.quantize(&samples(30, 6), &PtqConfig::default()).unwrap();
    check_bits(&flat, &samples(30, 6));
}

#[test]
fn a_network_trained_in_float_is_exact_when_quantized() {
    let (train, test) = (samples(120, 64), samples(60, 64));
    let mut net = Digits::new(Seed(5));
    net.train(&train, &TrainConfig { precision: Precision::Float, ..config() }).unwrap();
    net.prune(7).unwrap();
    net.quantize(&train, &PtqConfig::default()).unwrap();
    check_bits(&net, &test);
}

#[test]
fn a_loaded_network_is_the_one_saved() {
    let (train, test) = (samples(90, 64), samples(30, 64));
    let mut net = Digits::new(Seed(6));
    net.train(&train, &TrainConfig { epochs: Some(1), ..config() }).unwrap();
    let path = std::env::temp_dir().join(format!("fheqat-images-{}.safetensors", std::process::id()));
    net.save(&path).unwrap();
    let mut loaded = Digits::new(Seed(7));
    loaded.load(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let run = |net: &Digits| net.predict(Precision::Quantized, test.features()).unwrap();
    assert_eq!(run(&net), run(&loaded));
}

/// `[channels, height, width]` of a sample, zero outside.
fn pixel(sample: &[f32], [channels, height, width]: [usize; 3], channel: usize, y: i64, x: i64) -> f32 {
    assert!(channel < channels);
    match (usize::try_from(y), usize::try_from(x)) {
        (Ok(y), Ok(x)) if y < height && x < width => sample[(channel * height + y) * width + x],
        _ => 0.0,
    }
}

#[test]
fn a_convolution_is_a_plain_loop() {
    let data = samples(7, 120);
    let net = Grouped::new(Seed(8));
    let found = net.predict(Precision::Float, data.features()).unwrap();
    let weights = net.conv.weights();
    for (sample, found) in data.samples().zip(found.rows()) {
        for (index, found) in found.iter().enumerate() {
            let (filter, y, x) = (index / 9, index % 9 / 3, index % 3);
            let mut sum = net.conv.bias()[filter];
            for channel in 0..2 {
                for (k, l) in (0..9).map(|tap| (tap / 3, tap % 3)) {
                    let (y, x) = (2 * y as i64 + k - 1, 2 * x as i64 + l - 1);
                    let weight = weights[[filter, channel * 9 + (k * 3 + l) as usize]];
                    sum += weight * pixel(&sample, [4, 5, 6], filter / 3 * 2 + channel, y, x);
                }
            }
            assert!((sum - found).abs() < 1e-5, "{index}: {sum} {found}");
        }
    }
}

#[test]
fn a_pool_averages_with_its_padding() {
    let data = samples(7, 40);
    let found = Averaged::new(Seed(9)).predict(Precision::Float, data.features()).unwrap();
    for (sample, found) in data.samples().zip(found.rows()) {
        for (index, found) in found.iter().enumerate() {
            let (channel, y, x) = (index / 9, index % 9 / 3, index % 3);
            let at = |tap: usize| {
                let (y, x) = (2 * y + tap / 2, 2 * x + tap % 2);
                pixel(&sample, [2, 5, 4], channel, y as i64 - 1, x as i64 - 1)
            };
            let average = (0..4).map(at).sum::<f32>() / 4.0;
            assert!((average - found).abs() < 1e-6, "{index}: {average} {found}");
        }
    }
}

#[test]
fn shapes_and_ranges_follow_the_windows() {
    let facts = judge_all::<9>(&Digits::SPEC).map(|verdict| verdict.fact);
    let shape =
        |dims: &[i64]| Known::Now(Shape::new(&dims.iter().map(|dim| Known::Now(*dim)).collect::<Vec<_>>()));
    assert_eq!(facts[1].shape, shape(&[4, 4, 4]));
    assert_eq!(facts[3].shape, shape(&[6, 4, 4]));
    assert_eq!(facts[5].shape, shape(&[6, 2, 2]));
    assert_eq!(facts[7].shape, shape(&[24]));
    assert_eq!(facts[1].range, Known::Now(Range::new(-84, 84)));
    assert_eq!(facts[5].range, Known::Now(Range::new(0, 28)));
    let [.., global] = judge_all::<8>(&Pooled::SPEC).map(|verdict| verdict.fact);
    assert_eq!((global.shape, global.range), (shape(&[3]), Known::Now(Range::new(0, 180))));
}

/// Weights say nothing of how a filter slides, so the file does.
#[test]
fn filters_that_slide_otherwise_are_not_loaded() {
    macro_rules! network {
        ($name:ident, $($option:tt)*) => {
            #[quant_net(bits = 3, input = [4, 8, 8])]
            struct $name {
                quant_inp: QuantIdentity,
                #[layer($($option)*)]
                conv: QuantConv2d<4, 4, 3>,
                relu: QuantReLU,
                pool: GlobalAvgPool2d,
                quant: QuantIdentity,
                fc: QuantLinear<4, 2>,
            }
        };
    }
    network!(Plain, stride = 1);
    network!(Strided, stride = 2);
    network!(Padded, padding = 1);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.safetensors");
    Strided::new(Seed(0)).save(&path).unwrap();
    let mut strided = Strided::new(Seed(1));
    strided.load(&path).unwrap();
    let refused = |error: WeightsError, part: &str| {
        let error = error.to_string();
        assert!(error.starts_with(&format!("the file was trained with {part}")), "{error}");
    };
    refused(Plain::new(Seed(0)).load(&path).unwrap_err(), "`stride` 2 of `conv`, but the network declares 1");
    Padded::new(Seed(0)).save(&path).unwrap();
    refused(
        Plain::new(Seed(0)).load(&path).unwrap_err(),
        "`padding` 1 of `conv`, but the network declares 0",
    );
}

//! Layers that only lead wires elsewhere, from the macro to the encrypted result.
#![allow(clippy::unwrap_used)]

use fheqat::{data::Dataset, prelude::*, train::PtqConfig};
use ndarray::Array2;

use self::exact::check_bits;

mod exact;

/// Levels twice as large along both axes, behind sums and in front of them.
#[quant_net(bits = 2, max_l1 = 6, input = [1, 3, 2])]
struct Larger {
    quant_inp: QuantIdentity,
    upsample1: Upsample<2>,     // [1, 6, 4]
    conv: QuantConv2d<1, 2, 3>, // [2, 4, 2]
    relu: QuantReLU,
    pool: AvgPool2d<2>, // [2, 2, 1]
    quant_pool: QuantIdentity,
    upsample2: Upsample<3>, // [2, 6, 3]
}

fn quantized<N: Network>(features: usize, outputs: usize) -> (N, Dataset) {
    let samples = Array2::from_shape_fn((120, features), |(sample, feature)| {
        ((sample * 37 + feature * feature * 11) % 29) as f32 / 29.0 - 0.3
    });
    let data = Dataset::values(samples, Array2::zeros((120, outputs))).unwrap();
    let mut net = N::new(Seed(1));
    net.quantize(&data, &PtqConfig::default()).unwrap();
    (net, data)
}

/// Every output three times along a row, and every row three times; no rotation is for a copy.
#[test]
fn copies_are_equal_and_cost_nothing() {
    let (net, data) = quantized::<Larger>(6, 36);
    let circuit = check_bits(&net, &data);
    let levels = circuit.simulate(&data.samples().next().unwrap()).unwrap().accumulators;
    for (number, level) in levels.iter().enumerate() {
        let (channel, row, column) = (number / 18, number / 3 % 6, number % 3);
        assert_eq!(*level, levels[channel * 18 + (row - row % 3) * 3 + column - column % 3]);
    }
    let tables = circuit.graph.accumulators.iter().map(|accumulator| accumulator.tables.len());
    assert!(tables.sum::<usize>() <= 2 * 4 * 2 + 2 * 2);
}

#[cfg(feature = "fhe")]
fn encrypted(net: &impl Network, data: &Dataset) {
    let circuit = net.circuit().unwrap();
    let compiled = circuit.compile(&CompileOptions::default()).unwrap();
    let (client, server) = compiled.keygen().unwrap();
    for sample in data.samples().take(3) {
        let encrypted = client.encrypt(&sample).unwrap();
        let result = client.decrypt(&server.run(&encrypted).unwrap()).unwrap();
        assert_eq!(result, circuit.simulate(&sample).unwrap());
    }
}

#[cfg(feature = "fhe")]
#[test]
fn encrypted_is_simulated() {
    let (net, data) = quantized::<Larger>(6, 36);
    encrypted(&net, &data);
}

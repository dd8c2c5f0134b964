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

/// Halves of the channels, of which one takes part in a sum and the other is joined to it, and rows of an image.
#[quant_net(bits = 3, max_l1 = 6, input = [1, 4, 3])]
struct Split {
    quant_inp: QuantIdentity,
    conv: QuantConv2d<1, 4, 2>, // [4, 3, 2]
    relu: QuantReLU,
    first: Slice<0, 2>, // [2, 3, 2]
    #[layer(from = relu)]
    second: Slice<2, 4>, // [2, 3, 2]
    #[layer(from = [first, second])]
    add: Add,
    #[layer(scale_from = relu)]
    quant_add: QuantReLU,
    #[layer(from = [quant_add, second])]
    concat: Concat, // [4, 3, 2]
    #[layer(axis = 1)]
    rows: Slice<1, 3>, // [4, 2, 2]
    flatten: Flatten,
    fc: QuantLinear<16, 2>,
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

#[test]
fn parts_are_those_of_the_whole() {
    let (net, data) = quantized::<Split>(12, 2);
    check_bits(&net, &data);
    let fheqat::spec::Known::Now(shape) = fheqat::spec::judge_each(&Split::SPEC)[8].fact.shape else {
        panic!("it is known")
    };
    assert_eq!(shape.dims().iter().map(|dim| dim.or(0)).collect::<Vec<_>>(), [4, 2, 2]);
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
    let (net, data) = quantized::<Split>(12, 2);
    encrypted(&net, &data);
}

//! `MaxPool2d` and `Dropout` from the macro to the encrypted result.
#![allow(clippy::unwrap_used)]

use fheqat::{data::Dataset, prelude::*, spec::Range};
use ndarray::Array2;

use self::exact::check_bits;

mod exact;

/// Windows that overlap and are padded, signed levels whose largest is below zero, and largest levels as the output.
#[quant_net(bits = 2, max_l1 = 6, input = [1, 5, 5])]
struct Image {
    quant_inp: QuantIdentity,
    #[layer(padding = 1, stride = 2)]
    conv: QuantConv2d<1, 3, 3>, // [3, 3, 3]
    #[layer(bits = 2)]
    quant1: QuantIdentity,
    #[layer(stride = 1, padding = 1)]
    pool: MaxPool2d<2>, // [3, 4, 4]
    #[layer(p = 0.2)]
    dropout: Dropout,
    flatten: Flatten,
    fc: QuantLinear<48, 2>,
}

#[quant_net(bits = 3, input = [1, 4, 4])]
struct Largest {
    quant_inp: QuantIdentity,
    pool: MaxPool2d<2>, // [1, 2, 2]
}

/// Two classes of images of 5 by 5 that differ in brightness.
fn images() -> Dataset {
    let pixels = Array2::from_shape_fn((240, 25), |(sample, pixel)| {
        ((sample * 37 + pixel * pixel * 11) % 29) as f32 / 29.0 + 0.3 * (sample % 2) as f32 - 0.6
    });
    Dataset::classes(pixels, (0..240).map(|sample| sample % 2).collect(), 2).unwrap()
}

fn trained() -> Image {
    let mut net = Image::new(Seed(1));
    let config = TrainConfig { epochs: Some(30), progress: false, ..TrainConfig::declared() };
    net.train(&images(), &config).unwrap();
    net
}

#[test]
fn evaluation_is_simulation() {
    let (net, data) = (trained(), images());
    check_bits(&net, &data);
    let accuracy = net.evaluate(&data).unwrap().accuracy.unwrap();
    assert!(accuracy > 0.9, "{accuracy}");
}

/// Of four levels of three bits three tables, and each is of a difference of two levels: `-7..=7` takes 28 slots.
#[test]
fn largest_levels_are_the_output() {
    let mut net = Largest::new(Seed(0));
    let data =
        Array2::from_shape_fn((64, 16), |(sample, pixel)| ((sample * 7 + pixel * 5) % 17) as f32 - 8.0);
    let data = Dataset::values(data, Array2::zeros((64, 4))).unwrap();
    net.quantize(&data, &fheqat::train::PtqConfig::default()).unwrap();
    let circuit = net.circuit().unwrap();
    assert_eq!(circuit.graph.accumulators.len(), 4 * 3);
    for sum in &circuit.graph.accumulators {
        assert_eq!((sum.range, sum.slots()), (Range::new(-7, 7), 28));
    }
    for sample in data.samples() {
        let levels = circuit.codec.encode(&sample).unwrap();
        let largest = |row: usize, column: usize| {
            let at = |down: usize, right: usize| levels[(2 * row + down) * 4 + 2 * column + right];
            at(0, 0).max(at(0, 1)).max(at(1, 0)).max(at(1, 1))
        };
        let expected = [largest(0, 0), largest(0, 1), largest(1, 0), largest(1, 1)];
        assert_eq!(circuit.simulate(&sample).unwrap().accumulators, expected);
    }
}

#[cfg(feature = "fhe")]
#[test]
fn encrypted_is_simulated() {
    let data = images();
    let circuit = trained().circuit().unwrap();
    let compiled = circuit.compile(&CompileOptions::default()).unwrap();
    let (client, server) = compiled.keygen().unwrap();
    for sample in data.samples().take(3) {
        let encrypted = client.encrypt(&sample).unwrap();
        let result = client.decrypt(&server.run(&encrypted).unwrap()).unwrap();
        assert_eq!(result, circuit.simulate(&sample).unwrap());
    }
}

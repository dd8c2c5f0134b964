//! Trained networks as ONNX, and back.
//!
//! The files in `tests/interop/exported` are what is written here, with samples and the integers that have to come out of them;
//! `UPDATE_EXPORTED=1 cargo test -p fheqat-onnx --test export` writes them again, and `tests/interop/check_export.py` runs them with
//! onnxruntime.
#![allow(clippy::unwrap_used, clippy::float_cmp)]

#[path = "../graphs/reference.rs"]
mod reference;

mod functions;
mod windows;

use std::{fs, path::PathBuf};

use fheqat::{
    data::{self, Dataset},
    prelude::*,
    quant::activation::LeakyReLU,
};
use fheqat_onnx::{
    ImportOptions,
    export::{self, ExportError, Trained},
    import,
    proto::ModelProto,
};
use ndarray::Array2;
use prost::Message;

/// Held biases put sums on ties.
#[quant_net(bits = 3)]
struct Held {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 16>,
    relu1: QuantReLU,
    #[layer(bias = centred, per_channel)]
    fc2: QuantLinear<16, 8>,
    relu2: QuantReLU,
    fc3: QuantLinear<8, 2>,
}

#[quant_net(bits = 3, input = [1, 6, 6])]
struct Image {
    #[layer(signed = false)]
    quant_inp: QuantIdentity,
    #[layer(padding = 1, per_channel)]
    conv1: QuantConv2d<1, 4, 3>,
    norm1: BatchNorm,
    relu1: QuantReLU,
    pool1: MaxPool2d<2>,
    #[layer(groups = 2, bias = centred)]
    conv2: QuantConv2d<4, 4, 2>,
    norm2: BatchNorm,
    act2: QuantAct<Tanh>,
    #[layer(stride = 1)]
    pool2: AvgPool2d<2>,
    quant3: QuantIdentity,
    flat: Flatten,
    fc: QuantLinear<4, 2>,
}

#[quant_net(bits = 3)]
struct Branches {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 6>,
    relu1: QuantReLU,
    fc2: QuantLinear<6, 6>,
    #[layer(scale_from = relu1)]
    quant2: QuantIdentity,
    #[layer(from = [quant2, relu1])]
    add: Add,
    act3: QuantAct<LeakyReLU>,
    #[layer(from = quant2, scale_from = act3)]
    quant4: QuantIdentity,
    #[layer(from = [act3, quant4])]
    both: Concat,
    #[layer(shape = [3, 4])]
    grid: Reshape,
    #[layer(axes = [1, 0])]
    turned: Transpose,
    flat: Flatten,
    #[layer(bias = none)]
    fc5: QuantLinear<12, 4>,
    act5: QuantAct<Sigmoid>,
    fc6: QuantLinear<4, 2>,
}

#[quant_net(bits = 3, input = [1, 6, 6])]
struct Average {
    quant_inp: QuantIdentity,
    conv1: QuantConv2d<1, 3, 3>,
    act1: QuantAct<Gelu>,
    pool: GlobalAvgPool2d,
    #[layer(bits = 5)]
    quant2: QuantIdentity,
    fc: QuantLinear<3, 2>,
}

#[quant_net(bits = 3)]
struct Regression {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 12>,
    norm1: BatchNorm,
    relu1: QuantReLU,
    fc2: QuantLinear<12, 3>,
}

#[quant_net(bits = 3)]
struct Bits {
    bits: Thermometer<4>,
    fc1: QuantLinear<8, 2>,
}

/// Two classes of images of 6 by 6.
fn images() -> Dataset {
    let pixels = Array2::from_shape_fn((200, 36), |(sample, pixel)| {
        ((sample * 37 + pixel * pixel * 11) % 29) as f32 / 17.0 + 0.4 * (sample % 2) as f32
    });
    Dataset::classes(pixels, (0..200).map(|sample| sample % 2).collect(), 2).unwrap()
}

fn points() -> Dataset {
    data::checkerboard(Seed(1)).0
}

fn values() -> Dataset {
    let features = Array2::from_shape_fn((300, 2), |(row, column)| {
        ((row * (7 + column) * 13) % 101) as f32 / 50.0 - 1.0
    });
    let targets = Array2::from_shape_fn((300, 3), |(row, output)| {
        let (a, b) = (features[[row, 0]], features[[row, 1]]);
        [a * 40.0 + 7.0, b - a, a * b * 0.01][output]
    });
    Dataset::values(features, targets).unwrap()
}

fn trained<N: Network>(data: &Dataset) -> N {
    let mut network = N::new(Seed(5));
    network
        .train(data, &TrainConfig { epochs: Some(3), progress: false, ..TrainConfig::declared() })
        .unwrap();
    network
}

/// Samples of the data and between them, on steps of a grid too, where roundings are ties.
fn samples(data: &Dataset) -> Vec<Vec<f32>> {
    let given: Vec<Vec<f32>> = data.samples().take(150).collect();
    let mixed =
        given.windows(2).map(|pair| pair[0].iter().zip(&pair[1]).map(|(a, b)| 0.6 * a + 0.7 * b).collect());
    let coarse = given.iter().map(|sample| sample.iter().map(|x| (x * 4.0).round() / 4.0).collect());
    given.iter().cloned().chain(mixed).chain(coarse).collect()
}

fn exported() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/interop/exported"))
}

/// The graph of integers gives the circuit's integers, in the arithmetic of floats of 32 bits.
fn check_integers<N: Network>(name: &str, network: &N, data: &Dataset) {
    let file = export::integers(&Trained::of(network).unwrap()).unwrap();
    let model = ModelProto::decode(&file[..]).unwrap();
    let graph = model.graph.as_ref().unwrap();
    let circuit = network.circuit().unwrap();
    for sample in samples(data) {
        let tensors = reference::run(graph, &sample, |value| f64::from(value as f32));
        let expected = circuit.simulate(&sample).unwrap();
        let integers: Vec<i64> = tensors["integers"].values.iter().map(|&value| value as i64).collect();
        assert_eq!(integers, expected.accumulators, "{name}");
        let logits: Vec<f32> = tensors["logits"].values.iter().map(|&value| value as f32).collect();
        assert_eq!(logits, expected.values, "{name}");
    }
    keep(&format!("{name}.integers.onnx"), &file);
    share(name, network, data);
}

/// Writes files for other tools, where they are asked for.
fn share<N: Network>(name: &str, network: &N, data: &Dataset) {
    let Some(folder) = std::env::var_os("FHEQAT_EXPORTED").map(PathBuf::from) else { return };
    let (file, circuit) =
        (export::integers(&Trained::of(network).unwrap()).unwrap(), network.circuit().unwrap());
    let (mut inputs, mut integers) = (Vec::new(), Vec::new());
    for sample in samples(data).iter().cycle().take(1000) {
        inputs.extend(sample.iter().flat_map(|value| value.to_le_bytes()));
        let sums = circuit.simulate(sample).unwrap().accumulators;
        integers.extend(sums.iter().flat_map(|&sum| (sum as i32).to_le_bytes()));
    }
    fs::create_dir_all(&folder).unwrap();
    for (suffix, bytes) in [("integers.onnx", &file), ("input", &inputs), ("expected", &integers)] {
        fs::write(folder.join(format!("{name}.{suffix}")), bytes).unwrap();
    }
    if let Ok(file) = export::qonnx(&Trained::of(network).unwrap()) {
        fs::write(folder.join(format!("{name}.qonnx.onnx")), &file).unwrap();
    }
}

/// Compares a file with the one that is kept.
fn keep(name: &str, file: &[u8]) {
    let path = exported().join(name);
    if std::env::var_os("UPDATE_EXPORTED").is_some() {
        fs::create_dir_all(exported()).unwrap();
        fs::write(&path, file).unwrap();
    }
    let kept = fs::read(&path).unwrap_or_default();
    assert!(
        kept == file,
        "{name} is another: run with UPDATE_EXPORTED=1, then tests/interop/check_export.py"
    );
}

/// What is exported and imported again is the same circuit.
fn check_round_trip<N: Network>(name: &str, network: &N, data: &Dataset) {
    let file = export::qonnx(&Trained::of(network).unwrap()).unwrap();
    keep(&format!("{name}.qonnx.onnx"), &file);
    let options = ImportOptions { name: N::SPEC.name.to_owned(), ..ImportOptions::default() };
    let imported = import(&file, &options).unwrap_or_else(|error| panic!("{name}: {error}"));
    let again = imported.network().unwrap_or_else(|error| panic!("{name}: {error}"));
    let (before, after) = (network.circuit().unwrap(), again.circuit().unwrap());
    assert_eq!(before.graph, after.graph, "{name}: integers");
    assert_eq!(before.codec.encoders, after.codec.encoders, "{name}");
    let quantized = network.quantized().unwrap();
    let other = again.quantized().unwrap();
    for sample in samples(data) {
        let one: Vec<_> = quantized.integers(&sample).unwrap();
        assert_eq!(one.last(), other.integers(&sample).unwrap().last(), "{name}");
        let (one, other) = (quantized.run(&sample).unwrap(), other.run(&sample).unwrap());
        let is_near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-5 * a.abs().max(1e-3);
        assert!(one.iter().zip(&other).all(is_near), "{name}: {one:?} {other:?}");
    }
    // What is imported can be exported, and is the same file again.
    let twice = export::qonnx(&Trained::assembled(&again).unwrap()).unwrap();
    let twice = import(&twice, &options).unwrap().network().unwrap().circuit().unwrap();
    assert_eq!(twice, after, "{name}: twice");
}

fn check<N: Network>(name: &str, data: &Dataset) {
    let network: N = trained(data);
    check_integers(name, &network, data);
    check_round_trip(name, &network, data);
}

#[test]
fn networks_of_all_kinds_leave_and_come_back() {
    check::<Held>("held", &points());
    check::<Image>("image", &images());
    check::<Branches>("branches", &points());
    check::<Regression>("regression", &values());
}

#[test]
fn a_function_over_averages_leaves_and_comes_back() {
    let data = images();
    let network: Average = trained(&data);
    check_integers("average", &network, &data);
    let file = export::qonnx(&Trained::of(&network).unwrap()).unwrap();
    let again = import(&file, &ImportOptions::default()).unwrap().network().unwrap();
    let [before, after] = [network.circuit().unwrap(), again.circuit().unwrap()];
    for sample in samples(&data) {
        assert_eq!(
            before.simulate(&sample).unwrap().accumulators,
            after.simulate(&sample).unwrap().accumulators
        );
    }
}

#[test]
fn what_stays_with_the_client_is_refused() {
    let network: Bits = trained(&points());
    let trained = Trained::of(&network).unwrap();
    for error in [export::integers(&trained).unwrap_err(), export::qonnx(&trained).unwrap_err()] {
        assert!(matches!(&error, ExportError::Layer { field, .. } if field == "bits"), "{error}");
    }
    assert!(matches!(Trained::of(&Held::new(Seed(0))), Err(ExportError::Network(_))));
}

//! Weights that `PyTorch` saved, from the file to accuracy on integers and to an encrypted result. `tests/interop/pytorch.py` made the files.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use fheqat::{
    data::csv::{self, CsvOptions},
    ndarray::{Array1, Array2},
    prelude::*,
    train::PtqConfig,
};

#[quant_net(weight_bits = 3, act_bits = 4)]
struct Flowers {
    #[layer(bits = 6)]
    quant_inp: QuantIdentity,
    fc1: QuantLinear<4, 16>,
    relu1: QuantReLU,
    fc2: QuantLinear<16, 16>,
    relu2: QuantReLU,
    fc3: QuantLinear<16, 3>,
}

#[quant_net(bits = 4, input = [1, 8, 8])]
struct Images {
    quant_inp: QuantIdentity,
    #[layer(padding = 1)]
    conv1: QuantConv2d<1, 4, 3>,
    norm1: BatchNorm,
    relu1: QuantReLU,
    #[layer(stride = 2, groups = 2)]
    conv2: QuantConv2d<4, 4, 3>,
    relu2: QuantReLU,
    flat: Flatten,
    fc: QuantLinear<36, 3>,
}

#[derive(serde::Deserialize)]
struct Expected {
    inputs: Vec<Vec<f32>>,
    logits: Vec<Vec<f32>>,
}

fn file(name: &str) -> String {
    format!("{}/tests/interop/pytorch/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn loaded<N: Network>(name: &str) -> N {
    let mut net = N::new(Seed(7));
    net.load(file(&format!("{name}.safetensors"))).unwrap_or_else(|error| panic!("{name}: {error}"));
    net
}

fn rows(rows: &[Vec<f32>]) -> Array2<f32> {
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(row, column)| rows[row][column])
}

/// How far the logits are from those of `PyTorch`.
fn distance<N: Network>(net: &N, expected: &str) -> f32 {
    let text = std::fs::read(file("expected.json")).unwrap();
    let all: BTreeMap<String, Expected> = serde_json::from_slice(&text).unwrap();
    let expected = &all[expected];
    let found = net.predict(Precision::Float, rows(&expected.inputs).view()).unwrap();
    (found - rows(&expected.logits)).fold(0.0, |most, off| most.max(off.abs()))
}

fn iris() -> Dataset {
    let table = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/iris.csv");
    csv::read(table, &CsvOptions::default()).unwrap()
}

#[test]
fn every_way_to_name_layers_gives_the_same_logits() {
    let first: Flowers = loaded("sequential");
    for name in ["sequential", "prefixed", "named"] {
        let net: Flowers = loaded(name);
        assert_eq!(net.fc2.weights(), first.fc2.weights());
        assert!(distance(&net, "mlp") < 1e-4, "{name}: {}", distance(&net, "mlp"));
    }
    let net: Flowers = loaded("widths");
    assert!((1e-5..0.2).contains(&distance(&net, "mlp")), "{}", distance(&net, "mlp"));
}

/// The bias in front of the batch normalisation is in its mean, as `conv1` has none here.
#[test]
fn convolutions_and_normalisations_give_the_same_logits() {
    let net: Images = loaded("images");
    assert!(distance(&net, "images") < 1e-4, "{}", distance(&net, "images"));
    assert_eq!(net.conv1.bias(), Array1::<f32>::zeros(4));
}

#[test]
fn pruned_weights_stay_zero() {
    let mut net: Flowers = loaded("pruned");
    assert!(distance(&net, "pruned") < 1e-4, "{}", distance(&net, "pruned"));
    let zeros = |net: &Flowers| {
        [net.fc1.weights(), net.fc2.weights()]
            .map(|weights| weights.iter().filter(|weight| **weight == 0.0).count())
    };
    assert_eq!(zeros(&net), [32, 128]);
    let data = iris();
    net.quantize(&data, &PtqConfig::default()).unwrap();
    net.train(&data, &TrainConfig { epochs: Some(3), progress: false, ..TrainConfig::declared() }).unwrap();
    let after = zeros(&net);
    assert!(after[0] >= 32 && after[1] >= 128, "{after:?}");
}

/// Quantized after training, then trained on: both from the file.
fn quantized() -> [(Flowers, f64); 2] {
    let data = iris();
    let mut net: Flowers = loaded("sequential");
    net.quantize(&data, &PtqConfig::default()).unwrap();
    let after = net.evaluate(&data).unwrap().accuracy.unwrap();
    let mut trained: Flowers = loaded("sequential");
    trained.quantize(&data, &PtqConfig::default()).unwrap();
    let config = TrainConfig {
        epochs: Some(20),
        rate: 0.01,
        features: FeatureMap::AsIs,
        progress: false,
        ..TrainConfig::declared()
    };
    trained.train(&data, &config).unwrap();
    let with = trained.evaluate(&data).unwrap().accuracy.unwrap();
    [(net, after), (trained, with)]
}

#[test]
fn both_ways_to_quantize_keep_what_was_learned() {
    let [(net, after), (_, trained)] = quantized();
    let float = net.evaluate_in(Precision::Float, &iris()).unwrap().accuracy.unwrap();
    println!("float {float}, quantized after training {after}, trained on {trained}");
    assert!(float > 0.96 && after > 0.85 && trained > 0.95, "{float} {after} {trained}");
}

#[cfg(feature = "fhe")]
#[test]
fn encrypted_results_are_those_of_the_integers() {
    let [(net, _), _] = quantized();
    let circuit = net.circuit().unwrap();
    let options = CompileOptions::default().p_fail(Log2Probability(-40.0));
    let (client, server) = circuit.compile(&options).unwrap().keygen().unwrap();
    for sample in iris().samples().step_by(100) {
        let result = server.run(&client.encrypt(&sample).unwrap()).unwrap();
        assert_eq!(client.decrypt(&result).unwrap(), circuit.simulate(&sample).unwrap());
    }
}

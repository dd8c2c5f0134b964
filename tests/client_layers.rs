//! Layers that the client runs in float, from the macro to the encrypted result.
#![allow(clippy::unwrap_used)]

use fheqat::{
    data::{self, Dataset},
    nn::tensors::WeightsError,
    prelude::*,
    train::{PtqConfig, TrainError},
};
use ndarray::Array2;

use self::{
    encoded::{images, saved_and_loaded},
    exact::check_bits,
};

mod encoded;
mod exact;

/// The client finds the cells of the checkerboard; what is encrypted reads four levels.
#[quant_net(bits = 3)]
#[derive(Clone)]
struct Points {
    #[layer(client)]
    fc0: Linear<2, 24>,
    #[layer(client)]
    norm0: BatchNorm,
    #[layer(client)]
    relu0: ReLU,
    #[layer(client)]
    fc1: Linear<24, 4>,
    quant: QuantIdentity,
    fc2: QuantLinear<4, 8>,
    relu2: QuantReLU,
    fc3: QuantLinear<8, 2>,
}

/// The same without a hidden layer that is encrypted, and bits in place of levels.
#[quant_net(bits = 3)]
struct OfBits {
    #[layer(client)]
    fc0: Linear<2, 24>,
    #[layer(client)]
    relu0: ReLU,
    #[layer(client)]
    fc1: Linear<24, 4>,
    bits: Thermometer<5>,
    fc2: QuantLinear<20, 2>,
}

/// Levels and bits of the same numbers of the client.
#[quant_net(bits = 3)]
struct TwoEncoders {
    #[layer(client)]
    fc0: Linear<2, 6>,
    quant: QuantIdentity,
    fc1: QuantLinear<6, 4>,
    #[layer(from = fc0)]
    bits: Thermometer<2>,
    #[layer(scale_from = bits, from = fc1)]
    relu1: QuantReLU,
    #[layer(from = [bits, relu1])]
    both: Concat,
    fc2: QuantLinear<16, 2>,
}

#[quant_net(bits = 3, input = [2, 5, 5])]
struct Image {
    #[layer(client, stride = 2, padding = 1, groups = 2)]
    conv0: Conv2d<2, 4, 3>, // [4, 3, 3]
    #[layer(client)]
    relu0: ReLU,
    #[layer(client)]
    flatten: Flatten,
    #[layer(client, shape = [4, 9])]
    series: Reshape,
    #[layer(client)]
    conv1: Conv1d<4, 3, 4>, // [3, 6]
    quant: QuantIdentity,
    flat: Flatten,
    fc: QuantLinear<18, 2>,
}

fn points() -> Dataset {
    data::checkerboard_points(600, Seed(1))
}

fn config() -> TrainConfig {
    TrainConfig { epochs: Some(100), batch: 32, progress: false, ..TrainConfig::declared() }
}

fn trained<N: Network>(data: &Dataset) -> N {
    let mut net = N::new(Seed(1));
    net.train(data, &config()).unwrap();
    net
}

fn accuracy<N: Network>(net: &N, data: &Dataset) -> f64 {
    net.evaluate(data).unwrap().accuracy.unwrap()
}

#[test]
fn layers_of_the_client_train_and_are_simulated_and_saved() {
    let data = points();
    let net: Points = trained(&data);
    assert_ne!(net.fc0.weights(), Points::new(Seed(1)).fc0.weights());
    let circuit = check_bits(&net, &data);
    assert_eq!((circuit.codec.features, circuit.codec.inputs()), (2, 4));
    let accuracy = accuracy(&net, &data);
    assert!(accuracy > 0.7, "{accuracy}");
    saved_and_loaded(&net);
}

/// An encrypted layer alone cannot part the cells of the checkerboard, so gradients reach the client through the bits.
#[test]
fn bits_behind_the_client_train_it() {
    let data = points();
    let net: OfBits = trained(&data);
    assert_ne!(net.fc0.weights(), OfBits::new(Seed(1)).fc0.weights());
    let circuit = check_bits(&net, &data);
    assert_eq!((circuit.codec.inputs(), circuit.graph.accumulators.len()), (20, 0));
    let accuracy = accuracy(&net, &data);
    assert!(accuracy > 0.75, "{accuracy}");
    saved_and_loaded(&net);
}

#[test]
fn several_encoders_read_the_client() {
    let data = points();
    let net: TwoEncoders = trained(&data);
    let circuit = check_bits(&net, &data);
    assert_eq!((circuit.codec.encoders.len(), circuit.codec.inputs()), (2, 18));
    saved_and_loaded(&net);
}

#[test]
fn filters_run_on_the_client() {
    let data = images();
    let net: Image = trained(&data);
    check_bits(&net, &data);
    let accuracy = accuracy(&net, &data);
    assert!(accuracy > 0.9, "{accuracy}");
    saved_and_loaded(&net);
}

/// Floats of a tensor of a file in the format of safetensors.
fn change_tensor(file: &mut [u8], name: &str, change: impl Fn(f32) -> f32) {
    let length = u64::from_le_bytes(*file.first_chunk().unwrap()) as usize;
    let (header, data) = file[8..].split_at_mut(length);
    let header: serde_json::Value = serde_json::from_slice(header).unwrap();
    let [from, to] = [0, 1].map(|end| header[name]["data_offsets"][end].as_u64().unwrap() as usize);
    for number in data[from..to].as_chunks_mut().0 {
        *number = change(f32::from_le_bytes(*number)).to_le_bytes();
    }
}

/// The layer in front of both reads features once, in training and on the client.
#[test]
fn encoders_behind_one_layer_transform_alike() {
    let net: TwoEncoders = trained(&points());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.safetensors");
    net.save(&path).unwrap();
    let whole = std::fs::read(&path).unwrap();
    for changed in ["quant.mean", "bits.deviation"] {
        let mut file = whole.clone();
        change_tensor(&mut file, changed, |number| number * 1.5);
        std::fs::write(&path, &file).unwrap();
        let mut loaded = TwoEncoders::new(Seed(2));
        let error = loaded.load(&path).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`quant` and `bits` are behind `fc0`, and have different transforms of the features it reads: the file is damaged, or its training diverged"
        );
        change_tensor(
            &mut file,
            &changed.replace("quant", "bits").replace("bits.dev", "quant.dev"),
            |number| number * 1.5,
        );
        std::fs::write(&path, &file).unwrap();
        let result = loaded.load(&path).map_err(|error| error.to_string());
        assert_eq!(result, Ok(()), "both are changed");
    }
}

/// The default search: cross-validation of how features are read before the client's layers, then the price of what is encrypted.
#[test]
fn the_search_trains_layers_of_the_client() {
    let data = points();
    let mut net = Points::new(Seed(1));
    net.train(&data, &TrainConfig { progress: false, epochs: Some(20), ..TrainConfig::default() }).unwrap();
    check_bits(&net, &data);
    let mut net = OfBits::new(Seed(1));
    net.train(&data, &TrainConfig { progress: false, epochs: Some(20), ..TrainConfig::default() }).unwrap();
    check_bits(&net, &data);
}

#[test]
fn a_network_trained_in_float_is_quantized_behind_the_client() {
    let data = points();
    let mut net = Points::new(Seed(1));
    let float = TrainConfig { epochs: Some(100), progress: false, ..TrainConfig::float() };
    net.train(&data, &float).unwrap();
    let weights = net.fc0.weights().to_owned();
    net.quantize(&data, &PtqConfig::default()).unwrap();
    assert_eq!(net.fc0.weights(), weights);
    check_bits(&net, &data);
}

#[test]
fn every_feature_map_goes_before_the_client() {
    let data = points();
    for features in [FeatureMap::AsIs, FeatureMap::Standardize, FeatureMap::Whiten] {
        let mut net = Points::new(Seed(1));
        net.train(&data, &TrainConfig { features, epochs: Some(3), ..config() }).unwrap();
        check_bits(&net, &data);
        saved_and_loaded(&net);
    }
}

#[test]
fn reports_say_what_the_client_sees() {
    let data = points();
    let net: Points = trained(&data);
    let circuit = net.circuit().unwrap();
    let report = circuit.report().to_string();
    let line = "\nquant: the client sends 4 levels of 3 bits: 2 features, standardised, through its own layers to 4 numbers, rounded";
    assert!(report.contains(line), "{report}");
    let line = "\nthe client sees the weights of fc0, norm0, fc1, which it runs in float";
    assert!(report.ends_with(line), "{report}");
    let json = serde_json::to_value(circuit.report()).unwrap();
    assert_eq!(json["layers"][0]["client_parameters"], 72);
    assert_eq!(json["layers"][2]["client_parameters"], 0);
    assert!(json["layers"][5]["client_parameters"].is_null());
}

#[test]
fn what_overflows_on_the_client_has_levels() {
    let data = points();
    let net: Points = trained(&data);
    let circuit = net.circuit().unwrap();
    let exact = net.quantized().unwrap();
    for sample in [[f32::MAX, f32::MAX], [f32::MAX, f32::MIN], [f32::MIN, 1.0]] {
        let simulated = circuit.simulate(&sample).unwrap().values;
        let features = Array2::from_shape_fn((1, 2), |(_, feature)| sample[feature]);
        let predicted = net.predict(Precision::Quantized, features.view()).unwrap();
        assert_eq!(simulated, predicted.row(0).to_vec());
        assert_eq!(simulated, exact.run(&sample).unwrap());
    }
    let error = circuit.simulate(&[f32::NAN, 1.0]).unwrap_err().to_string();
    assert!(error.contains("missing"), "{error}");
}

#[test]
fn weights_of_the_client_are_checked_when_they_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.safetensors");
    trained::<Points>(&points()).save(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    // The last number of the first tensor of the file is one of some layer.
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut damaged = bytes.clone();
    damaged[header..header + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(&path, damaged).unwrap();
    let mut net = Points::new(Seed(0));
    assert!(matches!(net.load(&path).unwrap_err(), WeightsError::Value { .. }));
    std::fs::write(&path, bytes).unwrap();
    let error = OfBits::new(Seed(0)).load(&path).unwrap_err().to_string();
    assert!(error.contains("load the weights of a network with the same"), "{error}");
}

#[test]
fn a_normalisation_of_the_client_needs_two_numbers() {
    let data = points();
    let error = Points::new(Seed(1)).train(&data, &TrainConfig { batch: 1, ..config() }).unwrap_err();
    assert_eq!(error, TrainError::Batch { field: "norm0".to_owned() });
}

/// Every weight of the client's layers is in the client's half, and none in the server's.
#[cfg(feature = "fhe")]
#[test]
fn weights_of_the_client_are_in_its_half_alone() {
    let net: Points = trained(&points());
    let compiled = net.circuit().unwrap().compile(&CompileOptions::default()).unwrap();
    let (client, server) = (compiled.client().to_bytes(), compiled.server().to_bytes());
    let holds = |half: &[u8], weight: &f32| half.windows(4).any(|bytes| bytes == weight.to_le_bytes());
    // Numbers that a server has for other reasons, such as 0 and 1, say nothing.
    let is_telling = |weight: &&f32| weight.to_bits() & 0xffff != 0;
    let (first, last) = (net.fc0.weights(), net.fc1.weights());
    let biases = net.fc0.bias().to_owned();
    let weights: Vec<f32> = first.iter().chain(&last).chain(&biases).filter(is_telling).copied().collect();
    assert!(weights.len() > 100, "{}", weights.len());
    for weight in &weights {
        assert!(holds(&client, weight), "the client's half lacks {weight}");
        assert!(!holds(&server, weight), "the server's half has {weight}");
    }
}

#[cfg(feature = "fhe")]
#[test]
fn encrypted_is_simulated() {
    fn check<N: Network>(data: &Dataset) {
        let circuit = trained::<N>(data).circuit().unwrap();
        let compiled = circuit.compile(&CompileOptions::default()).unwrap();
        let (client, server) = compiled.keygen().unwrap();
        let client = Client::new(
            ClientHalf::from_bytes(&compiled.client().to_bytes()).unwrap(),
            ClientKey::from_bytes(&client.key().to_bytes()).unwrap(),
        )
        .unwrap();
        for sample in data.samples().take(4).chain([vec![1e30; data.width()]]) {
            let encrypted = client.encrypt(&sample).unwrap();
            let result = client.decrypt(&server.run(&encrypted).unwrap()).unwrap();
            assert_eq!(result, circuit.simulate(&sample).unwrap());
        }
    }

    check::<Points>(&points());
    check::<OfBits>(&points());
    check::<TwoEncoders>(&points());
    check::<Image>(&images());
}

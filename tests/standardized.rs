//! Networks that standardise their features take raw ones everywhere, with one arithmetic.
#![allow(clippy::unwrap_used)]

use fheqat::{
    data,
    prelude::*,
    quant::{Standardization, Transform},
    train::{PtqConfig, TrainError, Validation},
};
use ndarray::Array2;

use self::exact::check_bits;

mod exact;

#[quant_net(bits = 3, max_nonzero = 30, max_l1 = 8)]
#[derive(Clone)]
struct Points {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<3, 30>,
    relu1: QuantReLU,
    fc2: QuantLinear<30, 2>,
}

/// Points of the checkerboard in other units, with a feature that is constant.
fn points(count: usize, seed: u64) -> Dataset {
    let points = data::checkerboard_points(count, Seed(seed));
    let features = Array2::from_shape_fn((count, 3), |(row, column)| match column {
        2 => 7.3,
        _ => [1000.0, 0.004][column] * (points.features()[[row, column]] - 2.0),
    });
    Dataset::classes(features, points.labels().to_vec(), 2).unwrap()
}

fn config() -> TrainConfig {
    TrainConfig {
        epochs: Some(4),
        features: FeatureMap::Standardize,
        progress: false,
        ..TrainConfig::declared()
    }
}

fn trained() -> Points {
    let mut net = Points::new(Seed(1));
    net.train(&points(800, 1), &config()).unwrap();
    net
}

#[test]
fn raw_features_are_evaluated_simulated_and_saved() {
    let net = trained();
    let test = points(500, 2);
    let circuit = check_bits(&net, &test);
    let levels: Vec<Vec<i64>> = test.samples().map(|sample| circuit.codec.encode(&sample).unwrap()).collect();
    for feature in 0..2 {
        let used: std::collections::BTreeSet<i64> = levels.iter().map(|levels| levels[feature]).collect();
        assert!(used.len() >= 6, "feature {feature} uses levels {used:?}");
    }
    assert!(levels.iter().all(|levels| levels[2] == 0));

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("points.safetensors");
    net.save(&path).unwrap();
    let mut loaded = Points::new(Seed(9));
    loaded.load(&path).unwrap();
    assert_eq!(loaded.quant_inp.standardization(), net.quant_inp.standardization());
    assert_eq!(loaded.circuit().unwrap(), circuit);
    assert_eq!(Circuit::from_bytes(&circuit.to_bytes()).unwrap(), circuit);
    let mut damaged = circuit;
    damaged.codec.encoders[0].transform =
        Transform::Standardize(Standardization::of(&Array2::zeros((2, 2)).view()));
    assert!(Circuit::from_bytes(&damaged.to_bytes()).is_err());
}

#[test]
fn only_training_samples_are_measured_and_only_once() {
    let data = points(800, 1);
    let (train, held) = data.split(0.5, Seed(7)).unwrap();
    let mut net = Points::new(Seed(1));
    net.train(&train, &TrainConfig { validation: Validation::Set(held), ..config() }).unwrap();
    let measured = net.quant_inp.standardization().unwrap().clone();
    // Eight levels lie alike around the mean, half a step of half a deviation below what becomes 0. A constant feature is 0.
    let plain = Standardization::of(&train.features());
    assert_eq!(measured.deviation(), plain.deviation());
    for (feature, part) in [0.25, 0.25, 0.0].into_iter().enumerate() {
        let (mean, deviation) = (plain.mean()[feature], plain.deviation()[feature]);
        assert!((measured.mean()[feature] - mean - part * deviation).abs() < 1e-5 * deviation, "{feature}");
    }
    assert_eq!(net.quant_inp.step(), Some(0.5));
    let mut split = Points::new(Seed(1));
    split
        .train(&data, &TrainConfig { validation: Validation::Fraction(0.5), seed: Seed(7), ..config() })
        .unwrap();
    assert_eq!(split.quant_inp.standardization(), Some(&measured));
    net.train(&data, &config()).unwrap();
    net.train(&data, &TrainConfig { features: FeatureMap::AsIs, ..config() }).unwrap();
    assert_eq!(net.quant_inp.standardization(), Some(&measured));
    check_bits(&net, &data);
}

#[test]
fn float_training_standardises_and_quantization_keeps_it() {
    let data = points(800, 1);
    let mut net = Points::new(Seed(1));
    let config = TrainConfig {
        epochs: Some(30),
        features: FeatureMap::Standardize,
        progress: false,
        ..TrainConfig::float()
    };
    net.train(&data, &config).unwrap();
    let measured = net.quant_inp.standardization().cloned();
    let predicted = net.predict(Precision::Float, data.features()).unwrap();
    let by_hand = {
        let measured = measured.clone().unwrap();
        let (w1, w2) = (net.fc1.weights(), net.fc2.weights());
        let z = Array2::from_shape_fn((800, 3), |(row, column)| {
            measured.apply(column, data.features()[[row, column]])
        });
        (z.dot(&w1.t()) + net.fc1.bias()).mapv(|x| x.max(0.0)).dot(&w2.t()) + net.fc2.bias()
    };
    assert!(predicted.iter().zip(&by_hand).all(|(a, b)| (a - b).abs() < 1e-3));
    for standardize in [false, true] {
        let mut net = net.clone();
        net.quantize(&data, &PtqConfig { standardize, ..PtqConfig::default() }).unwrap();
        assert_eq!(net.quant_inp.standardization().cloned(), measured);
        check_bits(&net, &data);
    }
}

#[test]
fn quantization_standardises_and_keeps_the_float_function() {
    #[quant_net(bits = 3, input = [1, 3])]
    struct Filters {
        quant_inp: QuantIdentity,
        conv1: QuantConv1d<1, 2, 1>,
        relu1: QuantReLU,
        #[layer(shape = [6])]
        flat: Reshape,
        fc2: QuantLinear<6, 2>,
    }

    let data = points(800, 1);
    let mut net = Points::new(Seed(1));
    net.train(&data, &TrainConfig { epochs: Some(3), rate: 1e-4, progress: false, ..TrainConfig::float() })
        .unwrap();
    let before = net.predict(Precision::Float, data.features()).unwrap();
    net.quantize(&data, &PtqConfig { standardize: true, ..PtqConfig::default() }).unwrap();
    assert!(net.quant_inp.standardization().is_some());
    let after = net.predict(Precision::Float, data.features()).unwrap();
    let scale = before.iter().fold(0.0f32, |most, value| most.max(value.abs()));
    assert!(before.iter().zip(&after).all(|(a, b)| (a - b).abs() < 1e-4 * scale), "{before} {after}");
    check_bits(&net, &data);

    let mut net = Filters::new(Seed(1));
    let error = net.quantize(&data, &PtqConfig { standardize: true, ..PtqConfig::default() }).unwrap_err();
    assert_eq!(error, TrainError::Standardize { field: "conv1".to_owned() });
    assert!(net.quant_inp.standardization().is_none());
}

#[cfg(feature = "fhe")]
#[test]
fn the_client_standardises_and_the_server_does_not_know_how() {
    let circuit = trained().circuit().unwrap();
    let compiled = circuit.compile(&CompileOptions::default()).unwrap();
    let (client, server) = compiled.keygen().unwrap();
    let client = Client::new(
        ClientHalf::from_bytes(&compiled.client().to_bytes()).unwrap(),
        ClientKey::from_bytes(&client.key().to_bytes()).unwrap(),
    )
    .unwrap();
    let far = [vec![f32::MAX, -f32::MAX, 0.0], vec![-1e9, 1e-9, 7.3]];
    for sample in points(4, 3).samples().chain(far) {
        let result = server.run(&client.encrypt(&sample).unwrap()).unwrap();
        assert_eq!(client.decrypt(&result).unwrap(), circuit.simulate(&sample).unwrap(), "{sample:?}");
    }
    let Transform::Standardize(measured) = circuit.codec.encoders[0].transform.clone() else {
        panic!("the client standardises")
    };
    let client = serde_json::to_string(client.plan()).unwrap();
    let server = serde_json::to_string(server.plan()).unwrap();
    for number in
        measured.mean().iter().chain(measured.deviation()).filter(|number| (**number - 1.0).abs() > 0.0)
    {
        assert!(client.contains(&number.to_string()), "{number}");
        assert!(!server.contains(&number.to_string()), "{number}");
    }
}

#[test]
fn several_quantizers_of_the_input() {
    #[quant_net(bits = 3)]
    struct Twice {
        coarse: QuantIdentity,
        fc1: QuantLinear<3, 8>,
        relu1: QuantReLU,
        #[layer(from = input, bits = 5)]
        fine: QuantIdentity,
        fc2: QuantLinear<3, 8>,
        #[layer(scale_from = relu1)]
        relu2: QuantReLU,
        #[layer(from = [relu1, relu2])]
        cat: Concat,
        fc3: QuantLinear<16, 2>,
    }

    let data = points(800, 1);
    let mut net = Twice::new(Seed(1));
    net.train(&data, &config()).unwrap();
    check_bits(&net, &data);
}

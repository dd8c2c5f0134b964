//! What the client reads off a decrypted result: names, probabilities, and numbers in their units.
#![cfg(feature = "fhe")]
#![allow(clippy::unwrap_used)]

use fheqat::{circuit::Task, ndarray::Array2, prelude::*, train::Validation};

#[quant_net(bits = 2, max_l1 = 6)]
struct Small {
    #[layer(signed = false)]
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 6>,
    relu1: QuantReLU,
    fc2: QuantLinear<6, 2>,
}

fn config() -> TrainConfig {
    TrainConfig {
        epochs: Some(100),
        rate: 0.05,
        validation: Validation::None,
        progress: false,
        ..TrainConfig::declared()
    }
}

fn points() -> Array2<f32> {
    Array2::from_shape_fn((400, 2), |(row, column)| ((row * (5 + 2 * column)) % 17) as f32 / 16.0)
}

fn train(data: &Dataset) -> Small {
    let mut net = Small::new(Seed(3));
    net.train(data, &config()).unwrap();
    net
}

/// The decrypted results of some samples, each equal to its simulation and to the row of the network's predictions.
fn decrypted(net: &Small, data: &Dataset) -> Vec<Logits> {
    let circuit = net.circuit().unwrap();
    let compiled = circuit.compile(&CompileOptions::default()).unwrap();
    let (client, server) = compiled.keygen().unwrap();
    let client = Client::new(
        ClientHalf::from_bytes(&compiled.client().to_bytes()).unwrap(),
        ClientKey::from_bytes(&client.key().to_bytes()).unwrap(),
    )
    .unwrap();
    let outputs = net.predict(Precision::Quantized, data.features()).unwrap();
    let run = |(sample, output): (Vec<f32>, fheqat::ndarray::ArrayView1<'_, f32>)| {
        let logits = client.decrypt(&server.run(&client.encrypt(&sample).unwrap()).unwrap()).unwrap();
        assert_eq!(logits, circuit.simulate(&sample).unwrap());
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&logits.values), bits(&output.to_vec()));
        logits
    };
    data.samples().zip(outputs.rows()).take(12).map(run).collect()
}

#[test]
fn classes_by_name() {
    let features = points();
    let labels = features.rows().into_iter().map(|x| usize::from(x[0] > x[1])).collect();
    let names = ["below", "above"].map(str::to_owned).to_vec();
    let data = Dataset::classes(features, labels, 2).unwrap().with_class_names(names).unwrap();
    let net = train(&data);
    let probabilities = net.predict_proba(Precision::Quantized, data.features()).unwrap();
    for (logits, probabilities) in decrypted(&net, &data).iter().zip(probabilities.rows()) {
        assert_eq!(logits.predict_proba(), probabilities.to_vec());
        let best = &logits.top_k(1)[0];
        assert_eq!((best.class, best.name.as_deref()), (logits.class(), logits.class_name()));
        assert_eq!(logits.class_name(), Some(["below", "above"][logits.class()]));
        assert_eq!((logits.with_threshold(0.0), logits.with_threshold(1.1)), (Some(1), Some(0)));
    }
}

#[test]
fn numbers_in_their_units() {
    let features = points();
    let values = Array2::from_shape_fn((400, 2), |(row, output)| {
        let x = features.row(row);
        [250.0 * (x[0] - x[1]) - 7e4, 1e-6 * x[0]][output]
    });
    let data = Dataset::values(features, values).unwrap();
    let net = train(&data);
    let metrics = net.evaluate(&data).unwrap();
    assert!(metrics.r2().unwrap() > 0.5, "{metrics}");
    for logits in decrypted(&net, &data) {
        assert_eq!(logits.task, Task::Numbers);
        assert!(
            (logits.values[0] + 7e4).abs() < 400.0 && logits.values[1].abs() < 3e-6,
            "{:?}",
            logits.values
        );
    }
}

//! Evaluation, simulation and the encrypted run agree bit for bit.

use fheqat::{data, prelude::*};

#[quant_net(bits = 3, max_nonzero = 30, max_l1 = 8)]
struct Checkerboard {
    #[layer(bits = 2, signed = false, scale = 0.333)]
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 100>,
    relu1: QuantReLU,
    fc2: QuantLinear<100, 100>,
    relu2: QuantReLU,
    #[layer(max_l1 = 16)]
    fc3: QuantLinear<100, 2>,
}

#[test]
fn simulation_is_evaluation() {
    let (train, test) = data::checkerboard(Seed(3));
    let mut net = Checkerboard::new(Seed(3));
    net.train(&train, &TrainConfig::default()).unwrap();
    let circuit = net.circuit().unwrap();
    let predicted = net.predict(Precision::Quantized, test.features()).unwrap();
    for (sample, predicted) in test.features().rows().into_iter().zip(predicted.rows()) {
        let logits = circuit.simulate(sample.as_slice().unwrap()).unwrap();
        assert_eq!(logits.values, predicted.to_vec());
    }
    let fresh = data::checkerboard_points(50_000, Seed(77));
    println!("{:?}", net.evaluate(&fresh).unwrap());
    for (index, layer) in circuit.graph.layers.iter().enumerate() {
        let rotations: Vec<_> = circuit.graph.accumulators.iter().filter(|a| a.layer == index).collect();
        println!(
            "{} {} rotations {} tables slots {:?}",
            layer.name,
            rotations.len(),
            rotations.iter().map(|a| a.tables.len()).sum::<usize>(),
            rotations.iter().map(|a| a.slots()).collect::<Vec<_>>()
        );
    }
    println!("{:?}", circuit.graph.outputs.iter().map(|o| (o.terms.len(), o.range)).collect::<Vec<_>>());
}

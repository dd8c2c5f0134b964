//! Evaluation, simulation and the encrypted run agree bit for bit.

use fheqat::{data, prelude::*, train::PtqConfig};
use proptest::prelude::*;

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

#[quant_net(bits = 3, max_nonzero = 6)]
struct Residual {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 12>,
    relu1: QuantReLU,
    fc2: QuantLinear<12, 12>,
    #[layer(scale_from = relu1)]
    quant2: QuantIdentity,
    #[layer(from = [quant2, relu1])]
    add: Add,
    relu2: QuantReLU,
    fc3: QuantLinear<12, 2>,
}

/// Every wiring at once: an operand that comes twice, shapes that change, levels as the output.
#[quant_net(weight_bits = 3, act_bits = 2, max_l1 = 6, input = [2])]
struct Woven {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 6>,
    relu1: QuantReLU,
    #[layer(shape = [2, 3])]
    grid: Reshape,
    #[layer(axes = [1, 0])]
    turned: Transpose,
    #[layer(shape = [6])]
    flat: Reshape,
    #[layer(from = [relu1, flat, relu1])]
    sum: Add,
    #[layer(scale_from = relu1)]
    quant_sum: QuantIdentity,
    #[layer(from = [quant_sum, flat, flat])]
    cat: Concat,
    fc2: QuantLinear<18, 4>,
    relu2: QuantReLU,
    #[layer(from = cat)]
    fc3: QuantLinear<18, 4>,
    #[layer(scale_from = relu2)]
    quant3: QuantIdentity,
    #[layer(from = [relu2, quant3])]
    both: Add,
    quant4: QuantIdentity,
    #[layer(axes = [0])]
    same: Transpose,
    #[layer(shape = [2, 2])]
    square: Reshape,
    #[layer(axes = [1, 0])]
    turned_square: Transpose,
    #[layer(shape = [4])]
    last: Reshape,
}

fn check_bits<N: Network>(net: &N, data: &Dataset) -> Result<(), Box<dyn std::error::Error>> {
    let circuit = net.circuit()?;
    let exact = net.quantized()?;
    let predicted = net.predict(Precision::Quantized, data.features())?;
    for (sample, predicted) in data.features().rows().into_iter().zip(predicted.rows()) {
        let sample = sample.to_vec();
        let logits = circuit.simulate(&sample)?;
        let same = |other: &[f32]| logits.values.iter().zip(other).all(|(a, b)| a.to_bits() == b.to_bits());
        assert!(same(&predicted.to_vec()), "{:?} {predicted}", logits.values);
        assert!(same(&exact.run(&sample)), "{:?} {predicted}", logits.values);
    }
    Ok(())
}

#[test]
fn networks_that_branch_are_simulated_exactly() {
    let (train, test) = (data::checkerboard_points(600, Seed(3)), data::checkerboard_points(300, Seed(4)));
    let config = TrainConfig { epochs: 4, progress: false, ..TrainConfig::default() };
    for seed in 0..4 {
        let mut net = Residual::new(Seed(seed));
        let history = net.train(&train, &config).unwrap();
        assert!(history.epochs[3].train_loss < history.epochs[0].train_loss);
        assert_eq!(net.quant2.step(), net.relu1.step());
        check_bits(&net, &test).unwrap();
        let mut net = Residual::new(Seed(seed));
        net.train(&train, &TrainConfig { epochs: 4, progress: false, ..TrainConfig::float() }).unwrap();
        net.quantize(&train, &PtqConfig::default()).unwrap();
        check_bits(&net, &test).unwrap();
    }
    let classes = (0..train.len()).map(|row| row % 4).collect();
    let four = Dataset::classes(train.features().to_owned(), classes, 4).unwrap();
    for seed in 0..4 {
        let mut net = Woven::new(Seed(seed));
        net.train(&four, &config).unwrap();
        check_bits(&net, &test).unwrap();
        net.quantize(&four, &PtqConfig::default()).unwrap();
        check_bits(&net, &test).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn random_networks_that_branch_are_simulated_exactly(seed in any::<u64>()) {
        let data = data::checkerboard_points(64, Seed(seed));
        let mut net = Residual::new(Seed(seed));
        net.quantize(&data, &PtqConfig::default()).unwrap();
        check_bits(&net, &data).unwrap();
        let mut net = Woven::new(Seed(seed));
        net.quantize(&data, &PtqConfig::default()).unwrap();
        check_bits(&net, &data).unwrap();
    }
}

#[test]
fn a_wire_that_is_added_twice_is_one_term() {
    #[quant_net(bits = 3, input = [2])]
    struct Doubled {
        #[layer(scale = 0.5)]
        quant_inp: QuantIdentity,
        #[layer(from = [quant_inp, quant_inp])]
        add: Add,
    }

    let circuit = Doubled::new(Seed(0)).circuit().unwrap();
    for output in &circuit.graph.outputs {
        assert!(matches!(output.terms[..], [term] if term.weight == 2));
    }
    assert_eq!(circuit.simulate(&[1.0, -9.0]).unwrap().values, [2.0, -4.0]);
}

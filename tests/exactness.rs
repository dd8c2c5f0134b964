//! Evaluation, simulation and the encrypted run agree bit for bit.
#![allow(clippy::unwrap_used)]

use fheqat::{data, prelude::*, train::PtqConfig};
use proptest::prelude::*;

use self::exact::check_bits;

mod exact;

#[quant_net(bits = 3, max_nonzero = 30, max_l1 = 8)]
struct Checkerboard {
    #[layer(bits = 2, signed = false, scale = 0.333)]
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 100>,
    relu1: QuantReLU,
    fc2: QuantLinear<100, 100>,
    relu2: QuantReLU,
    fc3: QuantLinear<100, 2>,
}

/// Every layer kind and option at once: signed levels, free and no bias, full weights, a quantizer that reads another,
/// levels as outputs.
#[quant_net(weight_bits = 3, act_bits = 2, narrow_range = false, max_l1 = 6)]
struct Mixed {
    quant_inp: QuantIdentity,
    #[layer(bias = free)]
    fc1: QuantLinear<2, 12>,
    #[layer(bits = 4)]
    wide: QuantIdentity,
    narrow: QuantReLU,
    #[layer(bias = none, max_nonzero = 2)]
    fc2: QuantLinear<12, 6>,
    relu2: QuantReLU,
    #[layer(weight_bits = 4, max_l1 = 10)]
    fc3: QuantLinear<6, 2>,
    quant_out: QuantIdentity,
}

/// A function of the user's own: it rises and falls, and jumps.
struct Wave;

impl Activation for Wave {
    const SIGNED: bool = true;

    fn apply(x: f32) -> f32 {
        if x > 2.0 { -1.0 } else { (2.0 * x).sin() }
    }
}

/// Functions behind centred, free and no biases, of a scale for each neuron and of one, of levels and of a sum.
#[quant_net(bits = 3, max_nonzero = 6)]
struct Curves {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 10>,
    act1: QuantAct<Sigmoid>,
    #[layer(per_channel, bias = free)]
    fc2: QuantLinear<10, 8>,
    act2: QuantAct<Wave>,
    #[layer(max_l1 = 8)]
    fc3: QuantLinear<8, 8>,
    #[layer(scale_from = act2)]
    act3: QuantAct<Tanh>,
    #[layer(from = [act3, act2])]
    add: Add,
    #[layer(signed = false)]
    act_sum: QuantAct<Gelu>,
    #[layer(bits = 2)]
    coarse: QuantAct<LeakyReLU>,
    #[layer(per_channel, bias = none)]
    fc4: QuantLinear<8, 2>,
}

/// A scale for each neuron of every layer, in front of steps that train, are fixed and are shared.
#[quant_net(bits = 3, max_nonzero = 6, per_channel)]
struct Channels {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 10>,
    relu1: QuantReLU,
    #[layer(max_l1 = 8)]
    fc2: QuantLinear<10, 8>,
    #[layer(scale = 0.2)]
    relu2: QuantReLU,
    #[layer(bias = free)]
    fc3: QuantLinear<8, 8>,
    #[layer(scale_from = relu2)]
    quant3: QuantIdentity,
    #[layer(from = [quant3, relu2])]
    add: Add,
    relu3: QuantReLU,
    fc4: QuantLinear<8, 2>,
}

/// Batch normalisation of levels, behind every hold of a bias, behind a sum, in front of a function, and as the output.
#[quant_net(bits = 3, max_nonzero = 6)]
struct Normalized {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 10>,
    norm1: BatchNorm,
    relu1: QuantReLU,
    #[layer(per_channel, bias = centred)]
    fc2: QuantLinear<10, 10>,
    norm2: BatchNorm,
    #[layer(scale_from = relu1)]
    quant2: QuantIdentity,
    #[layer(from = [quant2, relu1])]
    add: Add,
    norm3: BatchNorm,
    act3: QuantAct<Tanh>,
    norm_act: BatchNorm,
    quant_act: QuantIdentity,
    #[layer(bias = free, max_l1 = 8)]
    fc4: QuantLinear<10, 2>,
    norm4: BatchNorm,
}

fn trained<N: Network>(seed: Seed) -> (N, Circuit) {
    let (train, _) = data::checkerboard(seed);
    let mut net = N::new(seed);
    net.train(&train, &TrainConfig { epochs: Some(5), seed, ..TrainConfig::declared() }).unwrap();
    let circuit = net.circuit().unwrap();
    (net, circuit)
}

fn simulation_is_evaluation<N: Network>(seed: Seed) {
    let (net, _) = trained::<N>(seed);
    check_bits(&net, &data::checkerboard_points(2_000, Seed(seed.0 + 100)));
}

#[test]
fn simulation_is_evaluation_of_the_guide_s_network() {
    simulation_is_evaluation::<Checkerboard>(Seed(3));
}

#[test]
fn simulation_is_evaluation_of_every_layer() {
    for seed in 0..8 {
        simulation_is_evaluation::<Mixed>(Seed(seed));
    }
}

#[test]
fn simulation_is_evaluation_of_functions_channels_and_normalisations() {
    for seed in 0..3 {
        simulation_is_evaluation::<Curves>(Seed(seed));
        simulation_is_evaluation::<Channels>(Seed(seed));
        simulation_is_evaluation::<Normalized>(Seed(seed));
    }
}

#[test]
fn a_function_s_levels_are_the_function_s() {
    #[quant_net(bits = 6, input = [1])]
    struct Only {
        #[layer(bits = 7, scale = 0.05)]
        quant_inp: QuantIdentity,
        #[layer(scale = 0.04)]
        act: QuantAct<Wave>,
    }

    let circuit = Only::new(Seed(0)).circuit().unwrap();
    for level in -64..64i8 {
        let x = f32::from(level) * 0.05;
        let expected = (Wave::apply(x) / 0.04).round().clamp(-32.0, 31.0) * 0.04;
        let found = circuit.simulate(&[x]).unwrap().values[0];
        assert!((found - expected).abs() < 1e-5, "{x}: {found} {expected}");
    }
}

#[test]
fn no_input_leaves_the_exact_range_nor_that_the_static_one() {
    for seed in 0..8 {
        let (_, circuit) = trained::<Mixed>(Seed(seed));
        let report = circuit.report();
        for layer in report.layers.iter().filter_map(|layer| layer.accumulator) {
            if let Some(exact) = layer.exact {
                assert!(exact.count() <= layer.bound.count());
            }
        }
        let levels = circuit.graph.inputs[0].lo..=circuit.graph.inputs[0].hi;
        for x in levels.clone() {
            for y in levels.clone() {
                let sums = circuit.graph.sums(&[x, y]);
                for (accumulator, sum) in circuit.graph.accumulators.iter().zip(sums) {
                    assert!((accumulator.range.lo..=accumulator.range.hi).contains(&sum));
                }
            }
        }
    }
}

#[cfg(feature = "fhe")]
fn encrypted_is_simulated<N: Network>(seed: Seed, samples: usize) {
    check_encrypted(&trained::<N>(seed).1, seed, samples);
}

#[cfg(feature = "fhe")]
fn check_encrypted(circuit: &Circuit, seed: Seed, samples: usize) {
    let (client, server) = circuit.compile(&CompileOptions::default()).unwrap().keygen().unwrap();
    let points = data::checkerboard_points(samples, Seed(seed.0 + 200));
    let corners = [[0.0, 0.0], [1.0, 1.0], [-9.0, 9.0], [9.0, -9.0]].map(Vec::from);
    let samples: Vec<Vec<f32>> = points.samples().chain(corners).collect();
    let results = server.run_batch(&client.encrypt_batch(&samples).unwrap()).unwrap();
    for (sample, result) in samples.iter().zip(client.decrypt_batch(&results).unwrap()) {
        assert_eq!(result, circuit.simulate(sample).unwrap(), "{sample:?}");
    }
}

#[cfg(feature = "fhe")]
#[test]
fn encrypted_is_simulated_of_the_guide_s_network() {
    encrypted_is_simulated::<Checkerboard>(Seed(4), 2);
}

#[cfg(feature = "fhe")]
#[test]
fn encrypted_is_simulated_of_every_layer() {
    for seed in 0..3 {
        encrypted_is_simulated::<Mixed>(Seed(seed), 4);
    }
}

#[cfg(feature = "fhe")]
#[test]
fn encrypted_is_simulated_of_functions() {
    encrypted_is_simulated::<Curves>(Seed(1), 2);
}

#[cfg(feature = "fhe")]
#[test]
fn encrypted_is_simulated_of_scales_by_channel() {
    encrypted_is_simulated::<Channels>(Seed(1), 2);
}

#[cfg(feature = "fhe")]
#[test]
fn encrypted_is_simulated_of_normalisations() {
    encrypted_is_simulated::<Normalized>(Seed(1), 2);
}

#[cfg(feature = "fhe")]
#[test]
fn encrypted_is_simulated_of_a_residual_network() {
    encrypted_is_simulated::<Residual>(Seed(1), 2);
}

#[cfg(feature = "fhe")]
#[test]
fn encrypted_is_simulated_of_every_wiring() {
    let points = data::checkerboard_points(600, Seed(3));
    let classes = (0..points.len()).map(|row| row % 4).collect();
    let four = Dataset::classes(points.features().to_owned(), classes, 4).unwrap();
    let mut net = Woven::new(Seed(1));
    net.train(&four, &TrainConfig { epochs: Some(4), progress: false, ..TrainConfig::declared() }).unwrap();
    let circuit = net.circuit().unwrap();
    assert!(circuit.graph.accumulators.len() > 4);
    check_encrypted(&circuit, Seed(5), 2);
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

#[test]
fn networks_that_branch_are_simulated_exactly() {
    let (train, test) = (data::checkerboard_points(600, Seed(3)), data::checkerboard_points(300, Seed(4)));
    let config = TrainConfig { epochs: Some(4), progress: false, ..TrainConfig::declared() };
    for seed in 0..4 {
        let mut net = Residual::new(Seed(seed));
        let history = net.train(&train, &config).unwrap();
        assert!(history.epochs[3].train_loss < history.epochs[0].train_loss);
        assert_eq!(net.quant2.step(), net.relu1.step());
        check_bits(&net, &test);
        let mut net = Residual::new(Seed(seed));
        net.train(&train, &TrainConfig { epochs: Some(4), progress: false, ..TrainConfig::float() }).unwrap();
        net.quantize(&train, &PtqConfig::default()).unwrap();
        check_bits(&net, &test);
    }
    let classes = (0..train.len()).map(|row| row % 4).collect();
    let four = Dataset::classes(train.features().to_owned(), classes, 4).unwrap();
    for seed in 0..4 {
        let mut net = Woven::new(Seed(seed));
        net.train(&four, &config).unwrap();
        check_bits(&net, &test);
        net.quantize(&four, &PtqConfig::default()).unwrap();
        check_bits(&net, &test);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn random_networks_of_functions_channels_and_normalisations_are_simulated_exactly(seed in any::<u64>()) {
        fn check<N: Network>(data: &Dataset, seed: u64) {
            let mut net = N::new(Seed(seed));
            net.quantize(data, &PtqConfig::default()).unwrap();
            check_bits(&net, data);
        }

        let data = data::checkerboard_points(64, Seed(seed));
        check::<Curves>(&data, seed);
        check::<Channels>(&data, seed);
        check::<Normalized>(&data, seed);
    }

    #[test]
    fn random_networks_that_branch_are_simulated_exactly(seed in any::<u64>()) {
        let data = data::checkerboard_points(64, Seed(seed));
        let mut net = Residual::new(Seed(seed));
        net.quantize(&data, &PtqConfig::default()).unwrap();
        check_bits(&net, &data);
        let mut net = Woven::new(Seed(seed));
        net.quantize(&data, &PtqConfig::default()).unwrap();
        check_bits(&net, &data);
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

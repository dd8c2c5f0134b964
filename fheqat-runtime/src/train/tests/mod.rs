//! Training as users call it.

mod extremes;
mod gradients;
mod regression;
mod tasks;

use fheqat_spec::Range;
use ndarray::Array2;

use super::*;
use crate::{
    Seed,
    data::{Dataset, checkerboard, checkerboard_points},
    error::InputError,
    fixture::{
        Branch, Chain, Curved, Image, MaxPooled, Normed, NormedImage, Positive, Rows, Stairs, Tolerant,
    },
    network::Network,
    nn::{
        LinearState, NetworkError, Precision, QuantizerState, program::Program, prune::PruneError,
        quantized::Quantized,
    },
    quant::{
        activation::{Activation, Gelu, LeakyReLU, Sigmoid, Tanh},
        row::RowLimits,
    },
};

type Budget = Chain<2, 30, 2, 30, 8, true>;
type Sparse = Chain<2, 30, 2, 10, 0, true>;

fn short() -> TrainConfig {
    TrainConfig { epochs: Some(2), progress: false, ..TrainConfig::declared() }
}

fn small() -> Dataset {
    checkerboard_points(800, Seed(9))
}

#[test]
fn the_checkerboard_converges_to_the_ceiling() {
    let (train, _) = checkerboard(Seed(11));
    let mut net = Budget::new(Seed(1));
    let config = TrainConfig { progress: false, ..TrainConfig::declared() };
    let history = net.train(&train, &config).unwrap();
    let accuracy = net.evaluate(&checkerboard_points(20_000, Seed(12))).unwrap().accuracy.unwrap();
    assert!(accuracy > 0.93, "{accuracy}");
    assert_eq!(history.epochs.len(), 2000_usize.div_ceil(9500_usize.div_ceil(64)));
}

/// The figure of the guide's network: seven seconds, so not in every run.
#[test]
#[ignore = "five trainings of the guide's network"]
fn the_guide_s_network_reaches_the_ceiling() {
    let fresh = checkerboard_points(50_000, Seed(5));
    let accuracies: Vec<f64> = (0..5)
        .map(|seed| {
            let mut net = Chain::<2, 100, 2, 30, 8, true>::new(Seed(seed));
            (net.quant_inp.state.fixed, net.quant_inp.state.step) = (Some(0.333), Some(0.333));
            let config = TrainConfig { seed: Seed(seed), progress: false, ..TrainConfig::declared() };
            net.train(&checkerboard(Seed(2000 + seed)).0, &config).unwrap();
            net.evaluate(&fresh).unwrap().accuracy.unwrap()
        })
        .collect();
    println!("accuracy on 50,000 fresh points: {accuracies:?}");
    assert!(accuracies.iter().sum::<f64>() / 5.0 >= 0.95, "{accuracies:?}");
    assert!(accuracies.iter().all(|accuracy| *accuracy >= 0.94), "{accuracies:?}");
}

/// Trains as the guide's network is trained; prints accuracy, and what the price depends on.
fn figures<N: Network>(name: &str) {
    let fresh = checkerboard_points(50_000, Seed(5));
    for seed in 0..3 {
        let mut net = N::new(Seed(seed));
        let input: &mut QuantizerState = net.layers_mut().swap_remove(0).state().unwrap();
        (input.fixed, input.step) = (Some(0.333), Some(0.333));
        let config = TrainConfig { seed: Seed(seed), progress: false, ..TrainConfig::declared() };
        net.train(&checkerboard(Seed(2000 + seed)).0, &config).unwrap();
        let accuracy = net.evaluate(&fresh).unwrap().accuracy.unwrap();
        let circuit = net.circuit().unwrap();
        let accumulators = &circuit.graph.accumulators;
        let slots = accumulators.iter().map(crate::circuit::ir::Accumulator::slots).max().unwrap_or(0);
        println!("{name}: {accuracy:.4}, {} rotations of at most {slots} slots", accumulators.len());
        assert!(accuracy > 0.94, "{accuracy}");
    }
}

#[test]
#[ignore = "21 trainings of the guide's network"]
fn functions_and_scales_of_rows_reach_the_ceiling() {
    figures::<Chain<2, 100, 2, 30, 8, true>>("relu, budget 8");
    figures::<Curved<Sigmoid, 100, 30, 8, true>>("sigmoid, budget 8");
    figures::<Curved<Tanh, 100, 30, 8, true>>("tanh, budget 8");
    figures::<Chain<2, 100, 2, 30, 0, true>>("relu, no budget");
    figures::<Curved<Sigmoid, 100, 30, 0, true>>("sigmoid, no budget");
    figures::<Curved<Tanh, 100, 30, 0, true>>("tanh, no budget");
    figures::<Rows<100, 8, true>>("relu by row, budget 8");
}

#[test]
fn the_same_seed_gives_the_same_bits() {
    let run = |seed| {
        let mut net = Budget::new(Seed(1));
        let history = net.train(&small(), &TrainConfig { seed: Seed(seed), ..short() }).unwrap();
        (history, net.quantized().unwrap())
    };
    assert_eq!(run(3), run(3));
    assert_ne!(run(3).0, run(4).0);
}

/// Batches so large that products, filters, rounding and evaluation fall into parts.
#[test]
fn the_number_of_threads_changes_no_bit() {
    let points = checkerboard_points(14_000, Seed(3));
    let pixels = Array2::from_shape_fn((2600, 120), |(sample, pixel)| {
        ((sample * 37 + pixel * pixel * 11) % 29) as f32 / 29.0 - 0.3
    });
    let images = Dataset::classes(pixels, (0..2600).map(|sample| sample % 2).collect(), 2).unwrap();
    same_on_threads::<Chain<2, 200, 2, 30, 0, true>>(&points, &TrainConfig { batch: 500, ..short() });
    same_on_threads::<Normed<1, 8>>(&points, &TrainConfig { batch: 14_000, ..short() });
    let all = TrainConfig { batch: 2600, validation: Validation::None, ..short() };
    same_on_threads::<Image<true>>(&images, &all);
    same_on_threads::<NormedImage<0>>(&images, &all);
    same_on_threads::<MaxPooled>(&images, &all);
    same_on_threads::<Image<false>>(&images, &TrainConfig { precision: Precision::Float, ..all });
}

fn same_on_threads<N: Network + Send>(data: &Dataset, config: &TrainConfig) {
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut net = N::new(Seed(1));
            let history = net.train(data, config).unwrap();
            let metrics = net.evaluate_in(config.precision, data).unwrap();
            let outputs = net.predict(config.precision, data.features()).unwrap();
            (history, metrics, outputs, Program::of(&net).unwrap())
        })
    };
    let one = run(1);
    for threads in [2, 3] {
        assert_eq!(run(threads), one, "{threads} threads");
    }
}

#[test]
fn the_noise_of_training_comes_from_its_seed() {
    type Noisy = Tolerant<Budget, 3>;
    let config = |seed| TrainConfig { seed: Seed(seed), ..short() };
    let run = |config: &TrainConfig| {
        let mut net = Noisy::new(Seed(1));
        let history = net.train(&small(), config).unwrap();
        (history, net.quantized().unwrap())
    };
    let of_threads = |count| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(count).build().unwrap();
        pool.install(|| run(&config(3)))
    };
    assert_eq!(of_threads(1), of_threads(3));
    assert_ne!(run(&config(3)).0, run(&config(4)).0);
    assert_ne!(run(&config(3)).0, run(&TrainConfig { noise: 2.0, ..config(3) }).0);
    let refused = TrainConfig { noise: -0.1, ..short() };
    let error = Noisy::new(Seed(1)).train(&small(), &refused).unwrap_err();
    assert!(error.to_string().contains("`noise`"), "{error}");
}

#[test]
fn exact_networks_train_as_without_noise() {
    let config = TrainConfig { validation: Validation::None, ..short() };
    let mut exact = Budget::new(Seed(1));
    let history = exact.train(&small(), &config).unwrap();
    let mut zero = Tolerant::<Budget, 0>::new(Seed(1));
    assert_eq!(zero.train(&small(), &config).unwrap(), history);
    assert_eq!(zero.quantized().unwrap(), exact.quantized().unwrap());
    let mut silent = Tolerant::<Budget, 3>::new(Seed(1));
    assert_eq!(silent.train(&small(), &TrainConfig { noise: 0.0, ..config }).unwrap(), history);
    assert_eq!(silent.0.fc1.integers(), exact.fc1.integers());
    let noisy = silent.evaluate_noisy(&small(), Seed(5)).unwrap();
    assert_eq!(silent.evaluate(&small()).unwrap(), exact.evaluate(&small()).unwrap());
    assert_eq!(silent.evaluate_noisy(&small(), Seed(5)).unwrap(), noisy);
    assert!(noisy.loss > silent.evaluate(&small()).unwrap().loss, "{noisy:?}");
    assert_eq!(
        exact.evaluate_noisy(&small(), Seed(5)).unwrap().accuracy,
        exact.evaluate(&small()).unwrap().accuracy
    );
}

/// Half a step of noise on every sum: what has trained with it keeps more than what has not.
#[test]
fn a_network_gets_used_to_its_noise() {
    let fresh = checkerboard_points(4000, Seed(12));
    let (train, _) = checkerboard(Seed(11));
    let after = |noise| {
        let mut net = Tolerant::<Budget, 5>::new(Seed(1));
        let config =
            TrainConfig { noise, rate: 0.015, epochs: Some(10), progress: false, ..TrainConfig::declared() };
        net.train(&train, &config).unwrap();
        net.evaluate_noisy(&fresh, Seed(3)).unwrap().accuracy.unwrap()
    };
    let (without, with) = (after(0.0), after(1.0));
    assert!(with > without + 0.02, "{without} {with}");
}

fn check_bits<N: Network>(net: &N, data: &Dataset) {
    let outputs = net.predict(Precision::Quantized, data.features()).unwrap();
    let integers: Quantized = net.quantized().unwrap();
    let circuit = net.circuit().unwrap();
    for (sample, output) in data.features().rows().into_iter().zip(outputs.rows()) {
        let sample = sample.as_slice().unwrap();
        for exact in [integers.run(sample).unwrap(), circuit.simulate(sample).unwrap().values] {
            let same = exact.iter().zip(output).all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(same, "{exact:?} {output}");
        }
    }
}

fn trains<N: Network>(seed: u64) -> N {
    trains_on(seed, &small())
}

fn trains_on<N: Network>(seed: u64, data: &Dataset) -> N {
    let mut net = N::new(Seed(seed));
    let history = net.train(data, &TrainConfig { epochs: Some(6), ..short() }).unwrap();
    assert!(history.epochs[5].train_loss < history.epochs[0].train_loss);
    check_bits(&net, data);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.safetensors");
    net.save(&path).unwrap();
    let mut other = N::new(Seed(seed + 1));
    other.load(&path).unwrap();
    assert_eq!(other.quantized(), net.quantized());
    net
}

fn quantizes<N: Network>(seed: u64) -> N {
    quantizes_on(seed, &small())
}

fn quantizes_on<N: Network>(seed: u64, data: &Dataset) -> N {
    let mut net = N::new(Seed(seed));
    net.quantize(data, &PtqConfig::default()).unwrap();
    check_bits(&net, data);
    net.train(data, &TrainConfig { epochs: Some(6), progress: false, ..TrainConfig::float() }).unwrap();
    net.quantize(data, &PtqConfig::default()).unwrap();
    check_bits(&net, data);
    net
}

/// Two classes of images that differ in brightness.
fn images() -> Dataset {
    let pixels = Array2::from_shape_fn((400, 120), |(sample, pixel)| {
        ((sample * 37 + pixel * pixel * 11) % 29) as f32 / 29.0 + 0.2 * (sample % 2) as f32 - 0.3
    });
    Dataset::classes(pixels, (0..400).map(|sample| sample % 2).collect(), 2).unwrap()
}

#[test]
fn normalisations_train_round_and_save() {
    for seed in 0..3 {
        trains::<Normed<0, 0>>(seed);
        trains::<Normed<1, 8>>(seed);
        trains::<Normed<2, 0>>(seed);
        trains::<Normed<2, 8>>(seed);
        quantizes::<Normed<1, 0>>(seed);
        quantizes::<Normed<2, 6>>(seed);
        trains_on::<NormedImage<0>>(seed, &images());
        trains_on::<NormedImage<2>>(seed, &images());
        quantizes_on::<NormedImage<1>>(seed, &images());
    }
}

#[test]
fn a_negative_factor_falls_and_a_centre_stays() {
    let mut net = trains::<Normed<2, 0>>(4);
    net.norm1.state.gamma.mapv_inplace(|gamma| -gamma);
    net.norm5.state.gamma[0] = 0.0;
    check_bits(&net, &small());
    let integers = net.fc1.integers().unwrap();
    let quantized = net.quantized().unwrap();
    let staircases = quantized.field("relu1").unwrap().staircases();
    assert!(staircases.iter().any(|staircase| staircase.gain < 0.0));
    for (staircase, row) in staircases.iter().zip(integers.rows()) {
        let centre = row.sum() as f32 * 1.5;
        assert!((staircase.gain * centre + staircase.offset - 3.5).abs() < 1e-4, "{staircase:?}");
    }
}

/// One step over all samples: the averages have moved by a tenth, the variance as if estimated from a sample.
#[test]
fn running_averages_are_those_of_pytorch() {
    let data = small();
    let mut net = Normed::<1, 0>::new(Seed(3));
    let inputs = data.features().dot(&net.fc1.weights().t()) + net.fc1.bias();
    let config = TrainConfig {
        epochs: Some(1),
        batch: data.len(),
        rate: 1e-6,
        validation: Validation::None,
        progress: false,
        ..TrainConfig::float()
    };
    net.train(&data, &config).unwrap();
    for (channel, values) in inputs.columns().into_iter().enumerate() {
        let mean = values.mean().unwrap();
        let variance = values.var(1.0);
        assert!((net.norm1.mean()[channel] - 0.1 * mean).abs() < 1e-5);
        assert!((net.norm1.variance()[channel] - (0.9 + 0.1 * variance)).abs() < 1e-5);
    }
}

/// What samples never reach is nothing to tell apart, and would move the middle of a centred accumulator.
#[test]
fn the_input_keeps_the_levels_that_samples_reach() {
    let mut net = Budget::new(Seed(1));
    (net.quant_inp.state.fixed, net.quant_inp.state.step) = (Some(0.5), Some(0.5));
    net.train(&small(), &short()).unwrap();
    assert_eq!(net.quant_inp.state.levels, Range::new(0, 2));
    check_bits(&net, &small());
    let circuit = net.circuit().unwrap();
    assert!(circuit.graph.inputs.iter().all(|range| *range == Range::new(0, 2)));
    assert_eq!(circuit.simulate(&[1.5, -3.0]).unwrap(), circuit.simulate(&[1.0, 0.0]).unwrap());
    let integers = net.fc1.integers().unwrap();
    let quantized = net.quantized().unwrap();
    let staircases = quantized.field("relu1").unwrap().staircases();
    for (staircase, row) in staircases.iter().zip(integers.rows()) {
        let centre = row.sum() as f32;
        assert!((staircase.gain * centre + staircase.offset - 3.5).abs() < 1e-4, "{staircase:?}");
    }

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.safetensors");
    net.save(&path).unwrap();
    let mut other = Budget::new(Seed(2));
    other.load(&path).unwrap();
    assert_eq!(other.quantized(), net.quantized());
    net.train(&small(), &TrainConfig { epochs: Some(1), progress: false, ..TrainConfig::float() }).unwrap();
    assert_eq!(net.quant_inp.state.levels, Range::unsigned(2));
}

#[test]
fn normalised_networks_learn_the_checkerboard() {
    let (train, _) = checkerboard(Seed(11));
    let mut net = Normed::<0, 0>::new(Seed(1));
    net.train(&train, &TrainConfig { progress: false, ..TrainConfig::declared() }).unwrap();
    let accuracy = net.evaluate(&checkerboard_points(20_000, Seed(12))).unwrap().accuracy.unwrap();
    assert!(accuracy > 0.9, "{accuracy}");
}

/// A function of a user's own, which jumps, and is neither even nor odd, nor a number everywhere.
struct Jumps;

impl Activation for Jumps {
    const SIGNED: bool = true;

    fn apply(x: f32) -> f32 {
        if x < -0.5 { -1.0 } else { (x * 3.0).sin() + (x + 0.25).sqrt() }
    }
}

struct Sign;

impl Activation for Sign {
    const SIGNED: bool = true;

    fn apply(x: f32) -> f32 {
        x.signum()
    }
}

#[test]
fn functions_train_round_and_save() {
    for seed in 0..3 {
        trains::<Curved<Sigmoid, 20, 6, 0, true>>(seed);
        trains::<Curved<Tanh, 20, 20, 0, false>>(seed);
        trains::<Curved<Gelu, 20, 20, 8, true>>(seed);
        trains::<Curved<LeakyReLU, 20, 20, 6, false>>(seed);
        trains::<Curved<Jumps, 20, 20, 8, true>>(seed);
        quantizes::<Curved<Gelu, 12, 12, 0, true>>(seed);
        quantizes::<Curved<Jumps, 12, 5, 7, false>>(seed);
    }
}

#[test]
fn scales_of_rows_train_round_and_save() {
    for seed in 0..3 {
        let net = trains::<Rows<20, 0, true>>(seed);
        assert_eq!(net.fc2.scale().unwrap().len(), 20);
        assert_eq!(net.relu1.step(), Some(0.2));
        trains::<Rows<20, 0, false>>(seed);
        trains::<Rows<20, 8, true>>(seed);
        trains::<Rows<20, 6, false>>(seed);
        quantizes::<Rows<12, 0, true>>(seed);
    }
}

#[test]
fn scales_of_rows_round_finer_than_one_of_the_layer() {
    let error = |float: ndarray::Array2<f32>, state: &LinearState| -> f32 {
        let mut rounded = state.integers().mapv(|weight| weight as f32);
        state.scale_rows(&mut rounded);
        (float - rounded).mapv(|error| error * error).sum()
    };
    for seed in 0..5 {
        let data = small();
        let config = TrainConfig { epochs: Some(6), progress: false, ..TrainConfig::float() };
        let mut shared = Chain::<2, 30, 2, 30, 0, false>::new(Seed(seed));
        shared.train(&data, &config).unwrap();
        let mut rows = Rows::<30, 0, false>::new(Seed(seed));
        rows.fc2.state.weight.assign(&shared.fc2.weights());
        let float = shared.fc2.weights();
        shared.quantize(&data, &PtqConfig::default()).unwrap();
        rows.quantize(&data, &PtqConfig::default()).unwrap();
        let [shared, rows] = [&shared.fc2.state, &rows.fc2.state].map(|state| error(float.clone(), state));
        println!("squared error {shared} with one scale, {rows} with one for each row");
        assert!(rows < shared, "{rows} {shared}");
    }
}

#[test]
fn a_function_with_no_slope_trains_what_is_behind_it() {
    let net = trains::<Curved<Sign, 20, 20, 8, true>>(1);
    assert!(net.fc1.weights().iter().chain(&net.fc2.weights()).all(|weight| weight.is_finite()));
}

#[test]
fn a_table_that_falls_lowers_as_it_is() {
    let mut net = Curved::<Jumps, 12, 12, 0, true>::new(Seed(2));
    net.quantize(&small(), &PtqConfig::default()).unwrap();
    let circuit = net.circuit().unwrap();
    let rises: Vec<i64> = circuit
        .graph
        .accumulators
        .iter()
        .flat_map(|sum| sum.tables.iter().flat_map(|table| table.jumps.iter().map(|jump| jump.rise)))
        .collect();
    assert!(rises.iter().any(|rise| *rise < 0) && rises.iter().any(|rise| *rise > 0), "{rises:?}");
}

#[test]
fn evaluation_is_the_integers() {
    let data = small();
    let mut net = Budget::new(Seed(1));
    net.train(&data, &short()).unwrap();
    check_bits(&net, &data);
    let mut net = Sparse::new(Seed(1));
    net.train(&data, &short()).unwrap();
    check_bits(&net, &data);
    let mut net = Chain::<2, 20, 2, 20, 0, false>::new(Seed(1));
    net.train(&data, &TrainConfig { epochs: Some(2), progress: false, ..TrainConfig::float() }).unwrap();
    net.quantize(&data, &PtqConfig::default()).unwrap();
    check_bits(&net, &data);
}

#[test]
fn stairs_of_quantizers_and_fixed_steps_train() {
    let data = small();
    let mut net = Stairs::new(Seed(1));
    let config = TrainConfig { epochs: Some(10), ..short() };
    let history = net.train(&data, &config).unwrap();
    assert!(history.epochs[9].train_loss < history.epochs[0].train_loss);
    check_bits(&net, &data);
    assert_eq!((net.coarse.step(), net.relu1.step()), (Some(0.333), Some(0.7)));
    let quantized = net.quantized().unwrap();
    let staircases = quantized.field("relu1").unwrap().staircases();
    assert!(staircases.iter().all(|staircase| (staircase.gain - 1.0).abs() < 1e-5));
}

#[test]
fn quantizers_that_share_a_scale_keep_one_step() {
    let data = small();
    let mut net = Branch::new(Seed(1));
    let history = net.train(&data, &TrainConfig { epochs: Some(10), ..short() }).unwrap();
    assert!(history.epochs[9].train_loss < history.epochs[0].train_loss);
    check_bits(&net, &data);
    let step = net.relu1.step();
    net.train(&data, &short()).unwrap();
    assert_eq!([net.relu1.step(), net.quant2.step(), net.relu2.step()], [step; 3]);
    check_bits(&net, &data);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("branch.safetensors");
    net.save(&path).unwrap();
    let mut other = Branch::new(Seed(2));
    other.load(&path).unwrap();
    assert_eq!(other.quantized(), net.quantized());
    assert_eq!(other.quant2.step(), step);

    net.train(&data, &TrainConfig { epochs: Some(3), progress: false, ..TrainConfig::float() }).unwrap();
    net.quantize(&data, &PtqConfig::default()).unwrap();
    assert_eq!(net.quant2.step(), net.relu1.step());
    check_bits(&net, &data);
}

#[test]
fn pruned_weights_stay_zero_until_unpruned() {
    let data = small();
    let mut net = Sparse::new(Seed(1));
    net.train(&data, &short()).unwrap();
    net.prune(3).unwrap();
    net.train(&data, &short()).unwrap();
    let widest = |net: &Sparse| {
        let count = |row: ndarray::ArrayView1<'_, i32>| row.iter().filter(|weight| **weight != 0).count();
        net.fc2.integers().unwrap().rows().into_iter().map(count).max().unwrap()
    };
    assert!(widest(&net) <= 3);
    assert_eq!(net.fc2.weights().iter().filter(|weight| **weight != 0.0).count(), 90);
    net.unprune();
    net.train(&data, &TrainConfig { epochs: Some(20), ..short() }).unwrap();
    assert!(widest(&net) > 3 && widest(&net) <= 10, "{}", widest(&net));
    assert_eq!(net.prune(0), Err(PruneError::Nothing));
}

#[test]
fn limits_hold_in_what_is_lowered() {
    let data = small();
    let limits = RowLimits { weights: crate::spec::Range::narrow(3), max_nonzero: 30, max_l1: Some(8) };
    let mut net = Budget::new(Seed(1));
    for _ in 0..3 {
        net.train(&data, &TrainConfig { epochs: Some(1), rate: 0.5, ..short() }).unwrap();
        for weights in [net.fc1.integers(), net.fc2.integers(), net.fc3.integers()] {
            for row in weights.unwrap().mapv(|weight| weight as f32).rows() {
                assert!(limits.allow(&row.to_vec()), "{row}");
            }
        }
    }
}

#[test]
fn float_training_learns_and_quantization_keeps_most_of_it() {
    let data = small();
    let mut net = Chain::<2, 30, 2, 30, 0, false>::new(Seed(1));
    let config = TrainConfig { epochs: Some(30), progress: false, ..TrainConfig::float() };
    let history = net.train(&data, &config).unwrap();
    let first = history.epochs.first().unwrap().train_loss;
    assert!(history.epochs.last().unwrap().train_loss < 0.97 * first);
    assert!(matches!(net.evaluate(&data), Err(TrainError::Network(NetworkError::NotCalibrated { .. }))));
    net.quantize(&data, &PtqConfig::default()).unwrap();
    assert!(net.evaluate(&data).unwrap().accuracy.unwrap() > 0.4);
}

#[test]
fn numbers_are_learned_too() {
    let features = Array2::from_shape_fn((600, 2), |(row, column)| ((row * (7 + column)) % 23) as f32 / 22.0);
    let values = features.map_axis(ndarray::Axis(1), |x| x[0] - x[1]).insert_axis(ndarray::Axis(1));
    let data = Dataset::values(features, values).unwrap();
    let mut net = Chain::<2, 20, 1, 20, 0, true>::new(Seed(1));
    net.train(&data, &TrainConfig { epochs: Some(30), ..short() }).unwrap();
    let loss = net.evaluate(&data).unwrap().loss;
    assert!(loss < 0.03, "{loss}");
}

#[test]
fn bad_options_and_data_are_refused_and_leave_the_network() {
    let data = small();
    let mut net = Budget::new(Seed(1));
    let before = net.fc2.weights();
    let refused = |config: TrainConfig, net: &mut Budget| net.train(&data, &config).unwrap_err().to_string();
    assert_eq!(
        refused(TrainConfig { rate: -1.0, ..short() }, &mut net),
        format!("`rate` is -1, but must be in {}..=1000", f32::MIN_POSITIVE)
    );
    assert!(refused(TrainConfig { batch: 0, ..short() }, &mut net).starts_with("`batch` is 0"));
    assert!(refused(TrainConfig { smoothing: 1.5, ..short() }, &mut net).starts_with("`smoothing` is 1.5"));
    assert!(
        refused(TrainConfig { validation: Validation::Fraction(2.0), ..short() }, &mut net)
            .contains("splits 800")
    );
    let narrow = Dataset::classes(Array2::zeros((4, 3)), vec![0; 4], 2).unwrap();
    assert_eq!(net.train(&narrow, &short()), Err(InputError::Width { found: 3, expected: 2 }.into()));
    let many = Dataset::classes(Array2::zeros((4, 2)), vec![0; 4], 5).unwrap();
    assert_eq!(net.train(&many, &short()), Err(TrainError::Outputs { found: 5, expected: 2 }));
    assert_eq!(net.fc2.weights(), before);
}

#[test]
fn early_stopping_stops_and_the_best_is_given_back() {
    let (train, held) = small().split(0.4, Seed(1)).unwrap();
    let mut net = Budget::new(Seed(1));
    let config = TrainConfig {
        epochs: Some(200),
        patience: Some(2),
        validation: Validation::Set(held.clone()),
        ..short()
    };
    let history = net.train(&train, &config).unwrap();
    assert!(history.epochs.len() < 200);
    let best = history.epochs.iter().filter_map(|epoch| epoch.validation_accuracy).fold(0.0, f64::max);
    assert_eq!(history.epochs[history.kept].validation_accuracy, Some(best));
    assert_eq!(net.evaluate(&held).unwrap().accuracy, Some(best));
}

#[test]
fn logs_and_weights_are_files() {
    let folder = tempfile::tempdir().unwrap();
    let data = small();
    let mut net = Sparse::new(Seed(1));
    let history = net.train(&data, &short()).unwrap();
    history.save(folder.path().join("log.json")).unwrap();
    history.save(folder.path().join("log.csv")).unwrap();
    let json = std::fs::read(folder.path().join("log.json")).unwrap();
    assert_eq!(serde_json::from_slice::<History>(&json).unwrap(), history);
    let csv = std::fs::read_to_string(folder.path().join("log.csv")).unwrap();
    assert_eq!(csv.lines().count(), 1 + history.epochs.len());
    assert!(
        history.save(folder.path().join("no/log.json")).unwrap_err().to_string().starts_with("cannot write")
    );

    let path = folder.path().join("net.safetensors");
    net.save(&path).unwrap();
    let mut other = Sparse::new(Seed(2));
    other.load(&path).unwrap();
    assert_eq!(other.quantized(), net.quantized());
    let mut wider = Chain::<2, 31, 2, 10, 0, true>::new(Seed(2));
    let error = wider.load(&path).unwrap_err().to_string();
    assert!(error.contains("`fc1.weight` has shape [30, 2]"), "{error}");
    std::fs::write(&path, b"nothing").unwrap();
    assert!(other.load(&path).unwrap_err().to_string().starts_with("the file is not safetensors"));
    assert!(other.load(folder.path().join("none")).unwrap_err().to_string().starts_with("cannot read"));
}

/// A search moves the input's step, and levels kept from an earlier calibration may then be too few.
#[test]
fn calibration_runs_with_the_levels_that_samples_reach_now() {
    use crate::train::calibrate::{Purpose, calibrate};
    type Net = Chain<2, 12, 2, 12, 0, true>;
    let calibrated = |kept: Range| {
        let mut net = Net::new(Seed(1));
        let state = &mut net.quant_inp.state;
        (state.step, state.levels) = (Some(0.3), kept);
        let mut program = Program::of(&net).unwrap();
        calibrate(&mut program, &small().features(), crate::quant::Observer::MinMax, Purpose::Train).unwrap();
        program.store(&mut net);
        (net.quant_inp.state.levels, net.relu1.step(), net.relu2.step())
    };
    assert_eq!(calibrated(Range::new(0, 1)), calibrated(Range::unsigned(2)));
}

#[test]
fn largest_levels_train_round_and_save() {
    for seed in 0..3 {
        let net = trains_on::<MaxPooled>(seed, &images());
        quantizes_on::<MaxPooled>(seed, &images());
        let (circuit, quantized) = (net.circuit().unwrap(), net.quantized().unwrap());
        let relu = quantized.field("relu").unwrap();
        let levels = relu.staircases()[0].levels;
        let width = levels.hi - levels.lo;
        let of_pool = |layer: usize| circuit.graph.layers[layer].name == "pool";
        let differences: Vec<Range> =
            circuit.graph.accumulators.iter().filter(|sum| of_pool(sum.layer)).map(|sum| sum.range).collect();
        assert!(!differences.is_empty());
        let widest = Range::new(-width, width).count();
        assert!(differences.iter().all(|range| range.count() <= widest), "{differences:?}");
        // 54 windows of at most 9 levels, whose rows overlap: 2 tables a row of three, then 2 across.
        assert!(differences.len() <= 54 * 4, "{}", differences.len());
    }
}

/// What is left out comes from the seed, and only training leaves out anything.
#[test]
fn dropout_trains_otherwise_and_runs_as_if_it_were_not_there() {
    let run = |seed| {
        let mut net = MaxPooled::new(Seed(1));
        let config = TrainConfig { seed: Seed(seed), validation: Validation::None, ..short() };
        let history = net.train(&images(), &config).unwrap();
        (history, net.quantized().unwrap())
    };
    assert_eq!(run(3), run(3));
    assert_ne!(run(3).0, run(4).0);
    let mut program = Program::of(&MaxPooled::new(Seed(1))).unwrap();
    let (data, batch) = (images(), 400);
    crate::train::calibrate::calibrate(
        &mut program,
        &data.features(),
        crate::quant::Observer::MinMax,
        crate::train::calibrate::Purpose::Train,
    )
    .unwrap();
    let levels = |is_training: bool| {
        let mut runner = if is_training {
            crate::nn::runner::Runner::training(&program, Precision::Quantized, batch, Seed(7)).unwrap()
        } else {
            crate::nn::runner::Runner::new(&program, Precision::Quantized, batch).unwrap()
        };
        runner.run(&data.features());
        (runner.outputs[3].clone(), runner.outputs[4].clone())
    };
    let (pool, dropout) = levels(false);
    assert_eq!(pool, dropout);
    let (pool, dropout) = levels(true);
    let (mut left_out, mut positive) = (0, 0);
    for (&level, &dropped) in pool.iter().zip(&dropout).filter(|(level, _)| **level > 0.0) {
        positive += 1;
        left_out += usize::from(dropped <= 0.0);
        assert!(dropped <= 0.0 || (dropped - level / 0.8).abs() < 1e-5, "{level} {dropped}");
    }
    let share = left_out as f64 / f64::from(positive);
    assert!(positive > 2000 && (share - 0.2).abs() < 0.03, "{left_out} of {positive}");
}

/// One sample in twelve is of class 1, and no plane parts the classes.
#[test]
fn class_weights_find_the_rare_class() {
    let mut rng = Seed(4).rng(0);
    let features = Array2::from_shape_fn((2400, 2), |_| rand::RngExt::random::<f32>(&mut rng));
    let labels: Vec<usize> = features
        .rows()
        .into_iter()
        .enumerate()
        .map(|(row, x)| usize::from(x[0] + x[1] > 1.0 && row % 6 == 0))
        .collect();
    let data = Dataset::classes(features, labels, 2).unwrap();
    let recall = |class_weights| {
        let mut net = Budget::new(Seed(1));
        let config = TrainConfig { class_weights, epochs: Some(10), restore_best: false, ..short() };
        net.train(&data, &config).unwrap();
        let outputs = net.predict(Precision::Quantized, data.features()).unwrap();
        let rare = data.labels().iter().zip(outputs.rows()).filter(|(label, _)| **label == 1);
        let found = rare.clone().filter(|(_, output)| output[1] > output[0]).count();
        found as f64 / rare.count() as f64
    };
    let found: Vec<f64> = [
        ClassWeights::None,
        ClassWeights::SquareRoot,
        ClassWeights::Balanced,
        ClassWeights::Given(vec![1.0, 100.0]),
    ]
    .map(recall)
    .to_vec();
    assert!(found[0] < 0.2 && found[2] > 0.6 && found[3] > 0.95, "{found:?}");
    assert!(found.is_sorted(), "{found:?}");
}

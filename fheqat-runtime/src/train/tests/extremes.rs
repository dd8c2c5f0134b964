//! Options and data at the ends of what they may be: a result that is whole, or an error, and never a panic.

use fheqat_spec::Transfer;
use rand::{RngExt, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

use super::*;
use ndarray::Axis;

use crate::{
    fixture::drawn::{Draw, Drawn},
    nn::{lower::unnamed, ops::Op, runner::Runner},
    quant::{Observer, activation::Function},
    train::evaluate::Evaluator,
};

type Tiny = Chain<2, 6, 2, 6, 0, true>;

fn few() -> Dataset {
    checkerboard_points(40, Seed(3))
}

/// Every option that is a count, alone and together, with what it is multiplied by.
#[test]
fn counts_may_be_as_large_as_they_come() {
    const MOST: usize = usize::MAX;
    let base = TrainConfig { epochs: Some(6), batch: 8, ..short() };
    let patient = TrainConfig { patience: Some(MOST), ..base.clone() };
    let epochs = |config: &TrainConfig| Tiny::new(Seed(1)).train(&few(), config).unwrap().epochs.len();
    assert_eq!(epochs(&patient), 6);
    assert_eq!(epochs(&TrainConfig { batch: MOST, ..base.clone() }), 6);
    let every = Schedule::Step { every: MOST, factor: 0.5 };
    assert_eq!(epochs(&TrainConfig { schedule: every, ..base.clone() }), 6);
    let schedules = [Schedule::Constant, Schedule::Cosine, every, Schedule::Step { every: 1, factor: 0.5 }];
    for (schedule, warmup) in schedules.into_iter().flat_map(|schedule| [(schedule, 0.0), (schedule, 1.0)]) {
        let endless = TrainConfig {
            epochs: Some(MOST),
            patience: Some(1),
            schedule,
            warmup,
            ramp: 1.0,
            validation: Validation::Set(few()),
            ..base.clone()
        };
        assert!(epochs(&endless) < 1000, "{schedule:?}");
    }
    let search = CostSearch {
        max_neurons: [("fc1".to_owned(), MOST)].into(),
        max_rotations: Some(MOST),
        ..CostSearch::default()
    };
    let searched = TrainConfig {
        epochs: Some(1),
        search: Some(search),
        patience: Some(MOST),
        validation: Validation::Fraction(0.1),
        ..base
    };
    assert!(!Tiny::new(Seed(1)).train(&few(), &searched).unwrap().trials.is_empty());
}

/// Whatever the last layer is, a quantizer of the input among them.
#[test]
fn predictions_are_what_the_circuit_gives() {
    type Rearrange = fn(&mut Draw, usize) -> usize;
    let check = |drawn: &Drawn| {
        let (program, circuit) = (drawn.program(), drawn.circuit());
        let samples = Array2::from_shape_fn((20, program.features), |(row, column)| {
            ((row * 31 + column * 17) % 23) as f32 / 4.0 - 2.5
        });
        let mut evaluator = Evaluator::new(&program, Precision::Quantized).unwrap();
        let predicted = evaluator.predict(&program, &samples.view());
        for (sample, predicted) in samples.rows().into_iter().zip(predicted.rows()) {
            let simulated = circuit.simulate(&sample.to_vec()).unwrap().values;
            let same = simulated.iter().zip(predicted).all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(same && simulated.len() == predicted.len(), "{simulated:?} {predicted}");
        }
    };
    for transfer in [Transfer::Signed, Transfer::Unsigned] {
        let mut draw = Draw::new(&[2, 3], Seed(1));
        let levels = draw.input(transfer, 3);
        check(&draw.finish());
        let rearranged: [Rearrange; 4] = [
            |draw, levels| draw.transpose(levels, &[1, 0]),
            |draw, levels| draw.reshape(levels, &[3, 2]),
            |draw, levels| draw.concat(&[levels, levels]),
            |draw, levels| draw.dropout(levels, 0.5),
        ];
        for rearrange in rearranged {
            let mut draw = Draw::new(&[2, 3], Seed(1));
            assert_eq!(draw.input(transfer, 3), levels);
            rearrange(&mut draw, levels);
            check(&draw.finish());
        }
    }
    for seed in 0..200 {
        check(&Draw::any(Seed(seed)));
    }
}

/// Half to even of the quotient of two integers, in training, evaluation and the circuit.
#[test]
fn averages_round_alike_everywhere() {
    const STEP: f32 = 0.1;
    for (rows, columns) in [(1, 2), (2, 3), (5, 10), (10, 10), (7, 12)] {
        let count = rows * columns;
        let mut draw = Draw::new(&[1, rows, columns], Seed(1));
        let levels = draw.input(Transfer::Unsigned, 2);
        let sums = draw.pool(levels, None);
        draw.quantizer_like(sums, levels, Transfer::Unsigned, 2);
        let mut program = draw.finish().program();
        if let Op::Quantizer(state) = &mut program.nodes[0].op {
            state.step = Some(STEP);
        }
        // Row `sum` has as many levels in all.
        let samples = Array2::from_shape_fn((3 * count + 1, count), |(sum, feature)| {
            (sum / count + usize::from(feature < sum % count)) as f32 * STEP
        });
        let batch = samples.nrows();
        let trained = Runner::training(&program, Precision::Quantized, batch, Seed(0))
            .unwrap()
            .run(&samples.view())
            .to_owned();
        let evaluated =
            Evaluator::new(&program, Precision::Quantized).unwrap().predict(&program, &samples.view());
        let (codec, graph) = unnamed(&program).unwrap();
        for (sum, sample) in samples.rows().into_iter().enumerate() {
            let (whole, rest) = (sum / count, sum % count);
            let is_above = 2 * rest > count || (2 * rest == count && whole % 2 == 1);
            let level = (whole + usize::from(is_above)) as f32;
            let simulated = codec.decode(graph.simulate(&codec.encode(&sample.to_vec()).unwrap())).values;
            for value in [trained[[sum, 0]], evaluated[[sum, 0]], simulated[0]] {
                assert!((value - level * STEP).abs() < STEP / 4.0, "{sum} of {count}: {value}");
            }
        }
    }
}

/// Two samples of three are a batch, and the third is left over: it moves no average, and learns as any other.
#[test]
fn one_sample_has_no_variance() {
    let three = checkerboard_points(3, Seed(4));
    let config =
        |batch| TrainConfig { batch, epochs: Some(4), validation: Validation::None, rate: 1e-3, ..short() };
    let float = |batch| TrainConfig { precision: Precision::Float, ..config(batch) };
    for config in [&config as &dyn Fn(usize) -> TrainConfig, &float] {
        let mut net = Normed::<1, 0>::new(Seed(1));
        net.train(&three, &config(2)).unwrap();
        for (mean, variance) in
            [(net.norm1.mean(), net.norm1.variance()), (net.norm5.mean(), net.norm5.variance())]
        {
            assert!(mean.iter().chain(variance).all(|number| number.is_finite()));
        }
        let refused = |data: &Dataset, batch| {
            let mut net = Normed::<1, 0>::new(Seed(1));
            net.train(data, &config(batch)).unwrap_err()
        };
        let one = checkerboard_points(1, Seed(4));
        for error in [refused(&three, 1), refused(&one, 64)] {
            assert_eq!(error, TrainError::Batch { field: "norm1".to_owned() });
        }
        // An image has many numbers of a channel, but for a sample alone only those.
        let images = images();
        NormedImage::<1>::new(Seed(1)).train(&images, &config(1)).unwrap();
    }
    let mut net = Normed::<1, 0>::new(Seed(1));
    let before = net.norm1.state.clone();
    let mut program = Program::of(&net).unwrap();
    let mut runner = Runner::training(&program, Precision::Float, 1, Seed(0)).unwrap();
    runner.run(&three.features().split_at(Axis(0), 1).0);
    for (node, kernel) in program.nodes.iter_mut().zip(&runner.kernels) {
        node.op.observe(kernel);
    }
    program.store(&mut net);
    assert_eq!(net.norm1.state, before);
    let exact = Runner::new(&Program::of(&net).unwrap(), Precision::Float, 1)
        .unwrap()
        .run(&three.features().split_at(Axis(0), 1).0)
        .to_owned();
    let outputs = &runner.outputs[15];
    assert!(outputs.iter().zip(&exact).all(|(a, b)| (a - b).abs() < 1e-5), "{outputs} {exact}");
}

/// Ten to a power between two.
fn power(rng: &mut ChaCha8Rng, least: f32, most: f32) -> f32 {
    10f32.powf(rng.random_range(least..most))
}

fn any_config(rng: &mut ChaCha8Rng) -> TrainConfig {
    let optimizers = [Optimizer::AdamW { decay: 0.1 }, Optimizer::Sgd { momentum: 0.9 }];
    let observers = [Observer::MinMax, Observer::Percentile(0.9), Observer::MeanSquaredError];
    let maps = [FeatureMap::Auto, FeatureMap::AsIs, FeatureMap::Standardize, FeatureMap::Whiten];
    TrainConfig {
        rate: power(rng, -4.0, 3.0),
        batch: rng.random_range(1..40),
        epochs: Some(rng.random_range(1..4)),
        optimizer: *optimizers.choose(rng).unwrap(),
        observer: *observers.choose(rng).unwrap(),
        features: *maps.choose(rng).unwrap(),
        precision: if rng.random_bool(0.2) { Precision::Float } else { Precision::Quantized },
        restore_best: rng.random_bool(0.5),
        seed: Seed(rng.random()),
        ..short()
    }
}

/// The features of `data` at any scale, or each at its own.
fn scaled(data: &Dataset, rng: &mut ChaCha8Rng) -> Dataset {
    let all = power(rng, -20.0, 20.0);
    let is_mixed = rng.random_bool(0.3);
    let factors: Vec<f32> =
        (0..data.width()).map(|_| if is_mixed { power(rng, -20.0, 20.0) } else { all }).collect();
    let features = data.features().to_owned() * ndarray::aview1(&factors);
    Dataset::classes(features, data.labels().to_vec(), 2).unwrap()
}

/// What is `Ok` runs, is saved and is loaded; gives how many trainings were.
fn whole<N: Network>(data: &Dataset, cases: u64) -> u64 {
    let mut good = 0;
    for case in 0..cases {
        let mut rng = Seed(case).rng(77);
        let (data, config) = (scaled(data, &mut rng), any_config(&mut rng));
        let mut net = N::new(Seed(case));
        let is_trained = if rng.random_bool(0.2) {
            net.quantize(&data, &PtqConfig { observer: config.observer, standardize: false }).is_ok()
        } else {
            net.train(&data, &config).is_ok() && config.precision == Precision::Quantized
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("net.safetensors");
        net.save(&path).unwrap_or_else(|error| panic!("case {case}: {error}"));
        let mut other = N::new(Seed(case + 1));
        other.load(&path).unwrap_or_else(|error| panic!("case {case}: {error}"));
        if !is_trained {
            continue;
        }
        good += 1;
        let circuit = net.circuit().unwrap_or_else(|error| panic!("case {case}: {error}"));
        assert_eq!(other.quantized().unwrap(), net.quantized().unwrap(), "case {case}");
        let predicted = net.predict(Precision::Quantized, data.features()).unwrap();
        assert!(predicted.iter().all(|output| output.is_finite()), "case {case}: {predicted}");
        for (sample, predicted) in data.samples().zip(predicted.rows()).take(5) {
            let simulated = circuit.simulate(&sample).unwrap().values;
            assert!(simulated.iter().zip(predicted).all(|(a, b)| a.to_bits() == b.to_bits()), "case {case}");
        }
    }
    good
}

/// Any network, option, and scale of the features.
#[test]
fn what_has_trained_runs_and_is_saved_and_loaded() {
    const CASES: u64 = 60;
    let points = few();
    let pixels = Array2::from_shape_fn((40, 120), |(sample, pixel)| {
        ((sample * 37 + pixel * pixel * 11) % 29) as f32 / 29.0 - 0.3
    });
    let images = Dataset::classes(pixels, (0..40).map(|sample| sample % 2).collect(), 2).unwrap();
    let good = [
        whole::<Chain<2, 8, 2, 8, 8, true>>(&points, CASES),
        whole::<Chain<2, 8, 2, 4, 0, false>>(&points, CASES),
        whole::<Curved<Tanh, 8, 8, 0, true>>(&points, CASES),
        whole::<Curved<Gelu, 8, 8, 6, false>>(&points, CASES),
        whole::<Rows<8, 0, true>>(&points, CASES),
        whole::<Normed<1, 0>>(&points, CASES),
        whole::<Normed<2, 8>>(&points, CASES),
        whole::<Stairs>(&points, CASES),
        whole::<Branch>(&points, CASES),
        whole::<Tolerant<Branch, 3>>(&points, CASES),
        whole::<Image<true>>(&images, CASES / 4),
        whole::<NormedImage<1>>(&images, CASES / 4),
        whole::<MaxPooled>(&images, CASES / 4),
    ];
    println!("trained: {good:?}");
    assert!(good.iter().all(|good| *good > 3), "{good:?}");
}

/// The squares of such slopes are infinite.
#[test]
fn steep_slopes_still_move_weights() {
    for factor in [1.0, 1e10, 1e20, 1e30] {
        let features = few().features().to_owned() * factor;
        let data = Dataset::classes(features, few().labels().to_vec(), 2).unwrap();
        let mut net = Tiny::new(Seed(1));
        let before = net.fc1.weights();
        net.train(&data, &TrainConfig { epochs: Some(3), progress: false, ..TrainConfig::float() }).unwrap();
        let moved = (net.fc1.weights() - before).mapv(f32::abs).sum();
        assert!(moved > 0.01 && moved < 10.0, "{factor}: {moved}");
    }
}

/// Data that can be made without a sample would train nothing and divide by none.
#[test]
fn no_data_is_empty() {
    assert_eq!(checkerboard_points(0, Seed(1)).len(), 1);
    Tiny::new(Seed(1))
        .train(&checkerboard_points(0, Seed(1)), &TrainConfig { validation: Validation::None, ..short() })
        .unwrap();
}

/// What threw every scale away without a word.
#[test]
fn training_that_went_wrong_says_what_to_do() {
    let raw = Dataset::classes(few().features().to_owned() * 2000.0, few().labels().to_vec(), 2).unwrap();
    let mut errors = 0;
    let rates = [0.1, 3.0, 300.0, 1000.0];
    for (data, rate) in [raw, few()].iter().flat_map(|data| rates.map(|rate| (data, rate))) {
        for optimizer in [Optimizer::Sgd { momentum: 0.9 }, Optimizer::AdamW { decay: 0.0 }] {
            let config = TrainConfig { optimizer, rate, epochs: Some(20), restore_best: false, ..short() };
            let mut net = Tiny::new(Seed(1));
            let Err(error) = net.train(data, &config) else { continue };
            let message = error.to_string();
            assert!(
                message.contains("`rate`") && message.contains("`features: FeatureMap::Standardize`"),
                "{message}"
            );
            assert_eq!(net.fc1.integers(), None);
            errors += 1;
        }
    }
    assert!(errors >= 2, "{errors}");
}

struct Inverse;

impl Activation for Inverse {
    const SIGNED: bool = true;

    fn apply(x: f32) -> f32 {
        1.0 / x
    }
}

struct Logarithm;

impl Activation for Logarithm {
    const SIGNED: bool = true;

    fn apply(x: f32) -> f32 {
        x.ln()
    }
}

struct Tower;

impl Activation for Tower {
    const SIGNED: bool = false;

    fn apply(x: f32) -> f32 {
        (3.0 * x).exp().exp()
    }
}

/// Infinite nowhere but where nothing else happens.
struct Cliff;

impl Activation for Cliff {
    const SIGNED: bool = false;

    fn apply(x: f32) -> f32 {
        if x > 0.0 { f32::INFINITY } else { 0.0 }
    }
}

/// Steps are at most so large, with every observer.
fn trains_where_infinite<F: Activation>(most: f32) {
    for observer in [Observer::MinMax, Observer::Percentile(0.99), Observer::MeanSquaredError] {
        let config = TrainConfig { observer, epochs: Some(3), ..short() };
        let mut net = Curved::<F, 8, 8, 0, true>::new(Seed(1));
        net.train(&few(), &config).unwrap();
        check_bits(&net, &few());
        let mut net = Curved::<F, 8, 8, 6, false>::new(Seed(2));
        net.train(&few(), &config).unwrap();
        check_bits(&net, &few());
        net.quantize(&few(), &PtqConfig { observer, standardize: false }).unwrap();
        check_bits(&net, &few());
        let steps = [net.act1.step().unwrap(), net.act2.step().unwrap()];
        assert!(steps.iter().all(|step| *step <= most), "{steps:?}");
    }
}

/// Where a function is infinite is the last level on that side, and no step.
#[test]
fn functions_that_are_infinite_somewhere_train() {
    trains_where_infinite::<Inverse>(1e3);
    trains_where_infinite::<Logarithm>(10.0);
    trains_where_infinite::<Tower>(Function::LARGEST);
    trains_where_infinite::<Cliff>(1.0);
}

//! Options and data at the ends of what they may be: a result that is whole, or an error, and never a panic.

use fheqat_spec::Transfer;

use super::*;
use ndarray::Axis;

use crate::{
    fixture::drawn::{Draw, Drawn},
    nn::{lower::unnamed, ops::Op, runner::Runner},
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
    let searched = TrainConfig { epochs: Some(1), search: Some(search), patience: Some(MOST), ..base };
    assert!(!Tiny::new(Seed(1)).train(&few(), &searched).unwrap().trials.is_empty());
}

/// Whatever the last layer is, a quantizer of the input among them.
#[test]
fn predictions_are_what_the_circuit_gives() {
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
        type Rearrange = fn(&mut Draw, usize) -> usize;
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

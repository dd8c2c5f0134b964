//! Options and data at the ends of what they may be: a result that is whole, or an error, and never a panic.

use fheqat_spec::Transfer;

use super::*;
use crate::{
    fixture::drawn::{Draw, Drawn},
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
    let base = TrainConfig { epochs: 6, batch: 8, ..short() };
    let patient = TrainConfig { patience: Some(MOST), ..base.clone() };
    let epochs = |config: &TrainConfig| Tiny::new(Seed(1)).train(&few(), config).unwrap().epochs.len();
    assert_eq!(epochs(&patient), 6);
    assert_eq!(epochs(&TrainConfig { batch: MOST, ..base.clone() }), 6);
    let every = Schedule::Step { every: MOST, factor: 0.5 };
    assert_eq!(epochs(&TrainConfig { schedule: every, ..base.clone() }), 6);
    let schedules = [Schedule::Constant, Schedule::Cosine, every, Schedule::Step { every: 1, factor: 0.5 }];
    for (schedule, warmup) in schedules.into_iter().flat_map(|schedule| [(schedule, 0.0), (schedule, 1.0)]) {
        let endless = TrainConfig {
            epochs: MOST,
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
    let searched = TrainConfig { epochs: 1, search: Some(search), patience: Some(MOST), ..base };
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

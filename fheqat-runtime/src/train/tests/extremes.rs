//! Options and data at the ends of what they may be: a result that is whole, or an error, and never a panic.

use super::*;

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

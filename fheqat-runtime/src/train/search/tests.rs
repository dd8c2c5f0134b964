use std::time::Instant;

use ndarray::Array2;

use super::held_out_fraction;
use crate::{
    Seed,
    data::{self, Dataset},
    fixture::{Chain, Tolerant, WideAndDeep},
    network::Network,
    nn::program::Program,
    report::SearchReport,
    train::{CostSearch, History, TrainConfig, TrainError, Trial, Tried},
};

type Guide = Chain<2, 16, 2, 16, 0, true>;

fn quiet(options: CostSearch) -> TrainConfig {
    TrainConfig {
        epochs: Some(6),
        batch: 16,
        progress: false,
        search: Some(options),
        ..TrainConfig::default()
    }
}

fn points() -> Dataset {
    data::checkerboard(Seed(0)).0.split(0.3, Seed(1)).unwrap().1
}

/// What no training sees.
fn fresh() -> Dataset {
    data::checkerboard_points(4000, Seed(7))
}

/// The standard error of an accuracy on what the search holds out.
fn error(accuracy: f64) -> f64 {
    let held = held_out_fraction(0.1, points().len()) * points().len() as f32;
    (accuracy * (1.0 - accuracy) / f64::from(held)).sqrt()
}

/// What was found, before its last training.
fn found(history: &History) -> &Trial {
    let kept = |trial: &&Trial| trial.is_kept && !matches!(trial.tried, Tried::FinalTraining { .. });
    history.trials.iter().rfind(kept).unwrap()
}

/// The best result of a network that was trained in full.
fn best(history: &History) -> f64 {
    let in_full = history.trials.iter().filter(|trial| !matches!(trial.tried, Tried::InputStep { .. }));
    in_full.filter_map(|trial| trial.accuracy).fold(0.0, f64::max)
}

fn search(options: CostSearch) -> (Guide, History) {
    let train = points();
    let mut net = Guide::new(Seed(0));
    let history = net.train(&train, &quiet(options)).unwrap();
    (net, history)
}

#[test]
fn the_cheapest_within_the_margin_is_kept() {
    let (net, history) = search(CostSearch::default());
    let declared = history.trials.iter().find(|trial| trial.tried == Tried::Budget { max_l1: None }).unwrap();
    let best = best(&history);
    let price = net.circuit().unwrap().graph.price();
    assert!(price.core_seconds < declared.price.core_seconds / 2.0, "{price:?} {declared:?}");
    let found = found(&history);
    assert!(found.accuracy.unwrap() >= best - 0.005, "{found:?} {best}");
    assert!(price.core_seconds <= 1.02 * found.price.core_seconds, "{price:?} {found:?}");
    let kept = net.evaluate(&fresh()).unwrap().accuracy.unwrap();
    assert!(kept >= best - 0.005 - error(best), "{kept} {best}");
    let report = SearchReport(&history.trials).to_string();
    assert!(report.contains("max_l1 = 8") && report.contains("core-seconds"), "{report}");
}

#[test]
fn the_same_seed_finds_the_same_network_and_files_keep_it() {
    let (net, history) = search(CostSearch { max_rotations: Some(6), ..CostSearch::default() });
    let (again, same) = search(CostSearch { max_rotations: Some(6), ..CostSearch::default() });
    assert_eq!(history, same);
    assert_eq!(net.circuit().unwrap(), again.circuit().unwrap());
    assert!(net.circuit().unwrap().graph.price().rotations <= 6);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("net.safetensors");
    net.save(&path).unwrap();
    let mut loaded = Guide::new(Seed(1));
    loaded.load(&path).unwrap();
    assert_eq!(net.circuit().unwrap(), loaded.circuit().unwrap());
}

/// What is kept is judged by what runs: with its noise.
#[test]
fn tolerant_networks_are_judged_with_their_noise() {
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut net = Tolerant::<Guide, 3>::new(Seed(0));
            let history = net.train(&points(), &quiet(CostSearch::default())).unwrap();
            (history, net)
        })
    };
    let ((history, net), (same, again)) = (run(1), run(3));
    assert_eq!(history, same);
    assert_eq!(net.circuit().unwrap(), again.circuit().unwrap());
    let fresh = fresh();
    let best = best(&history);
    let mean =
        (0..8).map(|seed| net.evaluate_noisy(&fresh, Seed(seed)).unwrap().accuracy.unwrap()).sum::<f64>()
            / 8.0;
    assert!(mean >= best - 0.005 - error(best), "{mean} {best}\n{}", SearchReport(&history.trials));
}

/// Classes by whether two of four bits differ, which takes a hidden unit or two of six beside the bits.
#[test]
fn hidden_layers_start_narrow_where_that_is_enough() {
    let bit = |row: usize, column: usize| (row * 7 + row / 5) >> column & 1;
    let features = Array2::from_shape_fn((400, 4), |(row, column)| bit(row, column) as f32);
    let labels = (0..400).map(|row| usize::from(bit(row, 0) != bit(row, 2))).collect();
    let data = Dataset::classes(features, labels, 2).unwrap();
    let mut net = WideAndDeep::new(Seed(0));
    let config = TrainConfig { progress: false, ..TrainConfig::default() };
    let history = net.train(&data, &config).unwrap();
    let report = SearchReport(&history.trials).to_string();
    let is_narrower = |trial: &Trial| matches!(trial.tried, Tried::Narrower { .. });
    assert!(history.trials.iter().any(is_narrower) && report.contains("2 in `fc1`"), "{report}");
    assert_eq!(history.trials.iter().filter(|trial| trial.is_kept).count(), 1, "{report}");
    assert_eq!(net.evaluate(&data).unwrap().accuracy, Some(1.0));
    assert!(net.circuit().unwrap().graph.price().rotations <= 2);
}

#[test]
fn a_trained_network_trains_on_as_it_is() {
    let train = points();
    let mut net = Guide::new(Seed(0));
    net.train(&train, &TrainConfig { epochs: Some(1), progress: false, ..TrainConfig::declared() }).unwrap();
    let history =
        net.train(&train, &TrainConfig { epochs: Some(1), ..quiet(CostSearch::default()) }).unwrap();
    assert!(history.trials.is_empty());
    assert_eq!(history.epochs.len(), 1);
}

#[test]
fn layers_keep_no_more_neurons_than_they_may() {
    let most = [("fc1", 5), ("fc2", 2)];
    let max_neurons = most.map(|(field, most)| (field.to_owned(), most)).into();
    let (mut net, history) = search(CostSearch { max_neurons, ..CostSearch::default() });
    let check = |net: &Guide| {
        let program = Program::of(net).unwrap();
        for (field, most) in most {
            let node = program.nodes.iter().position(|node| node.name == field).unwrap();
            let integers = program.linear(node).unwrap().integers();
            let used =
                integers.rows().into_iter().filter(|row| row.iter().any(|weight| *weight != 0)).count();
            assert!(program.units_of(node).len() <= most && (1..=most).contains(&used), "{field}: {used}");
        }
    };
    check(&net);
    let loses_some_of_fc1 = |tried: &Tried| match tried {
        Tried::Removed { units } => units.iter().any(|(field, _)| field == "fc1"),
        _ => false,
    };
    assert!(history.trials.iter().any(|trial| trial.is_kept && loses_some_of_fc1(&trial.tried)));
    assert!(net.circuit().unwrap().graph.price().rotations <= 7);
    net.train(&points(), &TrainConfig { epochs: Some(2), progress: false, ..TrainConfig::declared() })
        .unwrap();
    check(&net);
}

#[test]
fn only_neurons_that_are_bootstrapped_can_be_limited() {
    for (field, most) in [("fc3", 1), ("relu1", 4), ("fc9", 4), ("fc1", 0)] {
        let options = CostSearch { max_neurons: [(field.to_owned(), most)].into(), ..CostSearch::default() };
        let error = Guide::new(Seed(0)).train(&points(), &quiet(options)).unwrap_err();
        if most == 0 {
            assert!(matches!(error, TrainError::Option { option: "max_neurons", .. }), "{error}");
        } else {
            assert_eq!(error, TrainError::Neurons { field: field.to_owned() });
        }
    }
}

#[test]
fn little_data_is_held_out_by_a_third_at_most() {
    let parts = [(0.1, 9000, 900), (0.2, 1000, 333), (0.6, 1000, 600), (0.1, 2500, 500), (0.0, 2500, 0)];
    for (fraction, samples, held) in parts {
        assert_eq!((held_out_fraction(fraction, samples) * samples as f32).round() as usize, held);
    }
}

/// What a search gives in so many seconds, of trainings that take far longer, and the seconds it took.
fn hurried(epochs: usize, max_seconds: f64) -> (Result<History, TrainError>, Guide, f64) {
    let mut net = Guide::new(Seed(0));
    let options = CostSearch { max_seconds, ..CostSearch::default() };
    let started = Instant::now();
    let history = net.train(&points(), &TrainConfig { epochs: Some(epochs), ..quiet(options) });
    (history, net, started.elapsed().as_secs_f64())
}

#[test]
fn trainings_that_run_when_the_time_is_over_end() {
    // So many epochs that nothing is tried to choose how to train, and so few that something is.
    for epochs in [100_000_000, 30_000] {
        let (history, net, seconds) = hurried(epochs, 2.0);
        let history = history.unwrap();
        assert!(seconds < 20.0, "{seconds}");
        assert!(!history.epochs.is_empty() && history.epochs.len() < epochs);
        let accuracy = net.evaluate(&fresh()).unwrap().accuracy.unwrap();
        assert!(accuracy > 0.55, "{accuracy}");
        net.circuit().unwrap();
    }
}

#[test]
fn a_search_without_time_for_an_epoch_says_so_and_leaves_the_network_as_it_was() {
    let (error, net, _) = hurried(6, 1e-9);
    let error = error.unwrap_err();
    assert_eq!(error, TrainError::OutOfTime { max_seconds: 1e-9 });
    assert!(error.to_string().contains("`max_seconds` is 0.000000001"), "{error}");
    assert!(net.circuit().is_err());
}

#[test]
fn without_time_to_train_on_units_are_removed_until_what_the_user_set_holds() {
    let train = points();
    let mut net = Guide::new(Seed(0));
    let options = CostSearch { max_seconds: 2.0, max_rotations: Some(3), ..CostSearch::default() };
    net.train(&train, &TrainConfig { epochs: Some(100_000_000), ..quiet(options) }).unwrap();
    assert!(net.circuit().unwrap().graph.price().rotations <= 3);
}

use crate::{
    Seed,
    data::{self, Dataset},
    fixture::{Chain, Tolerant},
    nn::network::Network,
    report::SearchReport,
    train::{Economy, History, TrainConfig},
};

type Guide = Chain<2, 16, 2, 16, 0, true>;

fn quiet(economy: Economy) -> TrainConfig {
    TrainConfig { epochs: 6, batch: 16, progress: false, economy: Some(economy), ..TrainConfig::default() }
}

fn points() -> Dataset {
    data::checkerboard(Seed(0)).0.split(0.3, Seed(1)).unwrap().1
}

fn search(economy: Economy) -> (Guide, History) {
    let train = points();
    let mut net = Guide::new(Seed(0));
    let history = net.train(&train, &quiet(economy)).unwrap();
    (net, history)
}

#[test]
fn the_cheapest_within_the_margin_is_kept() {
    let (net, history) = search(Economy::default());
    let declared = history.trials.iter().find(|trial| trial.tried.contains("declared")).unwrap();
    let best = history.trials.iter().filter_map(|trial| trial.accuracy).fold(0.0, f64::max);
    let price = net.circuit().unwrap().graph.price();
    assert!(price.core_seconds < declared.price.core_seconds / 2.0, "{price:?} {declared:?}");
    let (_, held) = points().split(0.1, Seed(0)).unwrap();
    let kept = net.evaluate(&held).unwrap().accuracy.unwrap();
    let error = (best * (1.0 - best) / held.len() as f64).sqrt();
    assert!(kept >= best - 0.005 - error - 1e-9, "{kept} {best}");
    let report = SearchReport(&history.trials).to_string();
    assert!(report.contains("max_l1 = 8") && report.contains("core-seconds"), "{report}");
}

#[test]
fn the_same_seed_finds_the_same_network_and_files_keep_it() {
    let (net, history) = search(Economy { max_rotations: Some(6), ..Economy::default() });
    let (again, same) = search(Economy { max_rotations: Some(6), ..Economy::default() });
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
            let history = net.train(&points(), &quiet(Economy::default())).unwrap();
            (history, net)
        })
    };
    let ((history, net), (same, again)) = (run(1), run(3));
    assert_eq!(history, same);
    assert_eq!(net.circuit().unwrap(), again.circuit().unwrap());
    let (_, held) = points().split(0.1, Seed(0)).unwrap();
    let best = history.trials.iter().filter_map(|trial| trial.accuracy).fold(0.0, f64::max);
    let mean =
        (0..8).map(|seed| net.evaluate_noisy(&held, Seed(seed)).unwrap().accuracy.unwrap()).sum::<f64>()
            / 8.0;
    let error = (best * (1.0 - best) / held.len() as f64).sqrt();
    assert!(mean >= best - 0.005 - 2.0 * error, "{mean} {best}");
}

#[test]
fn a_trained_network_trains_on_as_it_is() {
    let train = points();
    let mut net = Guide::new(Seed(0));
    net.train(&train, &TrainConfig { epochs: 1, progress: false, ..TrainConfig::declared() }).unwrap();
    let history = net.train(&train, &TrainConfig { epochs: 1, ..quiet(Economy::default()) }).unwrap();
    assert!(history.trials.is_empty());
    assert_eq!(history.epochs.len(), 1);
}

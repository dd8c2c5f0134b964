//! Predicted core-seconds against measured ones, on the machine that runs this.
//!
//! `cargo test --release --test prices -- --ignored --nocapture --test-threads 1`
#![cfg(all(feature = "fhe", unix))]
#![allow(clippy::unwrap_used)]

use std::{num::NonZeroUsize, time::Duration};

use fheqat::{
    compile::Prediction,
    data,
    params::{
        Seconds,
        cost::{Prices, ShapePrices},
    },
    prelude::*,
};
use rustix::time::{ClockId, clock_gettime};

use self::{
    chain::chain,
    common::{Digits, Pooled, Signal, config, samples},
};

#[path = "../fheqat-runtime/benches/chain/mod.rs"]
mod chain;
mod common;

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

/// What this process has run on any core.
fn core_seconds<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let now = || {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32).as_secs_f64()
    };
    let start = now();
    let result = work();
    (result, now() - start)
}

/// Neighbours in the caches slow a run and never speed it up.
fn lower_quartile(times: impl Iterator<Item = f64>) -> f64 {
    let mut times: Vec<f64> = times.collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 4]
}

/// All else, in parts of the rotations and their key switches.
const MOST_OVERHEAD: f64 = 1.10;

/// What rotations and their key switches would take one by one. The first layer's read what the client encrypts for them.
fn rotations_alone(Prediction { parameters, layers, .. }: &Prediction, prices: &Prices) -> f64 {
    let step = prices.shape(parameters).step(parameters.rotation.levels);
    let steps: f64 = layers.iter().map(|layer| layer.rotations as f64 * step.of(layer.products, 1.0).0).sum();
    let switched: usize = layers.iter().skip(1).map(|layer| layer.rotations).sum();
    parameters.lwe_dimension.0 as f64 * steps + switched as f64 * prices.key_switch(parameters, 1.0).0
}

/// How far an inference and key generation are from what was predicted, and an inference from its rotations alone.
struct Row {
    off: f64,
    overhead: f64,
}

fn row(name: &str, circuit: &Circuit, prices: &Prices) -> Row {
    let options = CompileOptions::default().threads(NonZeroUsize::new(1)).prices(prices.clone());
    let compiled = circuit.compile(&options).unwrap();
    let report = compiled.report();
    let keys = [(); 3].map(|()| core_seconds(|| compiled.keygen().unwrap()));
    let keygen = lower_quartile(keys.iter().map(|(_, time)| *time));
    let (client, server) = &keys[0].0;
    let sample = vec![0.0; circuit.codec.features];
    let input = client.encrypt(&sample).unwrap();
    let count = (3.0 / report.core_seconds.0).clamp(1.0, 24.0) as usize;
    let runs: Vec<_> = (0..count).map(|_| core_seconds(|| server.run(&input).unwrap())).collect();
    let run = lower_quartile(runs.iter().map(|(_, time)| *time));
    assert_eq!(client.decrypt(&runs[0].0).unwrap(), circuit.simulate(&sample).unwrap());
    let ratios = [report.core_seconds.0 / run, report.keygen_seconds.0 / keygen];
    let overhead = run / rotations_alone(compiled.prediction(), prices);
    println!(
        "{name:<14} {:>4} {:>9.4} {run:>9.4} {:>6.3} {:>9.3} {keygen:>9.3} {:>6.3} {overhead:>9.3}",
        report.rotations(),
        report.core_seconds.0,
        ratios[0],
        report.keygen_seconds.0,
        ratios[1],
    );
    let off = ratios.into_iter().map(|ratio| ratio.max(1.0 / ratio)).fold(1.0, f64::max);
    Row { off, overhead }
}

fn trained<N: Network>(width: u16) -> Circuit {
    let mut net = N::new(Seed(2));
    net.train(&samples(60, width), &config()).unwrap();
    net.circuit().unwrap()
}

fn as_predicted(circuits: impl IntoIterator<Item = (String, Circuit)>) {
    let prices = Prices::of_this_machine().unwrap();
    println!(
        "network       rotations predicted  measured  ratio  keys: predicted, measured, ratio  overhead"
    );
    let rows: Vec<Row> = circuits.into_iter().map(|(name, circuit)| row(&name, &circuit, &prices)).collect();
    let worst = |of: fn(&Row) -> f64| rows.iter().map(of).fold(0.0, f64::max);
    let (off, overhead) = (worst(|row| row.off), worst(|row| row.overhead));
    assert!(off < 1.2, "a prediction is off by {off:.2}");
    assert!(overhead < MOST_OVERHEAD, "{overhead:.2} of what its rotations take alone");
}

#[test]
#[ignore = "a minute of timing: run alone, in release, with --nocapture"]
fn slots() {
    as_predicted([16, 32, 64, 96, 128, 192, 256].map(|slots| (format!("{slots} slots"), chain(slots))));
}

#[test]
#[ignore = "half a minute of timing: run alone, in release, with --nocapture"]
fn convolutions() {
    let signal = ("signal".to_owned(), trained::<Signal>(24));
    as_predicted([signal, ("digits".to_owned(), trained::<Digits>(64))]);
}

#[test]
#[ignore = "a minute of timing: run alone, in release, with --nocapture"]
fn pools() {
    as_predicted([("pooled".to_owned(), trained::<Pooled>(40))]);
}

#[test]
#[ignore = "half a minute of timing: run alone, in release, with --nocapture"]
fn checkerboards() {
    as_predicted((0..3).map(|seed| {
        let (train, _) = data::checkerboard(Seed(seed));
        let mut net = Checkerboard::new(Seed(seed));
        let config = TrainConfig { seed: Seed(seed), progress: false, ..TrainConfig::declared() };
        net.train(&train, &config).unwrap();
        (format!("checkerboard {seed}"), net.circuit().unwrap())
    }));
}

/// In the layout of the table that is shipped.
#[test]
#[ignore = "ten seconds of timing: run alone, in release, with --nocapture"]
fn prices_of_this_machine() {
    let prices = Prices::measure().unwrap();
    let nanoseconds = |seconds: Seconds| (seconds.0 * 1e9).round();
    for shape in &prices.shapes {
        let ShapePrices { glwe_dimension: k, polynomial_size: n, one_level, further_level, bootstrap_key } =
            *shape;
        let steps = [one_level.first, one_level.further, further_level.first, further_level.further];
        println!(
            "({k}, {n}, {:?}),",
            [steps.as_slice(), &[bootstrap_key]].concat().into_iter().map(nanoseconds).collect::<Vec<_>>()
        );
        assert!(steps.iter().all(|step| step.0 > 0.0));
    }
    let Prices { key_switch, addition, extraction, expansion, key_switching_key, .. } = prices;
    println!(
        "{:?}",
        [key_switch.first, key_switch.further, addition, extraction, expansion, key_switching_key]
            .map(|price| price.0 * 1e9)
    );
}

//! Predicted core-seconds against measured ones, on the machine that runs this: both of one run, so that a ratio means something.
//!
//! `cargo bench --bench prices`; a name such as `slots` keeps one group, `shipped` prints prices in the layout of the table that is
//! shipped. It fails when a prediction is off by a fifth, or when an inference takes much more than its rotations.

use std::{num::NonZeroUsize, process::ExitCode};

use fheqat::{
    compile::Prediction,
    data,
    params::{
        Seconds,
        cost::{ShapePrices, StepPrice},
    },
    prelude::*,
};

use self::{
    chain::chain,
    clock::clock,
    common::{Digits, Pooled, Signal, config, samples},
};

#[path = "../fheqat-runtime/benches/chain/mod.rs"]
mod chain;
#[allow(dead_code, reason = "criterion's half of it is for the other benches")]
#[path = "../fheqat-runtime/benches/clock/mod.rs"]
mod clock;
#[path = "../tests/common/mod.rs"]
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

fn core_seconds<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let start = clock();
    let result = work();
    (result, clock().saturating_sub(start).as_secs_f64())
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
    let step = prices.step(parameters);
    let steps: f64 = layers.iter().map(|layer| layer.rotations as f64 * step.of(layer.products, 1.0).0).sum();
    let switched: usize = layers.iter().skip(1).map(|layer| layer.rotations).sum();
    parameters.steps() as f64 * steps + switched as f64 * prices.key_switch(parameters, 1.0).0
}

/// How far an inference and key generation are from what was predicted, and an inference from its rotations alone.
struct Row {
    off: f64,
    overhead: f64,
}

fn row(name: &str, circuit: &Circuit, prices: &Prices) -> Row {
    let options = CompileOptions::default().threads(NonZeroUsize::new(1)).prices(prices.clone());
    let compiled = circuit.compile(&options).expect("parameters exist");
    let report = compiled.report();
    let keys = [(); 3].map(|()| core_seconds(|| compiled.keygen().expect("a thread starts")));
    let keygen = lower_quartile(keys.iter().map(|(_, time)| *time));
    let (client, server) = &keys[0].0;
    let sample = vec![0.0; circuit.codec.features];
    let input = client.encrypt(&sample).expect("the sample fits");
    let count = (3.0 / report.core_seconds.0).clamp(1.0, 24.0) as usize;
    let runs: Vec<_> =
        (0..count).map(|_| core_seconds(|| server.run(&input).expect("the server runs"))).collect();
    let run = lower_quartile(runs.iter().map(|(_, time)| *time));
    assert_eq!(client.decrypt(&runs[0].0).ok(), circuit.simulate(&sample).ok());
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
    net.train(&samples(60, width), &config()).expect("samples fit");
    net.circuit().expect("a trained network has a circuit")
}

/// The most that a prediction may be off by.
const MOST_OFF: f64 = 1.2;

type Circuits = fn() -> Vec<(String, Circuit)>;

fn slots() -> Vec<(String, Circuit)> {
    [16, 32, 64, 96, 128, 192, 256].map(|slots| (format!("{slots} slots"), chain(slots))).into()
}

fn convolutions() -> Vec<(String, Circuit)> {
    vec![("signal".to_owned(), trained::<Signal>(24)), ("digits".to_owned(), trained::<Digits>(64))]
}

fn pools() -> Vec<(String, Circuit)> {
    vec![("pooled".to_owned(), trained::<Pooled>(40))]
}

fn checkerboards() -> Vec<(String, Circuit)> {
    let circuit = |seed| {
        let (train, _) = data::checkerboard(Seed(seed));
        let mut net = Checkerboard::new(Seed(seed));
        let config = TrainConfig { seed: Seed(seed), progress: false, ..TrainConfig::declared() };
        net.train(&train, &config).expect("samples fit");
        (format!("checkerboard {seed}"), net.circuit().expect("a trained network has a circuit"))
    };
    (0..3).map(circuit).collect()
}

const GROUPS: [(&str, Circuits); 4] =
    [("checkerboards", checkerboards), ("convolutions", convolutions), ("pools", pools), ("slots", slots)];

/// In the layout of the table that is shipped.
fn print_as_shipped(prices: &Prices) {
    let nanoseconds = |seconds: Seconds| (seconds.0 * 1e9).round();
    for shape in &prices.shapes {
        let ShapePrices {
            glwe_dimension: k,
            polynomial_size: n,
            one_level,
            further_level,
            block,
            further_level_of_block,
            bootstrap_key,
        } = *shape;
        let steps = [one_level, further_level, block, further_level_of_block];
        let steps = steps.map(|StepPrice { first, further }| [first, further]).concat();
        println!(
            "({k}, {n}, {:?}),",
            [steps.as_slice(), &[bootstrap_key]].concat().into_iter().map(nanoseconds).collect::<Vec<_>>()
        );
    }
    let Prices { key_switch, addition, packed_addition, extraction, expansion, key_switching_key, .. } =
        prices;
    println!(
        "{:?}",
        [
            key_switch.first,
            key_switch.further,
            *addition,
            *packed_addition,
            *extraction,
            *expansion,
            *key_switching_key
        ]
        .map(|price| price.0 * 1e9)
    );
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test` runs benches too, to see whether they start.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS;
    }
    let chosen = |group: &str| {
        let mut names = arguments.iter().filter(|argument| !argument.starts_with("--")).peekable();
        names.peek().is_none() || names.any(|name| group.contains(&**name))
    };
    let prices = Prices::measure().expect("a thread starts");
    if chosen("shipped") {
        print_as_shipped(&prices);
    }
    println!(
        "network       rotations predicted  measured  ratio  keys: predicted, measured, ratio  overhead"
    );
    let groups = GROUPS.into_iter().filter(|(group, _)| chosen(group));
    let circuits = groups.flat_map(|(_, circuits)| circuits());
    let rows: Vec<Row> = circuits.map(|(name, circuit)| row(&name, &circuit, &prices)).collect();
    let worst = |of: fn(&Row) -> f64| rows.iter().map(of).fold(0.0, f64::max);
    let (off, overhead) = (worst(|row| row.off), worst(|row| row.overhead));
    println!("the worst prediction is off by {off:.2}, the largest overhead is {overhead:.2}");
    if off < MOST_OFF && overhead < MOST_OVERHEAD { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

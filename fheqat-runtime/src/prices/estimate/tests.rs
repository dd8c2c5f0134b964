//! The price that training pays against the report.

use std::time::Instant;

use fheqat_spec::Range;
use ndarray::Array2;

use super::*;
use crate::{
    Seed,
    circuit::{
        Circuit,
        ir::{Term, Wire},
    },
    compile::CompileOptions,
    data::{self, Dataset},
    fixture::{Branch, Chain, Image, Normed, Tolerant, WideAndDeep},
    network::Network,
    train::TrainConfig,
};

fn trained<N: Network>(data: &Dataset) -> Circuit {
    let mut net = N::new(Seed(0));
    let config = TrainConfig { epochs: Some(20), progress: false, ..TrainConfig::declared() };
    net.train(data, &config).unwrap();
    net.circuit().unwrap()
}

/// Numbers of which two tell the class.
fn features(width: usize) -> Dataset {
    let features =
        Array2::from_shape_fn((120, width), |(row, column)| ((row * 7 + column * 5) % 11) as f32 / 10.0);
    let class = |row: usize| usize::from(features[[row, 0]] + features[[row, width / 2]] > 1.0);
    let classes = (0..120).map(class).collect();
    Dataset::classes(features, classes, 2).unwrap()
}

fn circuits() -> Vec<(&'static str, Circuit)> {
    let (board, bits, images) = (data::checkerboard(Seed(0)).0, features(4), features(120));
    let wide = trained::<WideAndDeep>(&bits);
    let mut linear = wide.clone();
    linear.graph.accumulators.clear();
    for output in &mut linear.graph.outputs {
        output.terms = (0..4).map(|index| Term { wire: Wire::Input(index), weight: 3 }).collect();
        output.range = Range::new(0, 12);
    }
    vec![
        ("linear", linear),
        ("wide and deep", wide),
        ("dense, budget of 8", trained::<Chain<2, 30, 2, 30, 8, true>>(&board)),
        ("dense, no budget", trained::<Chain<2, 20, 2, 20, 0, false>>(&board)),
        ("deep and wide", trained::<Chain<2, 100, 2, 30, 0, true>>(&board)),
        ("normalized", trained::<Normed<1, 0>>(&board)),
        ("branches", trained::<Branch>(&board)),
        ("images", trained::<Image<true>>(&images)),
        ("tolerant", trained::<Tolerant<Chain<2, 20, 2, 20, 0, true>, 2>>(&board)),
        ("tolerant images", trained::<Tolerant<Image<true>, 3>>(&images)),
    ]
}

#[test]
fn what_training_pays_is_what_the_report_predicts() {
    for (name, circuit) in circuits() {
        for p_fail in [-20.0, -40.0, -80.0].map(Log2Probability) {
            let started = Instant::now();
            let price = circuit.graph.price_at(p_fail);
            let fast = started.elapsed();
            let started = Instant::now();
            let report = circuit.compile(&CompileOptions::default().p_fail(p_fail)).unwrap().report();
            let whole = started.elapsed();
            let ratio = (price.core_seconds + 1e-9) / (report.core_seconds.0 + 1e-9);
            println!("{name}, {p_fail}: {price:?}, {ratio:.4} of the report, {fast:.1?} and {whole:.1?}");
            assert!(price.has_parameters && price.rotations == report.rotations(), "{name}, {p_fail}");
            assert!((0.9999..1.03).contains(&ratio), "{name}, {p_fail}: {ratio} of {}", report.core_seconds);
        }
    }
}

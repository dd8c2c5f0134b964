//! Every kind of set, promise and layer.

use std::collections::HashSet;

use fheqat_spec::Range;
use rand::RngExt;
use tfhe::core_crypto::prelude::{GlweDimension, PolynomialSize};

use super::{
    super::{
        graphs::{circuit, guide, mixed, reach, relu, samples, terms},
        kinds::KINDS,
    },
    MORE_PRECISE, MOST, PRECISE, Ratio,
    probe::{SampleErrors, StageErrors, Subject},
};
use crate::{
    Seed,
    circuit::{
        Circuit,
        ir::{Accumulator, Output, Table, Tolerance, Wire},
    },
    params::{search::Space, workload::Workload},
    quant::row::signed_divisor,
};

/// Dense layers, each accumulator of which has as many tables as are asked for: every other one falls. No two sums of a layer
/// are parallel, as in every circuit behind the passes: their rotations would have noise in common.
#[derive(Clone, Copy)]
struct Dense {
    features: usize,
    widths: &'static [usize],
    outputs: usize,
    /// The largest weight; none is zero.
    weight: i64,
    tables: usize,
    /// Of a table, and of an input.
    levels: i64,
    /// Units of a sum to a level.
    step: i64,
    /// Noise that every sum may carry, in its units.
    tolerance: f64,
}

impl Dense {
    fn circuit(self, seed: Seed) -> Circuit {
        let inputs = Range::new(0, self.levels);
        let mut rng = seed.rng(0);
        let mut accumulators: Vec<Accumulator> = Vec::new();
        let mut wires: Vec<Wire> = (0..self.features).map(Wire::Input).collect();
        let mut sum = |wires: &[Wire], drawn: &mut HashSet<Vec<i64>>, accumulators: &[Accumulator]| {
            let weights = loop {
                let mut weight =
                    |_| rng.random_range(1..=self.weight) * if rng.random_bool(0.5) { 1 } else { -1 };
                let weights: Vec<i64> = wires.iter().map(&mut weight).collect();
                let divisor = signed_divisor(weights.iter().copied());
                if drawn.insert(weights.iter().map(|weight| weight / divisor).collect()) {
                    break weights;
                }
            };
            let terms = terms(wires, &weights);
            let range = reach(&terms, inputs, accumulators);
            (terms, range)
        };
        let tolerance = Tolerance(self.tolerance);
        for (layer, &width) in self.widths.iter().enumerate() {
            let first = accumulators.len();
            let mut drawn = HashSet::new();
            for _ in 0..width {
                let (terms, range) = sum(&wires, &mut drawn, &accumulators);
                let middle = i64::midpoint(range.lo, range.hi) - self.step * self.levels / 2;
                let tables = (0..self.tables as i64).map(|table| self.table(middle, table)).collect();
                accumulators.push(Accumulator { layer, terms, range, tolerance, tables });
            }
            let tables = |accumulator| (0..self.tables).map(move |table| Wire::Table { accumulator, table });
            wires = (first..accumulators.len()).flat_map(tables).collect();
        }
        let mut drawn = HashSet::new();
        let outputs = (0..self.outputs)
            .map(|_| {
                let (terms, range) = sum(&wires, &mut drawn, &accumulators);
                Output { terms, range, tolerance, constant: 0 }
            })
            .collect();
        circuit(inputs, self.features, accumulators, outputs)
    }

    fn table(self, middle: i64, index: i64) -> Table {
        let mut table = relu(middle + index, self.step, self.levels);
        if index % 2 == 1 {
            table.base = self.levels;
            table.jumps.iter_mut().for_each(|jump| jump.rise = -1);
        }
        table
    }
}

/// What rows of a table are measured of: a layer of four rotations, and sums of them.
const FAN: Dense = Dense {
    features: 3,
    widths: &[4, 8],
    outputs: 1,
    weight: 1,
    tables: 1,
    levels: 3,
    step: 1,
    tolerance: 0.0,
};

const EXACT: Dense = Dense { widths: &[4, 32], weight: 3, ..FAN };
const WIDE: Dense = Dense { weight: 7, levels: 7, ..EXACT };
const SHARED: Dense = Dense { weight: 1, tables: 4, ..EXACT };
const TOLERANT: Dense = Dense { step: 8, tolerance: 1.6, ..WIDE };
const NOISY: Dense = Dense { weight: 3, tolerance: 8.0, ..TOLERANT };

const KEYS: u64 = 4;

/// What `rotated` stages, and the next or the outputs behind them, see under several keys, each with `samples` of its own:
/// as many as make the last of them `precise`.
fn observe(subject: &Subject<'_>, rotated: usize, samples_of: usize, precise: f64) -> Vec<SampleErrors> {
    let mut seen = Vec::new();
    for key in 0.. {
        seen.extend(subject.run(&samples(subject.circuit, samples_of, Seed(key)), rotated));
        if key + 1 >= KEYS && StageErrors::of(&seen, rotated).ratio.deviation <= precise {
            break;
        }
    }
    seen
}

/// The ratio of the last, after a look at each of its values and at the stages before.
fn last(what: &str, subject: &Subject<'_>, seen: &[SampleErrors], rotated: usize) -> Ratio {
    println!("\n{what}: {}", subject.describe());
    for stage in 0..rotated {
        let StageErrors { ratio, off, .. } = StageErrors::of(seen, stage);
        ratio.check_roughly(&format!("stage {stage}, {off} levels off"));
    }
    let StageErrors { ratio, each, .. } = StageErrors::of(seen, rotated);
    for (index, ratio) in each.iter().enumerate() {
        assert!(
            ratio.mean <= MOST + ratio.unsure(),
            "{what}: value {index}: {} of the predicted",
            ratio.mean
        );
    }
    ratio
}

fn check(what: &str, subject: &Subject<'_>, rotated: usize, samples_of: usize) {
    let seen = observe(subject, rotated, samples_of, PRECISE);
    last(what, subject, &seen, rotated).check(what);
}

/// Sets from the cheapest to the widest, by slots, promise and probability.
#[test]
#[ignore = "a measurement of minutes: run with --nocapture"]
fn sets() {
    for (what, dense, p_fail) in [
        ("exact, narrow", FAN, -40.0),
        ("exact, narrow", FAN, -128.0),
        ("exact", EXACT, -40.0),
        ("exact", EXACT, -64.0),
        ("exact, wide", WIDE, -40.0),
        ("several tables", SHARED, -40.0),
        ("several tables", Dense { weight: 2, ..SHARED }, -64.0),
        ("tolerant", TOLERANT, -40.0),
        ("tolerant, much noise", NOISY, -64.0),
    ] {
        let circuit = dense.circuit(Seed(5));
        check(&format!("{what}, 2^{p_fail}"), &Subject::new(&circuit, p_fail), 1, 60);
    }
}

/// Shapes that the search takes for other prices or for smaller keys.
#[test]
#[ignore = "a measurement of minutes: run with --nocapture"]
fn shapes() {
    for (k, size) in [(3, 1024), (2, 2048), (1, 4096)] {
        let space = Space { shapes: vec![(GlweDimension(k), PolynomialSize(size))], ..Space::default() };
        let circuit = FAN.circuit(Seed(6));
        let subject = Subject::among(&circuit, -40.0, &space, |_| true).unwrap();
        check(&format!("k {k} N {size}"), &subject, 1, 60);
    }
}

/// The first layer reads what the client encrypts, under either key.
#[test]
#[ignore = "a measurement of minutes: run with --nocapture"]
fn inputs() {
    for (what, dense) in [("exact", EXACT), ("tolerant", TOLERANT)] {
        let circuit = Dense { features: 6, widths: &[8], ..dense }.circuit(Seed(8));
        for inputs_under_small_key in [true, false] {
            let subject = Subject::among(&circuit, -40.0, &Space::default(), |workload| {
                workload.inputs_under_small_key == inputs_under_small_key
            })
            .unwrap();
            let key = if inputs_under_small_key { "small" } else { "big" };
            let what = format!("{what} inputs under the {key} key");
            let seen = observe(&subject, 0, 500, MORE_PRECISE);
            last(&what, &subject, &seen, 0).check(&what);
        }
    }
}

/// Wires that are switched themselves, beside an input.
#[test]
#[ignore = "a measurement of minutes: run with --nocapture"]
fn switched_wires() {
    let circuit = mixed();
    let switched = |workload: &Workload| {
        workload.rotations.iter().any(|rotation| !rotation.key_switches.wires.is_empty())
    };
    let subject = Subject::among(&circuit, -40.0, &Space::default(), switched).unwrap();
    check("switched wires and an input", &subject, 1, 1000);
}

/// What the client decrypts.
#[test]
#[ignore = "a measurement of minutes: run with --nocapture"]
fn outputs() {
    for (what, dense) in [
        ("exact outputs", EXACT),
        ("tolerant outputs", TOLERANT),
        ("outputs of several tables", Dense { features: 4, ..SHARED }),
    ] {
        let circuit = Dense { widths: &[8], outputs: 24, ..dense }.circuit(Seed(9));
        check(what, &Subject::new(&circuit, -40.0), 1, 60);
    }
}

/// Sums of every kind of layer behind rotations: each as nearly as it shows, and all of them together.
#[test]
#[ignore = "a measurement of minutes: run with --nocapture"]
fn layers() {
    let mut all = Vec::new();
    for kind in KINDS {
        let circuit = kind.behind_rotations();
        let subject = Subject::new(&circuit, -40.0);
        let rotated = subject.plan.server.stages.len() - 1;
        let seen = observe(&subject, rotated, 40, f64::INFINITY);
        last(kind.name, &subject, &seen, rotated).check_roughly(kind.name);
        all.extend(seen.into_iter().map(|seen| seen.squares[rotated].clone()));
    }
    Ratio::of(&all).check("all layers");
}

/// The guide's network, with many tables to a rotation and wide sums behind them, and three layers that may carry noise.
#[test]
#[ignore = "a measurement of minutes: run with --nocapture"]
fn networks() {
    let circuit = guide(Seed(3));
    check("guide", &Subject::new(&circuit, -40.0), 1, 30);
    let circuit = Dense { features: 6, widths: &[6, 6, 6], ..TOLERANT }.circuit(Seed(4));
    check("three layers", &Subject::new(&circuit, -40.0), 2, 60);
}

fn check_few(circuit: &Circuit, count: usize) {
    let subject = Subject::new(circuit, -40.0);
    let seen = subject.run(&samples(circuit, count, Seed(7)), 2);
    last("few", &subject, &seen, 2).check_roughly("few");
}

#[test]
fn exact_layers() {
    check_few(&guide(Seed(3)), 5);
}

#[test]
fn tolerant_layers() {
    let dense = Dense { features: 24, widths: &[6, 5], outputs: 2, weight: 3, ..TOLERANT };
    check_few(&dense.circuit(Seed(11)), 40);
}

/// Pairs of rotations that turn by one mask, as in a circuit that no pass was run on, and sums that read both of each.
fn equal_masks() -> Circuit {
    let Circuit { graph, codec, .. } = FAN.circuit(Seed(5));
    let (inputs, features) = (codec.input_range(), codec.features);
    let (mut accumulators, outputs) = (graph.accumulators, graph.outputs);
    for pair in accumulators[..4].chunks_exact_mut(2) {
        let mut second = pair[0].clone();
        second.tables[0].jumps.iter_mut().for_each(|jump| jump.at += 1);
        pair[1] = second;
    }
    let first = accumulators[..4].to_vec();
    for accumulator in &mut accumulators[4..] {
        accumulator.terms.iter_mut().for_each(|term| term.weight = term.weight.abs());
        accumulator.range = reach(&accumulator.terms, inputs, &first);
    }
    circuit(inputs, features, accumulators, outputs)
}

#[test]
fn rotations_by_one_mask() {
    let circuit = equal_masks();
    let subject = Subject::new(&circuit, -40.0);
    last("one mask", &subject, &subject.run(&samples(&circuit, 40, Seed(7)), 1), 1).check_roughly("one mask");
}

#[test]
#[ignore = "a measurement of a minute: run with --nocapture"]
fn more_rotations_by_one_mask() {
    let circuit = equal_masks();
    check("one mask", &Subject::new(&circuit, -40.0), 1, 60);
}

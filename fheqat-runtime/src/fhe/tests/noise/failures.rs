//! Failures are as frequent as predicted.

use fheqat_spec::Range;
use tfhe::core_crypto::prelude::{GlweDimension, PolynomialSize, Variance};

use super::{
    super::{
        graphs::{circuit, reach, terms},
        parties_of,
    },
    DEVIATIONS,
    probe::Subject,
};
use crate::{
    circuit::{
        Circuit,
        ir::{Accumulator, Jump, Output, Table, Tolerance, Wire},
    },
    params::{Log2Probability, constraint::failure, search::Space, workload::Workload},
};

const LENGTH: usize = 6;

/// Rotations one behind the other, with a jump at every value: noise of half a slot either way is a failure. So many
/// tables take the jumps in turns, and what reads them sums them.
fn chain(reach_of: i64, tables: i64) -> Circuit {
    let inputs = Range::new(-reach_of, reach_of);
    let takes_turns = |table: i64| Table {
        base: if table == 0 { -reach_of } else { 0 },
        jumps: (1 - reach_of..=reach_of)
            .filter(|at| at.rem_euclid(tables) == table)
            .map(|at| Jump { at, rise: 1 })
            .collect(),
    };
    let mut accumulators = Vec::new();
    let mut wires = vec![Wire::Input(0)];
    for layer in 0..LENGTH {
        let terms = terms(&wires, &vec![1; wires.len()]);
        let range = reach(&terms, inputs, &accumulators);
        let tables: Vec<Table> = (0..tables).map(takes_turns).collect();
        wires = (0..tables.len()).map(|table| Wire::Table { accumulator: layer, table }).collect();
        accumulators.push(Accumulator { layer, terms, range, tolerance: Tolerance::EXACT, tables });
    }
    let terms = terms(&wires, &vec![1; wires.len()]);
    let range = reach(&terms, inputs, &accumulators);
    let outputs = vec![Output { terms, range, tolerance: Tolerance::EXACT, constant: 0 }];
    circuit(inputs, 1, accumulators, outputs)
}

/// Of the noise, there is at least so much: half the failures.
const SHARE: f64 = 0.9;

/// Of one inference, of events with so much of their noise.
fn predicted(subject: &Subject<'_>, share: f64) -> f64 {
    let events = subject.solution.rotations.iter().map(|chosen| &chosen.event);
    let events = events.chain(subject.solution.outputs.iter().map(|output| &output.event));
    let fails = |noise: Variance| Variance(share * noise.0);
    Log2Probability::sum(events.map(|event| failure(event.margin, fails(event.noise)))).probability()
}

const KEYS: usize = 5;

/// Failures of inferences whose values have a jump on either side, of models with the same keys.
fn failures<const MODELS: usize>(subjects: [&Subject<'_>; MODELS], inferences: usize) -> [usize; MODELS] {
    let mut failures = [0; MODELS];
    for _ in 0..KEYS {
        let parties = parties_of(subjects.map(|subject| &subject.plan));
        for ((subject, (client, server)), failures) in subjects.iter().zip(&parties).zip(&mut failures) {
            let range = subject.circuit.codec.input_range();
            let values: Vec<Vec<f32>> = (range.lo + 1..range.hi).map(|value| vec![value as f32]).collect();
            let samples: Vec<Vec<f32>> = values.into_iter().cycle().take(inferences / KEYS).collect();
            for samples in samples.chunks(500) {
                let results = server.run_batch(&client.encrypt_batch(samples).unwrap()).unwrap();
                let decrypted = client.decrypt_batch(&results).unwrap();
                let differs = |(sample, decrypted): &(&Vec<f32>, _)| {
                    *decrypted != subject.circuit.simulate(sample).unwrap()
                };
                *failures += samples.iter().zip(decrypted).filter(differs).count();
            }
        }
    }
    failures
}

/// Failures of so many inferences, all predicted ones, and those of [`SHARE`] of the noise.
#[derive(Default)]
struct Counts {
    seen: usize,
    most: f64,
    fewest: f64,
}

impl Counts {
    fn add(&mut self, subject: &Subject<'_>, seen: usize, inferences: usize) {
        let [most, fewest] = [1.0, SHARE].map(|share| predicted(subject, share) * inferences as f64);
        println!("{}", subject.describe());
        println!(
            "{seen} failures in {inferences} inferences of {LENGTH} bootstraps, {most:.1} predicted, \
             {fewest:.1} with {SHARE} of the noise"
        );
        self.seen += seen;
        self.most += most;
        self.fewest += fewest;
    }

    /// Counts are Poisson's.
    fn check(&self) {
        let Self { seen, most, fewest } = *self;
        println!("{seen} failures, {fewest:.1} to {most:.1} predicted");
        assert!(seen as f64 <= most + DEVIATIONS * most.sqrt());
        assert!(seen as f64 >= fewest - DEVIATIONS * fewest.sqrt());
    }
}

/// No jump lies between points of a grid: a prediction has that of the worst jump.
fn on_the_grid(workload: &Workload) -> bool {
    workload.rotations.iter().all(|rotation| rotation.slots.0.is_power_of_two())
}

/// Of a chain whose bootstraps fail with a probability of 2^-10 each.
fn relaxed() -> f64 {
    -10.0 + (LENGTH as f64 + 1.0).log2()
}

/// The first rotation of a chain reads fresh inputs and hardly ever fails; all others, and so 5/6 of the bootstraps, fail with
/// a probability of about 2^-10 each.
#[test]
#[ignore = "a quarter of an hour: 100,000 bootstraps at a relaxed probability of failure"]
fn failures_are_as_frequent_as_predicted() {
    let mut counts = Counts::default();
    let smallest = vec![(GlweDimension(3), PolynomialSize(512))];
    for (reach_of, tables, space, inferences) in [
        // On the smallest rings, so wide a sum takes several polynomials.
        (16, 1, Space { shapes: smallest, ..Space::default() }, 5_200),
        (4, 2, Space { extension: 0, ..Space::default() }, 11_500),
    ] {
        let circuit = chain(reach_of, tables);
        let subject = Subject::among(&circuit, relaxed(), &space, on_the_grid).unwrap();
        let last = &subject.plan.server.stages[LENGTH - 1][0];
        assert_eq!(last.modulus_switch.extension > 0, space.extension > 0);
        let [seen] = failures([&subject], inferences);
        counts.add(&subject, seen, inferences);
    }
    counts.check();
}

/// Two models with one client key and one set of evaluation keys, whose parameters are the cheapest for the first. The
/// second has less noise under them, and hardly fails.
#[test]
#[ignore = "a quarter of an hour: 100,000 bootstraps at a relaxed probability of failure"]
fn failures_with_shared_keys_are_as_frequent_as_predicted() {
    let [first, second] = [2, 1].map(|tables| chain(4, tables));
    let space = Space { extension: 0, ..Space::default() };
    let first = Subject::among(&first, relaxed(), &space, on_the_grid).unwrap();
    let its = space.only(&first.solution.parameters);
    let second = Subject::among(&second, relaxed(), &its, on_the_grid).unwrap();
    let inferences = 6_000;
    let seen = failures([&first, &second], inferences);
    for (subject, seen) in [&first, &second].into_iter().zip(seen) {
        let mut counts = Counts::default();
        counts.add(subject, seen, inferences);
        counts.check();
    }
}

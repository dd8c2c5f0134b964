//! The circuit in the clear: what the encrypted run must give, bit for bit where it is exact.

use rand::Rng;

use super::ir::{Graph, Term, Tolerance, Wire};
use crate::{Seed, quant::tolerance::sample};

/// The stream of a seed that noise comes from.
const NOISE: u64 = 10;

impl Graph {
    /// The outputs for one sample of input levels.
    ///
    /// # Panics
    /// When there are not as many levels as inputs.
    #[must_use]
    pub fn simulate(&self, inputs: &[i64]) -> Vec<i64> {
        self.run(inputs, |_| 0)
    }

    /// The outputs for one sample of input levels when every sum is off by what it may be: by noise from `N(0, t^2)` that all
    /// tables of an accumulator, and the client, read to the nearest integer. A table gives its last level beyond its range.
    ///
    /// # Panics
    /// When there are not as many levels as inputs.
    #[must_use]
    pub fn simulate_noisy(&self, inputs: &[i64], seed: Seed) -> Vec<i64> {
        self.run_noisy(inputs, &mut seed.rng(NOISE))
    }

    /// The same with noise from a generator.
    pub(crate) fn run_noisy(&self, inputs: &[i64], rng: &mut impl Rng) -> Vec<i64> {
        self.run(inputs, |tolerance| if tolerance.is_exact() { 0 } else { sample(tolerance.0, rng) as i64 })
    }

    /// The value of every accumulator for one sample of input levels.
    ///
    /// # Panics
    /// When there are not as many levels as inputs.
    #[must_use]
    pub fn sums(&self, inputs: &[i64]) -> Vec<i64> {
        let levels = self.levels(inputs);
        self.accumulators
            .iter()
            .map(|accumulator| weighted_sum(&accumulator.terms, inputs, &levels))
            .collect()
    }

    /// The level of every table for one sample of input levels, by accumulator.
    ///
    /// # Panics
    /// When there are not as many levels as inputs.
    #[must_use]
    pub fn levels(&self, inputs: &[i64]) -> Vec<Vec<i64>> {
        self.levels_off_by(inputs, &mut |_| 0)
    }

    fn levels_off_by(&self, inputs: &[i64], noise: &mut impl FnMut(Tolerance) -> i64) -> Vec<Vec<i64>> {
        assert_eq!(inputs.len(), self.inputs.len(), "one level for each input");
        let mut levels: Vec<Vec<i64>> = Vec::with_capacity(self.accumulators.len());
        for accumulator in &self.accumulators {
            let sum = weighted_sum(&accumulator.terms, inputs, &levels);
            let read = sum.saturating_add(noise(accumulator.tolerance));
            levels.push(accumulator.tables.iter().map(|table| table.level(read)).collect());
        }
        levels
    }

    fn run(&self, inputs: &[i64], mut noise: impl FnMut(Tolerance) -> i64) -> Vec<i64> {
        let levels = self.levels_off_by(inputs, &mut noise);
        self.outputs
            .iter()
            .map(|output| {
                let sum = weighted_sum(&output.terms, inputs, &levels);
                sum.saturating_add(noise(output.tolerance)).saturating_add(output.constant)
            })
            .collect()
    }
}

pub(super) fn weighted_sum(terms: &[Term], inputs: &[i64], levels: &[Vec<i64>]) -> i64 {
    terms
        .iter()
        .map(|term| {
            term.weight
                * match term.wire {
                    Wire::Input(index) => inputs[index],
                    Wire::Table { accumulator, table } => levels[accumulator][table],
                }
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use fheqat_spec::Range;

    use super::*;
    use crate::{
        circuit::ir::{Accumulator, LayerBound, Output, Table},
        fixture::drawn::{Draw, PLAIN},
    };

    fn samples(circuit: &crate::circuit::Circuit) -> impl Iterator<Item = Vec<f32>> {
        let features = circuit.codec.features;
        (0..20).map(move |row| {
            (0..features).map(|column| ((row * 31 + column * 17) % 23) as f32 / 4.0 - 2.5).collect()
        })
    }

    #[test]
    fn exact_sums_have_no_noise() {
        for seed in 0..40 {
            for drawn in [Draw::any(Seed(seed)), Draw::any(Seed(seed)).tolerating(0.0)] {
                let circuit = drawn.circuit();
                for sample in samples(&circuit) {
                    let noisy = circuit.simulate_noisy(&sample, Seed(seed)).unwrap();
                    assert_eq!(noisy, circuit.simulate(&sample).unwrap());
                }
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_noise() {
        let mut differ = 0;
        for seed in 0..40 {
            let circuit = Draw::any(Seed(seed)).tolerating(1.0).circuit();
            for sample in samples(&circuit) {
                let run = |seed| circuit.simulate_noisy(&sample, Seed(seed)).unwrap();
                assert_eq!(run(seed), run(seed));
                differ += usize::from(run(seed) != circuit.simulate(&sample).unwrap());
            }
        }
        assert!(differ > 100, "{differ}");
    }

    /// Before any pass accumulators are those of the quantizers, number by number.
    #[test]
    fn lowered_sums_may_be_off_by_steps_of_what_reads_them() {
        const STEPS: f64 = 0.3;
        let mut wide = 0;
        for seed in 0..60 {
            let drawn = || Draw::any(Seed(seed)).tolerating(STEPS);
            let (graph, quantized) = (drawn().lowered().graph, drawn().quantized());
            let staircases = quantized.fields.iter().flat_map(|field| field.staircases().to_vec());
            let of_quantizer = |sum: &&Accumulator| {
                let field = quantized.field(&graph.layers[sum.layer].name);
                field.is_some_and(|field| !field.staircases().is_empty())
            };
            let sums: Vec<&Accumulator> = graph.accumulators.iter().filter(of_quantizer).collect();
            assert_eq!(staircases.clone().count(), sums.len());
            let pairs = staircases.zip(sums);
            for (staircase, accumulator) in pairs {
                let Tolerance(deviation) = accumulator.tolerance;
                // A factor of zero leaves a sum that changes nothing, which is exact.
                if staircase.gain.abs() <= 0.0 {
                    assert!(deviation <= 0.0);
                } else if staircase.lookup.is_none() {
                    assert!(
                        (deviation * f64::from((staircase.gain / staircase.divisor).abs()) - STEPS).abs()
                            < 1e-6
                    );
                }
                // One deviation moves the level by at most the steps and what rounding adds.
                for sum in [accumulator.range.lo, 0, accumulator.range.hi] {
                    let level = |x: f64| f64::from(staircase.level(x as f32));
                    let moved = (level(sum as f64 + deviation) - level(sum as f64)).abs();
                    let allowed = STEPS + 1.0 + if staircase.lookup.is_some() { 1.0 } else { 0.0 };
                    assert!(moved <= allowed, "{staircase:?} {deviation} {moved}");
                }
                wide += usize::from(deviation > 1.0);
            }
        }
        assert!(wide > 50, "{wide}");
    }

    #[test]
    fn outputs_may_be_off_by_what_their_levels_would_add() {
        let mut draw = Draw::new(&[3], Seed(2));
        let levels = draw.input(fheqat_spec::Transfer::Unsigned, 2);
        let sums = draw.linear(levels, 2, PLAIN);
        draw.fill(sums, |row, column| [[3, 0, -1], [2, 2, 1]][row][column]);
        let circuit = draw.finish().tolerating(0.5).circuit();
        let off: Vec<f64> = circuit.graph.outputs.iter().map(|output| output.tolerance.0).collect();
        assert!((off[0] - 0.5 * 10f64.sqrt()).abs() < 1e-9 && (off[1] - 1.5).abs() < 1e-9, "{off:?}");
    }

    #[test]
    fn tables_of_a_sum_share_its_noise_and_end_at_their_last_level() {
        const DEVIATION: f64 = 5.0;
        const RUNS: u32 = 20_000;
        let range = Range::new(-20, 20);
        let identity = Table::tabulate(range, |sum| sum);
        let wire = |table| Term { wire: Wire::Table { accumulator: 0, table }, weight: 1 };
        let output = |terms, range| Output { terms, range, tolerance: Tolerance::EXACT, constant: 7 };
        let graph = Graph {
            inputs: vec![range],
            layers: vec![LayerBound { name: "quant".into(), reads: "fc".into(), bound: range }],
            accumulators: vec![Accumulator {
                layer: 0,
                terms: vec![Term { wire: Wire::Input(0), weight: 1 }],
                range,
                tolerance: Tolerance(DEVIATION),
                tables: vec![identity, Table::tabulate(range, |sum| -sum)],
            }],
            outputs: vec![
                output(vec![wire(0)], range),
                output(vec![wire(0), wire(1)], Range::new(0, 0)),
                Output { tolerance: Tolerance(DEVIATION), ..output(Vec::new(), Range::new(0, 0)) },
            ],
        };
        crate::circuit::verify::verify(&graph).unwrap();
        let mut squares = [0.0; 2];
        for seed in 0..RUNS {
            let found = graph.simulate_noisy(&[0], Seed(seed.into()));
            assert_eq!(found[1], 7);
            squares[0] += (found[0] - 7).pow(2) as f64 / f64::from(RUNS);
            squares[1] += (found[2] - 7).pow(2) as f64 / f64::from(RUNS);
            assert!(graph.simulate_noisy(&[20], Seed(seed.into()))[0] <= 27);
        }
        for variance in squares {
            assert!((variance / (DEVIATION.powi(2) + 1.0 / 12.0) - 1.0).abs() < 0.05, "{squares:?}");
        }
    }
}

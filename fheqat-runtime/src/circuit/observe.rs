//! What sums take over data, beside what they can take over all inputs.

use fheqat_spec::Range;
use serde::{Deserialize, Serialize};

use super::{Circuit, ir::Term, simulate::weighted_sum};
use crate::{data::Dataset, error::InputError};

/// The sums of a circuit over some data. Parameters never follow from it: another sample may leave these ranges, but none
/// leaves those of the circuit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// What each of the graph's accumulators took.
    pub accumulators: Vec<Range>,
    /// What the sum of each output's terms took.
    pub outputs: Vec<Range>,
}

impl Circuit {
    /// Runs every sample in the clear and keeps the smallest and largest value of each sum: what calibration on `data` would
    /// call the size of an accumulator. The sums are those of this circuit, so of one that
    /// [`Network::circuit`](crate::network::Network::circuit) gave, those that run encrypted.
    ///
    /// # Errors
    /// When the samples have another width.
    pub fn observe(&self, data: &Dataset) -> Result<Observed, InputError> {
        let graph = &self.graph;
        let sums: Vec<&[Term]> = (graph.accumulators.iter().map(|accumulator| &accumulator.terms[..]))
            .chain(graph.outputs.iter().map(|output| &output.terms[..]))
            .collect();
        let mut seen: Vec<Option<Range>> = vec![None; sums.len()];
        for sample in data.samples() {
            let inputs = self.codec.encode(&sample)?;
            let levels = graph.levels(&inputs);
            for (seen, terms) in seen.iter_mut().zip(&sums) {
                let sum = weighted_sum(terms, &inputs, &levels);
                let point = Range::new(sum, sum);
                *seen = Some(seen.map_or(point, |seen| seen.cover(point)));
            }
        }
        let mut ranges = seen.into_iter().flatten();
        let accumulators = ranges.by_ref().take(graph.accumulators.len()).collect();
        Ok(Observed { accumulators, outputs: ranges.collect() })
    }
}

impl Observed {
    /// Bits of the widest sum, as Concrete counts them.
    #[must_use]
    pub fn bits(&self) -> u32 {
        self.accumulators.iter().chain(&self.outputs).map(|range| range.bits()).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;
    use crate::{
        Seed,
        circuit::{
            Codec, Graph, Task,
            ir::{Accumulator, LayerBound, Output, Table, Tolerance, Wire},
            verify::verify,
        },
        data::Feature,
        fixture::drawn::Draw,
        quant::Quantizer,
    };

    fn data(features: Array2<f32>) -> Dataset {
        let labels = vec![0; features.nrows()];
        Dataset::classes(features, labels, 1).unwrap()
    }

    /// `3 clamp(a - 2 b, 0, 1) + 5` of two bits each.
    fn small() -> Circuit {
        let level = Range::unsigned(2);
        let terms = vec![Term { wire: Wire::Input(0), weight: 1 }, Term { wire: Wire::Input(1), weight: -2 }];
        let range = Range::new(-6, 3);
        let tables = vec![Table::tabulate(range, |sum| sum.clamp(0, 1))];
        let graph = Graph {
            inputs: vec![level; 2],
            layers: vec![LayerBound { name: "relu".into(), reads: "fc".into(), bound: range }],
            accumulators: vec![Accumulator { layer: 0, terms, range, tolerance: Tolerance::EXACT, tables }],
            outputs: vec![Output {
                terms: vec![Term { wire: Wire::Table { accumulator: 0, table: 0 }, weight: 3 }],
                range: Range::new(0, 3),
                tolerance: Tolerance::EXACT,
                constant: 5,
            }],
        };
        verify(&graph).unwrap();
        let codec = Codec {
            encoders: vec![Quantizer { step: 0.5, levels: level }.into()],
            features: 2,
            described: Feature::numbered(2).to_vec(),
            scale: vec![1.0],
            bias: vec![0.0],
            task: Task::default(),
        };
        Circuit { name: "Small".into(), fields: Vec::new(), codec, graph }
    }

    #[test]
    fn sums_are_observed_as_they_are_without_constants() {
        let observed = small().observe(&data(array![[0.5, 1.0], [1.5, 0.5], [1.5, 1.0]])).unwrap();
        let expected = Observed { accumulators: vec![Range::new(-3, 1)], outputs: vec![Range::new(0, 3)] };
        assert_eq!(observed, expected);
        assert_eq!(observed.bits(), 3);
    }

    #[test]
    fn one_sample_is_one_value() {
        let observed = small().observe(&data(array![[0.0, 9.0]])).unwrap();
        assert_eq!(observed.accumulators, [Range::new(-6, -6)]);
        assert_eq!(observed.outputs, [Range::new(0, 0)]);
    }

    #[test]
    fn samples_of_another_width_are_refused() {
        let error = small().observe(&data(array![[0.0, 0.0, 0.0]])).unwrap_err();
        assert_eq!(error, InputError::Width { found: 3, expected: 2 });
    }

    #[test]
    fn no_observation_leaves_the_exact_range() {
        for seed in 0..30 {
            let circuit = Draw::any(Seed(seed)).circuit();
            let features = circuit.codec.features;
            let points = Array2::from_shape_fn((40, features), |(row, column)| {
                ((row * 31 + column * 17) % 23) as f32 / 4.0 - 2.5
            });
            let Observed { accumulators, outputs } = circuit.observe(&data(points.clone())).unwrap();
            let exact = circuit.graph.accumulators.iter().map(|sum| sum.range);
            assert_eq!(accumulators.len(), exact.len());
            assert!(exact.zip(&accumulators).all(|(exact, seen)| exact.contains(*seen)));
            for (index, (output, seen)) in circuit.graph.outputs.iter().zip(&outputs).enumerate() {
                assert!(output.range.contains(*seen));
                let values: Vec<i64> = (points.rows().into_iter())
                    .map(|sample| circuit.simulate(&sample.to_vec()).unwrap().accumulators[index])
                    .collect();
                let ends = (values.iter().min().copied(), values.iter().max().copied());
                assert_eq!(ends, (Some(seen.lo + output.constant), Some(seen.hi + output.constant)));
            }
        }
    }
}

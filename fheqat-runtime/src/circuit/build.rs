//! Building a circuit sum by sum, as networks are lowered.

use fheqat_spec::Range;
use thiserror::Error;

use super::{
    Codec, Task,
    bounds::KnownSums,
    ir::{Accumulator, Graph, LayerBound, Output, Table, Term, Tolerance, Wire},
};
use crate::{data::Feature, quant::Encoder};

/// What a layer gives: for each number the sum of wires that it is.
pub(crate) type Values = Vec<Vec<Term>>;

/// A trained neuron that leaves the range which the laws gave its layer: a defect of training.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{field}`: a trained neuron sums to {exact:?}, outside the {bound:?} that its options allow")]
pub struct OutsideBound {
    /// The field of the quantizer that reads the sum.
    pub field: String,
    /// The neuron's exact range.
    pub exact: Range,
    /// The worst case by the laws.
    pub bound: Range,
}

/// A circuit under construction.
pub(crate) struct Builder {
    described: Vec<Feature>,
    encoders: Vec<Encoder>,
    graph: Graph,
    known: KnownSums,
}

impl Builder {
    /// A circuit of samples with these features.
    pub(crate) fn new(described: &[Feature]) -> Self {
        let graph = Graph { inputs: vec![], layers: vec![], accumulators: vec![], outputs: vec![] };
        Self { described: described.to_vec(), encoders: Vec::new(), graph, known: KnownSums::default() }
    }

    /// The levels of all features.
    pub(crate) fn encode(&mut self, encoder: &Encoder) -> Values {
        let first = self.graph.inputs.len();
        self.encoders.push(encoder.clone());
        let levels = encoder.outputs(self.described.len());
        self.graph.inputs.extend(std::iter::repeat_n(encoder.range(), levels));
        (first..self.graph.inputs.len()).map(|input| wire(Wire::Input(input))).collect()
    }

    /// A layer of tables that the field `name` puts on sums of the field that it reads; those may span `bound`.
    pub(crate) fn layer(&mut self, name: &str, (reads, bound): (&str, Range)) -> usize {
        self.graph.layers.push(LayerBound { name: name.to_owned(), reads: reads.to_owned(), bound });
        self.graph.layers.len() - 1
    }

    /// A table of a sum.
    ///
    /// # Errors
    /// When the sum can leave what its layer allows.
    pub(crate) fn table(
        &mut self,
        layer: usize,
        tolerance: Tolerance,
        terms: Vec<Term>,
        level: impl Fn(i64) -> i64,
    ) -> Result<Vec<Term>, OutsideBound> {
        let range = self.known.range_of(&self.graph, &terms);
        let LayerBound { name, bound, .. } = &self.graph.layers[layer];
        if !bound.contains(range) {
            return Err(OutsideBound { field: name.clone(), exact: range, bound: *bound });
        }
        let tables = vec![Table::tabulate(range, level)];
        self.graph.accumulators.push(Accumulator { layer, terms, range, tolerance, tables });
        Ok(wire(Wire::Table { accumulator: self.graph.accumulators.len() - 1, table: 0 }))
    }

    /// The circuit that gives these sums: of each what one unit stands for, what the client adds, and the standard deviation that
    /// it may be off by.
    pub(crate) fn finish(
        mut self,
        sums: Values,
        (scale, bias): (&[f32], &[f32]),
        deviations: &[f64],
    ) -> (Codec, Graph) {
        self.graph.outputs = sums
            .into_iter()
            .zip(deviations)
            .map(|(terms, &deviation)| Output {
                range: self.known.range_of(&self.graph, &terms),
                terms,
                tolerance: Tolerance(deviation),
                constant: 0,
            })
            .collect();
        let codec = Codec {
            features: self.described.len(),
            encoders: self.encoders,
            described: self.described,
            scale: scale.to_vec(),
            bias: bias.to_vec(),
            task: Task::default(),
        };
        (codec, self.graph)
    }
}

fn wire(wire: Wire) -> Vec<Term> {
    vec![Term { wire, weight: 1 }]
}

/// The sum of terms, with one term a wire.
pub(crate) fn merge(terms: impl Iterator<Item = Term>) -> Vec<Term> {
    let mut terms: Vec<Term> = terms.collect();
    terms.sort_unstable_by_key(|term| term.wire);
    terms.dedup_by(|next, sum| {
        let is_same = next.wire == sum.wire;
        if is_same {
            sum.weight += next.weight;
        }
        is_same
    });
    terms.retain(|term| term.weight != 0);
    terms
}

/// The sum of products; a product with zero has no term.
pub(crate) fn weighted_sum<'a>(products: impl Iterator<Item = (&'a Vec<Term>, i32)>) -> Vec<Term> {
    let products = products.filter(|(_, weight)| *weight != 0);
    merge(products.flat_map(|(level, weight)| level.iter().map(move |term| term.times(i64::from(weight)))))
}

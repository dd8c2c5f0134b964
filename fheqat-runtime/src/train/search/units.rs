//! Neurons and filters as what the search removes, and directions that they share.

use std::collections::BTreeMap;

use crate::nn::{
    ops::{
        Op,
        linear::LinearState,
        operation::{Context, Ends},
    },
    program::Program,
};

/// A row of a layer that is bootstrapped: a neuron or a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Unit {
    pub(crate) node: usize,
    pub(crate) row: usize,
}

impl Program {
    /// Whether a quantizer reads the linear layer at `index`, so that each of its numbers may cost a rotation.
    pub(crate) fn is_bootstrapped(&self, index: usize) -> bool {
        self.linear(index).is_some() && self.is_tabulated(index)
    }

    /// The units that have weights, those of a layer whose rows are multiples of one another together: one rotation serves
    /// them.
    pub(crate) fn directions(&self) -> Vec<Vec<Unit>> {
        let bootstrapped = (0..self.nodes.len()).filter(|&index| self.is_bootstrapped(index));
        let mut directions = Vec::new();
        for node in bootstrapped {
            let Some(state) = self.linear(node) else { continue };
            let mut of_layer = BTreeMap::<Vec<i32>, Vec<Unit>>::new();
            for (row, weights) in state.integers().rows().into_iter().enumerate() {
                if let Some(direction) = direction(weights.iter().copied()) {
                    of_layer.entry(direction).or_default().push(Unit { node, row });
                }
            }
            directions.extend(of_layer.into_values());
        }
        directions
    }

    /// The units of the linear layer at `node` that were not removed.
    pub(crate) fn units_of(&self, node: usize) -> Vec<Unit> {
        let Some(state) = self.linear(node) else { return Vec::new() };
        let is_left =
            |row: &usize| state.mask.as_ref().is_none_or(|mask| mask.row(*row).iter().any(|kept| *kept));
        (0..state.bias.len()).filter(is_left).map(|row| Unit { node, row }).collect()
    }

    /// The program without its hidden layers: every bootstrapped unit masked away for good, which leaves a network without a
    /// rotation where the output reads the input by another path as well. `None` where it does not, or where tables would be
    /// left that no unit gives. A network without hidden layers is its own.
    #[cfg_attr(not(test), allow(dead_code, reason = "a search that starts from no hidden layer asks for it"))]
    pub(crate) fn without_hidden(&self) -> Option<Self> {
        let mut linear = self.clone();
        let bootstrapped = (0..self.nodes.len()).filter(|&node| self.is_bootstrapped(node));
        let rows = |node: usize| self.linear(node).map_or(0, |state| state.bias.len());
        let units: Vec<Unit> =
            bootstrapped.flat_map(|node| (0..rows(node)).map(move |row| Unit { node, row })).collect();
        let gone = linear.remove(&units);
        let is_left = |node: usize| gone[node].iter().any(|gone| !gone);
        let has_tables = |index: usize| {
            let op = &linear.nodes[index].op;
            matches!(op, Op::Quantizer(_) | Op::MaxPool(_)) && !linear.encodes(index)
        };
        let tables = (0..linear.nodes.len()).any(|index| has_tables(index) && is_left(index));
        let output = self.source(self.nodes.len() - 1);
        let reads = match &linear.nodes[output].op {
            Op::Linear(state) => state.mask.as_ref().is_none_or(|mask| mask.iter().any(|kept| *kept)),
            _ => is_left(output),
        };
        (reads && !tables).then_some(linear)
    }

    /// The program with the first `part` of each `of` units of every bootstrapped layer, at least one; the others are masked away for good.
    pub(crate) fn narrowed(&self, part: usize, of: usize) -> Self {
        let mut narrowed = self.clone();
        let bootstrapped = (0..self.nodes.len()).filter(|&node| self.is_bootstrapped(node));
        let excess = |node: usize| {
            let rows = self.linear(node).map_or(0, |state| state.bias.len());
            ((rows * part).div_ceil(of)..rows).map(move |row| Unit { node, row })
        };
        let units: Vec<Unit> = bootstrapped.flat_map(excess).collect();
        narrowed.remove(&units);
        narrowed
    }

    /// Takes the weights of these units, and every weight that reads them, away for good. Gives for each node which of its
    /// numbers are gone then.
    pub(crate) fn remove(&mut self, units: &[Unit]) -> Vec<Vec<bool>> {
        let mut gone: Vec<Vec<bool>> = Vec::with_capacity(self.nodes.len());
        for (index, node) in self.nodes.iter_mut().enumerate() {
            let own: Vec<usize> =
                units.iter().filter(|unit| unit.node == index).map(|unit| unit.row).collect();
            let ends = Ends { from: node.from, width: node.width };
            gone.push(node.op.state_mut().remove(ends, &gone, &own));
        }
        gone
    }

    /// Holds every weight near the integer it is, so that a budget which falls free is not spent at once.
    pub(crate) fn clamp_weights(&mut self) {
        const REACH: f32 = 0.45;
        for node in &mut self.nodes {
            if let Op::Linear(state) = &mut node.op {
                let integers = state.integers();
                state.weight.zip_mut_with(&integers, |weight, &integer| {
                    let most = integer.abs() as f32 + REACH;
                    *weight = weight.clamp(-most, most);
                });
            }
        }
    }
}

/// A row but for its factor; `None` where every weight is zero.
fn direction(row: impl Iterator<Item = i32> + Clone) -> Option<Vec<i32>> {
    let divisor = row.clone().fold(0, |divisor, weight| greatest_common_divisor(divisor, weight.abs()));
    let first = row.clone().find(|&weight| weight != 0)?;
    Some(row.map(|weight| weight / divisor * first.signum()).collect())
}

fn greatest_common_divisor(mut a: i32, mut b: i32) -> i32 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Every direction of so many inputs that `state` allows, each once but for its sign; none when there are more than `most`.
pub(crate) fn every_direction(state: &LinearState, most: usize) -> Vec<Vec<i32>> {
    let inputs = state.weight.ncols();
    let range = state.limits.weights;
    let Some(rows) =
        u32::try_from(inputs).ok().and_then(|inputs| (range.count() as usize).checked_pow(inputs))
    else {
        return Vec::new();
    };
    if rows > 4 * most * most {
        return Vec::new();
    }
    let mut directions: Vec<Vec<i32>> = (0..rows)
        .filter_map(|index| {
            let mut rest = index;
            let row: Vec<i32> = (0..inputs)
                .map(|_| {
                    let weight = (rest % range.count() as usize) as i64 + range.lo;
                    rest /= range.count() as usize;
                    weight as i32
                })
                .collect();
            let row = direction(row.into_iter())?;
            let floats: Vec<f32> = row.iter().map(|&weight| weight as f32).collect();
            state.limits.allow(&floats).then_some(row)
        })
        .collect();
    directions.sort_unstable();
    directions.dedup();
    if directions.len() > most { Vec::new() } else { directions }
}

#[cfg(test)]
mod tests {
    use fheqat_spec::Range;
    use ndarray::Array2;

    use super::*;
    use crate::{
        Seed, data,
        fixture::{Chain, Image, Normed, WideAndDeep},
        network::Network,
        nn::{Precision, lower},
        quant::row::RowLimits,
        train::{TrainConfig, evaluate::Evaluator, trainer::train_once},
    };

    fn trained<N: Network>(data: &data::Dataset) -> Program {
        let mut net = N::new(Seed(0));
        let config = TrainConfig { epochs: Some(2), progress: false, ..TrainConfig::declared() };
        net.train(data, &config).unwrap();
        Program::of(&net).unwrap()
    }

    #[test]
    fn two_inputs_of_three_bits_have_sixteen_directions() {
        let program = trained::<Chain<2, 8, 2, 8, 0, true>>(&data::checkerboard(Seed(0)).0);
        let mut state = program.linear(1).unwrap().clone();
        assert_eq!(every_direction(&state, 40).len(), 16);
        assert!(every_direction(&state, 15).is_empty());
        state.limits = RowLimits { weights: Range::narrow(3), max_nonzero: 1, max_l1: None };
        assert_eq!(every_direction(&state, 40), [[0, 1], [1, 0]]);
    }

    #[test]
    fn rows_that_are_multiples_are_one_direction() {
        let rows: [&[i32]; 5] = [&[2, -4, 0], &[-1, 2, 0], &[1, 2, 0], &[0, 0, 0], &[3, -6, 0]];
        let directions: Vec<_> = rows.iter().map(|row| direction(row.iter().copied())).collect();
        assert_eq!(directions[0], Some(vec![1, -2, 0]));
        assert!(directions[0] == directions[1] && directions[0] == directions[4]);
        assert!(directions[2] == Some(vec![1, 2, 0]) && directions[3].is_none());
    }

    #[test]
    fn what_is_removed_is_gone_from_the_circuit() {
        let mut program = trained::<Chain<2, 16, 2, 8, 0, true>>(&data::checkerboard(Seed(0)).0);
        let before = lower::unnamed(&program).unwrap().1.price();
        for units in program.directions() {
            let mut without = program.clone();
            without.remove(&units);
            assert!(!without.directions().contains(&units));
            assert!(lower::unnamed(&without).unwrap().1.price().rotations <= before.rotations);
        }
        let all: Vec<Unit> = program.directions().into_iter().flatten().collect();
        program.remove(&all);
        assert_eq!(lower::unnamed(&program).unwrap().1.price().rotations, 0);
    }

    /// Four bits, of which two tell the class.
    fn bits() -> data::Dataset {
        let bit = |row: usize, column: usize| (row * 7 + row / 5) >> column & 1;
        let features = Array2::from_shape_fn((200, 4), |(row, column)| bit(row, column) as f32);
        let classes = (0..200).map(|row| usize::from(bit(row, 0) + bit(row, 2) > 1)).collect();
        data::Dataset::classes(features, classes, 2).unwrap()
    }

    #[test]
    fn a_network_that_reads_its_input_twice_is_linear_without_its_hidden_layer() {
        let data = bits();
        let config = TrainConfig { epochs: Some(60), progress: false, ..TrainConfig::declared() };
        let deep = Program::of(&WideAndDeep::new(Seed(0))).unwrap();
        let trained = |mut program: Program| {
            train_once(&mut program, &data, None, &config, &[]).unwrap();
            program
        };
        let fresh = trained(deep.without_hidden().unwrap());
        for linear in [fresh, trained(deep).without_hidden().unwrap()] {
            let (codec, graph) = lower::unnamed(&linear).unwrap();
            assert!(graph.accumulators.is_empty());
            assert!(graph.outputs.iter().any(|output| !output.terms.is_empty()));
            let last = linear.linear(4).unwrap().mask.as_ref().unwrap();
            assert!(last.indexed_iter().all(|((_, column), &kept)| kept == (column < 4)));
            assert_eq!(linear.without_hidden().as_ref(), Some(&linear));
            let outputs =
                Evaluator::new(&linear, Precision::Quantized).unwrap().predict(&linear, &data.features());
            for (sample, logits) in data.features().rows().into_iter().zip(outputs.rows()) {
                let levels = codec.encode(sample.as_slice().unwrap()).unwrap();
                assert_eq!(codec.decode(graph.simulate(&levels)).values, logits.to_vec());
            }
        }
    }

    #[test]
    fn a_narrower_network_has_the_first_units_of_each_hidden_layer() {
        let deep = Program::of(&WideAndDeep::new(Seed(0))).unwrap();
        for (part, kept) in [(8, 6), (4, 3), (3, 3), (2, 2), (1, 1)] {
            let mut narrowed = deep.narrowed(part, 8);
            let rows: Vec<usize> = narrowed.units_of(1).iter().map(|unit| unit.row).collect();
            assert_eq!(rows, (0..kept).collect::<Vec<_>>());
            assert_eq!(narrowed == deep, part == 8);
            let config = TrainConfig { epochs: Some(20), progress: false, ..TrainConfig::declared() };
            train_once(&mut narrowed, &bits(), None, &config, &[]).unwrap();
            let rotations = lower::unnamed(&narrowed).unwrap().1.price().rotations;
            assert!(rotations <= kept, "{rotations} {kept}");
        }
    }

    #[test]
    fn what_the_output_reads_through_hidden_layers_alone_is_not_without_them() {
        let chain = trained::<Chain<2, 8, 2, 8, 0, true>>(&data::checkerboard(Seed(0)).0);
        assert!(chain.without_hidden().is_none());
        let normed = trained::<Normed<1, 0>>(&data::checkerboard(Seed(0)).0);
        assert!(normed.without_hidden().is_none());
        assert!(!normed.is_bootstrapped(14), "the client reads it, through a normalisation");
    }

    #[test]
    fn a_filter_that_is_removed_is_read_by_nothing() {
        let features =
            Array2::from_shape_fn((40, 120), |(row, column)| ((row * 7 + column) % 11) as f32 / 10.0);
        let data = data::Dataset::classes(features, (0..40).map(|row| row % 2).collect(), 2).unwrap();
        let mut program = trained::<Image<true>>(&data);
        let filter = program.directions()[0][0];
        program.remove(&[filter]);
        let state = program.linear(filter.node).unwrap();
        assert!(state.integers().row(filter.row).iter().all(|&weight| weight == 0));
        let last = program.linear(program.nodes.len() - 1).unwrap();
        let masked = last.mask.as_ref().map_or(0, |mask| mask.iter().filter(|kept| !**kept).count());
        assert!(masked > 0 && masked.is_multiple_of(last.bias.len()));
    }
}

//! Neurons and filters as what elimination removes, and directions that they share.

use std::collections::BTreeMap;

use ndarray::Array2;

use crate::nn::{
    layer::LinearState,
    program::{Op, Program},
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
        self.linear(index).is_some()
            && self.readers(index).any(|reader| !matches!(self.nodes[reader].op, Op::Linear(_)))
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

    /// Takes the weights of these units, and every weight that reads them, away for good.
    pub(crate) fn remove(&mut self, units: &[Unit]) {
        let mut gone: Vec<Vec<bool>> = self.nodes.iter().map(|node| vec![false; node.width]).collect();
        for index in 0..self.nodes.len() {
            let width = self.nodes[index].width;
            let from = self.nodes[index].from;
            let filters = self.nodes[index].filters.clone();
            let numbers = match &mut self.nodes[index].op {
                Op::Linear(state) => {
                    let positions = width / state.bias.len();
                    if let Some(from) = from {
                        let columns = match &filters {
                            None => vec![gone[from].clone(); state.bias.len()],
                            Some(filters) => {
                                (0..filters.count).map(|filter| filters.unseen(filter, &gone[from])).collect()
                            }
                        };
                        forget(state, |row, column| columns[row][column]);
                    }
                    let own: Vec<usize> =
                        units.iter().filter(|unit| unit.node == index).map(|unit| unit.row).collect();
                    forget(state, |row, _| own.contains(&row));
                    (0..width).map(|number| own.contains(&(number / positions))).collect()
                }
                Op::Quantizer(_) => from.map_or_else(|| vec![false; width], |from| gone[from].clone()),
                Op::Join(operands) => {
                    operands.iter().flat_map(|&operand| gone[operand].iter().copied()).collect()
                }
                Op::Permute(order) => match from {
                    Some(from) => order.iter().map(|&at| gone[from][at]).collect(),
                    None => vec![false; width],
                },
                Op::Sum(operands) => {
                    (0..width).map(|number| operands.iter().all(|&operand| gone[operand][number])).collect()
                }
                Op::Pool(windows) => match from {
                    Some(from) => crate::nn::window::pairs(windows.channels, windows.positions)
                        .map(|(channel, position)| {
                            windows.at(channel, position).all(|number| gone[from][number])
                        })
                        .collect(),
                    None => vec![false; width],
                },
            };
            gone[index] = numbers;
        }
    }

    /// Holds every weight near the integer it is, so that a budget which falls free is not spent at once.
    pub(crate) fn settle(&mut self) {
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
pub(crate) fn dictionary(state: &LinearState, most: usize) -> Vec<Vec<i32>> {
    let inputs = state.weight.ncols();
    let range = state.limits.weights;
    let Some(rows) = u32::try_from(inputs).ok().and_then(|inputs| (range.count() as usize).checked_pow(inputs))
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

fn forget(state: &mut LinearState, is_gone: impl Fn(usize, usize) -> bool) {
    let (rows, columns) = state.weight.dim();
    for (row, column) in crate::nn::window::pairs(rows, columns) {
        if is_gone(row, column) {
            state.weight[[row, column]] = 0.0;
            state.mask.get_or_insert_with(|| Array2::from_elem((rows, columns), true))[[row, column]] = false;
        }
    }
}

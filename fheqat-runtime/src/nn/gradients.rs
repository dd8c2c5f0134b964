//! Gradients, straight through the rounding.
//!
//! Integer weights pass their gradients to the floats they were rounded from; what each op does is in its own file.

use ndarray::Array2;

use super::{
    ops::{
        Op,
        operation::{Back, Slopes},
        route::Route,
    },
    program::Program,
    runner::Runner,
};

/// Gradients of one batch, and the memory to find them.
#[derive(Clone, Debug)]
pub(crate) struct Gradients {
    /// With respect to each node's output, `[batch, width]`.
    pub(crate) outputs: Vec<Array2<f32>>,
    /// With respect to what each node learns.
    pub(crate) nodes: Vec<Slopes>,
    /// Whether each operand of a node needs a gradient, and whether an earlier reader has written one.
    routes: Vec<Vec<Route>>,
    /// Memory for a number of each of whichever node's own.
    numbers: Vec<f32>,
}

impl Gradients {
    /// `gains` says how many gains of each node train.
    pub(crate) fn new(program: &Program, batch: usize, gains: &[usize]) -> Self {
        let nodes = &program.nodes;
        let learns = what_learns(program, gains);
        let mut routes = vec![Vec::new(); nodes.len()];
        let mut written = vec![false; nodes.len()];
        for index in (0..nodes.len()).rev() {
            for &from in program.operands(index) {
                routes[index].push(match (learns[from], written[from]) {
                    (false, _) => Route::Nothing,
                    (true, false) => Route::Write,
                    (true, true) => Route::Add,
                });
                written[from] |= learns[from];
            }
        }
        Self {
            outputs: nodes.iter().map(|node| Array2::zeros((batch, node.width))).collect(),
            nodes: nodes
                .iter()
                .zip(gains)
                .map(|(node, &gains)| node.op.state().slopes(gains, batch))
                .collect(),
            routes,
            numbers: Vec::new(),
        }
    }

    /// Fills every gradient, given that of the last output for `count` samples that `runner` has just run.
    pub(crate) fn run(&mut self, program: &Program, runner: &Runner, count: usize) {
        for index in (0..program.nodes.len()).rev() {
            let (before, rest) = self.outputs.split_at_mut(index);
            let at = program.at(index);
            runner.kernels[index].get().back(Back {
                at,
                count,
                outputs: &runner.outputs,
                read: at.from.map_or(&[], |from| runner.read(index, from)),
                slopes: &mut rest[0],
                before,
                routes: &self.routes[index],
                own: &mut self.nodes[index],
                numbers: &mut self.numbers,
            });
        }
    }
}

/// Of each node whether it, or anything it reads, trains.
fn what_learns(program: &Program, gains: &[usize]) -> Vec<bool> {
    let mut learns = Vec::with_capacity(program.nodes.len());
    for (index, node) in program.nodes.iter().enumerate() {
        let itself = matches!(node.op, Op::Linear(_) | Op::Client(_))
            || gains[index] > 0
            || program.function(index).is_some();
        let reads_one = program.operands(index).iter().any(|&from| learns[from]);
        learns.push(itself || reads_one);
    }
    learns
}

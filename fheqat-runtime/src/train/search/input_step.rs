//! The step of the input.

use super::{Candidate, Search, Tried, best_of, budgets::BUDGETS};
use crate::{
    nn::{
        ops::{Op, linear::LinearState, quantizer::QuantizerState},
        program::{Node, Program},
    },
    train::{config::TrainConfig, error::TrainError, evaluate::Evaluator, select::Measure},
};

impl Search<'_> {
    /// Tries the widest feature at each level for the quantizers that read the input and have no step of their own. Gives the best of the
    /// networks that were trained in part for that.
    pub(super) fn choose_input_steps(&mut self) -> Result<Option<Candidate>, TrainError> {
        let open: Vec<&QuantizerState> =
            input_quantizers(&self.fresh).filter(|state| state.step.is_none()).collect();
        let widest = open.iter().fold(0.0f32, |most, state| most.max(self.widest(state)));
        let highest = open.iter().map(|state| state.levels.hi).max();
        let Some(highest) = highest.filter(|_| widest > 0.0) else { return Ok(None) };
        let epochs = Some(self.config.epochs_of(self.train.len()).div_ceil(4));
        let base = self.fresh.with_budget(BUDGETS[0]);
        let levels = std::iter::once(None).chain((1..=highest).map(Some));
        let plans: Vec<_> = levels
            .map(|level| {
                let mut program = base.clone();
                set_input_steps(&mut program, level.map(|level| widest / level as f32));
                (Tried::InputStep { widest_at: level }, program)
            })
            .collect();
        let short = TrainConfig { epochs, ..self.config.clone() };
        let (plans, mut tried) = match self.train_all(&plans, |(_, program)| (program, &short, &[])) {
            Err(TrainError::OutOfTime { .. }) => return Ok(None),
            tried => tried?,
        };
        // Trained in part, none of them is a bar for those trained in full.
        let chosen = best_of(&tried);
        for (index, ((step, _), candidate)) in plans.into_iter().zip(&tried).enumerate() {
            self.note(step.clone(), candidate, index == chosen);
        }
        self.refine_input_steps(&mut tried[chosen].program)?;
        copy_input_steps(&tried[chosen].program, &mut self.fresh);
        Ok(Some(tried.swap_remove(chosen)))
    }

    /// The largest magnitude that a quantizer of the input rounds.
    fn widest(&self, state: &QuantizerState) -> f32 {
        let read = state.read(&self.train.features());
        read.iter().fold(0.0, |most, value| most.max(value.abs()))
    }

    /// Moves the steps of the input to where the loss on the training data is least, with every weight as it is.
    pub(super) fn refine_input_steps(&self, program: &mut Program) -> Result<(), TrainError> {
        const REACH: i32 = 20;
        const EACH: f32 = 0.01;
        let mut evaluator = Evaluator::new(program, self.config.precision)?;
        for index in 0..program.nodes.len() {
            let Some(step) = program.movable_input_step(index) else { continue };
            let mut best: Option<(Measure, Program)> = None;
            for nudge in (-REACH..=REACH).map(|nudge| step * (1.0 + EACH * nudge as f32)) {
                let mut moved = program.clone();
                if !moved.move_input_step(index, nudge) {
                    continue;
                }
                let metrics = evaluator.run(&moved, self.train, self.config.loss)?;
                if best.as_ref().is_none_or(|(best, _)| metrics.loss < best.loss) {
                    best = Some((metrics, moved));
                }
            }
            if let Some((_, moved)) = best {
                *program = moved;
            }
        }
        Ok(())
    }
}

impl Program {
    /// The step of a quantizer of the input, where only weights read its levels and nobody fixed it.
    fn movable_input_step(&self, index: usize) -> Option<f32> {
        match &self.nodes[index] {
            Node { op: Op::Quantizer(state), from: None, .. } if state.fixed.is_none() => {
                let has_weights = self.readers(index).all(|reader| self.linear(reader).is_some());
                state.step.filter(|_| has_weights && !self.is_shared(index))
            }
            _ => None,
        }
    }

    /// Sets the step of a quantizer of the input to `step`, or just above, so that its readers make of its levels what they did
    /// to the last bit: where a sum lies halfway between two levels, that bit decides. Gives whether there is such a step.
    fn move_input_step(&mut self, index: usize, step: f32) -> bool {
        const NEIGHBOURS: usize = 64;
        let Op::Quantizer(QuantizerState { step: Some(old), .. }) = self.nodes[index].op else {
            return false;
        };
        let readers: Vec<usize> = self.readers(index).collect();
        let scales = || {
            let states = readers.iter().filter_map(|&reader| self.linear(reader));
            states.filter_map(|state| state.scale.as_ref()).flatten()
        };
        let mut near = std::iter::successors(Some(step), |step| Some(step.next_up())).take(NEIGHBOURS);
        let moved = near.find_map(|step| {
            let scales: Option<Vec<f32>> = scales().map(|scale| divide(scale * old, step)).collect();
            Some((step, scales?))
        });
        let Some((step, scales)) = moved else { return false };
        let mut scales = scales.into_iter();
        for reader in readers {
            if let Op::Linear(LinearState { scale: Some(scale), .. }) = &mut self.nodes[reader].op {
                scale.iter_mut().zip(&mut scales).for_each(|(to, scale)| *to = scale);
            }
        }
        if let Op::Quantizer(state) = &mut self.nodes[index].op {
            state.step = Some(step);
        }
        true
    }
}

/// The number that times `step` is exactly `unit`, rounded as `f32` rounds, where there is one.
fn divide(unit: f32, step: f32) -> Option<f32> {
    let near = unit / step;
    [near, near.next_up(), near.next_down()]
        .into_iter()
        .find(|scale| (scale * step).to_bits() == unit.to_bits())
}

fn input_quantizers(program: &Program) -> impl Iterator<Item = &QuantizerState> {
    program.nodes.iter().filter(|node| node.from.is_none()).filter_map(|node| match &node.op {
        Op::Quantizer(state) => Some(state),
        _ => None,
    })
}

/// Whether a quantizer of the input has no step of its own, nor one that follows from what features go through.
pub(super) fn has_open_steps(program: &Program) -> bool {
    input_quantizers(program).any(|state| state.fixed.is_none() && state.step.is_none())
}

fn set_input_steps(program: &mut Program, step: Option<f32>) {
    for node in program.nodes.iter_mut().filter(|node| node.from.is_none()) {
        if let Op::Quantizer(state) = &mut node.op
            && state.fixed.is_none()
        {
            state.step = step;
        }
    }
}

pub(super) fn copy_input_steps(from: &Program, to: &mut Program) {
    for (from, to) in from.nodes.iter().zip(&mut to.nodes) {
        if let (Op::Quantizer(from_state), Op::Quantizer(to), None) = (&from.op, &mut to.op, from.from) {
            (to.step, to.levels) = (from_state.step, from_state.levels);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Seed, data,
        fixture::{Chain, Rows},
        network::Network,
        nn::lower,
    };

    /// The steps to which the input's step of a trained network moves, a percent apart; no unit and no table changes.
    fn moved<N: Network>() -> Vec<f32> {
        let mut net = N::new(Seed(0));
        let config = TrainConfig { epochs: Some(2), progress: false, ..TrainConfig::declared() };
        net.train(&data::checkerboard(Seed(0)).0, &config).unwrap();
        let program = Program::of(&net).unwrap();
        let units = |program: &Program| program.units(1).unwrap().map(f32::to_bits).collect::<Vec<_>>();
        let tables = |program: &Program| lower::unnamed(program).unwrap().1;
        let step = program.movable_input_step(0).unwrap();
        let nudges = (80..=120).filter_map(|percent| {
            let mut moved = program.clone();
            let is_moved = moved.move_input_step(0, step * percent as f32 / 100.0);
            assert_eq!((units(&moved), tables(&moved)), (units(&program), tables(&program)), "{percent}");
            is_moved.then(|| moved.movable_input_step(0).unwrap())
        });
        nudges.collect()
    }

    #[test]
    fn a_step_moves_and_no_table_does() {
        let steps = moved::<Chain<2, 16, 2, 16, 8, true>>();
        assert_eq!(steps.len(), 41);
        assert!(steps.is_sorted_by(|a, b| a < b) && (steps[40] / steps[0] - 1.5).abs() < 1e-4, "{steps:?}");
    }

    #[test]
    fn scales_of_rows_move_together_or_not_at_all() {
        let steps = moved::<Rows<16, 8, true>>();
        assert!(!steps.is_empty() && steps.is_sorted_by(|a, b| a < b), "{steps:?}");
    }
}

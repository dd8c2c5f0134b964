//! The step of the input.

use super::{BUDGETS, Search, best_of};
use crate::{
    nn::{
        layer::QuantizerState,
        program::{Op, Program},
    },
    quant::standardized,
    train::{
        TrainError,
        config::TrainConfig,
        evaluate::{Evaluator, Metrics},
    },
};

impl Search<'_> {
    /// Tries the widest feature at each level for the quantizers that read the input and have no step of their own.
    pub(super) fn choose_input_steps(&mut self) -> Result<(), TrainError> {
        let open: Vec<&QuantizerState> =
            input_quantizers(&self.fresh).filter(|state| state.step.is_none()).collect();
        let widest = open.iter().fold(0.0f32, |most, state| most.max(self.widest(state)));
        let highest = open.iter().map(|state| state.levels.hi).max();
        let Some(highest) = highest.filter(|_| widest > 0.0) else { return Ok(()) };
        let epochs = self.config.epochs.div_ceil(4);
        let base = self.with_budget(BUDGETS[0]);
        let levels = std::iter::once(None).chain((1..=highest).map(Some));
        let plans: Vec<_> = levels
            .map(|level| {
                let mut program = base.clone();
                set_input_steps(&mut program, level.map(|level| widest / level as f32));
                let name = level.map_or_else(
                    || "the input's step as observed".to_owned(),
                    |level| format!("the widest input at level {level}"),
                );
                (name, program)
            })
            .collect();
        let short = TrainConfig { epochs, ..self.config.clone() };
        let mut tried = self.train_all(&plans, |(_, program)| (program, &short, &[]))?;
        // Trained in part, none of them is a bar for those trained in full.
        let chosen = best_of(&tried);
        for (index, ((name, _), candidate)) in plans.into_iter().zip(&tried).enumerate() {
            self.note(name, candidate, index == chosen);
        }
        self.refine_input_steps(&mut tried[chosen].program)?;
        copy_input_steps(&tried[chosen].program, &mut self.fresh);
        Ok(())
    }

    /// The largest magnitude that a quantizer of the input rounds.
    fn widest(&self, state: &QuantizerState) -> f32 {
        let features = self.train.features();
        let read = features
            .indexed_iter()
            .map(|((_, feature), &value)| standardized(state.standardization.as_ref(), feature, value));
        read.fold(0.0, |most, value| most.max(value.abs()))
    }

    /// Moves the steps of the input to where the loss on the training data is least, with every weight as it is.
    pub(super) fn refine_input_steps(&self, program: &mut Program) -> Result<(), TrainError> {
        const REACH: i32 = 20;
        const EACH: f32 = 0.01;
        let mut evaluator = Evaluator::new(program, self.config.precision)?;
        for index in 0..program.nodes.len() {
            let Some(step) = program.movable_input_step(index) else { continue };
            let mut best: Option<(Metrics, f32)> = None;
            for nudge in (-REACH..=REACH).map(|nudge| step * (1.0 + EACH * nudge as f32)) {
                program.move_input_step(index, nudge);
                let metrics = evaluator.run(program, self.train, self.config.loss)?;
                if best.is_none_or(|(best, _)| metrics.loss < best.loss) {
                    best = Some((metrics, nudge));
                }
            }
            program.move_input_step(index, best.map_or(step, |(_, step)| step));
        }
        Ok(())
    }
}

fn input_quantizers(program: &Program) -> impl Iterator<Item = &QuantizerState> {
    program.nodes.iter().filter(|node| node.from.is_none()).filter_map(|node| match &node.op {
        Op::Quantizer(state) => Some(state),
        _ => None,
    })
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

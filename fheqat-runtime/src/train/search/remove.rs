//! Fewer neurons and filters: removes those that cost least for what they save, and trains on.

use std::collections::BTreeMap;

use fheqat_spec::Bias;
use rayon::prelude::*;

use super::{Candidate, Search, Tried, best_of, compare::Score, units::Unit};
use crate::{
    nn::program::Program,
    train::{config::TrainConfig, error::TrainError, evaluate::Evaluator},
};

/// The part of the directions that is removed at a time, while that goes well.
const SHARE: f64 = 0.2;
/// Removals that may fail before it ends.
const FAILURES: usize = 4;
/// Steps of the optimizer, at least, behind a removal.
const FINE_TUNING: usize = 100;

impl Search<'_> {
    /// Removes the directions whose removal costs least for what it saves, trains on, and again, while the result is good
    /// enough. Gives what it was given and every network that it went on from.
    pub(super) fn remove_units(&self, found: Candidate) -> Result<Vec<(Tried, Candidate)>, TrainError> {
        let mut best = self.best.clone().unwrap_or_else(|| found.score.clone());
        let mut steps = vec![(Tried::Removed { units: Vec::new() }, found)];
        self.remove_excess(&mut steps, &mut best)?;
        let mut current = steps[steps.len() - 1].1.clone();
        let mut share = SHARE;
        let mut blocked: Vec<Unit> = Vec::new();
        let mut failures = 0;
        while (failures < FAILURES && !self.deadline.is_over()) || self.is_over(&current) {
            let order = self.worth(&current, &blocked)?;
            let Some(first) = order.first() else { break };
            let count = ((order.len() as f64 * share) as usize).max(1);
            let units: Vec<Unit> = order[..count].iter().flatten().copied().collect();
            let candidate = self.without(&current.program, &units, &mut best)?;
            let is_last_resort = count == 1 && self.is_over(&current);
            if candidate.score.is_near(&best, self.options.margin) || is_last_resort {
                steps.push((describe(&candidate.program, &units), candidate.clone()));
                current = candidate;
            } else if count > 1 {
                share /= 4.0;
            } else {
                blocked.extend(first);
                failures += 1;
            }
        }
        Ok(steps)
    }

    /// Removes the units that bring least until no layer has more than the user lets it keep, whatever it takes.
    fn remove_excess(&self, steps: &mut Vec<(Tried, Candidate)>, best: &mut Score) -> Result<(), TrainError> {
        let mut current = steps[steps.len() - 1].1.program.clone();
        while let Some((node, excess)) = self.excess(&current) {
            let units = current.units_of(node);
            let count = ((units.len() as f64 * SHARE) as usize).clamp(1, excess);
            let mut measured = units
                .into_par_iter()
                .map(|unit| {
                    let mut program = current.clone();
                    program.remove(&[unit]);
                    Ok((unit, self.exact_loss(&program)?))
                })
                .collect::<Result<Vec<_>, TrainError>>()?;
            measured.sort_by(|a, b| a.1.total_cmp(&b.1));
            let units: Vec<Unit> = measured[..count].iter().map(|(unit, _)| *unit).collect();
            let candidate = self.without(&current, &units, best)?;
            current = candidate.program.clone();
            steps.push((describe(&current, &units), candidate));
        }
        Ok(())
    }

    /// The network without these units, trained on.
    fn without(&self, program: &Program, units: &[Unit], best: &mut Score) -> Result<Candidate, TrainError> {
        let mut program = program.clone();
        program.clamp_weights();
        program.remove(units);
        let candidate = self.recover(&program, best)?;
        if candidate.score.metrics.is_better(&best.metrics) {
            *best = candidate.score.clone();
        }
        Ok(candidate)
    }

    /// Trains on until the result is good enough, at most twice.
    fn recover(&self, program: &Program, best: &Score) -> Result<Candidate, TrainError> {
        let steps_an_epoch = self.train.len().div_ceil(self.config.batch).max(1);
        let epochs = FINE_TUNING.div_ceil(steps_an_epoch);
        let mut tried = Vec::new();
        for (epochs, rate_factor) in [(epochs, 1.0), (2 * epochs, 1.5)] {
            let config = TrainConfig {
                epochs: Some(epochs),
                rate: self.config.rate * rate_factor,
                ramp: 0.0,
                warmup: 0.0,
                patience: None,
                restore_best: false,
                ..self.config.clone()
            };
            let candidate = self.train_one(program, &config, &frozen(program))?;
            if candidate.score.is_near(best, self.options.margin) {
                return Ok(candidate);
            }
            tried.push(candidate);
        }
        let best = best_of(&tried);
        Ok(tried.swap_remove(best))
    }

    /// The directions that are left, those first whose removal costs least for what it saves. The noise that a network tolerates
    /// would hide what one of many costs.
    fn worth(&self, current: &Candidate, blocked: &[Unit]) -> Result<Vec<Vec<Unit>>, TrainError> {
        let directions: Vec<Vec<Unit>> = current
            .program
            .directions()
            .into_iter()
            .filter(|units| !units.iter().any(|unit| blocked.contains(unit)))
            .collect();
        let loss = self.exact_loss(&current.program)?;
        let measured = directions
            .into_par_iter()
            .map(|units| {
                let mut program = current.program.clone();
                program.remove(&units);
                let saved = current.price.core_seconds - self.price(&program)?.core_seconds;
                let without = self.exact_loss(&program)?;
                Ok((units, saved, without - loss))
            })
            .collect::<Result<Vec<_>, TrainError>>()?;
        let mut measured: Vec<_> = measured.into_iter().filter(|(_, saved, _)| *saved > 0.0).collect();
        measured.sort_by(|a, b| (a.2 / a.1).total_cmp(&(b.2 / b.1)));
        Ok(measured.into_iter().map(|(units, ..)| units).collect())
    }

    fn exact_loss(&self, program: &Program) -> Result<f64, TrainError> {
        let mut evaluator = Evaluator::new(program, self.config.precision)?;
        Ok(evaluator.run(program, &self.weighed, self.config.loss)?.loss)
    }
}

/// Layers on one direction, which keep it: those whose bias was set free for it.
pub(super) fn frozen(program: &Program) -> Vec<usize> {
    let is_on_one_direction = |index: &usize| {
        program.linear(*index).is_some_and(|state| state.hold == Bias::Free && state.declared.has_centre())
    };
    (0..program.nodes.len()).filter(is_on_one_direction).collect()
}

fn describe(program: &Program, removed: &[Unit]) -> Tried {
    let mut of_layer = BTreeMap::<usize, usize>::new();
    for unit in removed {
        *of_layer.entry(unit.node).or_default() += 1;
    }
    let units = of_layer.into_iter().map(|(node, count)| (program.nodes[node].name.to_owned(), count));
    Tried::Removed { units: units.collect() }
}

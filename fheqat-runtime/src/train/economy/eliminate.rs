//! Fewer units.

use std::collections::BTreeMap;

use fheqat_spec::Bias;
use rayon::prelude::*;

use super::{Candidate, Search, best_of, price, standing::Standing, units::Unit};
use crate::{
    nn::program::Program,
    train::{TrainError, config::TrainConfig, evaluate::Evaluator},
};

/// The part of the directions that is removed at a time, while that goes well.
const SHARE: f64 = 0.2;
/// Removals that may fail before elimination ends.
const FAILURES: usize = 4;
/// Steps of the optimizer, at least, behind a removal.
const FINE_TUNING: usize = 100;

impl Search<'_> {
    /// Removes the directions whose removal costs least for what it saves, trains on, and again, while the result is good
    /// enough. Gives what it was given and every network that it went on from.
    pub(super) fn eliminate(&self, found: Candidate) -> Result<Vec<(String, Candidate)>, TrainError> {
        let mut best = self.best.clone().unwrap_or_else(|| found.standing.clone());
        let mut steps = vec![(String::new(), found)];
        self.trim(&mut steps, &mut best)?;
        let mut current = steps[steps.len() - 1].1.clone();
        let mut share = SHARE;
        let mut blocked: Vec<Unit> = Vec::new();
        let mut failures = 0;
        while failures < FAILURES || self.is_over(&current) {
            let order = self.worth(&current, &blocked)?;
            let Some(first) = order.first() else { break };
            let count = ((order.len() as f64 * share) as usize).max(1);
            let units: Vec<Unit> = order[..count].iter().flatten().copied().collect();
            let candidate = self.without(&current.program, &units, &mut best)?;
            let is_last_resort = count == 1 && self.is_over(&current);
            if candidate.standing.is_near(&best, self.economy.margin) || is_last_resort {
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
    fn trim(&self, steps: &mut Vec<(String, Candidate)>, best: &mut Standing) -> Result<(), TrainError> {
        let mut current = steps[steps.len() - 1].1.program.clone();
        while let Some((node, excess)) = self.excess(&current) {
            let units = current.units_of(node);
            let count = ((units.len() as f64 * SHARE) as usize).clamp(1, excess);
            let mut judged = units
                .into_par_iter()
                .map(|unit| {
                    let mut program = current.clone();
                    program.remove(&[unit]);
                    Ok((unit, self.exact_loss(&program)?))
                })
                .collect::<Result<Vec<_>, TrainError>>()?;
            judged.sort_by(|a, b| a.1.total_cmp(&b.1));
            let units: Vec<Unit> = judged[..count].iter().map(|(unit, _)| *unit).collect();
            let candidate = self.without(&current, &units, best)?;
            current = candidate.program.clone();
            steps.push((describe(&current, &units), candidate));
        }
        Ok(())
    }

    /// The network without these units, trained on.
    fn without(
        &self,
        program: &Program,
        units: &[Unit],
        best: &mut Standing,
    ) -> Result<Candidate, TrainError> {
        let mut program = program.clone();
        program.settle();
        program.remove(units);
        let candidate = self.recover(&program, best)?;
        if candidate.standing.metrics.is_better(&best.metrics) {
            *best = candidate.standing.clone();
        }
        Ok(candidate)
    }

    /// Trains on until the result is good enough, at most twice.
    fn recover(&self, program: &Program, best: &Standing) -> Result<Candidate, TrainError> {
        let an_epoch = self.train.len().div_ceil(self.config.batch).max(1);
        let epochs = FINE_TUNING.div_ceil(an_epoch);
        let mut tried = Vec::new();
        for (epochs, haste) in [(epochs, 1.0), (2 * epochs, 1.5)] {
            let config = TrainConfig {
                epochs,
                rate: self.config.rate * haste,
                ramp: 0.0,
                warmup: 0.0,
                patience: None,
                restore_best: false,
                ..self.config.clone()
            };
            let candidate = self.train_one(program, &config, &held_still(program))?;
            if candidate.standing.is_near(best, self.economy.margin) {
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
        let judged = directions
            .into_par_iter()
            .map(|units| {
                let mut program = current.program.clone();
                program.remove(&units);
                let saved = current.price.core_seconds - price(&program)?.core_seconds;
                let without = self.exact_loss(&program)?;
                Ok((units, saved, without - loss))
            })
            .collect::<Result<Vec<_>, TrainError>>()?;
        let mut judged: Vec<_> = judged.into_iter().filter(|(_, saved, _)| *saved > 0.0).collect();
        judged.sort_by(|a, b| (a.2 / a.1).total_cmp(&(b.2 / b.1)));
        Ok(judged.into_iter().map(|(units, ..)| units).collect())
    }

    fn exact_loss(&self, program: &Program) -> Result<f64, TrainError> {
        let mut evaluator = Evaluator::new(program, self.config.precision)?;
        Ok(evaluator.run(program, &self.weighed, self.config.loss)?.loss)
    }
}

/// A layer whose bias was set free by a tie keeps its direction.
pub(super) fn held_still(program: &Program) -> Vec<usize> {
    let is_tied = |index: &usize| {
        program
            .linear(*index)
            .is_some_and(|state| state.hold == Bias::Free && state.declared == Bias::Centred)
    };
    (0..program.nodes.len()).filter(is_tied).collect()
}

fn describe(program: &Program, removed: &[Unit]) -> String {
    let mut of_layer = BTreeMap::<usize, usize>::new();
    for unit in removed {
        *of_layer.entry(unit.node).or_default() += 1;
    }
    let parts: Vec<String> = of_layer
        .into_iter()
        .map(|(node, count)| format!("{count} fewer in `{}`", program.nodes[node].name))
        .collect();
    parts.join(", ")
}

//! Fewer units.

use std::collections::BTreeMap;

use fheqat_spec::Bias;
use rayon::prelude::*;

use super::{Candidate, Search, best_of, price, units::Unit};
use crate::{
    nn::program::Program,
    train::{TrainError, config::TrainConfig},
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
        let mut steps = vec![(String::new(), found.clone())];
        let mut current = found;
        let mut share = SHARE;
        let mut blocked: Vec<Unit> = Vec::new();
        let mut failures = 0;
        while failures < FAILURES || self.is_over(current.price) {
            let order = self.worth(&current, &blocked)?;
            let Some(first) = order.first() else { break };
            let count = ((order.len() as f64 * share) as usize).max(1);
            let units: Vec<Unit> = order[..count].iter().flatten().copied().collect();
            let mut program = current.program.clone();
            program.settle();
            program.remove(&units);
            let candidate = self.recover(&program)?;
            let is_last_resort = count == 1 && self.is_over(current.price);
            if self.is_enough(&candidate.metrics) || is_last_resort {
                steps.push((describe(&program, &units), candidate.clone()));
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

    /// Trains on until the result is good enough, at most twice.
    fn recover(&self, program: &Program) -> Result<Candidate, TrainError> {
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
                restore_best: true,
                ..self.config.clone()
            };
            let candidate = self.train_one(program, &config, &held_still(program))?;
            if self.is_enough(&candidate.metrics) {
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
        let loss = self.evaluate_exactly(&current.program)?.loss;
        let judged = directions
            .into_par_iter()
            .map(|units| {
                let mut program = current.program.clone();
                program.remove(&units);
                let saved = current.price.core_seconds - price(&program)?.core_seconds;
                let metrics = self.evaluate_exactly(&program)?;
                Ok((units, saved, metrics.loss - loss))
            })
            .collect::<Result<Vec<_>, TrainError>>()?;
        let mut judged: Vec<_> = judged.into_iter().filter(|(_, saved, _)| *saved > 0.0).collect();
        judged.sort_by(|a, b| (a.2 / a.1).total_cmp(&(b.2 / b.1)));
        Ok(judged.into_iter().map(|(units, ..)| units).collect())
    }
}

/// A layer whose bias was set free by a tie keeps its direction.
fn held_still(program: &Program) -> Vec<usize> {
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

//! Price-aware training: the cheapest network whose validation result is within a margin of the best that was found.
//!
//! Four things are tried in turn: the step of the input, smaller budgets of the layers, one direction for a whole layer, and
//! fewer units. Every choice is by the validation data and by [`Price`].

mod eliminate;
mod input;
#[cfg(test)]
mod tests;
mod tie;
pub(crate) mod units;

use std::borrow::Borrow;

use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    TrainError,
    config::{Economy, TrainConfig},
    evaluate::{Evaluator, Metrics, noisy},
    fit::train_once,
    history::History,
};
use crate::{
    circuit::{lower::unnamed, price::Price},
    data::Dataset,
    nn::program::{Op, Program},
};

/// Budgets that are tried where they are smaller than what a layer declares, from the loosest.
const BUDGETS: [usize; 4] = [32, 16, 8, 4];
/// The last layer's sums are decrypted, not bootstrapped: a smaller budget loses accuracy and saves no rotation.
const LAST_BUDGET: usize = 16;
/// Runs of each validation sample of a network that tolerates noise.
const DRAWS: usize = 4;

/// One network that the search tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// What was done.
    pub tried: String,
    /// Fraction of the validation data classified right; `None` where targets are numbers.
    pub accuracy: Option<f64>,
    /// Mean loss on the validation data.
    pub loss: f64,
    /// What it would cost encrypted.
    pub price: Price,
    /// Whether the search went on from it.
    pub is_kept: bool,
}

/// A network with what it does and costs.
#[derive(Clone)]
struct Candidate {
    program: Program,
    history: History,
    metrics: Metrics,
    price: Price,
}

/// Searches for a cheap network, starting from a fresh one.
///
/// # Errors
/// When training fails.
pub(crate) fn search(
    program: &mut Program,
    train: &Dataset,
    validation: &Dataset,
    config: &TrainConfig,
    economy: Economy,
) -> Result<History, TrainError> {
    let bar = bar(config);
    let mut search = Search {
        train,
        validation,
        config,
        economy,
        bar,
        best: None,
        trials: Vec::new(),
        fresh: program.clone(),
    };
    let found = search.run()?;
    search.bar.finish_and_clear();
    *program = found.program;
    Ok(History { trials: search.trials, ..found.history })
}

struct Search<'a> {
    train: &'a Dataset,
    validation: &'a Dataset,
    config: &'a TrainConfig,
    economy: Economy,
    bar: ProgressBar,
    /// The best result so far, whatever its price.
    best: Option<Metrics>,
    trials: Vec<Trial>,
    fresh: Program,
}

impl Search<'_> {
    fn run(&mut self) -> Result<Candidate, TrainError> {
        self.choose_input_steps()?;
        let mut finalists = vec![self.budgets()?];
        let tied = self.tie(&finalists[0])?;
        finalists.extend(tied);
        self.bar.inc_length(finalists.len() as u64);
        let branches = finalists
            .into_par_iter()
            .map(|finalist| self.eliminate(finalist).inspect(|_| self.bar.inc(1)))
            .collect::<Result<Vec<_>, TrainError>>()?;
        for (_, candidate) in branches.iter().flatten() {
            self.consider(candidate.metrics);
        }
        let places: Vec<(usize, usize)> = branches
            .iter()
            .enumerate()
            .flat_map(|(branch, steps)| (0..steps.len()).map(move |step| (branch, step)))
            .collect();
        let ends: Vec<&Candidate> = branches.iter().flatten().map(|(_, candidate)| candidate).collect();
        let (branch, last) = places[self.cheapest(&ends)];
        let mut found = branches[branch][last].1.clone();
        for (step, (name, candidate)) in branches[branch].iter().enumerate().skip(1) {
            self.note(name.clone(), candidate, step <= last);
        }
        let mut refined = found.program.clone();
        self.refine_input_steps(&mut refined)?;
        if self.is_enough(&self.evaluate(&refined)?) {
            found.program = refined;
        }
        Ok(found)
    }

    /// Trains with each budget, and keeps the cheapest network that is good enough.
    fn budgets(&mut self) -> Result<Candidate, TrainError> {
        let config = self.config;
        let mut plans = vec![("the budgets as declared".to_owned(), self.fresh.clone())];
        for budget in BUDGETS {
            let program = self.with_budget(budget);
            if program != self.fresh {
                plans.push((format!("`max_l1 = {budget}`"), program));
            }
        }
        let tried = self.train_all(&plans, |(_, program)| (program, config, &[]))?;
        for candidate in &tried {
            self.consider(candidate.metrics);
        }
        let chosen = self.cheapest(&tried);
        for (index, ((name, _), candidate)) in plans.into_iter().zip(&tried).enumerate() {
            self.note(name, candidate, index == chosen);
        }
        Ok(tried.into_iter().nth(chosen).unwrap_or_else(|| unreachable!("the choice is one of those tried")))
    }

    /// The fresh network with no layer's budget above `budget`.
    fn with_budget(&self, budget: usize) -> Program {
        let mut program = self.fresh.clone();
        for index in 0..program.nodes.len() {
            let is_last = !program.is_bootstrapped(index);
            if let Op::Linear(state) = &mut program.nodes[index].op {
                let budget = if is_last { budget.max(LAST_BUDGET) } else { budget };
                let declared = state.limits.max_l1.unwrap_or(usize::MAX);
                let reachable = state.limits.max_nonzero * state.limits.weights.hi.unsigned_abs() as usize;
                if budget < declared.min(reachable) {
                    state.limits.max_l1 = Some(budget);
                }
            }
        }
        program
    }

    fn train_all<'p, P: Sync>(
        &self,
        plans: &'p [P],
        plan: impl Fn(&'p P) -> (&'p Program, &'p TrainConfig, &'p [usize]) + Sync,
    ) -> Result<Vec<Candidate>, TrainError> {
        self.bar.inc_length(plans.len() as u64);
        plans
            .par_iter()
            .map(|each| {
                let (program, config, frozen) = plan(each);
                let candidate = self.train_one(program, config, frozen);
                self.bar.inc(1);
                candidate
            })
            .collect()
    }

    fn train_one(
        &self,
        program: &Program,
        config: &TrainConfig,
        frozen: &[usize],
    ) -> Result<Candidate, TrainError> {
        let config = TrainConfig { progress: false, ..config.clone() };
        let mut program = program.clone();
        let history = train_once(&mut program, self.train, Some(self.validation), &config, frozen)?;
        let (metrics, price) = (self.evaluate(&program)?, price(&program)?);
        Ok(Candidate { program, history, metrics, price })
    }

    /// On the validation data, with the noise that the network tolerates.
    fn evaluate(&self, program: &Program) -> Result<Metrics, TrainError> {
        if !program.is_tolerant() {
            return self.evaluate_exactly(program);
        }
        let (codec, graph) = unnamed(program)?;
        let (loss, seed) = (self.config.loss, self.config.seed);
        Ok(noisy((&codec, &graph), self.validation, loss, seed, DRAWS)?)
    }

    fn evaluate_exactly(&self, program: &Program) -> Result<Metrics, TrainError> {
        let mut evaluator = Evaluator::new(program, self.config.precision)?;
        Ok(evaluator.run(program, self.validation, self.config.loss)?)
    }

    /// Whether a price is above what the user set.
    fn is_over(&self, price: Price) -> bool {
        self.economy.max_rotations.is_some_and(|most| price.rotations > most)
            || self.economy.max_core_seconds.is_some_and(|most| price.core_seconds > most)
    }

    fn consider(&mut self, metrics: Metrics) {
        if self.best.is_none_or(|best| metrics.is_better(&best)) {
            self.best = Some(metrics);
        }
    }

    /// Whether a result is within the margin and one standard error of the best: on little validation data the best of many
    /// is the luckiest (the one-standard-error rule of Breiman, Friedman, Olshen and Stone, 1984).
    fn is_enough(&self, metrics: &Metrics) -> bool {
        let margin = self.economy.margin;
        self.best.is_none_or(|best| match (metrics.accuracy, best.accuracy) {
            (Some(accuracy), Some(best)) => {
                let error = (best * (1.0 - best) / self.validation.len() as f64).sqrt();
                accuracy >= best - margin - error
            }
            _ => metrics.loss <= best.loss * (1.0 + margin),
        })
    }

    /// The index of the cheapest that is good enough; else of the best that keeps what the user set, else of the best.
    fn cheapest(&self, candidates: &[impl Borrow<Candidate>]) -> usize {
        let price = |index: &usize| candidates[*index].borrow().price;
        let is_fine = |index: &usize| {
            !self.is_over(price(index)) && self.is_enough(&candidates[*index].borrow().metrics)
        };
        let by_price = |a: &usize, b: &usize| price(a).core_seconds.total_cmp(&price(b).core_seconds);
        let affordable = || (0..candidates.len()).filter(|index| !self.is_over(price(index)));
        (0..candidates.len())
            .filter(is_fine)
            .min_by(by_price)
            .or_else(|| affordable().reduce(|a, b| better(candidates, a, b)))
            .unwrap_or_else(|| best_of(candidates))
    }

    fn note(&mut self, tried: String, candidate: &Candidate, is_kept: bool) {
        self.trials.push(trial(tried, candidate, is_kept));
    }
}

fn trial(tried: String, candidate: &Candidate, is_kept: bool) -> Trial {
    let Metrics { accuracy, loss } = candidate.metrics;
    Trial { tried, accuracy, loss, price: candidate.price, is_kept }
}

/// The index of the best, the first of equals; 0 when there is none.
fn best_of(candidates: &[impl Borrow<Candidate>]) -> usize {
    (0..candidates.len()).reduce(|a, b| better(candidates, a, b)).unwrap_or(0)
}

fn better(candidates: &[impl Borrow<Candidate>], a: usize, b: usize) -> usize {
    let is_better = candidates[b].borrow().metrics.is_better(&candidates[a].borrow().metrics);
    if is_better { b } else { a }
}

fn price(program: &Program) -> Result<Price, TrainError> {
    Ok(unnamed(program)?.1.price())
}

fn bar(config: &TrainConfig) -> ProgressBar {
    if !config.progress {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("searching {bar:32} {pos}/{len} {msg}");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

//! Price-aware training: the cheapest network whose validation result is within a margin of the best that was found.
//!
//! Four things are tried in turn: the step of the input, smaller budgets of the layers, one direction for a whole layer, and
//! fewer units. Every choice is by the validation data and by [`Price`]. What is found is trained on with all samples.

mod eliminate;
mod finish;
mod input;
mod standing;
#[cfg(test)]
mod tests;
mod tie;
pub(crate) mod units;

use std::borrow::Borrow;

use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use self::standing::Standing;
use super::{
    TrainError,
    config::{Economy, TrainConfig},
    evaluate::{Evaluator, Metrics, noisy},
    fit::train_once,
    history::History,
};
use crate::{
    circuit::lower::unnamed,
    data::Dataset,
    nn::program::{Op, Program},
    prices::Price,
};

/// Budgets that are tried where they are smaller than what a layer declares, from the loosest.
const BUDGETS: [usize; 4] = [32, 16, 8, 4];
/// The last layer's sums are decrypted, not bootstrapped: a smaller budget loses accuracy and saves no rotation.
const LAST_BUDGET: usize = 32;
/// Samples that the search holds out at least, where that is not more than [`MOST_HELD_OUT`] of all.
const HELD_OUT: f32 = 500.0;
const MOST_HELD_OUT: f32 = 1.0 / 3.0;
/// Training samples, at most, that say what a unit brings.
const WEIGHED: usize = 2000;
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
    standing: Standing,
    price: Price,
}

/// Searches for a cheap network, starting from a fresh one; `whole` has the samples of `train`, and those of `validation` unless
/// they are not to be trained on.
///
/// # Errors
/// When training fails.
pub(crate) fn search(
    program: &mut Program,
    whole: &Dataset,
    train: &Dataset,
    validation: &Dataset,
    config: &TrainConfig,
    economy: &Economy,
) -> Result<History, TrainError> {
    for field in economy.max_neurons.keys() {
        let has_neurons =
            |index: &usize| program.nodes[*index].name == field && program.is_bootstrapped(*index);
        if !(0..program.nodes.len()).any(|index| has_neurons(&index)) {
            return Err(TrainError::Neurons { field: field.clone() });
        }
    }
    let stride = train.len().div_ceil(WEIGHED);
    let mut search = Search {
        whole,
        train,
        weighed: train.select(&(0..train.len()).step_by(stride).collect::<Vec<_>>()),
        validation,
        config,
        economy,
        bar: bar(config),
        best: None,
        trials: Vec::new(),
        fresh: program.clone(),
    };
    let found = search.run()?;
    search.bar.finish_and_clear();
    *program = found.program;
    Ok(History { trials: search.trials, ..found.history })
}

/// The part of so many samples that the search holds out: `fraction`, and more where that tells no networks apart.
pub(crate) fn held_out(fraction: f32, samples: usize) -> f32 {
    let enough = (HELD_OUT / samples as f32).min(MOST_HELD_OUT);
    if fraction > 0.0 && fraction < enough { enough } else { fraction }
}

struct Search<'a> {
    /// What the network that was found is trained on.
    whole: &'a Dataset,
    train: &'a Dataset,
    /// Training samples that say what a unit brings. By the validation data, one removal after the other would fit them.
    weighed: Dataset,
    validation: &'a Dataset,
    config: &'a TrainConfig,
    economy: &'a Economy,
    bar: ProgressBar,
    /// The best result so far, whatever its price.
    best: Option<Standing>,
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
        self.consider(branches.iter().flatten().map(|(_, candidate)| candidate));
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
        self.refine(&mut found)?;
        self.finish(found)
    }

    /// Moves the steps of the input, unless that does worse.
    fn refine(&self, found: &mut Candidate) -> Result<(), TrainError> {
        let mut program = found.program.clone();
        self.refine_input_steps(&mut program)?;
        let standing = self.judge(&program, self.validation)?;
        if !found.standing.metrics.is_better(&standing.metrics) {
            *found = Candidate { program, standing, ..found.clone() };
        }
        Ok(())
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
        self.consider(&tried);
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
                if budget < declared.min(state.limits.reach()) {
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
        let (standing, price) = (self.judge(&program, self.validation)?, price(&program)?);
        Ok(Candidate { program, history, standing, price })
    }

    /// How a network stands on `data`, with the noise that it tolerates.
    fn judge(&self, program: &Program, data: &Dataset) -> Result<Standing, TrainError> {
        let outputs = if program.is_tolerant() {
            let (codec, graph) = unnamed(program)?;
            noisy((&codec, &graph), data, self.config.seed, DRAWS)?
        } else {
            Evaluator::new(program, self.config.precision)?.predict(program, &data.features())
        };
        Ok(Standing::of(&outputs.view(), data, self.config.loss))
    }

    /// Whether a network is above what the user set.
    fn is_over(&self, Candidate { program, price, .. }: &Candidate) -> bool {
        self.economy.max_rotations.is_some_and(|most| price.rotations > most)
            || self.economy.max_core_seconds.is_some_and(|most| price.core_seconds > most)
            || self.excess(program).is_some()
    }

    /// A layer that may have more units than the user lets it keep, and how many more.
    fn excess(&self, program: &Program) -> Option<(usize, usize)> {
        (0..program.nodes.len()).find_map(|node| {
            let most = *self.economy.max_neurons.get(program.nodes[node].name)?;
            let excess = program.units_of(node).len().saturating_sub(most);
            (excess > 0).then_some((node, excess))
        })
    }

    fn consider<'c>(&mut self, candidates: impl IntoIterator<Item = &'c Candidate>) {
        for Candidate { standing, .. } in candidates {
            if self.best.as_ref().is_none_or(|best| standing.metrics.is_better(&best.metrics)) {
                self.best = Some(standing.clone());
            }
        }
    }

    /// Whether a result is near the best that was found.
    fn is_enough(&self, standing: &Standing) -> bool {
        self.best.as_ref().is_none_or(|best| standing.is_near(best, self.economy.margin))
    }

    fn is_clearly_behind(&self, standing: &Standing) -> bool {
        self.best.as_ref().is_some_and(|best| standing.is_clearly_behind(best, self.economy.margin))
    }

    /// The index of the cheapest that is good enough; else of the best that keeps what the user set, else of the best.
    fn cheapest(&self, candidates: &[impl Borrow<Candidate>]) -> usize {
        let price = |index: &usize| candidates[*index].borrow().price;
        let is_over = |index: &usize| self.is_over(candidates[*index].borrow());
        let is_fine =
            |index: &usize| !is_over(index) && self.is_enough(&candidates[*index].borrow().standing);
        let by_price = |a: &usize, b: &usize| price(a).core_seconds.total_cmp(&price(b).core_seconds);
        let affordable = || (0..candidates.len()).filter(|index| !is_over(index));
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
    let Metrics { accuracy, loss } = candidate.standing.metrics;
    Trial { tried, accuracy, loss, price: candidate.price, is_kept }
}

/// The index of the best, the first of equals; 0 when there is none.
fn best_of(candidates: &[impl Borrow<Candidate>]) -> usize {
    (0..candidates.len()).reduce(|a, b| better(candidates, a, b)).unwrap_or(0)
}

fn better(candidates: &[impl Borrow<Candidate>], a: usize, b: usize) -> usize {
    let is_better =
        candidates[b].borrow().standing.metrics.is_better(&candidates[a].borrow().standing.metrics);
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

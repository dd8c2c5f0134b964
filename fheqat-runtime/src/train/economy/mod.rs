//! Price-aware training: the cheapest network whose validation result is within a margin of the best that was found.
//!
//! Four things are tried in turn: the step of the input, smaller budgets of the layers, one direction for a whole layer, and
//! fewer units. Every choice is by the validation data and by [`Price`].

#[cfg(test)]
mod tests;
pub(crate) mod units;

use std::{borrow::Borrow, collections::BTreeMap};

use fheqat_spec::Bias;
use indicatif::{ProgressBar, ProgressStyle};
use ndarray::Array1;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use self::units::{Unit, dictionary};
use super::{
    TrainError,
    calibrate::{self, Purpose},
    config::{Economy, TrainConfig},
    evaluate::{Evaluator, Metrics, noisy},
    fit::train_once,
    history::History,
};
use crate::{
    Seed,
    circuit::{lower::unnamed, price::Price},
    data::Dataset,
    nn::{
        layer::QuantizerState,
        program::{Op, Program},
    },
    quant::{standardized, transition::middle},
};

/// Budgets that are tried where they are smaller than what a layer declares, from the loosest.
const BUDGETS: [usize; 4] = [32, 16, 8, 4];
/// The last layer's sums are decrypted, not bootstrapped: a smaller budget loses accuracy and saves no rotation.
const LAST_BUDGET: usize = 16;
/// Directions that a layer may have for each of them to be tried alone.
const DIRECTIONS: usize = 40;
/// Trainings of a tied network: about half of them find what one direction can do.
const RESTARTS: u64 = 6;
/// Tied networks from which units are removed, the cheapest first.
const FINALISTS: usize = 3;
/// The part of the directions that is removed at a time, while that goes well.
const SHARE: f64 = 0.2;
/// Removals that may fail before elimination ends.
const FAILURES: usize = 4;
/// Steps of the optimizer, at least, behind a removal.
const FINE_TUNING: usize = 100;
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

    /// Tries the widest feature at each level for the quantizers that read the input and have no step of their own.
    fn choose_input_steps(&mut self) -> Result<(), TrainError> {
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
        for candidate in &tried {
            self.consider(candidate.metrics);
        }
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
    fn refine_input_steps(&self, program: &mut Program) -> Result<(), TrainError> {
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

    /// Puts all neurons of a layer on one direction of its inputs, each with a threshold of its own: gives the cheapest
    /// networks that are good enough.
    fn tie(&mut self, found: &Candidate) -> Result<Vec<Candidate>, TrainError> {
        let Some(node) = self.tieable() else { return Ok(Vec::new()) };
        let mut base = self.fresh.clone();
        copy_budgets(&found.program, &mut base);
        let Some(state) = base.linear(node) else { return Ok(Vec::new()) };
        let name = base.nodes[node].name;
        let plans = dictionary(state, DIRECTIONS)
            .into_iter()
            .map(|direction| {
                let program = self.tied(&base, node, &direction)?;
                Ok((format!("`{name}` on the direction {direction:?}"), direction, program))
            })
            .collect::<Result<Vec<_>, TrainError>>()?;
        let frozen = [node];
        let config = self.config;
        let mut tried = self.train_all(&plans, |(_, _, program)| (program, config, &frozen))?;
        let best = self.cheapest(&tried);
        let restarts = (1..RESTARTS)
            .map(|restart| {
                let mut program = base.clone();
                program.redraw(Seed(self.config.seed.0.wrapping_add(restart)));
                let program = self.tied(&program, node, &plans[best].1)?;
                Ok((format!("{}, start {}", plans[best].0, restart + 1), program))
            })
            .collect::<Result<Vec<_>, TrainError>>()?;
        tried.extend(self.train_all(&restarts, |(_, program)| (program, config, &frozen))?);
        let mut finalists: Vec<usize> =
            (0..tried.len()).filter(|&index| self.is_enough(&tried[index].metrics)).collect();
        let price = |index: &usize| tried[*index].price.core_seconds;
        finalists.sort_by(|a, b| price(a).total_cmp(&price(b)));
        finalists.truncate(FINALISTS);
        let names =
            plans.into_iter().map(|(name, ..)| name).chain(restarts.into_iter().map(|(name, _)| name));
        for (index, name) in names.enumerate() {
            self.note(name, &tried[index], finalists.contains(&index));
        }
        Ok(finalists.into_iter().map(|index| tried[index].clone()).collect())
    }

    /// A layer of the input whose neurons may share a direction.
    fn tieable(&self) -> Option<usize> {
        (0..self.fresh.nodes.len()).find(|&index| {
            let node = &self.fresh.nodes[index];
            let reads_input = node.from.is_some_and(|from| self.fresh.nodes[from].from.is_none());
            let mut readers = self.fresh.readers(index);
            let reader = readers.next();
            let is_quantized = reader.is_some_and(|reader| {
                matches!(self.fresh.nodes[reader].op, Op::Quantizer(_))
                    && self.fresh.owner(reader) == Some(reader)
            });
            reads_input
                && node.filters.is_none()
                && is_quantized
                && readers.next().is_none()
                && self
                    .fresh
                    .linear(index)
                    .is_some_and(|state| state.scale.is_none() && !dictionary(state, DIRECTIONS).is_empty())
        })
    }

    /// The fresh network `base` with every row of the layer at `node` on `direction`, thresholds evenly over its range.
    fn tied(&self, base: &Program, node: usize, direction: &[i32]) -> Result<Program, TrainError> {
        let mut program = base.clone();
        let mut calibrated = base.clone();
        self.calibrate(&mut calibrated)?;
        copy_input_steps(&calibrated, &mut program);
        let (step_in, levels_in) = calibrated.input_levels(node)?;
        let reader = calibrated.readers(node).next().unwrap_or(node);
        let levels_out = calibrated.levels(reader)?.1;
        let ends = direction.iter().map(|&weight| i64::from(weight)).fold((0, 0), |(lo, hi), weight| {
            let products = (weight * levels_in.lo, weight * levels_in.hi);
            (lo + products.0.min(products.1), hi + products.0.max(products.1))
        });
        let span = (ends.1 - ends.0).max(1) as f32;
        let units = (span / (levels_out.hi - levels_out.lo).max(1) as f32).round().max(1.0);
        let held = calibrated.held_step(reader);
        let scale = held.map_or(1.0 / step_in, |step_out| step_out / (units * step_in));
        if let Op::Quantizer(state) = &mut program.nodes[reader].op {
            state.step = Some(held.unwrap_or(units));
        }
        let step_out = held.unwrap_or(units);
        if let Op::Linear(state) = &mut program.nodes[node].op {
            let rows = state.bias.len();
            state.scale = Some(Array1::from_elem(state.scales(), scale));
            state.hold = Bias::Free;
            for row in 0..rows {
                let sign = if row % 2 == 0 { 1.0 } else { -1.0 };
                for (weight, &along) in state.weight.row_mut(row).iter_mut().zip(direction) {
                    *weight = sign * along as f32;
                }
                let place = (row as f32 + 0.5) / rows as f32;
                let centre = sign * (ends.0 as f32 + place * span);
                state.bias[row] = (middle(levels_out) - centre / units) * step_out;
            }
        }
        Ok(program)
    }

    /// Removes the directions whose removal costs least for what it saves, trains on, and again, while the result is good
    /// enough. Gives what it was given and every network that it went on from.
    fn eliminate(&self, found: Candidate) -> Result<Vec<(String, Candidate)>, TrainError> {
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

    fn calibrate(&self, program: &mut Program) -> Result<(), TrainError> {
        let features = self.train.features();
        Ok(calibrate::calibrate(program, &features, self.config.observer, Purpose::Train)?)
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

fn price(program: &Program) -> Result<Price, TrainError> {
    Ok(unnamed(program)?.1.price())
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

fn copy_input_steps(from: &Program, to: &mut Program) {
    for (from, to) in from.nodes.iter().zip(&mut to.nodes) {
        if let (Op::Quantizer(from_state), Op::Quantizer(to), None) = (&from.op, &mut to.op, from.from) {
            to.step = from_state.step;
        }
    }
}

fn copy_budgets(from: &Program, to: &mut Program) {
    for (from, to) in from.nodes.iter().zip(&mut to.nodes) {
        if let (Op::Linear(from), Op::Linear(to)) = (&from.op, &mut to.op) {
            to.limits = from.limits;
        }
    }
}

fn bar(config: &TrainConfig) -> ProgressBar {
    if !config.progress {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("searching {bar:32} {pos}/{len} {msg}");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

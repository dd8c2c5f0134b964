//! The cheapest network whose validation result is within a margin of the best that was found.
//!
//! Four things are tried in turn: the step of the input, smaller budgets of the layers, one direction for a whole layer, and
//! fewer units. Every choice is by the validation data and by [`Price`]. What is found is trained on with all samples.

mod budgets;
mod compare;
mod final_training;
mod input_step;
mod one_direction;
mod remove;
mod settings;
#[cfg(test)]
mod tests;
mod units;

use std::borrow::Borrow;

use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;

use self::{budgets::BUDGETS, compare::Score, settings::Chosen};
use super::{
    config::{CostSearch, TrainConfig, Validation},
    deadline::Deadline,
    encode,
    error::TrainError,
    evaluate::{Evaluator, check_features, noisy},
    history::History,
    select::Measure,
    trainer::{train_encoded, train_once},
    trial::{Trial, Tried},
};
use crate::{
    data::Dataset,
    nn::{Precision, lower::unnamed, program::Program, runner::Runner},
    prices::Price,
};

/// Samples that the search holds out at least, where that is not more than [`MOST_HELD_OUT`] of all.
const HELD_OUT: f32 = 500.0;
const MOST_HELD_OUT: f32 = 1.0 / 3.0;
/// Training samples, at most, that say what a unit brings.
const WEIGHED: usize = 2000;
/// Multiplications of a training's forward passes from which on it takes all threads: some ten seconds.
const LONG: f64 = 1e11;
/// Runs of each validation sample of a network that tolerates noise.
const DRAWS: usize = 4;

/// A network with what it does and costs.
#[derive(Clone)]
struct Candidate {
    program: Program,
    history: History,
    score: Score,
    price: Price,
}

/// Chooses how to train a fresh network, then searches for a cheap one: one without hidden layers where that is enough. `held_out` has
/// the samples to judge by, which are not trained on; without them parts of `data` do.
///
/// # Errors
/// When training fails, or the time is over before a network is trained.
pub(crate) fn search(
    program: &mut Program,
    data: &Dataset,
    held_out: Option<&Dataset>,
    config: &TrainConfig,
    options: &CostSearch,
) -> Result<History, TrainError> {
    for field in options.max_neurons.keys() {
        let has_neurons =
            |index: &usize| program.nodes[*index].name == field && program.is_bootstrapped(*index);
        if !(0..program.nodes.len()).any(|index| has_neurons(&index)) {
            return Err(TrainError::Neurons { field: field.clone() });
        }
    }
    let deadline = Deadline::in_seconds(options.max_seconds);
    let control = config.control.clone().unwrap_or_default().until(deadline);
    let config = &TrainConfig { control: Some(control), ..config.clone() };
    let linear = program.without_hidden();
    let structures = (&*program, linear.as_ref());
    let Chosen { setting, mut trials, on_a_part } =
        settings::choose(structures, data, held_out, config, (options, &deadline))?;
    let config = &TrainConfig { progress: config.progress, ..setting.on(config) };
    let (found, history) = match linear {
        Some(mut linear) if setting.is_linear => {
            let history = train_encoded(&mut linear, data, held_out, config);
            match (history, on_a_part) {
                (Err(TrainError::OutOfTime { .. }), Some(on_a_part)) => on_a_part,
                (history, _) => (linear, history?),
            }
        }
        Some(_) | None => {
            let fresh = setting.applied(program);
            let whole =
                if setting.is_settled { settled(&fresh, (data, held_out), config, options)? } else { None };
            match whole {
                Some(whole) => whole,
                None => cheap(&fresh, (data, held_out), config, (options, deadline), on_a_part)?,
            }
        }
    };
    *program = found;
    trials.extend(history.trials);
    Ok(History { trials, ..history })
}

/// A network of which nothing is left to choose, trained on all samples; none where the user set less, or the time is over.
fn settled(
    fresh: &Program,
    (data, held_out): (&Dataset, Option<&Dataset>),
    config: &TrainConfig,
    options: &CostSearch,
) -> Result<Option<(Program, History)>, TrainError> {
    let mut whole = fresh.clone();
    match train_encoded(&mut whole, data, held_out, config) {
        Err(TrainError::OutOfTime { .. }) => Ok(None),
        history => {
            let history = history?;
            let is_over = is_over(&whole, &price_of(&whole, options)?, options);
            Ok((!is_over).then_some((whole, history)))
        }
    }
}

/// The cheapest network that is good enough, and its log; of one that was trained `on_a_part` where there is time for no other.
fn cheap(
    fresh: &Program,
    (data, held_out): (&Dataset, Option<&Dataset>),
    config: &TrainConfig,
    (options, deadline): (&CostSearch, Deadline),
    on_a_part: Option<(Program, History)>,
) -> Result<(Program, History), TrainError> {
    let mut fresh = fresh.clone();
    let parts = match (held_out, &config.validation) {
        (None, Validation::Fraction(fraction)) => {
            Some(data.split(held_out_fraction(*fraction, data.len()), config.seed)?)
        }
        (Some(_), _) | (None, Validation::None | Validation::Set(_)) => None,
    };
    let (train, held_out) = match (&parts, held_out) {
        (Some((train, held_out)), _) => (train, held_out),
        (None, held_out) => (data, held_out.unwrap_or(data)),
    };
    encode::fit(&mut fresh, train, config.features)?;
    check_features(&fresh, held_out)?;
    let mut search = Search::new(&fresh, [data, train, held_out], config, options, deadline);
    let found = match (search.run(), on_a_part) {
        (Err(TrainError::OutOfTime { .. }), Some((program, history))) => {
            let (score, price) = (search.measure(&program, held_out)?, search.price(&program)?);
            search.within_limits(Candidate { program, history, score, price })?
        }
        (found, _) => found?,
    };
    search.bar.finish_and_clear();
    Ok((found.program, History { trials: search.trials, ..found.history }))
}

/// The part of so many samples that the search holds out: `fraction`, and more where that tells no networks apart.
fn held_out_fraction(fraction: f32, samples: usize) -> f32 {
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
    options: &'a CostSearch,
    deadline: Deadline,
    bar: ProgressBar,
    /// The best result so far, whatever its price.
    best: Option<Score>,
    trials: Vec<Trial>,
    fresh: Program,
}

impl<'a> Search<'a> {
    fn new(
        fresh: &Program,
        [whole, train, validation]: [&'a Dataset; 3],
        config: &'a TrainConfig,
        options: &'a CostSearch,
        deadline: Deadline,
    ) -> Self {
        Self {
            whole,
            train,
            weighed: train.thinned(WEIGHED),
            validation,
            config,
            options,
            deadline,
            bar: bar(config, "searching"),
            best: None,
            trials: Vec::new(),
            fresh: fresh.clone(),
        }
    }

    fn run(&mut self) -> Result<Candidate, TrainError> {
        let trained_in_part = self.choose_input_steps()?;
        let mut finalists = match (self.budgets(), trained_in_part) {
            (Err(TrainError::OutOfTime { .. }), Some(best)) => return self.within_limits(best),
            (best, _) => vec![best?],
        };
        match self.one_direction(&finalists[0]) {
            Err(TrainError::OutOfTime { .. }) => {}
            of_one_direction => finalists.extend(of_one_direction?),
        }
        self.bar.inc_length(finalists.len() as u64);
        let branches = finalists
            .into_par_iter()
            .map(|finalist| self.remove_units(finalist).inspect(|_| self.bar.inc(1)))
            .collect::<Result<Vec<_>, TrainError>>()?;
        self.consider(branches.iter().flatten().map(|(_, candidate)| candidate));
        let steps: Vec<(usize, usize)> = branches
            .iter()
            .enumerate()
            .flat_map(|(branch, steps)| (0..steps.len()).map(move |step| (branch, step)))
            .collect();
        let ends: Vec<&Candidate> = branches.iter().flatten().map(|(_, candidate)| candidate).collect();
        let (branch, last) = steps[self.cheapest(&ends)];
        let mut found = branches[branch][last].1.clone();
        for (step, (removed, candidate)) in branches[branch].iter().enumerate().skip(1) {
            self.note(removed.clone(), candidate, step <= last);
        }
        self.refine(&mut found)?;
        self.final_training(found)
    }

    /// A network without the units that are too many for what the user set, when the time is over.
    fn within_limits(&self, found: Candidate) -> Result<Candidate, TrainError> {
        let steps = self.remove_units(found)?;
        let last = steps.into_iter().next_back();
        Ok(last.map_or_else(|| unreachable!("the first is what was given"), |(_, candidate)| candidate))
    }

    /// Moves the steps of the input, unless that does worse.
    fn refine(&self, found: &mut Candidate) -> Result<(), TrainError> {
        let mut program = found.program.clone();
        self.refine_input_steps(&mut program)?;
        let score = self.measure(&program, self.validation)?;
        if !found.score.metrics.is_better(&score.metrics) {
            *found = Candidate { program, score, ..found.clone() };
        }
        Ok(())
    }

    /// Trains with each budget, and keeps the cheapest network that is good enough.
    fn budgets(&mut self) -> Result<Candidate, TrainError> {
        let config = self.config;
        let mut plans = vec![(Tried::Budget { max_l1: None }, self.fresh.clone())];
        for budget in BUDGETS {
            let program = self.fresh.with_budget(budget);
            if program != self.fresh {
                plans.push((Tried::Budget { max_l1: Some(budget) }, program));
            }
        }
        let (plans, mut tried) = self.train_all(&plans, |(_, program)| (program, config, &[]))?;
        self.consider(&tried);
        let chosen = self.cheapest(&tried);
        for (index, ((tried_budget, _), candidate)) in plans.into_iter().zip(&tried).enumerate() {
            self.note(tried_budget.clone(), candidate, index == chosen);
        }
        Ok(tried.swap_remove(chosen))
    }

    /// The plans that were trained for an epoch before the time was over, and their networks.
    ///
    /// # Errors
    /// When a training fails, or the time was over for all of them.
    fn train_all<'p, P: Sync>(
        &self,
        plans: &'p [P],
        plan: impl Fn(&'p P) -> (&'p Program, &'p TrainConfig, &'p [usize]) + Sync,
    ) -> Result<(Vec<&'p P>, Vec<Candidate>), TrainError> {
        self.bar.inc_length(plans.len() as u64);
        let train = |each: &'p P| {
            let (program, config, frozen) = plan(each);
            let candidate = self.train_one(program, config, frozen);
            self.bar.inc(1);
            candidate
        };
        let tried: Vec<_> = if self.takes_all_threads()? {
            plans.iter().map(train).collect()
        } else {
            plans.par_iter().map(train).collect()
        };
        let (mut left, mut candidates) = (Vec::new(), Vec::new());
        for (plan, candidate) in plans.iter().zip(tried) {
            match candidate {
                Err(TrainError::OutOfTime { .. }) => {}
                candidate => {
                    candidates.push(candidate?);
                    left.push(plan);
                }
            }
        }
        if left.is_empty() { Err(self.deadline.error()) } else { Ok((left, candidates)) }
    }

    /// Whether a training is so long that the first shall be done before the next begins, lest the time end all of them halfway.
    fn takes_all_threads(&self) -> Result<bool, TrainError> {
        let each = Runner::new(&self.fresh, Precision::Float, 1)?.multiplications() as f64;
        let samples = self.train.len() as f64 * self.config.epochs_of(self.train.len()) as f64;
        Ok(each * samples >= LONG)
    }

    fn train_one(
        &self,
        program: &Program,
        config: &TrainConfig,
        frozen: &[usize],
    ) -> Result<Candidate, TrainError> {
        let config = TrainConfig { progress: false, ..config.clone() };
        let is_trained = is_trained(program);
        let mut program = program.clone();
        let history = match train_once(&mut program, self.train, Some(self.validation), &config, frozen) {
            // What it was trained to before.
            Err(TrainError::OutOfTime { .. }) if is_trained => History::default(),
            history => history?,
        };
        let (score, price) = (self.measure(&program, self.validation)?, self.price(&program)?);
        Ok(Candidate { program, history, score, price })
    }

    fn price(&self, program: &Program) -> Result<Price, TrainError> {
        price_of(program, self.options)
    }

    /// What a network gives on `data`, with the noise that it tolerates.
    fn measure(&self, program: &Program, data: &Dataset) -> Result<Score, TrainError> {
        let outputs = if program.is_tolerant() {
            let (codec, graph) = unnamed(program)?;
            noisy((&codec, &graph), data, self.config.seed, DRAWS)?
        } else {
            Evaluator::new(program, self.config.precision)?.predict(program, &data.features())
        };
        Score::of(&outputs.view(), data, self.config)
    }

    fn is_over(&self, Candidate { program, price, .. }: &Candidate) -> bool {
        is_over(program, price, self.options)
    }

    fn excess(&self, program: &Program) -> Option<(usize, usize)> {
        excess(program, self.options)
    }

    fn consider<'c>(&mut self, candidates: impl IntoIterator<Item = &'c Candidate>) {
        for Candidate { score, .. } in candidates {
            if self.best.as_ref().is_none_or(|best| score.metrics.is_better(&best.metrics)) {
                self.best = Some(score.clone());
            }
        }
    }

    /// Whether a result is near the best that was found.
    fn is_enough(&self, score: &Score) -> bool {
        self.best.as_ref().is_none_or(|best| score.is_near(best, self.options.margin))
    }

    fn is_clearly_behind(&self, score: &Score) -> bool {
        self.best.as_ref().is_some_and(|best| score.is_clearly_behind(best, self.options.margin))
    }

    /// The index of the cheapest that is good enough; else of the best that keeps what the user set, else of the best.
    fn cheapest(&self, candidates: &[impl Borrow<Candidate>]) -> usize {
        let price = |index: &usize| candidates[*index].borrow().price;
        let is_over = |index: &usize| self.is_over(candidates[*index].borrow());
        let is_fine = |index: &usize| !is_over(index) && self.is_enough(&candidates[*index].borrow().score);
        let by_price = |a: &usize, b: &usize| price(a).core_seconds.total_cmp(&price(b).core_seconds);
        let affordable = || (0..candidates.len()).filter(|index| !is_over(index));
        (0..candidates.len())
            .filter(is_fine)
            .min_by(by_price)
            .or_else(|| affordable().reduce(|a, b| better(candidates, a, b)))
            .unwrap_or_else(|| best_of(candidates))
    }

    fn note(&mut self, tried: Tried, candidate: &Candidate, is_kept: bool) {
        self.trials.push(trial(tried, candidate.score.metrics, candidate.price, is_kept));
    }
}

/// Whether a network is above what the user set, or has no parameters at all.
fn is_over(program: &Program, price: &Price, options: &CostSearch) -> bool {
    !price.has_parameters
        || options.max_rotations.is_some_and(|most| price.rotations > most)
        || options.max_core_seconds.is_some_and(|most| price.core_seconds > most)
        || excess(program, options).is_some()
}

/// A layer that may have more units than the user lets it keep, and how many more.
fn excess(program: &Program, options: &CostSearch) -> Option<(usize, usize)> {
    (0..program.nodes.len()).find_map(|node| {
        let most = *options.max_neurons.get(program.nodes[node].name)?;
        let excess = program.units_of(node).len().saturating_sub(most);
        (excess > 0).then_some((node, excess))
    })
}

fn is_trained(program: &Program) -> bool {
    (0..program.nodes.len()).filter_map(|index| program.linear(index)).all(|state| state.scale.is_some())
}

fn trial(tried: Tried, Measure { accuracy, loss, .. }: Measure, price: Price, is_kept: bool) -> Trial {
    Trial { tried, accuracy, loss, price, is_kept }
}

fn price_of(program: &Program, options: &CostSearch) -> Result<Price, TrainError> {
    Ok(unnamed(program)?.1.price_at(options.p_fail))
}

/// The index of the best, the first of equals; 0 when there is none.
fn best_of(candidates: &[impl Borrow<Candidate>]) -> usize {
    (0..candidates.len()).reduce(|a, b| better(candidates, a, b)).unwrap_or(0)
}

fn better(candidates: &[impl Borrow<Candidate>], a: usize, b: usize) -> usize {
    let is_better = candidates[b].borrow().score.metrics.is_better(&candidates[a].borrow().score.metrics);
    if is_better { b } else { a }
}

fn bar(config: &TrainConfig, doing: &str) -> ProgressBar {
    if !config.progress {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(&format!("{doing} {{bar:32}} {{pos}}/{{len}} {{msg}}"));
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

//! What a network is trained with, chosen on data held out, the simplest first: whether it needs its hidden layers, how its features
//! are read, and the penalty on large weights.

use indicatif::ProgressBar;
use rayon::prelude::*;

use super::{Tried, bar, budgets::BUDGETS, compare::Score, input_step::has_open_steps, price_of, trial};
use crate::{
    data::Dataset,
    nn::{Precision, program::Program, runner::Runner},
    prices::Price,
    train::{
        config::{CostSearch, FeatureMap, TrainConfig},
        deadline::Deadline,
        encode,
        error::TrainError,
        evaluate::Evaluator,
        history::History,
        trainer::train_encoded,
        trial::Trial,
    },
};

/// Samples up to which each is held out once, in five folds; up to [`SOME`] in three. Of more, a quarter is held out.
const FEW: usize = 1000;
const SOME: usize = 4500;
/// Samples that settings are chosen on, at most.
const MOST: usize = 6000;
const QUARTER: f32 = 0.25;
/// Penalties that are tried, the largest first. One of `1 / n` for `n` samples is about the default of scikit-learn's.
const RIDGES: [f32; 5] = [1.0, 0.1, 0.01, 1e-3, 1e-5];
/// Factors on the best of them, which are tried next where there are no hidden layers.
const NEAR: [f32; 2] = [3.0, 1.0 / 3.0];
/// Penalties that are tried where there are hidden layers.
const HIDDEN_RIDGES: [f32; 3] = [0.1, 0.01, 1e-3];
/// Smaller ones, for fewer units, or where the smallest of those is the best.
const SMALL_RIDGES: [f32; 2] = [1e-4, 1e-5];
/// What is taken where nothing is tried.
const RIDGE: f32 = 1e-3;
/// Multiplications of the trainings of one structure, at most: some twenty seconds of two cores. A count, so that the same seed tries
/// the same.
const MULTIPLICATIONS: f64 = 3e11;
/// Features that are whitened on trial, at most.
const WHITENED: usize = 256;
/// Sixteenths of the units of hidden layers: all, and those of narrower layers.
const PARTS: usize = 16;
const NARROWER: [usize; 4] = [8, 4, 2, 1];
/// A forward pass, and two products of the same size back.
const PASSES: f64 = 3.0;

/// What a network is trained with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Setting {
    /// Whether the output reads the input alone, and no hidden layer.
    pub(super) is_linear: bool,
    /// How many sixteenths of the units of hidden layers there are.
    parts: usize,
    /// The budget of hidden layers, where it is below what is declared.
    max_l1: Option<usize>,
    /// Whether width and budgets were chosen too, so that nothing is left to search.
    pub(super) is_settled: bool,
    pub(super) features: FeatureMap,
    pub(super) ridge: f32,
}

/// What was chosen, and all that was tried for it.
pub(super) struct Chosen {
    pub(super) setting: Setting,
    pub(super) trials: Vec<Trial>,
    /// A network of that setting, trained on a part of the data to choose by.
    pub(super) on_a_part: Option<(Program, History)>,
}

/// A setting with what it gives on data held out.
struct Outcome {
    setting: Setting,
    score: Score,
    trial: Trial,
    /// The network of the first part.
    network: Option<(Program, History)>,
}

/// What came of a setting.
enum Attempt {
    Judged(Box<Outcome>),
    /// The time was over before all parts were trained; a network of one that was.
    Cut(Option<(Program, History)>),
}

/// Data to choose by: pairs to train and judge on, and all that is judged.
struct Trials {
    pairs: Vec<(Dataset, Dataset)>,
    held_out: Dataset,
}

/// Chooses how to train `fresh`, or `linear`, which is `fresh` without its hidden layers, on `data`, judged by `held_out` where there is
/// such data, else by parts of `data`. Of the settings of one structure the one with the least loss is taken, as it changes more smoothly
/// than the accuracy; hidden layers are taken where the network is then better, by more than half of `margin` and by more than luck
/// explains. Where `linear` is given, narrower hidden layers and smaller budgets are tried then, and the cheapest taken that is within
/// half of `margin` of what is declared. It begins nothing in the second half of the search's time.
///
/// # Errors
/// When a training fails.
pub(super) fn choose(
    (fresh, linear): (&Program, Option<&Program>),
    data: &Dataset,
    held_out: Option<&Dataset>,
    config: &TrainConfig,
    (options, deadline): (&CostSearch, &Deadline),
) -> Result<Chosen, TrainError> {
    let bar = bar(config, "choosing settings");
    let trials = Trials::new(data, held_out, config)?;
    let mut choice =
        Choice { trials, config, options, deadline, bar, left: 0, outcomes: Vec::new(), cut: None };
    let is_all_linear = linear == Some(fresh);
    if let Some(linear) = linear {
        choice.allow(linear)?;
        for features in maps(linear, data, config) {
            choice.run_ridges(linear, features)?;
        }
        if let (Some(best), None) = (best(&choice.outcomes, true), config.ridge) {
            let best = choice.outcomes[best].setting;
            choice.run(linear, &NEAR.map(|factor| Setting { ridge: factor * best.ridge, ..best }))?;
        }
    }
    let has_linear = choice.outcomes.iter().any(|outcome| outcome.setting.is_linear);
    // What fewer samples than features say of more weights is luck.
    if !is_all_linear && (data.len() > data.width() || !has_linear) {
        let best = best(&choice.outcomes, true).map(|best| choice.outcomes[best].setting.features);
        let mut maps = maps(fresh, data, config);
        maps.sort_by_key(|&map| Some(map) != best);
        let ridges = config.ridge.map_or(HIDDEN_RIDGES.to_vec(), |ridge| vec![ridge]);
        choice.allow(fresh)?;
        for features in maps {
            let of_ridge = |&ridge: &f32| Setting::of(false, features, ridge);
            choice.run(fresh, &ridges.iter().map(of_ridge).collect::<Vec<_>>())?;
        }
    }
    let mut chosen = choice.structure();
    if let (Some(hidden), Some(_)) = (chosen, linear)
        && !choice.outcomes[hidden].setting.is_linear
    {
        chosen = Some(choice.price(fresh, hidden)?);
    }
    let Choice { bar, mut outcomes, cut, .. } = choice;
    bar.finish_and_clear();
    if let Some(chosen) = chosen {
        outcomes[chosen].trial.is_kept = true;
    }
    let setting = chosen.map_or_else(
        || Setting::of(is_all_linear, config.features, config.ridge.unwrap_or(RIDGE)),
        |chosen| outcomes[chosen].setting,
    );
    let (setting, on_a_part) = match (chosen, cut) {
        (None, Some((setting, network))) => (setting, Some(network)),
        (chosen, _) => (setting, chosen.and_then(|chosen| outcomes[chosen].network.take())),
    };
    Ok(Chosen { setting, trials: outcomes.into_iter().map(|outcome| outcome.trial).collect(), on_a_part })
}

/// What was tried, and what else may be.
struct Choice<'a> {
    trials: Trials,
    config: &'a TrainConfig,
    options: &'a CostSearch,
    deadline: &'a Deadline,
    bar: ProgressBar,
    /// Settings that may be tried of the structure at hand.
    left: usize,
    outcomes: Vec<Outcome>,
    /// The last that the time cut off.
    cut: Option<(Setting, (Program, History))>,
}

impl Choice<'_> {
    fn allow(&mut self, program: &Program) -> Result<(), TrainError> {
        self.left = (MULTIPLICATIONS / self.trials.multiplications(program, self.config)?) as usize;
        Ok(())
    }

    /// Tries penalties for a network without hidden layers from the middle one on, smaller ones while the loss falls; where it does not,
    /// larger ones.
    fn run_ridges(&mut self, linear: &Program, features: FeatureMap) -> Result<(), TrainError> {
        let of_ridge = |ridge| Setting::of(true, features, ridge);
        if let Some(ridge) = self.config.ridge {
            return self.run(linear, &[of_ridge(ridge)]);
        }
        let (larger, smaller) = RIDGES.split_at(RIDGES.len() / 2);
        let middle = self.loss(linear, of_ridge(smaller[0]))?;
        let mut least = middle;
        for ridges in [smaller[1..].to_vec(), larger.iter().rev().copied().collect()] {
            for ridge in ridges {
                let loss = self.loss(linear, of_ridge(ridge))?;
                if loss >= least {
                    break;
                }
                least = loss;
            }
            if least < middle {
                break;
            }
        }
        Ok(())
    }

    /// The loss of a setting, infinite where it was not tried.
    fn loss(&mut self, program: &Program, setting: Setting) -> Result<f64, TrainError> {
        let before = self.outcomes.len();
        self.run(program, &[setting])?;
        Ok(self.outcomes.get(before).map_or(f64::INFINITY, |outcome| outcome.score.metrics.loss))
    }

    fn run(&mut self, program: &Program, settings: &[Setting]) -> Result<(), TrainError> {
        self.bar.inc_length(settings.len().min(self.left) as u64);
        for &setting in settings {
            if self.left == 0 || self.deadline.is_half_over() {
                break;
            }
            self.left -= 1;
            match self.trials.run(program, setting, self.config, self.options) {
                Ok(Attempt::Judged(outcome)) => self.outcomes.push(*outcome),
                Ok(Attempt::Cut(network)) => self.cut = network.map(|network| (setting, network)),
                // A setting that does not train is none to choose.
                Err(TrainError::Diverged { .. } | TrainError::Unusable(_)) => {}
                Err(error) => return Err(error),
            }
            self.bar.inc(1);
        }
        Ok(())
    }

    /// The index of the best setting, of hidden layers only where they are worth it.
    fn structure(&self) -> Option<usize> {
        let outcomes = &self.outcomes;
        match (best(outcomes, true), best(outcomes, false)) {
            (Some(linear), Some(hidden)) => {
                let (plain, deep) = (&outcomes[linear].score, &outcomes[hidden].score);
                Some(if plain.is_as_good(deep, self.options.margin / 2.0) { linear } else { hidden })
            }
            (linear, hidden) => linear.or(hidden),
        }
    }

    /// Tries narrower hidden layers, each with as small a penalty as lowers its loss, then smaller budgets. Gives the index of the cheapest
    /// outcome within half of the margin of that of all units, which is the one at `hidden` or has a smaller penalty.
    fn price(&mut self, fresh: &Program, hidden: usize) -> Result<usize, TrainError> {
        let whole = self.less(fresh, hidden)?;
        let (mut widths, mut last) = (vec![whole], whole);
        for parts in NARROWER {
            let setting = Setting { parts, ..self.outcomes[last].setting };
            if let Some(narrower) = self.vary(fresh, setting)? {
                last = self.less(fresh, narrower)?;
                widths.push(last);
            }
        }
        let width = self.cheapest(&widths);
        let mut near = vec![whole, width];
        for budget in BUDGETS {
            near.extend(self.vary(fresh, Setting { max_l1: Some(budget), ..self.outcomes[width].setting })?);
        }
        let chosen = self.cheapest(&near);
        let has_tried_all = self.left > 0 && !self.deadline.is_half_over();
        // Noise and steps of the input are for the rest of the search.
        self.outcomes[chosen].setting.is_settled =
            has_tried_all && !fresh.is_tolerant() && !has_open_steps(fresh);
        Ok(chosen)
    }

    /// Tries smaller penalties than that of the outcome at `index` while the loss falls, where the user set none. Gives the index of the
    /// outcome with the least loss.
    fn less(&mut self, program: &Program, index: usize) -> Result<usize, TrainError> {
        let mut best = index;
        for ridge in HIDDEN_RIDGES.into_iter().chain(SMALL_RIDGES) {
            let setting = Setting { ridge, ..self.outcomes[best].setting };
            let is_known = self.outcomes.iter().any(|outcome| outcome.setting == setting);
            if ridge >= self.outcomes[best].setting.ridge {
                continue;
            }
            let before = self.outcomes.len();
            if self.config.ridge.is_some()
                || is_known
                || self.loss(program, setting)? >= self.outcomes[best].score.metrics.loss
            {
                break;
            }
            best = before;
        }
        Ok(best)
    }

    /// The index of the outcome of a setting, where it makes another network and is tried.
    fn vary(&mut self, fresh: &Program, setting: Setting) -> Result<Option<usize>, TrainError> {
        let program = setting.applied(fresh);
        let mut hidden = self.outcomes.iter().filter(|outcome| !outcome.setting.is_linear);
        if hidden.any(|outcome| outcome.setting.applied(fresh) == program) {
            return Ok(None);
        }
        let before = self.outcomes.len();
        self.run(fresh, &[setting])?;
        Ok((self.outcomes.len() > before).then_some(before))
    }

    /// Of these outcomes the cheapest that is within half of the margin of the first; the other half went into whether there are hidden layers.
    fn cheapest(&self, outcomes: &[usize]) -> usize {
        let whole = &self.outcomes[outcomes[0]].score;
        let margin = self.options.margin / 2.0;
        let is_near = |index: &usize| self.outcomes[*index].score.is_within_margin(whole, margin);
        let price = |index: &usize| self.outcomes[*index].trial.price.core_seconds;
        let near = outcomes[1..].iter().copied().filter(is_near);
        std::iter::once(outcomes[0])
            .chain(near)
            .min_by(|a, b| price(a).total_cmp(&price(b)))
            .unwrap_or(outcomes[0])
    }
}

/// The index of the setting of one structure with the least loss.
fn best(outcomes: &[Outcome], is_linear: bool) -> Option<usize> {
    let loss = |index: &usize| outcomes[*index].score.metrics.loss;
    let is_of_kind = |index: &usize| outcomes[*index].setting.is_linear == is_linear;
    (0..outcomes.len()).filter(is_of_kind).min_by(|a, b| loss(a).total_cmp(&loss(b)))
}

/// What features go through on trial, where the user did not say, the simplest first.
fn maps(program: &Program, data: &Dataset, config: &TrainConfig) -> Vec<FeatureMap> {
    let mut maps = vec![config.features];
    if config.features == FeatureMap::Auto && encode::standardises(program, data) {
        maps.push(FeatureMap::AsIs);
    }
    let is_narrow = (2..=WHITENED).contains(&program.features);
    if config.features == FeatureMap::Auto && is_narrow && encode::can_whiten(program, data) {
        maps.push(FeatureMap::Whiten);
    }
    maps
}

impl Trials {
    fn new(data: &Dataset, held_out: Option<&Dataset>, config: &TrainConfig) -> Result<Self, TrainError> {
        if let Some(held_out) = held_out {
            return Ok(Self { pairs: vec![(data.clone(), held_out.clone())], held_out: held_out.clone() });
        }
        let few = data.thinned(MOST);
        let folds = if few.len() <= FEW {
            5.min(few.len())
        } else if few.len() <= SOME {
            3
        } else {
            1
        };
        let pairs: Vec<(Dataset, Dataset)> = match folds {
            0 | 1 => vec![few.split(QUARTER, config.seed)?],
            folds => few.folds(folds, config.seed)?.collect(),
        };
        let mut all = pairs.iter().map(|(_, held_out)| held_out.clone());
        let first = all.next().unwrap_or_else(|| data.clone());
        let held_out = all.try_fold(first, |joined, next| joined.concat(&next))?;
        Ok(Self { pairs, held_out })
    }

    /// Those of one setting.
    fn multiplications(&self, program: &Program, config: &TrainConfig) -> Result<f64, TrainError> {
        let mut program = program.clone();
        if let Some((train, _)) = self.pairs.first() {
            encode::fit(&mut program, train, config.features)?;
        }
        let each = Runner::new(&program, Precision::Float, 1)?.multiplications() as f64;
        let samples =
            |(train, _): &(Dataset, Dataset)| train.len() as f64 * config.epochs_of(train.len()) as f64;
        Ok(PASSES * each * self.pairs.iter().map(samples).sum::<f64>())
    }

    fn run(
        &self,
        program: &Program,
        setting: Setting,
        config: &TrainConfig,
        options: &CostSearch,
    ) -> Result<Attempt, TrainError> {
        let config = setting.on(config);
        let program = &setting.applied(program);
        let runs = self.pairs.par_iter().map(|(train, held_out)| {
            let mut program = program.clone();
            let history = train_encoded(&mut program, train, None, &config)?;
            let outputs = Evaluator::new(&program, config.precision)?.predict(&program, &held_out.features());
            Ok((outputs, (program, history)))
        });
        let every: Vec<Result<_, TrainError>> = runs.collect();
        let mut runs = Vec::with_capacity(every.len());
        for run in every {
            match run {
                Err(TrainError::OutOfTime { .. }) => {}
                run => runs.push(run?),
            }
        }
        if runs.len() < self.pairs.len() {
            return Ok(Attempt::Cut(runs.into_iter().next().map(|(_, network)| network)));
        }
        let views: Vec<_> = runs.iter().map(|(outputs, _)| outputs.view()).collect();
        let outputs = ndarray::concatenate(ndarray::Axis(0), &views).unwrap_or_default();
        let score = Score::of(&outputs.view(), &self.held_out, &config)?;
        let price = match runs.first() {
            Some((_, (program, _))) => price_of(program, options)?,
            None => Price::default(),
        };
        let Setting { is_linear, parts, max_l1, features, ridge, .. } = setting;
        let tried = match max_l1 {
            Some(_) => Tried::Budget { max_l1 },
            None if parts < PARTS => Tried::Narrower { units: widths(program), ridge },
            None => Tried::Setting { is_linear, features, ridge },
        };
        let trial = trial(tried, score.metrics, price, false);
        let network = runs.into_iter().next().map(|(_, network)| network);
        Ok(Attempt::Judged(Box::new(Outcome { setting, score, trial, network })))
    }
}

impl Setting {
    /// One with all units and the budgets as declared.
    const fn of(is_linear: bool, features: FeatureMap, ridge: f32) -> Self {
        Self { is_linear, parts: PARTS, max_l1: None, is_settled: false, features, ridge }
    }

    /// The fresh network with this part of its hidden units, and this budget.
    pub(super) fn applied(self, fresh: &Program) -> Program {
        let narrowed = if self.parts == PARTS { fresh.clone() } else { fresh.narrowed(self.parts, PARTS) };
        match self.max_l1 {
            Some(budget) => narrowed.with_budget(budget),
            None => narrowed,
        }
    }

    /// The same training with this setting.
    pub(super) fn on(self, config: &TrainConfig) -> TrainConfig {
        TrainConfig { ridge: Some(self.ridge), features: self.features, progress: false, ..config.clone() }
    }
}

/// The units that each bootstrapped layer has.
fn widths(program: &Program) -> Vec<(String, usize)> {
    let bootstrapped = (0..program.nodes.len()).filter(|&node| program.is_bootstrapped(node));
    bootstrapped.map(|node| (program.nodes[node].name.to_owned(), program.units_of(node).len())).collect()
}

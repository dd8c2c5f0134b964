//! What a network is trained with, chosen on data held out, the simplest first: whether it needs its hidden layers, how its features
//! are read, and the penalty on large weights.

use rayon::prelude::*;

use super::{Tried, compare::Score, deadline::Deadline, price_of, trial};
use crate::{
    data::Dataset,
    nn::{Precision, program::Program, runner::Runner},
    prices::Price,
    train::{
        config::{CostSearch, FeatureMap, TrainConfig},
        encode,
        error::TrainError,
        evaluate::Evaluator,
        trainer::train_encoded,
        trial::{Setting, Trial},
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
/// What is taken where nothing is tried.
const RIDGE: f32 = 1e-3;
/// Multiplications of the trainings of one structure, at most: some twenty seconds of two cores. A count, so that the same seed tries
/// the same.
const MULTIPLICATIONS: f64 = 3e11;
/// Features that are whitened on trial, at most, and samples that each of them needs.
const WHITENED: usize = 64;
const SAMPLES_EACH: usize = 5;
/// A forward pass, and two products of the same size back.
const PASSES: f64 = 3.0;

/// A setting with what it gives on data held out.
struct Outcome {
    setting: Setting,
    score: Score,
    trial: Trial,
}

/// Data to choose by: pairs to train and judge on, and all that is judged.
struct Trials {
    pairs: Vec<(Dataset, Dataset)>,
    held_out: Dataset,
}

/// Chooses how to train `fresh`, or `linear`, which is `fresh` without its hidden layers, on `data`, judged by `held_out` where there is such data, else by parts of `data`. Of the settings of one
/// structure the one with the least loss is taken, as it changes more smoothly than the accuracy; hidden layers are taken where the network
/// is then better, by more than half of `margin` and a standard error. Gives the setting and all that was tried.
///
/// # Errors
/// When a training fails.
pub(super) fn choose(
    (fresh, linear): (&Program, Option<&Program>),
    data: &Dataset,
    held_out: Option<&Dataset>,
    config: &TrainConfig,
    (options, deadline): (&CostSearch, &Deadline),
) -> Result<(Setting, Vec<Trial>), TrainError> {
    let trials = Trials::new(data, held_out, config)?;
    let mut outcomes: Vec<Outcome> = Vec::new();
    let is_all_linear = linear == Some(fresh);
    let structures = [linear.map(|linear| (linear, true)), (!is_all_linear).then_some((fresh, false))];
    for (program, is_linear) in structures.into_iter().flatten() {
        let mut left = (MULTIPLICATIONS / trials.multiplications(program, config)?) as usize;
        let mut run = |settings: Vec<Setting>, outcomes: &mut Vec<Outcome>| {
            for setting in settings {
                if left == 0 || deadline.is_over() {
                    break;
                }
                left -= 1;
                match trials.run(program, setting, config, options) {
                    Ok(outcome) => outcomes.push(outcome),
                    // A setting that does not train is none to choose.
                    Err(TrainError::Diverged { .. } | TrainError::Unusable(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok::<(), TrainError>(())
        };
        run(settings(program, data, is_linear, config), &mut outcomes)?;
        if let (Some(best), true, None) = (best(&outcomes, true), is_linear, config.ridge) {
            let best = outcomes[best].setting;
            run(NEAR.map(|factor| Setting { ridge: factor * best.ridge, ..best }).to_vec(), &mut outcomes)?;
        }
    }
    let chosen = match (best(&outcomes, true), best(&outcomes, false)) {
        (Some(linear), Some(hidden)) => {
            let (plain, deep) = (&outcomes[linear].score, &outcomes[hidden].score);
            Some(if plain.is_as_good(deep, options.margin / 2.0) { linear } else { hidden })
        }
        (linear, hidden) => linear.or(hidden),
    };
    if let Some(chosen) = chosen {
        outcomes[chosen].trial.is_kept = true;
    }
    let setting = chosen.map_or_else(
        || Setting {
            is_linear: is_all_linear,
            features: config.features,
            ridge: config.ridge.unwrap_or(RIDGE),
        },
        |chosen| outcomes[chosen].setting,
    );
    Ok((setting, outcomes.into_iter().map(|outcome| outcome.trial).collect()))
}

/// The index of the setting of one structure with the least loss.
fn best(outcomes: &[Outcome], is_linear: bool) -> Option<usize> {
    let loss = |index: &usize| outcomes[*index].score.metrics.loss;
    let is_of_kind = |index: &usize| outcomes[*index].setting.is_linear == is_linear;
    (0..outcomes.len()).filter(is_of_kind).min_by(|a, b| loss(a).total_cmp(&loss(b)))
}

/// What is tried, where the user did not say, the simplest first.
fn settings(program: &Program, data: &Dataset, is_linear: bool, config: &TrainConfig) -> Vec<Setting> {
    let ridges = match config.ridge {
        Some(ridge) => vec![ridge],
        None if is_linear => RIDGES.to_vec(),
        None => HIDDEN_RIDGES.to_vec(),
    };
    let mut maps = vec![config.features];
    if config.features == FeatureMap::Auto && encode::standardises(program, data) {
        maps.push(FeatureMap::AsIs);
    }
    let width = program.features;
    let has_enough = (2..=WHITENED).contains(&width) && data.len() >= SAMPLES_EACH * width;
    if config.features == FeatureMap::Auto && has_enough && encode::can_whiten(program, data) {
        maps.push(FeatureMap::Whiten);
    }
    let of_map = |&features: &FeatureMap| {
        ridges.iter().map(move |&ridge| Setting { is_linear, features, ridge }).collect::<Vec<_>>()
    };
    maps.iter().flat_map(of_map).collect()
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
    ) -> Result<Outcome, TrainError> {
        let config = setting.on(config);
        let runs = self.pairs.par_iter().map(|(train, held_out)| {
            let mut program = program.clone();
            train_encoded(&mut program, train, None, &config)?;
            let outputs = Evaluator::new(&program, config.precision)?.predict(&program, &held_out.features());
            Ok((outputs, program))
        });
        let runs = runs.collect::<Result<Vec<_>, TrainError>>()?;
        let views: Vec<_> = runs.iter().map(|(outputs, _)| outputs.view()).collect();
        let outputs = ndarray::concatenate(ndarray::Axis(0), &views).unwrap_or_default();
        let score = Score::of(&outputs.view(), &self.held_out, &config)?;
        let price = match runs.first() {
            Some((_, program)) => price_of(program, options)?,
            None => Price::default(),
        };
        let tried = Tried::Setting(setting);
        Ok(Outcome { setting, trial: trial(tried, score.metrics, price, false), score })
    }
}

impl Setting {
    /// The same training with this setting.
    pub(super) fn on(self, config: &TrainConfig) -> TrainConfig {
        TrainConfig { ridge: Some(self.ridge), features: self.features, progress: false, ..config.clone() }
    }
}

//! What `train` does: holds out validation data, then trains what is declared or searches for a cheap network.

use std::io::{self, Write};

use super::{
    class_weights::ClassWeights,
    config::{TrainConfig, Validation},
    error::TrainError,
    evaluate::{Evaluator, check_data},
    history::History,
    metrics::Metrics,
    search, targets,
    trainer::train_encoded,
};
use crate::{
    data::Dataset,
    nn::{Precision, program::Program},
};

/// Samples that are looked at, at most, to see whether a network has learned anything.
const LOOKED_AT: usize = 2000;

/// Trains `program` on `data` and gives the log.
///
/// # Errors
/// When an option is out of range, the data does not fit the network, the loss diverges, or training leaves a number with which
/// the network cannot run.
pub(crate) fn fit(
    program: &mut Program,
    data: &Dataset,
    config: &TrainConfig,
) -> Result<History, TrainError> {
    config.check()?;
    check_data(program, data, config.loss)?;
    config.class_weights.of(data.targets())?;
    config.select_by.on(data.targets(), &config.class_weights)?;
    let targets = targets::learn(program, data)?;
    let data = &*targets::learned(&targets, data);
    let search =
        config.search.as_ref().filter(|_| config.precision == Precision::Quantized && is_fresh(program));
    let held = match &config.validation {
        Validation::None | Validation::Fraction(_) => None,
        Validation::Set(held) => {
            check_data(program, held, config.loss)?;
            Some(targets::learned(&targets, held).into_owned())
        }
    };
    let history = match (search, &config.validation) {
        (Some(options), Validation::Fraction(_) | Validation::Set(_)) => {
            check_batch(program, config.batch.min(data.len()))?;
            search::search(program, data, held.as_ref(), config, options)
        }
        (None, Validation::Fraction(fraction)) => {
            let (train, held) = data.split(*fraction, config.seed)?;
            train_declared(program, &train, Some(&held), config)
        }
        (_, Validation::None) | (None, Validation::Set(_)) => {
            train_declared(program, data, held.as_ref(), config)
        }
    }?;
    let warning = warning(program, data, config)?;
    if let Some(warning) = &warning {
        tell(warning);
    }
    if let Some(kept) = program.targets_mut() {
        *kept = targets;
    }
    program.check()?;
    Ok(History { warning, ..history })
}

fn train_declared(
    program: &mut Program,
    train: &Dataset,
    held: Option<&Dataset>,
    config: &TrainConfig,
) -> Result<History, TrainError> {
    check_batch(program, config.batch.min(train.len()))?;
    train_encoded(program, train, held, config)
}

/// # Errors
/// When a batch normalisation has one number of a channel in each batch.
fn check_batch(program: &Program, batch: usize) -> Result<(), TrainError> {
    for node in &program.nodes {
        if let Some(state) = node.op.norm()
            && batch.saturating_mul(node.width / state.gamma.len()) < 2
        {
            return Err(TrainError::Batch { field: node.name.to_owned() });
        }
    }
    Ok(())
}

/// What is wrong with a network that does no better on the samples it was trained on than the same answer to all. Class weights ask
/// for rare classes at the cost of the accuracy, so with them only the same answer itself is wrong.
fn warning(program: &Program, data: &Dataset, config: &TrainConfig) -> Result<Option<String>, TrainError> {
    let data = data.thinned(LOOKED_AT);
    let outputs = Evaluator::new(program, config.precision)?.predict(program, &data.features());
    let metrics = Metrics::of(&outputs.view(), &data);
    Ok(match config.class_weights {
        ClassWeights::None => metrics.warning(),
        ClassWeights::Balanced | ClassWeights::SquareRoot | ClassWeights::Given(_) => {
            metrics.learned_nothing()
        }
    })
}

fn tell(warning: &str) {
    // A closed standard error is no reason to fail.
    let _ = writeln!(io::stderr().lock(), "warning: {warning}");
}

fn is_fresh(program: &Program) -> bool {
    (0..program.nodes.len()).filter_map(|index| program.linear(index)).all(|state| state.scale.is_none())
}

//! What `train` does: holds out validation data, then trains what is declared or searches for a cheap network.

use super::{
    config::{TrainConfig, Validation},
    encode,
    error::TrainError,
    evaluate::{check_data, check_features},
    history::History,
    search::{self, held_out},
    targets,
    trainer::train_once,
};
use crate::{
    data::Dataset,
    nn::{Precision, ops::Op, program::Program},
};

/// Trains `program` on `data` and gives the log.
///
/// # Errors
/// When an option is out of range, the data does not fit the network, or the loss diverges.
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
    let (train, validation) = match &config.validation {
        Validation::None => (data.clone(), None),
        Validation::Fraction(fraction) => {
            let fraction = search.map_or(*fraction, |_| held_out(*fraction, data.len()));
            let (train, held) = data.split(fraction, config.seed)?;
            (train, Some(held))
        }
        Validation::Set(held) => {
            check_data(program, held, config.loss)?;
            (data.clone(), Some(targets::learned(&targets, held).into_owned()))
        }
    };
    check_batch(program, config.batch.min(train.len()))?;
    encode::fit(program, &train, config.features)?;
    if let Some(held) = &validation {
        check_features(program, held)?;
    }
    let history = match (search, &validation) {
        (Some(search), Some(validation)) => search::search(program, data, &train, validation, config, search),
        _ => train_once(program, &train, validation.as_ref(), config, &[]),
    }?;
    if let Some(kept) = program.targets_mut() {
        *kept = targets;
    }
    Ok(history)
}

/// # Errors
/// When a batch normalisation has one number of a channel in each batch.
fn check_batch(program: &Program, batch: usize) -> Result<(), TrainError> {
    for node in &program.nodes {
        if let Op::Norm(state) = &node.op
            && batch.saturating_mul(node.width / state.gamma.len()) < 2
        {
            return Err(TrainError::Batch { field: node.name.to_owned() });
        }
    }
    Ok(())
}

fn is_fresh(program: &Program) -> bool {
    (0..program.nodes.len()).filter_map(|index| program.linear(index)).all(|state| state.scale.is_none())
}

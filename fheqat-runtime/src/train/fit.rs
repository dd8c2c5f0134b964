//! What `train` does: holds out validation data, then trains what is declared or searches for a cheap network.

use super::{
    config::{TrainConfig, Validation},
    encode,
    error::TrainError,
    evaluate::check_data,
    history::History,
    search::{self, held_out},
    trainer::train_once,
};
use crate::{
    data::Dataset,
    nn::{Precision, program::Program},
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
    let search =
        config.search.as_ref().filter(|_| config.precision == Precision::Quantized && is_fresh(program));
    let (train, validation) = match &config.validation {
        Validation::None => (data.clone(), None),
        Validation::Fraction(fraction) => {
            let fraction = search.map_or(*fraction, |_| held_out(*fraction, data.len()));
            let (train, held) = data.split(fraction, config.seed)?;
            (train, Some(held))
        }
        Validation::Set(held) => (data.clone(), Some(held.clone())),
    };
    encode::fit(program, &train, config.features)?;
    if let Some(held) = &validation {
        check_data(program, held, config.loss)?;
    }
    match (search, &validation) {
        (Some(search), Some(validation)) => search::search(program, data, &train, validation, config, search),
        _ => train_once(program, &train, validation.as_ref(), config, &[]),
    }
}

fn is_fresh(program: &Program) -> bool {
    (0..program.nodes.len()).filter_map(|index| program.linear(index)).all(|state| state.scale.is_none())
}

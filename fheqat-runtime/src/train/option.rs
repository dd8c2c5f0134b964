//! The limits of options.

use std::ops::RangeInclusive;

use super::error::TrainError;

pub(super) fn at_least_one(option: &'static str, value: usize) -> Result<(), TrainError> {
    if value >= 1 {
        return Ok(());
    }
    Err(TrainError::Option { option, value: value as f32, least: 1.0, most: f32::INFINITY })
}

pub(super) fn within(
    option: &'static str,
    value: f32,
    allowed: RangeInclusive<f32>,
) -> Result<(), TrainError> {
    if allowed.contains(&value) {
        return Ok(());
    }
    Err(TrainError::Option { option, value, least: *allowed.start(), most: *allowed.end() })
}

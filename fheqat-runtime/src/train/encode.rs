//! From training samples to what the layers that read the network's input do with features.

use std::sync::Arc;

use fheqat_spec::Range;
use ndarray::Array2;

use super::{config::FeatureMap, error::TrainError, evaluate::check_features};
use crate::{
    data::{Dataset, Feature, FeatureKind},
    nn::{
        ops::{Op, quantizer::QuantizerState, reading::Reading, thermometer::ThermometerState},
        program::Program,
    },
    quant::{Standardization, ThermometerCode, Transform, Whitening, whitening::MAX_WHITENED},
};

/// How far from the mean the levels of a standardised feature reach, in deviations, where they lie on both sides alike.
const REACH: f32 = 2.0;
/// The widest levels that do so; more levels have room for more than those few deviations.
const WIDEST: i64 = 16;

/// Chooses, for each layer that reads the network's input, what is done to features, steps where that tells them, thresholds
/// and categories, on all samples of `data`. What a training has chosen before stays, but for features that were read as they
/// are where `map` says otherwise.
///
/// # Errors
/// When a value is missing that nothing reads, or features cannot be whitened.
pub(crate) fn fit(program: &mut Program, data: &Dataset, map: FeatureMap) -> Result<(), TrainError> {
    if map == FeatureMap::Whiten {
        check_whitened(data)?;
    }
    check_features(program, data)?;
    let is_flat = program.is_flat();
    for index in 0..program.nodes.len() {
        let owns_step = program.owner(index) == Some(index);
        let path = program.client_path(index);
        let node = &mut program.nodes[index];
        match &mut node.op {
            Op::Quantizer(_) | Op::Thermometer(_) if !path.is_empty() => {
                fit_behind_client(program, index, &path, (data, map));
            }
            Op::Quantizer(state) if node.from.is_none() => {
                fit_quantizer(state, data, map, (is_flat, owns_step));
            }
            Op::Thermometer(state) => fit_thermometer(state, data, map, (is_flat, node.name))?,
            Op::Quantizer(_)
            | Op::Linear(_)
            | Op::Norm(_)
            | Op::Constant(_)
            | Op::Sum(_)
            | Op::Join(_)
            | Op::Wires(_)
            | Op::Pool(_)
            | Op::MaxPool(_)
            | Op::LeaveOut(_)
            | Op::Client(_) => {}
        }
    }
    Ok(())
}

/// Chooses what features go through before layers of the client, the statistics that their normalisations start from, and the
/// thresholds behind them: of what fresh layers give, for their weights learn around those. All of it stays once it is chosen.
fn fit_behind_client(
    program: &mut Program,
    index: usize,
    path: &[usize],
    (data, map): (&Dataset, FeatureMap),
) {
    if program.reading(index).is_some() {
        return;
    }
    let samples = data.features();
    let transform = match map {
        FeatureMap::AsIs => Transform::AsIs,
        FeatureMap::Auto if !has_plain_quantities(data, program.is_flat()) => Transform::AsIs,
        FeatureMap::Auto | FeatureMap::Standardize => Transform::Standardize(Standardization::of(&samples)),
        FeatureMap::Whiten => Transform::Whiten(Whitening::of(&samples, 0.0)),
    };
    let mut values = transform.applied(&samples);
    for &node in path {
        if let Some(state) = program.nodes[node].op.norm_mut() {
            state.measure(&values);
        }
        if let Op::Client(state) = &program.nodes[node].op {
            let (layer, before) = (state.layer(), values);
            values = Array2::zeros((before.nrows(), program.nodes[node].width));
            for (mut to, from) in values.rows_mut().into_iter().zip(before.rows()) {
                if let (Some(from), Some(to)) = (from.as_slice(), to.as_slice_mut()) {
                    layer.apply(from, to);
                }
            }
        }
    }
    let reading = Reading { described: data.described().into(), transform };
    match &mut program.nodes[index].op {
        Op::Quantizer(state) => state.reading = Some(reading),
        Op::Thermometer(state) => {
            let (numbers, size) = (Feature::numbered(values.ncols()), (state.bits, state.positions));
            let code = ThermometerCode::of(&values.view(), &numbers, size, state.thresholds);
            state.chosen = Some((reading, code));
        }
        _ => {}
    }
}

fn fit_quantizer(
    state: &mut QuantizerState,
    data: &Dataset,
    map: FeatureMap,
    (is_flat, owns_step): (bool, bool),
) {
    let map = match (&state.reading, map) {
        (Some(Reading { transform: Transform::Standardize(_) | Transform::Whiten(_), .. }), _)
        | (Some(_), FeatureMap::Auto | FeatureMap::AsIs) => return,
        (None, FeatureMap::Auto) => by_default(state, data, is_flat),
        (_, map) => map,
    };
    let symmetric = symmetric_step(state.declared).filter(|_| state.fixed.is_none() && owns_step);
    // Levels -4..=3 lie alike around half a step below zero.
    let offset = symmetric.map_or(0.0, |step| step / 2.0);
    let samples = data.features();
    let transform = match map {
        FeatureMap::Auto | FeatureMap::AsIs => Transform::AsIs,
        FeatureMap::Standardize => Transform::Standardize(Standardization::beside(&samples, offset)),
        FeatureMap::Whiten => Transform::Whiten(Whitening::of(&samples, offset)),
    };
    if transform != Transform::AsIs {
        state.step = state.fixed.or(symmetric);
    }
    state.reading = Some(Reading { described: data.described().into(), transform });
}

/// Features whose units say nothing are standardised.
fn by_default(state: &QuantizerState, data: &Dataset, is_flat: bool) -> FeatureMap {
    let is_signed = state.declared.lo < 0;
    if is_signed && state.fixed.is_none() && has_plain_quantities(data, is_flat) {
        FeatureMap::Standardize
    } else {
        FeatureMap::AsIs
    }
}

/// Whether features have no order, as those of images have, and are all quantities.
fn has_plain_quantities(data: &Dataset, is_flat: bool) -> bool {
    is_flat && data.described().iter().all(|feature| feature.kind == FeatureKind::Number)
}

/// The step of few levels, of which as many are below zero as above, that reach as far as they should; `None` for others.
fn symmetric_step(levels: Range) -> Option<f32> {
    let count = levels.count();
    let is_even = levels.lo < 0 && levels.lo + levels.hi == -1;
    (is_even && (4..=WIDEST).contains(&count)).then(|| 2.0 * REACH / count as f32)
}

fn fit_thermometer(
    state: &mut ThermometerState,
    data: &Dataset,
    map: FeatureMap,
    (is_flat, field): (bool, &str),
) -> Result<(), TrainError> {
    if state.chosen.is_some() {
        return Ok(());
    }
    if !is_flat && let Some(feature) = first_category(data) {
        return Err(TrainError::Category { field: field.to_owned(), feature: feature.name.clone() });
    }
    let samples = data.features();
    let described: Arc<[Feature]> = data.described().into();
    let size = (state.bits, state.positions);
    state.chosen = Some(match map {
        FeatureMap::Whiten => {
            let transform = Transform::Whiten(Whitening::of(&samples, 0.0));
            let whitened = transform.applied(&samples);
            let code = ThermometerCode::of(&whitened.view(), &described, size, state.thresholds);
            (Reading { described, transform }, code)
        }
        // Thresholds move with their features.
        FeatureMap::Auto | FeatureMap::AsIs | FeatureMap::Standardize => {
            let code = ThermometerCode::of(&samples, &described, size, state.thresholds);
            (Reading { described, transform: Transform::AsIs }, code)
        }
    });
    Ok(())
}

/// Whether a quantizer of the input would standardise its features where training is not told.
pub(crate) fn standardises(program: &Program, data: &Dataset) -> bool {
    let is_flat = program.is_flat();
    program.nodes.iter().filter(|node| node.from.is_none()).any(|node| match &node.op {
        Op::Quantizer(state) => by_default(state, data, is_flat) == FeatureMap::Standardize,
        Op::Client(_) => has_plain_quantities(data, is_flat),
        _ => false,
    })
}

/// Whether features can be whitened, and no step that the user fixed says in which units they are read.
pub(crate) fn can_whiten(program: &Program, data: &Dataset) -> bool {
    let is_open = |op: &Op| match op {
        Op::Quantizer(state) => state.fixed.is_none(),
        Op::Thermometer(_) | Op::Client(_) => true,
        _ => false,
    };
    let mut readers = program.nodes.iter().filter(|node| node.from.is_none());
    program.is_flat() && check_whitened(data).is_ok() && readers.all(|node| is_open(&node.op))
}

fn first_category(data: &Dataset) -> Option<&Feature> {
    data.described().iter().find(|feature| feature.kind != FeatureKind::Number)
}

fn check_whitened(data: &Dataset) -> Result<(), TrainError> {
    if let Some(feature) = first_category(data) {
        return Err(TrainError::WhitenedCategory { feature: feature.name.clone() });
    }
    if let Some(((_, column), _)) = data.features().indexed_iter().find(|(_, value)| value.is_nan()) {
        return Err(TrainError::WhitenedMissing { feature: data.described()[column].name.clone() });
    }
    if data.width() > MAX_WHITENED {
        return Err(TrainError::WhitenedWidth { found: data.width(), most: MAX_WHITENED });
    }
    Ok(())
}

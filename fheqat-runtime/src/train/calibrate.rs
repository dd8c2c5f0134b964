//! From float layers, or fresh ones, to layers with scales and steps.

use fheqat_spec::Bias;
use ndarray::{Array2, ArrayView2, Axis};

use crate::{
    nn::{
        NetworkError, Precision,
        forward::{Kernel, Runner},
        layer::{LinearState, QuantizerState},
        program::{Op, Program},
        slice, slice_mut,
    },
    quant::{
        Observer,
        row::best_scale,
        standardized,
        transition::{middle, units_per_level},
    },
};

/// Rows that calibration looks at.
const SAMPLES: usize = 512;
const SCALES: usize = 100;

/// Whether rounding starts a training or ends one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Training goes on: a layer with a budget gets a start that converges.
    Train,
    /// The float function is kept as well as rounding can.
    Keep,
}

/// Chooses every scale and step that is not chosen yet, in the order of the nodes, from some samples.
///
/// # Errors
/// When the program reads what is not there.
pub(crate) fn calibrate(
    program: &mut Program,
    features: &ArrayView2<'_, f32>,
    observer: Observer,
    purpose: Purpose,
) -> Result<(), NetworkError> {
    let stride = features.nrows().div_ceil(SAMPLES);
    let rows: Vec<usize> = (0..features.nrows()).step_by(stride).collect();
    let sample = features.select(Axis(0), &rows);
    let features = &sample.view();
    let mut is_fresh = vec![false; program.nodes.len()];
    for index in 0..program.nodes.len() {
        match &program.nodes[index].op {
            Op::Quantizer(_) if program.owner(index) != Some(index) => {
                let from = program.nodes[index].from.filter(|&from| is_fresh[from]);
                if let (Some(from), Purpose::Train) = (from, purpose) {
                    fit_scale(program, from, index, features, observer)?;
                }
            }
            Op::Quantizer(state) if state.step.is_none() => {
                let step = match purpose {
                    Purpose::Keep if program.is_shared(index) => {
                        widest_step(program, index, features, observer)?
                    }
                    _ => step_of(program, index, features, observer, purpose)?,
                };
                if let Op::Quantizer(state) = &mut program.nodes[index].op {
                    state.step = Some(step);
                }
            }
            Op::Linear(state) if state.scale.is_none() => {
                scale_linear(program, index, features, purpose)?;
                is_fresh[index] = true;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Scales a fresh layer to the step of the quantizer behind it, which is another quantizer's too.
fn fit_scale(
    program: &mut Program,
    linear: usize,
    quantizer: usize,
    features: &ArrayView2<'_, f32>,
    observer: Observer,
) -> Result<(), NetworkError> {
    let is_free = program.linear(linear).is_some_and(|state| state.limits.max_l1.is_none());
    if !is_free || program.readers(linear).count() > 1 {
        return Ok(());
    }
    let ratio = program.step(quantizer)? / step_of(program, quantizer, features, observer, Purpose::Train)?;
    if let Op::Linear(state) = &mut program.nodes[linear].op {
        state.scale = state.scale.map(|scale| scale * ratio);
        state.bias *= ratio;
    }
    Ok(())
}

/// The largest step that any of the quantizers which share that of `owner` would choose for what it reads in float.
fn widest_step(
    program: &Program,
    owner: usize,
    features: &ArrayView2<'_, f32>,
    observer: Observer,
) -> Result<f32, NetworkError> {
    let mut runner = Runner::new(program, Precision::Float, features.nrows())?;
    runner.run(features);
    let mut widest: f32 = 0.0;
    for (index, node) in program.nodes.iter().enumerate() {
        let Op::Quantizer(state) = &node.op else { continue };
        if program.owner(index) == Some(owner) {
            let step = match node.from {
                Some(from) => observer.step(slice(&runner.outputs[from]), state.levels),
                None => observer.step(&read(state, features), state.levels),
            };
            widest = widest.max(step);
        }
    }
    Ok(widest)
}

fn scale_linear(
    program: &mut Program,
    index: usize,
    features: &ArrayView2<'_, f32>,
    purpose: Purpose,
) -> Result<(), NetworkError> {
    let (step_in, levels_in) = program.input_levels(index)?;
    let reader = program.nodes.iter().position(|node| node.from == Some(index));
    let Op::Linear(state) = &mut program.nodes[index].op else { return Ok(()) };
    let budget = match purpose {
        Purpose::Train => {
            state.hold = state.declared;
            state.limits.max_l1
        }
        Purpose::Keep => {
            state.hold = if state.declared == Bias::None { Bias::None } else { Bias::Free };
            None
        }
    };
    let Some(budget) = budget else {
        let width = state.weight.ncols();
        let scale = best_scale(&state.limits, &slice(&state.weight).chunks_exact(width), SCALES);
        state.weight.mapv_inplace(|weight| weight / scale);
        state.scale = Some(scale);
        return Ok(());
    };
    state.scale = Some(sparse_start(state, budget));
    let Some(reader) = reader else {
        return spread_outputs(program, index, features);
    };
    // A step the user fixed leaves only the scale of the weights to place the transition.
    let Op::Quantizer(quantizer) = &program.nodes[reader].op else { return Ok(()) };
    let units = units_per_level(budget, levels_in, quantizer.levels);
    let (fixed, levels_out) = (program.held_step(reader), quantizer.levels);
    if let (Some(step_out), Op::Linear(state)) = (fixed, &mut program.nodes[index].op) {
        state.scale = Some(step_out / (units * step_in));
    }
    if program.hold(index) == Bias::Free {
        let sums = sums_of(program, index, features)?;
        let unit = program.unit(index)?;
        if let Op::Linear(state) = &mut program.nodes[index].op {
            let positions = sums.ncols() / state.bias.len();
            for (bias, columns) in state.bias.iter_mut().zip(sums.axis_chunks_iter(Axis(1), positions)) {
                *bias = (middle(levels_out) * units - columns.sum() / columns.len() as f32) * unit;
            }
        }
    }
    Ok(())
}

/// The start that tight budgets need: in each row half the budget in weights of 0.6 to 2.4 units, the others below 0.3.
///
/// Of uniform weights the largest magnitudes are at random places and uniform between the largest that is left and the
/// bound; so a stretch of each part gives the start, keeps order and signs, and needs no other draw. Gives the scale.
fn sparse_start(state: &mut LinearState, budget: usize) -> f32 {
    let widest = state.weight.fold(0.0f32, |most, weight| most.max(weight.abs()));
    let width = state.weight.ncols();
    let kept = (budget / 2).max(1);
    let mut magnitudes: Vec<f32> = Vec::with_capacity(width);
    for row in slice_mut(&mut state.weight).chunks_exact_mut(width) {
        magnitudes.clear();
        magnitudes.extend(row.iter().map(|weight| weight.abs()));
        magnitudes.sort_unstable_by(|a, b| b.total_cmp(a));
        let left = magnitudes.get(kept).copied().unwrap_or(0.0);
        let span = (magnitudes[0] - left).max(f32::MIN_POSITIVE);
        for weight in row {
            let magnitude = weight.abs();
            let units = if magnitude > left {
                0.6 + 1.8 * (magnitude - left) / span
            } else if left > 0.0 {
                0.3 * magnitude / left
            } else {
                0.0
            };
            *weight = units.copysign(*weight);
        }
    }
    if widest > 0.0 { widest / state.limits.weights.hi as f32 } else { 1.0 }
}

/// Scales the last layer so that its outputs have a standard deviation of 1.
fn spread_outputs(
    program: &mut Program,
    index: usize,
    features: &ArrayView2<'_, f32>,
) -> Result<(), NetworkError> {
    let sums = sums_of(program, index, features)?;
    let deviation = deviation(slice(&sums));
    let step_in = program.input_levels(index)?.0;
    if let Op::Linear(state) = &mut program.nodes[index].op {
        state.scale = Some(1.0 / (deviation * step_in));
        state.bias.fill(0.0);
    }
    Ok(())
}

fn step_of(
    program: &Program,
    index: usize,
    features: &ArrayView2<'_, f32>,
    observer: Observer,
    purpose: Purpose,
) -> Result<f32, NetworkError> {
    let node = &program.nodes[index];
    let Op::Quantizer(quantizer) = &node.op else { return Err(program.not_calibrated(index)) };
    let levels = quantizer.levels;
    let Some(from) = node.from else {
        return Ok(observer.step(&read(quantizer, features), levels));
    };
    let Some(state) = program.linear(from) else {
        let unit = program.unit(from)?;
        let values = sums_of(program, from, features)?.mapv(|sum| sum * unit);
        return Ok(observer.step(slice(&values), levels));
    };
    let unit = program.unit(from)?;
    let hold = program.hold(from);
    if let (Some(budget), Purpose::Train) = (state.limits.max_l1, purpose) {
        return Ok(unit * units_per_level(budget, program.input_levels(from)?.1, levels));
    }
    let mut sums = sums_of(program, from, features)?;
    if hold != Bias::Centred {
        let positions = sums.ncols() / state.bias.len();
        for (mut columns, bias) in sums.axis_chunks_iter_mut(Axis(1), positions).zip(&state.bias) {
            columns.mapv_inplace(|value| value * unit + bias);
        }
        return Ok(observer.step(slice(&sums), levels));
    }
    // Centred, two standard deviations reach from the middle of the levels to their ends.
    let half = (levels.hi - levels.lo).max(1) as f32 / 2.0;
    Ok(unit * 2.0 * deviation(slice(&sums)) / half)
}

/// What a quantizer of the network's input rounds.
fn read(state: &QuantizerState, features: &ArrayView2<'_, f32>) -> Vec<f32> {
    let standardization = state.standardization.as_ref();
    features
        .indexed_iter()
        .map(|((_, feature), &value)| standardized(standardization, feature, value))
        .collect()
}

/// The outputs of the node at `index` before any scale: sums of a linear layer, centred where its bias is.
fn sums_of(
    program: &Program,
    index: usize,
    features: &ArrayView2<'_, f32>,
) -> Result<Array2<f32>, NetworkError> {
    let mut runner = Runner::of_first(program, index + 1, Precision::Quantized, features.nrows())?;
    if let Kernel::Product(product) = &mut runner.kernels[index] {
        product.affine = None;
    }
    let mut sums = runner.run(features).to_owned();
    if let (Kernel::Product(product), Bias::Centred) = (&runner.kernels[index], program.hold(index)) {
        let middle = middle(program.input_levels(index)?.1);
        let positions = sums.ncols() / product.row_sums.len();
        let neurons = sums.axis_chunks_iter_mut(Axis(1), positions).zip(&product.row_sums);
        for (mut columns, weights) in neurons {
            columns.mapv_inplace(|sum| sum - weights * middle);
        }
    }
    Ok(sums)
}

fn deviation(values: &[f32]) -> f32 {
    let count = values.len().max(1) as f32;
    let mean = values.iter().sum::<f32>() / count;
    let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f32>() / count;
    variance.sqrt().max(f32::EPSILON)
}

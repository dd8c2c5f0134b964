//! From float layers, or fresh ones, to layers with scales and steps.

use fheqat_spec::{Bias, Range};
use ndarray::{Array2, ArrayView2, Axis};

use crate::{
    nn::{
        NetworkError, Precision,
        forward::{Kernel, Runner, Statistics},
        layer::{LinearState, QuantizerState},
        program::{Op, Program},
        slice, slice_mut,
    },
    quant::{
        Observer, Quantizer,
        row::best_scale,
        standardized,
        transition::{middle, units_per_level},
    },
};

/// Rows that calibration looks at.
const SAMPLES: usize = 512;
const SCALES: usize = 100;
/// The standard deviation of what a function reads when training starts: so far that one which bends around zero does. At 1
/// narrow rows lose cells of the checkerboard.
const REACH: f32 = 2.0;

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
    let all = features;
    let starts = purpose == Purpose::Train
        && (0..program.nodes.len())
            .any(|index| program.linear(index).is_some_and(|state| state.scale.is_none()));
    if starts {
        keep_tightest_budget(program);
    }
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
                is_fresh[index] = true;
            }
            Op::Linear(state) if state.scale.is_none() => {
                scale_linear(program, index, features, purpose)?;
                is_fresh[index] = true;
            }
            Op::Quantizer(_) | Op::Linear(_) => {}
            op => {
                let is_norm = matches!(op, Op::Norm(_));
                is_fresh[index] = program.operands(index).iter().any(|&from| is_fresh[from]);
                if is_norm && is_fresh[index] && purpose == Purpose::Train {
                    measure(program, index, features)?;
                }
            }
        }
        if starts && program.nodes[index].from.is_none() {
            keep_reached(program, index, all)?;
        }
    }
    Ok(())
}

/// A layer that cannot exceed the tightest budget of the network keeps it anyway, and starts like those that have it: behind a
/// dense start tight rows lose cells of the checkerboard.
fn keep_tightest_budget(program: &mut Program) {
    let states = (0..program.nodes.len()).filter_map(|index| program.linear(index));
    let Some(tightest) = states.filter_map(|state| state.limits.max_l1).min() else { return };
    for node in &mut program.nodes {
        if let Op::Linear(state) = &mut node.op
            && state.scale.is_none()
            && state.limits.max_l1.is_none()
            && state.limits.reach() <= tightest
        {
            state.limits.max_l1 = Some(state.limits.reach());
        }
    }
}

/// Leaves a quantizer of the input the levels that samples reach, and zero. What they never reach widens every accumulator
/// behind, and moves its middle, where a centred bias puts the transition, off what there is to tell apart.
fn keep_reached(
    program: &mut Program,
    index: usize,
    features: &ArrayView2<'_, f32>,
) -> Result<(), NetworkError> {
    let step = program.step(index)?;
    if let Op::Quantizer(state) = &mut program.nodes[index].op {
        let quantizer = Quantizer { step, levels: state.declared };
        let standardization = state.standardization.as_ref();
        let (lo, hi) = features.indexed_iter().fold((0, 0), |(lo, hi), ((_, feature), &value)| {
            let level = quantizer.level(standardized(standardization, feature, value));
            (level.min(lo), level.max(hi))
        });
        if lo < hi {
            state.levels = Range::new(lo, hi);
        }
    }
    Ok(())
}

/// Gives a batch normalisation the statistics of the samples, to start its averages from.
fn measure(program: &mut Program, index: usize, features: &ArrayView2<'_, f32>) -> Result<(), NetworkError> {
    let Some(from) = program.nodes[index].from else { return Ok(()) };
    let values = values_of(program, from, features)?;
    if let Op::Norm(state) = &mut program.nodes[index].op {
        let positions = values.ncols() / state.mean.len();
        let channels = values.axis_chunks_iter(Axis(1), positions);
        for ((columns, mean), variance) in channels.zip(&mut state.mean).zip(&mut state.variance) {
            let count = columns.len() as f32;
            *mean = columns.sum() / count;
            *variance = columns.fold(0.0, |sum, value| sum + (value - *mean) * (value - *mean)) / count;
        }
    }
    Ok(())
}

/// Scales a fresh layer, or the normalisation behind it, to the step of the quantizer behind, which is another quantizer's
/// too.
fn fit_scale(
    program: &mut Program,
    from: usize,
    quantizer: usize,
    features: &ArrayView2<'_, f32>,
    observer: Observer,
) -> Result<(), NetworkError> {
    let is_free = match &program.nodes[from].op {
        Op::Linear(state) => state.limits.max_l1.is_none(),
        Op::Norm(_) => true,
        _ => false,
    };
    if !is_free || program.function(quantizer).is_some() || program.readers(from).count() > 1 {
        return Ok(());
    }
    let ratio = program.step(quantizer)? / step_of(program, quantizer, features, observer, Purpose::Train)?;
    match &mut program.nodes[from].op {
        Op::Linear(state) => state.stretch(ratio),
        Op::Norm(state) => {
            state.gamma *= ratio;
            state.beta *= ratio;
        }
        _ => {}
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
            let step = observer.step(slice(&runner.outputs[index]), state.levels);
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
        round_rows(state);
        return match reader {
            Some(reader) if purpose == Purpose::Train && program.function(reader).is_some() => {
                reach(program, index, features, f32::max)
            }
            _ => Ok(()),
        };
    };
    let scale = sparse_start(state, budget);
    state.set_scale(scale);
    let Some(reader) = reader else {
        return spread_outputs(program, index, features);
    };
    // A step the user fixed leaves only the scale of the weights to place the transition.
    let Op::Quantizer(quantizer) = &program.nodes[reader].op else { return Ok(()) };
    let units = units_per_level(budget, levels_in, quantizer.levels);
    let (fixed, levels_out) = (program.held_step(reader), quantizer.levels);
    if program.function(reader).is_some() {
        if program.hold(index) == Bias::Free {
            centre_outputs(program, index, features, 0.0)?;
        }
        return reach(program, index, features, |_, ratio| ratio);
    }
    if let (Some(step_out), Op::Linear(state)) = (fixed, &mut program.nodes[index].op) {
        state.set_scale(step_out / (units * step_in));
    }
    if program.hold(index) == Bias::Free {
        centre_outputs(program, index, features, middle(levels_out) * units)?;
    }
    Ok(())
}

/// Chooses the free bias of each neuron so that its sums, bias included, are `middle` units on average.
fn centre_outputs(
    program: &mut Program,
    index: usize,
    features: &ArrayView2<'_, f32>,
    middle: f32,
) -> Result<(), NetworkError> {
    let sums = sums_of(program, index, features)?;
    let units: Vec<f32> = program.units(index)?.collect();
    if let Op::Linear(state) = &mut program.nodes[index].op {
        let positions = sums.ncols() / state.bias.len();
        let columns = sums.axis_chunks_iter(Axis(1), positions);
        for ((bias, columns), unit) in state.bias.iter_mut().zip(columns).zip(units.into_iter().cycle()) {
            *bias = (middle - columns.sum() / columns.len() as f32) * unit;
        }
    }
    Ok(())
}

/// Scales the linear layer at `index` so that the function behind it reads values of standard deviation [`REACH`];
/// `choose` gives the factor from 1 and the one that does so.
fn reach(
    program: &mut Program,
    index: usize,
    features: &ArrayView2<'_, f32>,
    choose: fn(f32, f32) -> f32,
) -> Result<(), NetworkError> {
    let deviation = deviation(slice(&values_of(program, index, features)?));
    let ratio = choose(1.0, REACH / deviation);
    if let Op::Linear(state) = &mut program.nodes[index].op {
        state.stretch(ratio);
    }
    Ok(())
}

/// Gives each scale of a layer the value that rounds its weights with the least squared error, and puts them in its units.
fn round_rows(state: &mut LinearState) {
    let width = state.weight.ncols();
    let shared = slice(&state.weight).len() / state.scales();
    let parts = slice(&state.weight).chunks_exact(shared);
    let scale: Vec<f32> =
        parts.map(|rows| best_scale(&state.limits, &rows.chunks_exact(width), SCALES)).collect();
    for (rows, scale) in slice_mut(&mut state.weight).chunks_exact_mut(shared).zip(&scale) {
        for weight in rows {
            *weight /= scale;
        }
    }
    state.scale = Some(scale.into());
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
        state.set_scale(1.0 / (deviation * step_in));
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
    let function = quantizer.curve.function();
    if let (Some(state), None, Purpose::Train) = (program.linear(from), function, purpose)
        && let Some(budget) = state.limits.max_l1
    {
        // Every row of a layer with a budget starts with the same scale.
        let units = units_per_level(budget, program.input_levels(from)?.1, levels);
        return Ok(program.unit(from)? * units);
    }
    let mut values = values_of(program, from, features)?;
    match (function, program.hold(from)) {
        (Some(function), _) => values.mapv_inplace(|value| function.apply(value)),
        (None, Bias::Centred) => {
            // Two standard deviations reach from the middle of the levels to their ends.
            let half = (levels.hi - levels.lo).max(1) as f32 / 2.0;
            return Ok(2.0 * deviation(slice(&values)) / half);
        }
        (None, _) => {}
    }
    Ok(observer.step(slice(&values), levels))
}

/// What a quantizer of the network's input rounds.
fn read(state: &QuantizerState, features: &ArrayView2<'_, f32>) -> Vec<f32> {
    let standardization = state.standardization.as_ref();
    features
        .indexed_iter()
        .map(|((_, feature), &value)| standardized(standardization, feature, value))
        .collect()
}

/// The integers that the node at `index` gives, before any scale.
fn sums_of(
    program: &Program,
    index: usize,
    features: &ArrayView2<'_, f32>,
) -> Result<Array2<f32>, NetworkError> {
    Ok(run_to(program, index, features)?.0)
}

/// What the integers that the node at `index` gives stand for.
fn values_of(
    program: &Program,
    index: usize,
    features: &ArrayView2<'_, f32>,
) -> Result<Array2<f32>, NetworkError> {
    let (mut values, row_sums) = run_to(program, index, features)?;
    let channels = program.dequantize(index, &row_sums)?;
    let positions = values.ncols() / channels.len();
    for (mut columns, channel) in values.axis_chunks_iter_mut(Axis(1), positions).zip(&channels) {
        let bias = channel.bias();
        columns.mapv_inplace(|sum| sum * channel.unit + bias);
    }
    Ok(values)
}

/// The integers that the node at `index` gives, and the sums of its rows of weights where it has such.
fn run_to(
    program: &Program,
    index: usize,
    features: &ArrayView2<'_, f32>,
) -> Result<(Array2<f32>, Vec<f32>), NetworkError> {
    let count = features.nrows();
    let mut runner = Runner::of_first(program, index + 1, Precision::Quantized, Statistics::Running, count)?;
    let mut row_sums = Vec::new();
    if let Kernel::Product(product) = &mut runner.kernels[index] {
        product.affine = None;
    }
    if let Kernel::Product(product) = &runner.kernels[program.source(index)] {
        row_sums.clone_from(&product.row_sums);
    }
    let integers = runner.run(features).to_owned();
    Ok((integers, row_sums))
}

fn deviation(values: &[f32]) -> f32 {
    let count = values.len().max(1) as f32;
    let mean = values.iter().sum::<f32>() / count;
    let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f32>() / count;
    variance.sqrt().max(f32::EPSILON)
}

//! Gradients, straight through the rounding.
//!
//! A quantizer's output is `clamp(round(z))` with `z = gain * sum + offset`; its derivative by `z` is taken as 1 where the
//! rounded `z` is a level and 0 outside. Integer weights pass their gradients to the floats they were rounded from.

#![expect(
    clippy::inline_always,
    reason = "only what is inlined into a dispatch is compiled for its instructions"
)]

use fheqat_spec::Bias;
use ndarray::{Array2, ArrayView2};

use crate::{
    nn::{
        forward::{Affine, Kernel, Normalize, Order, Product, Runner, Staircase, Wiring},
        head, head_mut,
        layer::Curve,
        multiply::multiply,
        program::{Op, Program},
        slice, slice_mut,
        sliding::SlidingGradients,
    },
    quant::{Lookup, transition::middle},
    vectors::on_vectors,
};

/// Gradients of one batch, and the memory to find them.
#[derive(Clone, Debug)]
pub(crate) struct Gradients {
    /// With respect to each node's output, `[batch, width]`.
    pub(crate) outputs: Vec<Array2<f32>>,
    /// With respect to each linear layer's weights in integer units, `[out, in]`; empty for other layers.
    pub(crate) weights: Vec<Array2<f32>>,
    /// With respect to a constant added to each of a linear layer's sums, or to each normalised channel; empty for other
    /// layers.
    pub(crate) biases: Vec<Vec<f32>>,
    /// With respect to what each normalised channel is multiplied by; empty for other layers.
    pub(crate) gammas: Vec<Vec<f32>>,
    /// With respect to the logarithms of a quantizer's gains, or of the last layer's units: as many as train of each node.
    pub(crate) log_gains: Vec<Vec<f32>>,
    /// Whether each operand of a node needs a gradient, and whether an earlier reader has written one.
    routes: Vec<Vec<Route>>,
    /// With respect to the logarithm of the levels that one unit of a function's value makes.
    pub(crate) log_rises: Vec<f32>,
    /// With respect to the logarithm of each number's own gain, for whichever quantizer is at work.
    numbers: Vec<f32>,
    /// Memory of each convolution.
    sliding: Vec<Option<SlidingGradients>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    Nothing,
    Write,
    Add,
}

impl Route {
    #[inline(always)]
    fn pass(self, to: &mut f32, slope: f32) {
        match self {
            Self::Nothing => {}
            Self::Write => *to = slope,
            Self::Add => *to += slope,
        }
    }
}

impl Gradients {
    /// `gains` says how many gains of each node train.
    pub(crate) fn new(program: &Program, batch: usize, gains: &[usize]) -> Self {
        let nodes = &program.nodes;
        let learns = what_learns(program, gains);
        let mut routes = vec![Vec::new(); nodes.len()];
        let mut written = vec![false; nodes.len()];
        for index in (0..nodes.len()).rev() {
            for &from in program.operands(index) {
                routes[index].push(match (learns[from], written[from]) {
                    (false, _) => Route::Nothing,
                    (true, false) => Route::Write,
                    (true, true) => Route::Add,
                });
                written[from] |= learns[from];
            }
        }
        let linear = |index| program.linear(index);
        Self {
            outputs: nodes.iter().map(|node| Array2::zeros((batch, node.width))).collect(),
            weights: (0..nodes.len())
                .map(|index| Array2::zeros(linear(index).map_or((0, 0), |state| state.weight.dim())))
                .collect(),
            biases: nodes
                .iter()
                .map(|node| match &node.op {
                    Op::Linear(state) => vec![0.0; state.bias.len()],
                    Op::Norm(state) => vec![0.0; state.beta.len()],
                    _ => Vec::new(),
                })
                .collect(),
            gammas: nodes
                .iter()
                .map(|node| match &node.op {
                    Op::Norm(state) => vec![0.0; state.gamma.len()],
                    _ => Vec::new(),
                })
                .collect(),
            log_gains: gains.iter().map(|&count| vec![0.0; count]).collect(),
            log_rises: vec![0.0; nodes.len()],
            numbers: Vec::new(),
            routes,
            sliding: nodes
                .iter()
                .map(|node| node.filters.as_ref().map(|filters| SlidingGradients::new(filters, batch)))
                .collect(),
        }
    }

    /// Fills every gradient, given that of the last output for `features.nrows()` samples that `runner` has just run.
    pub(crate) fn run(&mut self, program: &Program, runner: &Runner, features: &ArrayView2<'_, f32>) {
        for index in (0..program.nodes.len()).rev() {
            self.run_node(program, runner, features, index);
        }
    }

    fn run_node(&mut self, program: &Program, runner: &Runner, features: &ArrayView2<'_, f32>, index: usize) {
        let node = &program.nodes[index];
        let count = features.nrows();
        let (before, rest) = self.outputs.split_at_mut(index);
        let slopes = &mut rest[0];
        let routes = &self.routes[index];
        let route = routes.first().copied().unwrap_or(Route::Nothing);
        match &runner.kernels[index] {
            Kernel::Encode(_) | Kernel::Standardize(_) => {}
            Kernel::Pass(curve) => {
                let Some(from) = node.from else { return };
                let length = count * node.width;
                let operand = &slice(&runner.outputs[from])[..length];
                let to = &mut slice_mut(&mut before[from])[..length];
                through_curve(*curve, slice(slopes), operand, to, route);
            }
            Kernel::Requantize(staircase) => {
                let Some(from) = node.from else { return };
                let log_gains = &mut self.log_gains[index];
                self.numbers.clear();
                self.numbers.resize(if log_gains.is_empty() { 0 } else { node.width }, 0.0);
                let passage = Passage {
                    hold: program.hold(from),
                    slopes: &slice(slopes)[..count * node.width],
                    sums: slice(&runner.outputs[from]),
                    read: runner.read(index, from),
                    to: slice_mut(&mut before[from]),
                    route,
                };
                match &staircase.lookup {
                    None => {
                        let numbers = &mut self.numbers;
                        on_vectors(|| requantize(staircase, passage, numbers));
                    }
                    Some(lookup) => {
                        self.log_rises[index] = through_lookup(staircase, lookup, passage, &mut self.numbers);
                    }
                }
                gather(&self.numbers, log_gains);
            }
            Kernel::Wiring(wiring) => through_wiring(wiring, routes, count, slopes, before),
            Kernel::Product(product) => {
                let Some(from) = node.from else { return };
                let out = &runner.outputs[index];
                let (log_gains, slopes) = (&mut self.log_gains[index], &mut rest[0]);
                if let Some(affine) = &product.affine {
                    self.numbers.clear();
                    self.numbers.resize(node.width, 0.0);
                    let slopes = &mut slice_mut(slopes)[..count * node.width];
                    let numbers = &mut self.numbers;
                    on_vectors(|| through_affine(affine, slopes, slice(out), numbers));
                    gather(&self.numbers, log_gains);
                }
                let (biases, weights) = (&mut self.biases[index], &mut self.weights[index]);
                on_vectors(|| sum_columns(&slice(slopes)[..count * node.width], node.width, biases));
                let (to, memory) = (&mut before[from], self.sliding[index].as_mut());
                let operands = (&*slopes, &runner.outputs[from]);
                through_product(product, operands, count, memory, weights, (to, route));
                if product.affine.is_none()
                    && program.hold(index) == Bias::Centred
                    && let Ok((_, levels)) = program.input_levels(index)
                {
                    on_vectors(|| subtract_middle(weights, biases, middle(levels)));
                }
            }
            Kernel::Affine(affine) => {
                let Some(from) = node.from else { return };
                let length = count * node.width;
                let to = &mut slice_mut(&mut before[from])[..length];
                for ((to, slope), unit) in to.iter_mut().zip(slice(slopes)).zip(affine.units.iter().cycle()) {
                    route.pass(to, slope * unit);
                }
            }
            Kernel::Normalize(normalize) => {
                let Some(from) = node.from else { return };
                let length = count * node.width;
                let sums = &slice(&runner.outputs[from])[..length];
                let by = (self.gammas[index].as_mut_slice(), self.biases[index].as_mut_slice());
                let to = &mut slice_mut(&mut before[from])[..length];
                through_norm(normalize, &slice(slopes)[..length], sums, to, route, by);
            }
            Kernel::Pool { windows, unit } => {
                let (Some(from), false) = (node.from, route == Route::Nothing) else { return };
                let to = &mut before[from];
                if route == Route::Write {
                    to.fill(0.0);
                }
                let width = to.ncols();
                let rows = slice_mut(to).chunks_exact_mut(width).zip(slice(slopes).chunks_exact(node.width));
                for (to, slopes) in rows.take(count) {
                    windows.spread(slopes, *unit, to);
                }
            }
        }
    }
}

/// Where the rounded value is a level.
#[derive(Clone, Copy)]
struct Inside {
    lo: f32,
    hi: f32,
}

impl Inside {
    fn of(levels: fheqat_spec::Range) -> Self {
        Self { lo: levels.lo as f32 - 0.5, hi: levels.hi as f32 + 0.5 }
    }

    #[inline(always)]
    fn keep(self, z: f32, slope: f32) -> f32 {
        if self.lo <= z && z <= self.hi { slope } else { 0.0 }
    }
}

/// Passes slopes through what a quantizer applies to `values`.
fn through_curve(curve: Curve, slopes: &[f32], values: &[f32], to: &mut [f32], route: Route) {
    for ((to, &slope), &value) in to.iter_mut().zip(slopes).zip(values) {
        let slope = match curve {
            Curve::Rectify if value <= 0.0 => 0.0,
            Curve::Identity | Curve::Rectify => slope,
            Curve::Function(function) => slope * function.slope(value),
        };
        route.pass(to, slope);
    }
}

/// From slopes of sums to those of the weights, and to those of what was multiplied.
fn through_product(
    product: &Product,
    (slopes, operand): (&Array2<f32>, &Array2<f32>),
    count: usize,
    memory: Option<&mut SlidingGradients>,
    weights: &mut Array2<f32>,
    (to, route): (&mut Array2<f32>, Route),
) {
    if let (Some(sliding), Some(memory)) = (&product.sliding, memory) {
        let slopes = &slice(slopes)[..count * slopes.ncols()];
        let length = if route == Route::Nothing { 0 } else { count * to.ncols() };
        let to = &mut slice_mut(to)[..length];
        return sliding.gradients(&product.weights, slopes, memory, weights, (to, route == Route::Add));
    }
    let slopes = head(slopes, count);
    multiply(&slopes.t(), &head(operand, count), 0.0, &mut weights.view_mut());
    match route {
        Route::Nothing => {}
        Route::Write => multiply(&slopes, &product.weights.view(), 0.0, &mut head_mut(to, count)),
        Route::Add => multiply(&slopes, &product.weights.view(), 1.0, &mut head_mut(to, count)),
    }
}

/// Slopes on their way from levels to sums.
struct Passage<'a> {
    /// How the bias of the sums is held.
    hold: Bias,
    slopes: &'a [f32],
    sums: &'a [f32],
    /// The sums with noise, which stays as many steps whatever the gain.
    read: &'a [f32],
    to: &'a mut [f32],
    route: Route,
}

/// Passes slopes from levels to sums; adds those by the logarithm of each number's gain to `log_gains`, unless it is empty.
///
/// Free, `z = gain * sum + offset` moves by `z - offset`; centred, `z = gain * (sum - centre) + middle` by `z - middle`.
#[inline(always)]
fn requantize(staircase: &Staircase, passage: Passage<'_>, log_gains: &mut [f32]) {
    let Passage { hold, slopes, sums, read, to, route } = passage;
    let Staircase { gains, offsets, levels, unit, .. } = staircase;
    let (width, unit) = (offsets.len(), *unit);
    let inside = Inside::of(*levels);
    let rows = || slopes.chunks_exact(width).zip(read.chunks_exact(width));
    for ((slopes, read), to) in rows().zip(to.chunks_exact_mut(width)) {
        let numbers = slopes.iter().zip(read).zip(gains).zip(offsets);
        let slopes = numbers
            .map(|(((slope, read), gain), offset)| inside.keep(read * gain + offset, slope * unit) * gain);
        match route {
            Route::Nothing => {}
            Route::Write => to.iter_mut().zip(slopes).for_each(|(to, slope)| *to = slope),
            Route::Add => to.iter_mut().zip(slopes).for_each(|(to, slope)| *to += slope),
        }
    }
    if log_gains.is_empty() {
        return;
    }
    for ((slopes, read), sums) in rows().zip(sums.chunks_exact(width)) {
        let numbers = slopes.iter().zip(sums.iter().zip(read)).zip(gains).zip(offsets);
        for ((((slope, (sum, read)), gain), offset), log_gain) in numbers.zip(&mut *log_gains) {
            let z = sum * gain + offset;
            let anchor = if hold == Bias::Centred { middle(*levels) } else { *offset };
            *log_gain += inside.keep(read * gain + offset, slope * unit) * (z - anchor);
        }
    }
}

/// Passes slopes from levels through `clamp(round(f(x) / step))` of `x = sum * gain + offset` to sums; adds those by the
/// logarithm of each number's gain to `log_gains`, unless it is empty, and gives that by the logarithm of `1 / step`.
fn through_lookup(
    staircase: &Staircase,
    lookup: &Lookup,
    passage: Passage<'_>,
    log_gains: &mut [f32],
) -> f32 {
    let Passage { hold, slopes, sums, read, to, route } = passage;
    let Staircase { gains, offsets, levels, unit, .. } = staircase;
    let width = offsets.len();
    let inside = Inside::of(*levels);
    let mut log_rise = 0.0;
    let rows = slopes.chunks_exact(width).zip(sums.chunks_exact(width)).zip(read.chunks_exact(width));
    for (((slopes, sums), read), to) in rows.zip(to.chunks_exact_mut(width)) {
        let numbers = slopes.iter().zip(sums.iter().zip(read)).zip(gains).zip(offsets).zip(to).enumerate();
        for (number, ((((slope, (sum, read)), gain), offset), to)) in numbers {
            let x = sum * gain + offset;
            let seen = read * gain + offset;
            let steps = lookup.steps(seen);
            let passed = inside.keep(steps, slope * unit);
            let by_x = passed * lookup.function.slope(seen) / lookup.step;
            log_rise += passed * steps - by_x * (seen - x);
            route.pass(to, by_x * gain);
            if let Some(log_gain) = log_gains.get_mut(number) {
                let anchor = if hold == Bias::Centred { 0.0 } else { *offset };
                *log_gain += by_x * (x - anchor);
            }
        }
    }
    log_rise
}

/// Passes slopes through a normalisation by the statistics of the batch; gives those by `gamma` and `beta`.
///
/// Of a channel's values `x_i`, with `s` their deviation and `m` their mean, `y_i = gamma * p_i + beta`, where `p_i` is
/// `(x_i - m) / s` or, centred, `x_i / s`. With `q_i = (x_i - m) / s`, `s` moves by `q_i / n` of `x_i`, so the slope by `x_i` is
/// `gamma / s * (dy_i - q_i * mean(dy * p) - mean(dy))`, centred without the last term.
fn through_norm(
    normalize: &Normalize,
    slopes: &[f32],
    sums: &[f32],
    to: &mut [f32],
    route: Route,
    (gammas, betas): (&mut [f32], &mut [f32]),
) {
    let width = normalize.affine.units.len();
    let positions = width / normalize.seen.len();
    gammas.fill(0.0);
    betas.fill(0.0);
    for (slopes, sums) in slopes.chunks_exact(width).zip(sums.chunks_exact(width)) {
        let channels = slopes.chunks_exact(positions).zip(sums.chunks_exact(positions)).zip(&normalize.seen);
        for (((slopes, sums), seen), (gamma, beta)) in channels.zip(gammas.iter_mut().zip(&mut *betas)) {
            for (slope, sum) in slopes.iter().zip(sums) {
                *gamma += slope * (sum - seen.zero) * seen.deviations;
                *beta += slope;
            }
        }
    }
    let count = normalize.count as f32;
    for ((slopes, sums), to) in
        slopes.chunks_exact(width).zip(sums.chunks_exact(width)).zip(to.chunks_exact_mut(width))
    {
        for (channel, seen) in normalize.seen.iter().enumerate() {
            let numbers = channel * positions..(channel + 1) * positions;
            let factor = normalize.affine.units[numbers.start];
            let by_deviation = gammas[channel] / count;
            let by_mean = if seen.is_centred { 0.0 } else { betas[channel] / count };
            let pairs = slopes[numbers.clone()].iter().zip(&sums[numbers.clone()]);
            for ((slope, sum), to) in pairs.zip(&mut to[numbers]) {
                let q = (sum - seen.mean) * seen.deviations;
                route.pass(to, factor * (slope - q * by_deviation - by_mean));
            }
        }
    }
}

/// What each number has, summed to as many parts as there are.
fn gather(numbers: &[f32], parts: &mut [f32]) {
    if parts.is_empty() {
        return;
    }
    let positions = numbers.len() / parts.len();
    for (part, numbers) in parts.iter_mut().zip(numbers.chunks_exact(positions)) {
        *part = numbers.iter().sum();
    }
}

/// Passes slopes on to the operands whose numbers they are of.
fn through_wiring(
    wiring: &Wiring,
    routes: &[Route],
    count: usize,
    slopes: &mut Array2<f32>,
    before: &mut [Array2<f32>],
) {
    let width = slopes.ncols();
    let slopes = &mut slice_mut(slopes)[..count * width];
    for slope in slopes.iter_mut() {
        *slope *= wiring.unit;
    }
    let mut pass = |operand: usize, route: Route, start: usize| {
        let to = &mut before[operand];
        let own = to.ncols();
        for (to, from) in slice_mut(to).chunks_exact_mut(own).zip(slopes.chunks_exact(width)) {
            for (to, &slope) in to.iter_mut().zip(&from[start..]) {
                route.pass(to, slope);
            }
        }
        start + own
    };
    match &wiring.order {
        Order::Sum(operands) => {
            for (&operand, &route) in operands.iter().zip(routes) {
                pass(operand, route, 0);
            }
        }
        Order::Join(operands) => {
            let ends = operands.iter().zip(routes);
            ends.fold(0, |start, (&operand, &route)| pass(operand, route, start));
        }
        Order::Permute(operand, order) => {
            let route = routes.first().copied().unwrap_or(Route::Nothing);
            let rows = slice_mut(&mut before[*operand]).chunks_exact_mut(width);
            for (to, from) in rows.zip(slopes.chunks_exact(width)) {
                for (&at, &slope) in order.iter().zip(from) {
                    route.pass(&mut to[at], slope);
                }
            }
        }
    }
}

/// Turns slopes of `sum * unit + bias` into slopes of `sum`; adds those by the logarithm of each number's unit to
/// `log_units`.
#[inline(always)]
fn through_affine(affine: &Affine, slopes: &mut [f32], out: &[f32], log_units: &mut [f32]) {
    let width = affine.units.len();
    for (slopes, values) in slopes.chunks_exact_mut(width).zip(out.chunks_exact(width)) {
        let numbers = slopes.iter_mut().zip(values).zip(&affine.biases).zip(&affine.units);
        for ((((slope, value), bias), unit), log_unit) in numbers.zip(&mut *log_units) {
            *log_unit += *slope * (value - bias);
            *slope *= unit;
        }
    }
}

/// Sums each column of `width`; of a convolution, the columns of each filter's positions.
#[inline(always)]
fn sum_columns(rows: &[f32], width: usize, sums: &mut [f32]) {
    sums.fill(0.0);
    if width != sums.len() {
        let positions = width / sums.len();
        for row in rows.chunks_exact(width) {
            for (sum, values) in sums.iter_mut().zip(row.chunks_exact(positions)) {
                *sum += values.iter().sum::<f32>();
            }
        }
        return;
    }
    for row in rows.chunks_exact(width) {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += value;
        }
    }
}

/// A centred layer computes `sum_i q_i (a_i - middle)`.
#[inline(always)]
fn subtract_middle(weights: &mut Array2<f32>, sums: &[f32], middle: f32) {
    let width = weights.ncols();
    for (row, sum) in slice_mut(weights).chunks_exact_mut(width).zip(sums) {
        let shift = middle * sum;
        for weight in row {
            *weight -= shift;
        }
    }
}

/// Of each node whether it, or anything it reads, trains.
fn what_learns(program: &Program, gains: &[usize]) -> Vec<bool> {
    let mut learns = Vec::with_capacity(program.nodes.len());
    for (index, node) in program.nodes.iter().enumerate() {
        let itself =
            matches!(node.op, Op::Linear(_)) || gains[index] > 0 || program.function(index).is_some();
        let reads_one = program.operands(index).iter().any(|&from| learns[from]);
        learns.push(itself || reads_one);
    }
    learns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Seed,
        data::{Dataset, checkerboard},
        fixture::{Branch, Chain, Curved, Image, Normed, NormedImage},
        nn::{
            Precision,
            activation::{Function, Gelu, Sigmoid, Tanh},
            network::Network,
        },
        train::{
            calibrate::{Purpose, calibrate},
            config::Loss,
            loss::judge,
        },
    };

    const BATCH: usize = 16;
    const DELTA: f32 = 1e-3;

    fn batch() -> Dataset {
        checkerboard(Seed(1)).0.select(&(0..BATCH).collect::<Vec<_>>())
    }

    fn loss(program: &Program, data: &Dataset, loss: Loss) -> f64 {
        let rows: Vec<usize> = (0..BATCH).collect();
        let mut runner = Runner::training(program, Precision::Float, BATCH).unwrap();
        let outputs = runner.run(&data.features());
        let mut slopes = Array2::zeros(outputs.dim());
        judge(loss.into(), &outputs, data.targets(), &rows, slopes.view_mut()).mean_loss()
    }

    fn gradients(program: &Program, data: &Dataset, precision: Precision, loss: Loss) -> (Runner, Gradients) {
        let rows: Vec<usize> = (0..BATCH).collect();
        let mut runner = Runner::training(program, precision, BATCH).unwrap();
        let mut gradients = Gradients::new(program, BATCH, &vec![1; program.nodes.len()]);
        let last = program.nodes.len() - 1;
        let outputs = runner.run(&data.features());
        judge(loss.into(), &outputs, data.targets(), &rows, gradients.outputs[last].view_mut());
        gradients.run(program, &runner, &data.features());
        (runner, gradients)
    }

    fn images() -> Dataset {
        let pixels = Array2::from_shape_fn((BATCH, 120), |(sample, pixel)| {
            ((sample * 37 + pixel * pixel * 11) % 29) as f32 / 29.0 - 0.3
        });
        Dataset::classes(pixels, (0..BATCH).map(|sample| sample % 2).collect(), 2).unwrap()
    }

    #[test]
    fn float_gradients_are_finite_differences() {
        let program = Program::of(&Chain::<2, 7, 2, 7, 0, false>::new(Seed(2))).unwrap();
        check_against_finite_differences(&program, &batch(), &[1, 3, 5], &[(0, 0), (1, 1)]);
    }

    #[test]
    fn float_gradients_through_functions_are_finite_differences() {
        let program = Program::of(&Curved::<Gelu, 7, 7, 0, false>::new(Seed(2))).unwrap();
        check_against_finite_differences(&program, &batch(), &[1, 3, 5], &[(0, 0), (1, 1)]);
        let program = Program::of(&Curved::<Sigmoid, 7, 7, 0, false>::new(Seed(2))).unwrap();
        check_against_finite_differences(&program, &batch(), &[1, 3, 5], &[(0, 0), (1, 1)]);
    }

    /// Steps so small that the levels of a sample's sums are smooth: then straight-through gradients are exact.
    #[test]
    fn gradients_through_a_fine_table_are_finite_differences() {
        const SAMPLES: usize = 3000;
        let sums: Vec<f32> = (0..SAMPLES).map(|k| ((k * 37) % 201) as f32 - 100.0).collect();
        let slopes: Vec<f32> = sums.iter().map(|sum| sum / 100.0 + 0.3).collect();
        let table = |gain: f32, offset: f32, step: f32| Staircase {
            gains: vec![gain],
            offsets: vec![offset],
            lookup: Some(Lookup { function: Function::of::<Tanh>(), step }),
            levels: fheqat_spec::Range::signed(8),
            unit: 1.0,
        };
        let (gain, step) = (0.014, 0.009);
        for (hold, offset, noise) in [
            (Bias::Free, 0.3, 0.0),
            (Bias::Centred, 0.2, 0.0),
            (Bias::Free, 0.3, 1.0),
            (Bias::Centred, 0.2, 1.0),
        ] {
            // Noise of up to five steps, whatever gain and step are.
            let read = |gain: f32, step: f32| -> Vec<f32> {
                let off = |k: usize| (((k * 53) % 11) as f32 - 5.0) * noise * step / gain;
                sums.iter().enumerate().map(|(k, sum)| sum + off(k)).collect()
            };
            let loss = |gain: f32, offset: f32, step: f32| -> f64 {
                let mut levels = vec![0.0; SAMPLES];
                table(gain, offset, step).run(&read(gain, step), &mut levels);
                levels.iter().zip(&slopes).map(|(level, slope)| f64::from(level * slope)).sum()
            };
            let staircase = table(gain, offset, step);
            let lookup = staircase.lookup.unwrap();
            let (mut to, mut log_gains) = (vec![0.0; SAMPLES], vec![0.0]);
            let read = read(gain, step);
            let passage =
                Passage { hold, slopes: &slopes, sums: &sums, read: &read, to: &mut to, route: Route::Write };
            let log_rise = through_lookup(&staircase, &lookup, passage, &mut log_gains);
            let delta = 0.05f32;
            let (up, down) = (delta.exp(), (-delta).exp());
            let moved = |scale: f32| if hold == Bias::Centred { offset * scale } else { offset };
            let pairs = [
                (log_gains[0], loss(gain * up, moved(up), step) - loss(gain * down, moved(down), step)),
                (log_rise, loss(gain, offset, step * down) - loss(gain, offset, step * up)),
                (
                    to.iter().sum::<f32>() / gain,
                    loss(gain, offset + delta, step) - loss(gain, offset - delta, step),
                ),
            ];
            for (found, difference) in pairs {
                let expected = difference / f64::from(2.0 * delta);
                let close = (f64::from(found) - expected).abs() < 0.02 * expected.abs();
                assert!(close, "{hold:?} {found} {expected}");
            }
        }
    }

    #[test]
    fn float_gradients_through_normalisations_are_finite_differences() {
        let program = Program::of(&Normed::<1, 0>::new(Seed(2))).unwrap();
        check_against_finite_differences(&program, &batch(), &[1, 4, 11, 14], &[(0, 0), (1, 1)]);
        check_norms_against_finite_differences(&program, &batch(), &[2, 5, 8, 9, 12, 15]);
        let program = Program::of(&NormedImage::<0>::new(Seed(2))).unwrap();
        check_against_finite_differences(&program, &images(), &[3], &[(0, 0), (2, 9), (5, 10)]);
        check_norms_against_finite_differences(&program, &images(), &[1, 4, 7]);
    }

    /// Behind a centred layer the mean stays in the values, so the gradient is another.
    #[test]
    fn gradients_through_a_batch_s_statistics_are_finite_differences() {
        for is_centred in [false, true] {
            let mut program = if is_centred {
                Program::of(&Normed::<2, 0>::new(Seed(2))).unwrap()
            } else {
                Program::of(&Normed::<1, 0>::new(Seed(2))).unwrap()
            };
            calibrate(&mut program, &batch().features(), crate::quant::Observer::MinMax, Purpose::Train)
                .unwrap();
            let (runner, _) = gradients(&program, &batch(), Precision::Quantized, Loss::CrossEntropy);
            let Kernel::Normalize(normalize) = &runner.kernels[5] else { unreachable!() };
            let mut normalize = normalize.clone();
            let sums: Vec<f32> = (0..BATCH * 10).map(|k| ((k * k) % 23) as f32 - 4.0).collect();
            let slopes: Vec<f32> = (0..BATCH * 10).map(|k| ((k * 7) % 11) as f32 / 11.0 - 0.3).collect();
            let mut loss = |sums: &[f32]| -> f64 {
                let mut values = sums.to_vec();
                normalize.observe(sums);
                normalize.affine.run(&mut values);
                values.iter().zip(&slopes).map(|(value, slope)| f64::from(*value) * f64::from(*slope)).sum()
            };
            let expected: Vec<f64> = (0..sums.len())
                .map(|at| {
                    let mut moved = sums.clone();
                    let mut at = |delta: f32| {
                        moved[at] = sums[at] + delta;
                        loss(&moved)
                    };
                    (at(0.25) - at(-0.25)) / 0.5
                })
                .collect();
            loss(&sums);
            let mut found = vec![0.0; sums.len()];
            let (mut gammas, mut betas) = (vec![0.0; 10], vec![0.0; 10]);
            through_norm(&normalize, &slopes, &sums, &mut found, Route::Write, (&mut gammas, &mut betas));
            assert!(normalize.seen.iter().all(|seen| seen.is_centred == is_centred));
            for (expected, found) in expected.iter().zip(found) {
                let error = (expected - f64::from(found)).abs();
                assert!(error < 1e-3 * (1.0 + expected.abs()), "{is_centred} {expected} {found}");
            }
        }
    }

    #[test]
    fn float_gradients_through_branches_are_finite_differences() {
        let program = Program::of(&Branch::new(Seed(3))).unwrap();
        check_against_finite_differences(&program, &batch(), &[1, 6, 11], &[(0, 0), (1, 1)]);
    }

    /// The seed puts no sum within [`DELTA`] of where its rectifier bends.
    #[test]
    fn float_gradients_through_windows_are_finite_differences() {
        let program = Program::of(&Image::<false>::new(Seed(4))).unwrap();
        check_against_finite_differences(&program, &images(), &[1, 6], &[(0, 0), (1, 4), (1, 17)]);
        check_against_finite_differences(&program, &images(), &[1], &[(2, 9), (3, 8), (5, 10)]);
    }

    /// The slope of the loss, in the precision that training in float has, as `move_by` moves the program.
    fn slope(program: &Program, data: &Dataset, criterion: Loss, move_by: impl Fn(&mut Program, f32)) -> f64 {
        let at = |delta: f32| {
            let mut moved = program.clone();
            move_by(&mut moved, delta);
            loss(&moved, data, criterion)
        };
        (at(DELTA) - at(-DELTA)) / f64::from(2.0 * DELTA)
    }

    fn check_against_finite_differences(
        program: &Program,
        data: &Dataset,
        layers: &[usize],
        weights: &[(usize, usize)],
    ) {
        for criterion in [Loss::CrossEntropy, Loss::MeanSquaredError] {
            let (_, found) = gradients(program, data, Precision::Float, criterion);
            for (&index, &(row, column)) in
                layers.iter().flat_map(|layer| weights.iter().map(move |at| (layer, at)))
            {
                let weight = slope(program, data, criterion, |program, delta| {
                    let Op::Linear(state) = &mut program.nodes[index].op else { unreachable!() };
                    state.weight[[row, column]] += delta;
                });
                let bias = slope(program, data, criterion, |program, delta| {
                    let Op::Linear(state) = &mut program.nodes[index].op else { unreachable!() };
                    state.bias[row] += delta;
                });
                let found_weight = f64::from(found.weights[index][[row, column]]);
                let found_bias = f64::from(found.biases[index][row]);
                assert!((weight - found_weight).abs() < 2e-3, "{index}: {weight} {found_weight}");
                assert!((bias - found_bias).abs() < 2e-3, "{index}: {bias} {found_bias}");
            }
        }
    }

    fn check_norms_against_finite_differences(program: &Program, data: &Dataset, norms: &[usize]) {
        for criterion in [Loss::CrossEntropy, Loss::MeanSquaredError] {
            let (_, found) = gradients(program, data, Precision::Float, criterion);
            for &index in norms {
                for channel in 0..found.gammas[index].len() {
                    let gamma = slope(program, data, criterion, |program, delta| {
                        let Op::Norm(state) = &mut program.nodes[index].op else { unreachable!() };
                        state.gamma[channel] += delta;
                    });
                    let beta = slope(program, data, criterion, |program, delta| {
                        let Op::Norm(state) = &mut program.nodes[index].op else { unreachable!() };
                        state.beta[channel] += delta;
                    });
                    let found_gamma = f64::from(found.gammas[index][channel]);
                    let found_beta = f64::from(found.biases[index][channel]);
                    assert!((gamma - found_gamma).abs() < 2e-3, "{index}: {gamma} {found_gamma}");
                    assert!((beta - found_beta).abs() < 2e-3, "{index}: {beta} {found_beta}");
                }
            }
        }
    }

    /// What each field's readers ask of it, put together again by hand, in both precisions.
    #[test]
    fn gradients_of_several_readers_sum() {
        let data = batch();
        let mut program = Program::of(&Branch::new(Seed(2))).unwrap();
        let (_, in_float) = gradients(&program, &data, Precision::Float, Loss::CrossEntropy);
        calibrate(&mut program, &data.features(), crate::quant::Observer::MinMax, Purpose::Train).unwrap();
        let (runner, quantized) = gradients(&program, &data, Precision::Quantized, Loss::CrossEntropy);
        let Kernel::Requantize(staircase) = &runner.kernels[9] else { unreachable!() };
        assert!(staircase.gains.iter().all(|gain| (gain - 1.0).abs() < 1e-6));
        for found in [in_float, quantized] {
            let [relu1, flat, quant2, add, cat] = [2, 5, 7, 8, 10].map(|node| &found.outputs[node]);
            assert!(relu1.iter().any(|slope| *slope != 0.0));
            for sample in 0..BATCH {
                for at in 0..6 {
                    let near = |found: f32, expected: f32| {
                        assert!(
                            (found - expected).abs() < 1e-5 * (1.0 + expected.abs()),
                            "{found} {expected}"
                        );
                    };
                    near(quant2[[sample, at]], 2.0 * add[[sample, at]] + cat[[sample, 6 + at]]);
                    let turned = (at % 3) * 2 + at / 3;
                    let expected = add[[sample, at]] + cat[[sample, 12 + at]] + flat[[sample, turned]];
                    near(relu1[[sample, at]], expected);
                }
            }
        }
    }

    /// The straight-through gradient of a centred layer, written down again sample by sample.
    #[test]
    fn quantized_gradients_are_those_of_a_plain_loop() {
        let data = batch();
        let mut program = Program::of(&Chain::<2, 7, 2, 7, 8, true>::new(Seed(2))).unwrap();
        calibrate(&mut program, &data.features(), crate::quant::Observer::MinMax, Purpose::Train).unwrap();
        let (runner, found) = gradients(&program, &data, Precision::Quantized, Loss::CrossEntropy);
        let Kernel::Requantize(staircase) = &runner.kernels[4] else { unreachable!() };
        let Kernel::Product(product) = &runner.kernels[5] else { unreachable!() };
        let unit = product.affine.as_ref().unwrap().units[0];
        let mut expected = Array2::<f32>::zeros((7, 7));
        for sample in 0..BATCH {
            for neuron in 0..7 {
                let z =
                    runner.outputs[3][[sample, neuron]] * staircase.gains[neuron] + staircase.offsets[neuron];
                if !(-0.5..=7.5).contains(&z) {
                    continue;
                }
                // `through_affine` has turned the slopes of the outputs into those of the sums.
                let slope: f32 =
                    (0..2).map(|out| found.outputs[5][[sample, out]] * product.weights[[out, neuron]]).sum();
                for input in 0..7 {
                    expected[[neuron, input]] +=
                        slope * staircase.gains[neuron] * (runner.outputs[2][[sample, input]] - 3.5);
                }
            }
        }
        assert!(unit > 0.0 && expected.iter().any(|slope| *slope != 0.0));
        for (expected, found) in expected.iter().zip(&found.weights[3]) {
            assert!((expected - found).abs() < 1e-5 * (1.0 + expected.abs()), "{expected} {found}");
        }
    }

    /// The straight-through gradient of a centred convolution, written down again position by position: behind padding a
    /// level is zero, and still counts from the middle.
    #[test]
    fn quantized_gradients_of_filters_are_those_of_a_plain_loop() {
        let data = images();
        let mut program = Program::of(&Image::<true>::new(Seed(2))).unwrap();
        calibrate(&mut program, &data.features(), crate::quant::Observer::MinMax, Purpose::Train).unwrap();
        let (runner, found) = gradients(&program, &data, Precision::Quantized, Loss::CrossEntropy);
        let Kernel::Requantize(staircase) = &runner.kernels[2] else { unreachable!() };
        let filters = program.nodes[1].filters.as_ref().unwrap();
        let mut expected = Array2::<f32>::zeros((6, 18));
        for sample in 0..BATCH {
            for (filter, position) in (0..6 * 9).map(|out| (out / 9, out % 9)) {
                let out = filter * 9 + position;
                let z = runner.outputs[1][[sample, out]] * staircase.gains[out] + staircase.offsets[out];
                if !(-0.5..=7.5).contains(&z) {
                    continue;
                }
                let slope = found.outputs[2][[sample, out]] * staircase.gains[out];
                expected.row_mut(filter).mapv_inplace(|sum| sum - slope * 3.5);
                for (weight, level) in filters.at(filter, position) {
                    expected[[filter, weight]] += slope * runner.outputs[0][[sample, level]];
                }
            }
        }
        assert!(expected.iter().any(|slope| *slope != 0.0));
        for (expected, found) in expected.iter().zip(&found.weights[1]) {
            assert!((expected - found).abs() < 1e-4 * (1.0 + expected.abs()), "{expected} {found}");
        }
    }
}

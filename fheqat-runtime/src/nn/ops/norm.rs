//! Batch normalisation: a factor and an offset for each channel, which the table behind it holds, or the client.

use fheqat_spec::{self as spec, Bias, Range};
use ndarray::{Array1, Array2, ArrayView1, Axis};
use rand_chacha::ChaCha8Rng;

use super::{
    affine::Affine,
    operation::{
        At, AtLoad, Back, Batch, Ends, Exact, Lowering, Mode, Operation, Refresh, Run, Slopes, State, Units,
    },
    place::Place,
    route::Route,
};
use crate::{
    circuit::build::{OutsideBound, Values},
    nn::{
        error::NetworkError,
        matrix::{slice, slice_mut},
        module::{LayerMut, LayerRef, Module},
        precision::{Precision, Statistics},
        tensors::{TensorReader, TensorWriter, WeightsError},
        usable::{Bad, infinite},
    },
    quant::transition::{Channel, Dequantize, Origin},
};

/// Batch normalisation of each channel, `gamma * (x - mean) / sqrt(variance + 1e-5) + beta`, with channels along axis 0.
///
/// Training normalises with the statistics of a batch and keeps running averages, by which it normalises a left-over batch that has
/// one number of a channel; everything else uses those, folded into
/// the table behind it or the client's scale, so encrypted it costs nothing.
#[derive(Clone, Debug)]
pub struct BatchNorm {
    /// What trains.
    pub state: NormState,
}

#[diagnostic::do_not_recommend]
impl Module for BatchNorm {
    fn init(_: &spec::Layer, fact: &spec::Fact, _: &mut ChaCha8Rng) -> Self {
        Self { state: NormState::new(fact) }
    }
    fn layer(&self) -> LayerRef<'_> {
        LayerRef::new("BatchNorm", &self.state)
    }
    fn layer_mut(&mut self) -> LayerMut<'_> {
        LayerMut::new(&mut self.state)
    }
}

impl BatchNorm {
    /// What each channel is multiplied by once it is normalised, `[channels]`.
    #[must_use]
    pub fn gamma(&self) -> ArrayView1<'_, f32> {
        self.state.gamma.view()
    }

    /// What is then added, `[channels]`; unused behind a layer whose bias is held centred.
    #[must_use]
    pub fn beta(&self) -> ArrayView1<'_, f32> {
        self.state.beta.view()
    }

    /// The running average of each channel's mean, `[channels]`.
    #[must_use]
    pub fn mean(&self) -> ArrayView1<'_, f32> {
        self.state.mean.view()
    }

    /// The running average of each channel's variance, `[channels]`.
    #[must_use]
    pub fn variance(&self) -> ArrayView1<'_, f32> {
        self.state.variance.view()
    }
}

/// The state of a batch normalisation, `[channels]` each.
#[derive(Clone, Debug, PartialEq)]
pub struct NormState {
    /// What a channel is multiplied by.
    pub(crate) gamma: Array1<f32>,
    /// What is added to it.
    pub(crate) beta: Array1<f32>,
    /// Its mean, averaged over batches.
    pub(crate) mean: Array1<f32>,
    /// Its variance, averaged over batches.
    pub(crate) variance: Array1<f32>,
}

impl NormState {
    /// The share of the last batch in the running averages, as in `PyTorch`.
    const MOMENTUM: f32 = 0.1;

    /// As many channels as axis 0 of the tensor has.
    pub(crate) fn new(fact: &spec::Fact) -> Self {
        let shape = fact.shape.get();
        let first = shape.as_ref().and_then(|shape| shape.dims().first()?.get());
        let channels = first.and_then(|channels| usize::try_from(channels).ok()).unwrap_or(0);
        Self {
            gamma: Array1::ones(channels),
            beta: Array1::zeros(channels),
            mean: Array1::zeros(channels),
            variance: Array1::ones(channels),
        }
    }

    /// A normalisation in a network.
    pub(super) fn placed(layer: LayerRef<'_>, place: &Place<'_>) -> Option<(usize, Self)> {
        let state: &Self = layer.state()?;
        let fits = place.dims.first() == Some(&state.gamma.len());
        Some((place.operand_width()?, state.clone())).filter(|_| fits)
    }

    /// What it does to each channel.
    #[must_use]
    pub fn channels(&self) -> impl ExactSizeIterator<Item = Channel> {
        let learned = self.gamma.iter().zip(&self.beta);
        learned
            .zip(self.mean.iter().zip(&self.variance))
            .map(|((&gamma, &beta), (&mean, &variance))| Channel { gamma, beta, mean, variance })
    }

    /// Takes the statistics of values `[n, width]`, to start its averages from.
    pub(crate) fn measure(&mut self, values: &Array2<f32>) {
        let positions = values.ncols() / self.mean.len();
        let channels = values.axis_chunks_iter(Axis(1), positions);
        for ((columns, mean), variance) in channels.zip(&mut self.mean).zip(&mut self.variance) {
            let (of_mean, of_variance) = moments(columns.iter().copied());
            (*mean, *variance) = (of_mean as f32, of_variance as f32);
        }
    }

    /// Makes every output `ratio` times as large.
    pub(crate) fn stretch(&mut self, ratio: f32) {
        self.gamma *= ratio;
        self.beta *= ratio;
    }
}

/// Mean and variance.
pub(crate) fn moments(values: impl ExactSizeIterator<Item = f32> + Clone) -> (f64, f64) {
    let count = values.len().max(1) as f64;
    let mean = values.clone().map(f64::from).sum::<f64>() / count;
    (mean, values.map(|value| (f64::from(value) - mean).powi(2)).sum::<f64>() / count)
}

const WEIGHT: &str = "weight";
const BIAS: &str = "bias";
const MEAN: &str = "running_mean";
const VARIANCE: &str = "running_var";

impl State for NormState {
    fn reached(&self, _: At<'_>) -> Option<Range> {
        None
    }

    fn dequantize_into(
        &self,
        at: At<'_>,
        row_sums: &[f32],
        channels: &mut Vec<Dequantize>,
    ) -> Result<(), NetworkError> {
        let from = at.from.ok_or_else(|| at.network.not_calibrated(at.index))?;
        at.network.dequantize_into(from, row_sums, channels)?;
        if let &[sums] = channels.as_slice() {
            channels.resize(self.gamma.len(), sums);
        }
        for (sums, channel) in channels.iter_mut().zip(self.channels()) {
            *sums = sums.normalize(channel);
        }
        Ok(())
    }

    fn ones(&self) -> Option<usize> {
        Some(1)
    }

    fn unusable(&self) -> Option<Bad> {
        let below_zero = self.variance.iter().find(|variance| **variance < 0.0);
        infinite("factor", &self.gamma)
            .or_else(|| infinite("constant", &self.beta))
            .or_else(|| infinite("running mean", &self.mean))
            .or_else(|| infinite("running variance", &self.variance))
            .or_else(|| below_zero.map(|&variance| ("running variance", variance)))
    }

    fn slopes(&self, gains: usize, _: usize) -> Slopes {
        Slopes {
            biases: vec![0.0; self.beta.len()],
            gammas: vec![0.0; self.gamma.len()],
            log_gains: vec![0.0; gains],
            ..Slopes::default()
        }
    }

    fn remove(&mut self, ends: Ends, gone: &[Vec<bool>], _: &[usize]) -> Vec<bool> {
        ends.from.map_or_else(|| vec![false; ends.width], |from| gone[from].clone())
    }

    fn save(&self, _: Option<&'static str>, to: &mut TensorWriter) {
        let parts =
            [(WEIGHT, &self.gamma), (BIAS, &self.beta), (MEAN, &self.mean), (VARIANCE, &self.variance)];
        for (part, values) in parts {
            to.tensor(part, values.shape(), values);
        }
    }

    fn load(&mut self, _: AtLoad, from: &mut TensorReader<'_>) -> Result<(), WeightsError> {
        let shape = [self.gamma.len()];
        let parts = [
            (WEIGHT, &mut self.gamma),
            (BIAS, &mut self.beta),
            (MEAN, &mut self.mean),
            (VARIANCE, &mut self.variance),
        ];
        for (part, values) in parts {
            *values = Array1::from_vec(from.required(part, &shape));
        }
        match self.variance.iter().position(|value| *value < 0.0) {
            None => Ok(()),
            Some(index) => Err(from.bad_value(VARIANCE, index, self.variance[index])),
        }
    }

    fn store(&self, layer: LayerMut<'_>) {
        if let Some(state) = layer.state::<Self>() {
            state.clone_from(self);
        }
    }
}

impl Operation for NormState {
    type Kernel = Kernel;
    type Integers = Integers;

    fn kernel(&self, at: At<'_>, mode: Mode) -> Kernel {
        match mode.statistics {
            Statistics::Running => Kernel::Running(Affine::new(at.width)),
            Statistics::Batch => Kernel::Batch(Normalize::new(self, at.width)),
        }
    }

    fn refresh(&self, kernel: &mut Kernel, refresh: &mut Refresh<'_>) -> Result<(), NetworkError> {
        let at = refresh.at;
        match (kernel, refresh.precision) {
            (Kernel::Running(affine), Precision::Float) => {
                let float = Dequantize::plain(1.0);
                affine.set(self.channels().map(|channel| float.normalize(channel)));
            }
            (Kernel::Running(affine), Precision::Quantized) if at.is_last() => {
                affine.set(refresh.read(at.index)?.iter().copied());
            }
            // The staircase behind it holds what it does.
            (Kernel::Running(_), Precision::Quantized) => {}
            (Kernel::Batch(normalize), Precision::Float) => normalize.set(self, &[Dequantize::plain(1.0)]),
            (Kernel::Batch(normalize), Precision::Quantized) => {
                if let Some(from) = at.from {
                    normalize.set(self, refresh.read(from)?);
                }
            }
        }
        Ok(())
    }

    fn observe(&mut self, kernel: &Kernel) {
        match kernel {
            Kernel::Batch(normalize) => normalize.average_into(self),
            Kernel::Running(_) => {}
        }
    }

    fn integers(&self, _: At<'_>) -> Result<Integers, NetworkError> {
        Ok(Integers)
    }
}

/// What a batch normalisation does to a batch.
#[derive(Clone, Debug)]
pub(crate) enum Kernel {
    /// By running averages, or nothing where the staircase behind holds it.
    Running(Affine),
    /// By the statistics of the batch, in training.
    Batch(Normalize),
}

/// What a batch normalisation gives in training, while its bias is held so: values, with the centre at zero where there is one.
pub(crate) fn normalized(hold: Bias) -> Dequantize {
    match hold {
        Bias::Centred | Bias::Clipped => Dequantize { origin: Origin::Centre(0.0), ..Dequantize::plain(1.0) },
        Bias::Free | Bias::None => Dequantize::plain(1.0),
    }
}

impl Run for Kernel {
    fn run(&mut self, batch: Batch<'_>) {
        let output = &mut slice_mut(batch.output)[..batch.read.len()];
        output.copy_from_slice(batch.read);
        match self {
            Self::Running(affine) => affine.run(output),
            Self::Batch(normalize) => {
                normalize.observe(output);
                normalize.affine.run(output);
            }
        }
    }

    fn back(&self, back: Back<'_>) {
        let Some(from) = back.at.from else { return };
        let (length, route) = (back.length(), back.route());
        let to = &mut slice_mut(&mut back.before[from])[..length];
        match self {
            Self::Running(affine) => {
                let slopes = slice(back.slopes).iter().zip(affine.units.iter().cycle());
                for (to, (slope, unit)) in to.iter_mut().zip(slopes) {
                    route.pass(to, slope * unit);
                }
            }
            Self::Batch(normalize) => {
                let sums = &slice(&back.outputs[from])[..length];
                let by = (back.own.gammas.as_mut_slice(), back.own.biases.as_mut_slice());
                normalize.back(&slice(back.slopes)[..length], sums, to, route, by);
            }
        }
    }

    fn units(&self) -> Units<'_> {
        match self {
            Self::Running(affine) => Units::Each(&affine.units),
            Self::Batch(normalize) => Units::TimesRead(&normalize.affine.units),
        }
    }

    fn normalized(&self) -> bool {
        matches!(self, Self::Batch(_))
    }
}

/// A batch normalisation by the statistics of the batch.
#[derive(Clone, Debug)]
pub(crate) struct Normalize {
    /// What it reads stands for, one for each channel.
    inputs: Vec<Dequantize>,
    /// What it has learned, with the statistics of the last batch.
    channels: Vec<Channel>,
    pub(crate) affine: Affine,
    /// What it read of each channel in the last batch.
    pub(crate) seen: Vec<Seen>,
    /// Numbers of each channel in the last batch.
    count: usize,
}

/// What a batch normalisation read of one channel, in the units of what it reads.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    mean: f32,
    /// What is normalised to zero: the mean, or the centre.
    zero: f32,
    pub(crate) is_centred: bool,
    /// Deviations that one unit makes.
    deviations: f32,
}

impl Normalize {
    /// A normalisation of so many numbers of a sample.
    pub(super) fn new(state: &NormState, width: usize) -> Self {
        Self {
            inputs: Vec::new(),
            channels: Vec::new(),
            affine: Affine::new(width),
            seen: vec![Seen::default(); state.gamma.len()],
            count: 0,
        }
    }

    pub(super) fn set(&mut self, state: &NormState, inputs: &[Dequantize]) {
        self.inputs.clear();
        self.inputs.extend(inputs.iter().cycle().take(self.seen.len()));
        self.channels.clear();
        self.channels.extend(state.channels());
    }

    /// Whether a channel has numbers enough in the last batch to vary. One number is normalised by the running averages, and
    /// moves them nowhere.
    const fn has_variance(&self) -> bool {
        self.count >= 2
    }

    /// Measures the channels of rows of what it reads, and scales by what it finds.
    pub(crate) fn observe(&mut self, rows: &[f32]) {
        let width = self.affine.units.len();
        let positions = width / self.seen.len();
        self.count = rows.len() / width * positions;
        let of = |channel: usize| {
            rows.chunks_exact(width).flat_map(move |row| &row[channel * positions..(channel + 1) * positions])
        };
        let has_variance = self.has_variance();
        for (index, seen) in self.seen.iter_mut().enumerate() {
            let (input, channel) = (&self.inputs[index], &mut self.channels[index]);
            let unit = f64::from(input.share());
            let mean = if has_variance {
                let count = self.count as f64;
                let mean = of(index).map(|&value| f64::from(value)).sum::<f64>() / count;
                let squares = of(index).map(|&value| (f64::from(value) - mean).powi(2)).sum::<f64>();
                channel.mean = (mean * unit + f64::from(input.bias())) as f32;
                channel.variance = (squares / count * unit * unit) as f32;
                mean as f32
            } else {
                (channel.mean - input.bias()) / input.share()
            };
            let (zero, is_centred) = match input.origin {
                Origin::Bias(_) => (mean, false),
                Origin::Centre(centre) => (centre, true),
            };
            let deviations = input.share() / (channel.variance + Channel::EPSILON).sqrt();
            *seen = Seen { mean, zero, is_centred, deviations };
        }
        let Self { affine, inputs, channels, .. } = self;
        affine.set(inputs.iter().zip(channels).map(|(input, channel)| input.normalize(*channel)));
    }

    /// Moves running averages to the statistics of the last batch, the variance as if estimated from a sample.
    pub(super) fn average_into(&self, state: &mut NormState) {
        if !self.has_variance() {
            return;
        }
        let unbiased = self.count as f32 / (self.count - 1) as f32;
        let move_to = |average: &mut f32, seen: f32| *average += NormState::MOMENTUM * (seen - *average);
        for ((channel, mean), variance) in self.channels.iter().zip(&mut state.mean).zip(&mut state.variance)
        {
            move_to(mean, channel.mean);
            move_to(variance, channel.variance * unbiased);
        }
    }

    /// Passes slopes through a normalisation by the statistics of the batch; gives those by `gamma` and `beta`.
    ///
    /// Of a channel's values `x_i`, with `s` their deviation and `m` their mean, `y_i = gamma * p_i + beta`, where `p_i` is
    /// `(x_i - m) / s` or, centred, `x_i / s`. With `q_i = (x_i - m) / s`, `s` moves by `q_i / n` of `x_i`, so the slope by `x_i` is
    /// `gamma / s * (dy_i - q_i * mean(dy * p) - mean(dy))`, centred without the last term.
    pub(crate) fn back(
        &self,
        slopes: &[f32],
        sums: &[f32],
        to: &mut [f32],
        route: Route,
        (gammas, betas): (&mut [f32], &mut [f32]),
    ) {
        let width = self.affine.units.len();
        let positions = width / self.seen.len();
        gammas.fill(0.0);
        betas.fill(0.0);
        for (slopes, sums) in slopes.chunks_exact(width).zip(sums.chunks_exact(width)) {
            let channels = slopes.chunks_exact(positions).zip(sums.chunks_exact(positions)).zip(&self.seen);
            for (((slopes, sums), seen), (gamma, beta)) in channels.zip(gammas.iter_mut().zip(&mut *betas)) {
                for (slope, sum) in slopes.iter().zip(sums) {
                    *gamma += slope * (sum - seen.zero) * seen.deviations;
                    *beta += slope;
                }
            }
        }
        // By running averages a number moves nothing but itself.
        let share = if self.has_variance() { 1.0 / self.count as f32 } else { 0.0 };
        for ((slopes, sums), to) in
            slopes.chunks_exact(width).zip(sums.chunks_exact(width)).zip(to.chunks_exact_mut(width))
        {
            for (channel, seen) in self.seen.iter().enumerate() {
                let numbers = channel * positions..(channel + 1) * positions;
                let factor = self.affine.units[numbers.start];
                let by_deviation = gammas[channel] * share;
                let by_mean = if seen.is_centred { 0.0 } else { betas[channel] * share };
                let pairs = slopes[numbers.clone()].iter().zip(&sums[numbers.clone()]);
                for ((slope, sum), to) in pairs.zip(&mut to[numbers]) {
                    let q = (sum - seen.mean) * seen.deviations;
                    route.pass(to, factor * (slope - q * by_deviation - by_mean));
                }
            }
        }
    }
}

/// The numbers that it reads: the staircases behind it, or the client, hold what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Integers;

impl Exact for Integers {
    fn run(&self, _: &[f32], _: &[Vec<i64>], operand: &[i64]) -> Vec<i64> {
        operand.to_vec()
    }

    fn lower(&self, lowering: Lowering<'_>) -> Result<Values, OutsideBound> {
        Ok(lowering.operand.clone())
    }
}

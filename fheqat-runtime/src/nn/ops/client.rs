//! Layers that the client runs in float: their weights, how they train, and what the client is given of them.

use std::sync::Arc;

use fheqat_spec::{self as spec, Range};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::{
    norm::{NormState, Normalize},
    operation::{
        At, AtLoad, Back, Batch, Ends, Exact, Lowering, Mode, ONE, Operation, Refresh, Run, Slopes, State,
    },
    place::Place,
    route::Route,
    window::Filters,
};
use crate::{
    circuit::build::{OutsideBound, Values},
    nn::{
        dimensions::Dimensions,
        error::NetworkError,
        matrix::{head_mut, matrix, slice, slice_mut},
        module::{LayerMut, LayerRef, Module, stateless},
        multiply::multiply,
        precision::Statistics,
        tensors::{TensorReader, TensorWriter, WeightsError, shaped},
        usable::{Bad, infinite},
    },
    quant::{
        Transform,
        client::{ClientAffine, ClientDense, ClientFilters, ClientLayer},
        transition::Dequantize,
    },
};

/// Numbers that are worth a thread to compute them.
const NUMBERS: usize = 1 << 14;

/// A dense layer that the client runs in float, `[IN]` to `[OUT]`: `#[layer(client)]`. The client sees its weights.
#[derive(Clone, Debug)]
pub struct Linear<const IN: usize, const OUT: usize> {
    /// What trains.
    pub state: FloatState,
}

/// Filters of length `K` that the client runs in float, `[IN, length]` to `[OUT, positions]`: `#[layer(client)]`. The client sees
/// their weights.
#[derive(Clone, Debug)]
pub struct Conv1d<const IN: usize, const OUT: usize, const K: usize> {
    /// What trains.
    pub state: FloatState,
}

/// Filters of `K` by `K` that the client runs in float, `[IN, height, width]` to `[OUT, rows, columns]`: `#[layer(client)]`. The client
/// sees their weights.
#[derive(Clone, Debug)]
pub struct Conv2d<const IN: usize, const OUT: usize, const K: usize> {
    /// What trains.
    pub state: FloatState,
}

/// `max(x, 0)` of floats, which the client computes: `#[layer(client)]`.
#[derive(Clone, Copy, Debug)]
pub struct ReLU;

stateless!(ReLU);

macro_rules! float_module {
    ($type:ident<$($number:ident),*>, $width:literal, $inputs:expr) => {
        #[diagnostic::do_not_recommend]
        impl<$(const $number: usize),*> Module for $type<$($number),*> {
            fn init(layer: &spec::Layer, _: &spec::Fact, rng: &mut ChaCha8Rng) -> Self {
                Self { state: FloatState::new([OUT, $inputs / groups(layer)], rng) }
            }
            fn layer(&self) -> LayerRef<'_> {
                LayerRef::new(stringify!($type), &self.state)
            }
            fn layer_mut(&mut self) -> LayerMut<'_> {
                LayerMut::new(&mut self.state)
            }
        }

        impl<$(const $number: usize),*> Dimensions for $type<$($number),*> {
            const DIMENSIONS: &'static [usize] = &[$($number),*];
        }

        impl<$(const $number: usize),*> $type<$($number),*> {
            #[doc = concat!("The weights, `[OUT, ", $width, "]`.")]
            #[must_use]
            pub fn weights(&self) -> ArrayView2<'_, f32> {
                self.state.weight.view()
            }

            /// The bias, `[OUT]`.
            #[must_use]
            pub fn bias(&self) -> ArrayView1<'_, f32> {
                self.state.bias.view()
            }
        }
    };
}

float_module!(Linear<IN, OUT>, "IN", IN);
float_module!(Conv1d<IN, OUT, K>, "IN / groups * K", IN * K);
float_module!(Conv2d<IN, OUT, K>, "IN / groups * K * K", IN * K * K);

fn groups(layer: &spec::Layer) -> usize {
    match layer {
        spec::Layer::Client(spec::Client::Conv(filters)) => number(filters.groups).unwrap_or(1),
        _ => 1,
    }
}

fn number(known: spec::Known<i64>) -> Option<usize> {
    known.get().and_then(|number| usize::try_from(number).ok())
}

/// The state of a layer of floats: a row for each neuron, or for each filter.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatState {
    /// `[out, in]`.
    pub(crate) weight: Array2<f32>,
    /// `[out]`.
    pub(crate) bias: Array1<f32>,
    /// What each row sees, where the rows are filters of a network's convolution.
    pub(crate) filters: Option<Arc<Filters>>,
}

impl FloatState {
    fn new(shape: [usize; 2], rng: &mut ChaCha8Rng) -> Self {
        let mut state = Self { weight: Array2::zeros(shape), bias: Array1::zeros(shape[0]), filters: None };
        state.draw(rng);
        state
    }

    /// Uniform weights and biases of standard deviation `1 / sqrt(3 * in)`, as in `PyTorch`.
    pub(crate) fn draw(&mut self, rng: &mut ChaCha8Rng) {
        let reach = self.reach();
        self.weight.mapv_inplace(|_| rng.random_range(-reach..reach));
        self.bias.mapv_inplace(|_| rng.random_range(-reach..reach));
    }

    /// The largest weight that is drawn: `1 / sqrt(in)`.
    pub(crate) fn reach(&self) -> f32 {
        1.0 / (self.weight.ncols().max(1) as f32).sqrt()
    }
}

/// What a layer of the client has learned.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ClientState {
    /// `Linear`, `Conv1d` or `Conv2d`.
    Linear(FloatState),
    /// `BatchNorm`.
    Norm(NormState),
    /// `ReLU`.
    Rectify,
    /// `Flatten` or `Reshape`.
    Same,
}

impl ClientState {
    /// A layer of the client in a network.
    pub(super) fn placed(
        layer: &spec::Client,
        state: LayerRef<'_>,
        place: &Place<'_>,
    ) -> Option<(usize, Self)> {
        let width = place.operand_width()?;
        match layer {
            spec::Client::Linear(_) => {
                let state: &FloatState = state.state()?;
                let fits = state.weight.ncols() == width;
                fits.then(|| (state.bias.len(), Self::Linear(FloatState { filters: None, ..state.clone() })))
            }
            spec::Client::Conv(spec::Filters { channels, window, groups }) => {
                let state: &FloatState = state.state()?;
                let filters = Filters::new(window, &place.dims, [channels.outputs, *groups])?;
                let fits = state.weight.dim() == (filters.count, filters.fan_in());
                let filters = Some(Arc::new(filters)).filter(|_| fits)?;
                let state = FloatState { filters: Some(Arc::clone(&filters)), ..state.clone() };
                Some((filters.outputs(), Self::Linear(state)))
            }
            spec::Client::BatchNorm => {
                NormState::placed(state, place).map(|(width, state)| (width, Self::Norm(state)))
            }
            spec::Client::ReLU => Some((width, Self::Rectify)),
            spec::Client::Flatten | spec::Client::Reshape(_) => Some((width, Self::Same)),
        }
    }

    /// What the client runs.
    pub(crate) fn layer(&self) -> ClientLayer {
        match self {
            Self::Linear(FloatState { weight, bias, filters: None }) => ClientLayer::Dense(ClientDense {
                weights: weight.t().iter().copied().collect(),
                bias: bias.to_vec(),
            }),
            Self::Linear(FloatState { weight, bias, filters: Some(filters) }) => {
                ClientLayer::Filters(ClientFilters {
                    weights: weight.iter().copied().collect(),
                    bias: bias.to_vec(),
                    groups: filters.groups,
                    channels: filters.windows.channels,
                    area: filters.windows.area,
                    positions: filters.windows.positions,
                    seen: filters.windows.seen().to_vec(),
                })
            }
            Self::Norm(state) => {
                let of_floats: Vec<_> =
                    state.channels().map(|channel| Dequantize::plain(1.0).normalize(channel)).collect();
                ClientLayer::Affine(ClientAffine {
                    factors: of_floats.iter().map(Dequantize::share).collect(),
                    offsets: of_floats.iter().map(Dequantize::bias).collect(),
                })
            }
            Self::Rectify => ClientLayer::Rectify,
            Self::Same => ClientLayer::Same,
        }
    }

    /// Whether it has any.
    pub(super) const fn has_weights(&self) -> bool {
        matches!(self, Self::Linear(_) | Self::Norm(_))
    }

    /// The normalisation, where it is one.
    fn norm(&self) -> Option<&NormState> {
        match self {
            Self::Norm(state) => Some(state),
            Self::Linear(_) | Self::Rectify | Self::Same => None,
        }
    }

    /// Writes the numbers as they are now to what runs them, of the same layer.
    fn write(&self, layer: &mut ClientLayer) {
        match (self, layer) {
            (Self::Linear(state), ClientLayer::Dense(dense)) => {
                dense.weights.iter_mut().zip(state.weight.t()).for_each(|(to, weight)| *to = *weight);
                dense.bias.iter_mut().zip(&state.bias).for_each(|(to, bias)| *to = *bias);
            }
            (Self::Linear(state), ClientLayer::Filters(filters)) => {
                filters.weights.iter_mut().zip(&state.weight).for_each(|(to, weight)| *to = *weight);
                filters.bias.iter_mut().zip(&state.bias).for_each(|(to, bias)| *to = *bias);
            }
            (_, layer) => *layer = self.layer(),
        }
    }
}

const WEIGHT: &str = "weight";
const BIAS: &str = "bias";

impl State for ClientState {
    fn reached(&self, _: At<'_>) -> Option<Range> {
        None
    }

    fn units(&self, _: At<'_>) -> Result<(ArrayView1<'_, f32>, f32), NetworkError> {
        Ok((ONE, 1.0))
    }

    fn ones(&self) -> Option<usize> {
        None
    }

    fn unusable(&self) -> Option<Bad> {
        match self {
            Self::Linear(state) => {
                infinite("weight", &state.weight).or_else(|| infinite("bias", &state.bias))
            }
            Self::Norm(state) => state.unusable().or_else(|| match self.layer() {
                ClientLayer::Affine(ClientAffine { factors, offsets }) => {
                    infinite("factor", &factors).or_else(|| infinite("offset", &offsets))
                }
                _ => None,
            }),
            Self::Rectify | Self::Same => None,
        }
    }

    fn slopes(&self, gains: usize, batch: usize) -> Slopes {
        match self {
            Self::Linear(state) => Slopes {
                weights: Array2::zeros(state.weight.dim()),
                biases: vec![0.0; state.bias.len()],
                ..Slopes::default()
            },
            Self::Norm(state) => state.slopes(gains, batch),
            Self::Rectify | Self::Same => Slopes::default(),
        }
    }

    fn remove(&mut self, ends: Ends, _: &[Vec<bool>], _: &[usize]) -> Vec<bool> {
        vec![false; ends.width]
    }

    fn save(&self, owner: Option<&'static str>, to: &mut TensorWriter) {
        match self {
            Self::Linear(state) => {
                to.tensor(WEIGHT, state.weight.shape(), &state.weight);
                to.tensor(BIAS, state.bias.shape(), &state.bias);
                if let Some(filters) = &state.filters {
                    filters.save(to);
                }
            }
            Self::Norm(state) => state.save(owner, to),
            Self::Rectify | Self::Same => {}
        }
    }

    fn load(&mut self, at: AtLoad, from: &mut TensorReader<'_>) -> Result<(), WeightsError> {
        match self {
            Self::Linear(state) => {
                if let Some(filters) = &state.filters {
                    filters.agrees(from)?;
                }
                let (rows, columns) = state.weight.dim();
                let mut shapes = vec![vec![rows, columns]];
                shapes.extend(state.filters.iter().flat_map(|filters| filters.shapes()));
                state.weight = shaped(from.required_in(WEIGHT, &shapes), (rows, columns));
                state.bias = Array1::from_vec(from.required(BIAS, &[rows]));
                Ok(())
            }
            Self::Norm(state) => state.load(at, from),
            Self::Rectify | Self::Same => Ok(()),
        }
    }

    fn store(&self, layer: LayerMut<'_>) {
        match self {
            Self::Linear(state) => {
                if let Some(to) = layer.state::<FloatState>() {
                    to.clone_from(state);
                }
            }
            Self::Norm(state) => state.store(layer),
            Self::Rectify | Self::Same => {}
        }
    }
}

impl Operation for ClientState {
    type Kernel = Kernel;
    type Integers = Integers;

    fn kernel(&self, at: At<'_>, mode: Mode) -> Kernel {
        Kernel {
            layer: self.layer(),
            transform: at.from.is_none().then(|| at.network.transform_before(at.index)),
            features: Vec::new(),
            batch: match (self.norm(), mode.statistics) {
                (Some(state), Statistics::Batch) => Some(Normalize::new(state, at.width)),
                _ => None,
            },
        }
    }

    fn refresh(&self, kernel: &mut Kernel, _: &mut Refresh<'_>) -> Result<(), NetworkError> {
        self.write(&mut kernel.layer);
        if let (Some(normalize), Some(state)) = (&mut kernel.batch, self.norm()) {
            normalize.set(state, &[Dequantize::plain(1.0)]);
        }
        Ok(())
    }

    fn observe(&mut self, kernel: &Kernel) {
        if let (Self::Norm(state), Some(normalize)) = (self, &kernel.batch) {
            normalize.average_into(state);
        }
    }

    fn integers(&self, _: At<'_>) -> Result<Integers, NetworkError> {
        Ok(Integers(self.layer()))
    }
}

/// What a layer of the client makes of batches.
#[derive(Clone, Debug)]
pub(crate) struct Kernel {
    layer: ClientLayer,
    /// What features go through before, where it reads them.
    transform: Option<Transform>,
    /// What it read of the last batch, where it reads features.
    features: Vec<f32>,
    /// Normalises by the statistics of the batch, in training.
    batch: Option<Normalize>,
}

impl Run for Kernel {
    fn run(&mut self, batch: Batch<'_>) {
        let width = batch.output.ncols();
        let output = &mut slice_mut(batch.output)[..batch.count * width];
        let read = match &self.transform {
            None => batch.read,
            Some(transform) => {
                self.features.resize(batch.features.len(), 0.0);
                let rows = self.features.chunks_exact_mut(batch.features.ncols());
                for (to, sample) in rows.zip(batch.features.rows()) {
                    match sample.as_slice() {
                        Some(sample) => transform.apply(sample, to),
                        None => transform.apply(&sample.to_vec(), to),
                    }
                }
                &self.features
            }
        };
        if let Some(normalize) = &mut self.batch {
            output.copy_from_slice(read);
            normalize.observe(output);
            normalize.affine.run(output);
            return;
        }
        let (layer, inputs) = (&self.layer, read.len() / batch.count.max(1));
        let samples = (NUMBERS / width).max(1);
        let blocks = output.par_chunks_mut(samples * width).zip(read.par_chunks(samples * inputs));
        blocks.for_each(|(output, read)| {
            for (to, from) in output.chunks_exact_mut(width).zip(read.chunks_exact(inputs)) {
                layer.apply(from, to);
            }
        });
    }

    fn back(&self, mut back: Back<'_>) {
        let read = if self.transform.is_some() { &self.features } else { back.read };
        let (count, width, route) = (back.count, back.at.width, back.route());
        let shape @ [_, inputs] = [count, self.layer.inputs(width)];
        let read = &read[..count * inputs];
        if let Some(normalize) = &self.batch {
            let mut nothing = [];
            let (to, route) = match back.at.from {
                Some(from) => (slice_mut(&mut back.before[from]), route),
                None => (&mut nothing[..], Route::Nothing),
            };
            let length = count * width;
            let by = (back.own.gammas.as_mut_slice(), back.own.biases.as_mut_slice());
            normalize.back(&slice(back.slopes)[..length], read, to, route, by);
            return;
        }
        match &self.layer {
            ClientLayer::Dense(dense) => dense_back(dense, &mut back, read, shape),
            ClientLayer::Filters(filters) => filters_back(filters, &mut back, read, shape),
            ClientLayer::Affine(affine) => {
                let positions = width / affine.factors.len();
                for (to, slopes) in back.samples() {
                    for (number, (to, slope)) in to.iter_mut().zip(slopes).enumerate() {
                        route.pass(to, slope * affine.factors[number / positions]);
                    }
                }
            }
            ClientLayer::Rectify => {
                for ((to, slopes), read) in back.samples().zip(read.chunks_exact(width)) {
                    for ((to, slope), read) in to.iter_mut().zip(slopes).zip(read) {
                        route.pass(to, if *read > 0.0 { *slope } else { 0.0 });
                    }
                }
            }
            ClientLayer::Same => {
                for (to, slopes) in back.samples() {
                    to.iter_mut().zip(slopes).for_each(|(to, slope)| route.pass(to, *slope));
                }
            }
        }
    }

    fn multiplications(&self) -> usize {
        match &self.layer {
            ClientLayer::Dense(dense) => dense.weights.len(),
            ClientLayer::Filters(filters) => filters.weights.len() * filters.positions,
            ClientLayer::Affine(_) | ClientLayer::Rectify | ClientLayer::Same => 0,
        }
    }
}

fn sum_biases(biases: &mut [f32], slopes: &[f32], width: usize) {
    biases.fill(0.0);
    let positions = width / biases.len();
    for slopes in slopes.chunks_exact(width) {
        for (bias, slopes) in biases.iter_mut().zip(slopes.chunks_exact(positions)) {
            *bias += slopes.iter().sum::<f32>();
        }
    }
}

fn dense_back(dense: &ClientDense, back: &mut Back<'_>, read: &[f32], [count, inputs]: [usize; 2]) {
    let width = back.at.width;
    let numbers = &slice(back.slopes)[..count * width];
    sum_biases(&mut back.own.biases, numbers, width);
    let (slopes, read) = (matrix(numbers, [count, width]), matrix(read, [count, inputs]));
    multiply(&slopes.t(), &read, 0.0, &mut back.own.weights.view_mut());
    let beta = match back.route() {
        Route::Nothing => return,
        Route::Write => 0.0,
        Route::Add => 1.0,
    };
    if let Some(from) = back.at.from {
        let weights = matrix(&dense.weights, [inputs, width]);
        let mut to = head_mut(&mut back.before[from], count);
        multiply(&slopes, &weights.t(), beta, &mut to);
    }
}

fn filters_back(filters: &ClientFilters, back: &mut Back<'_>, read: &[f32], [count, inputs]: [usize; 2]) {
    let (width, positions, area) = (back.at.width, filters.positions, filters.area);
    let slopes = &slice(back.slopes)[..count * width];
    sum_biases(&mut back.own.biases, slopes, width);
    let by_weights = slice_mut(&mut back.own.weights);
    by_weights.fill(0.0);
    for (slopes, read) in slopes.chunks_exact(width).zip(read.chunks_exact(inputs)) {
        for (filter, weight, channel, seen) in filters.products() {
            let slopes = &slopes[filter * positions..(filter + 1) * positions];
            let channel = &read[channel * area..(channel + 1) * area];
            let products =
                slopes.iter().zip(seen).filter_map(|(slope, seen)| Some(slope * channel[(*seen)?]));
            by_weights[weight] += products.sum::<f32>();
        }
    }
    for (to, slopes) in back.samples() {
        for (filter, weight, channel, seen) in filters.products() {
            let weight = filters.weights[weight];
            let slopes = &slopes[filter * positions..(filter + 1) * positions];
            let channel = &mut to[channel * area..(channel + 1) * area];
            for (slope, seen) in slopes.iter().zip(seen) {
                if let Some(index) = seen {
                    channel[*index] += slope * weight;
                }
            }
        }
    }
}

/// What the client runs; nothing of it is encrypted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Integers(pub(crate) ClientLayer);

impl Exact for Integers {
    fn run(&self, _: &[f32], _: &[Vec<i64>], _: &[i64]) -> Vec<i64> {
        Vec::new()
    }

    fn lower(&self, _: Lowering<'_>) -> Result<Values, OutsideBound> {
        Ok(Values::new())
    }
}

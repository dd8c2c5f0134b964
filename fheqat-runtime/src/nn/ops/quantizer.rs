//! Quantizers: from features or sums to integer levels, through a function where there is one.

use std::{fmt, marker::PhantomData};

use fheqat_spec::{self as spec, Known, Range};
use ndarray::{Array2, ArrayView2};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::{
    operation::{
        At, AtLoad, Back, Batch, Ends, Exact, Lowering, Mode, Operation, Refresh, Run, State, Units,
        for_each_number, gather,
    },
    place::Place,
    reading::Reading,
    route::Route,
    staircase::{Inside, Passage, Staircase, back_through_function, back_through_steps},
};
use crate::{
    circuit::{
        build::{OutsideBound, Values},
        ir::{Term, Tolerance},
    },
    nn::{
        error::NetworkError,
        matrix::{head, head_mut, matrix, slice, slice_mut},
        module::{LayerMut, LayerRef, Module},
        precision::Precision,
        tensors::{TensorReader, TensorWriter, WeightsError, noted_range},
        usable::{Bad, no_unit},
    },
    quant::{
        ClientLayer, Code, Encoder, Quantizer, Requantize, Standardization, Transform,
        activation::{Activation, Function},
    },
};

/// Numbers that are worth a thread to round them.
const NUMBERS: usize = 1 << 16;

/// Reads the input: rounds floats to integer levels.
#[derive(Clone, Debug)]
pub struct QuantIdentity {
    /// What trains.
    pub state: QuantizerState,
}

/// `max(x, 0)`, rounded to integer levels.
#[derive(Clone, Debug)]
pub struct QuantReLU {
    /// What trains.
    pub state: QuantizerState,
}

/// The function `F` of each number, rounded to integer levels.
pub struct QuantAct<F> {
    /// What trains.
    pub state: QuantizerState,
    function: PhantomData<fn() -> F>,
}

macro_rules! quantizer_module {
    ($type:ident, $curve:expr) => {
        #[diagnostic::do_not_recommend]
        impl Module for $type {
            fn init(layer: &spec::Layer, _: &spec::Fact, _: &mut ChaCha8Rng) -> Self {
                Self { state: QuantizerState::new(layer, $curve) }
            }
            fn layer(&self) -> LayerRef<'_> {
                LayerRef::new(stringify!($type), &self.state)
            }
            fn layer_mut(&mut self) -> LayerMut<'_> {
                LayerMut::new(&mut self.state)
            }
        }

        impl $type {
            /// The step between two levels; `None` until training or calibration has chosen it.
            #[must_use]
            pub fn step(&self) -> Option<f32> {
                self.state.step
            }
        }
    };
}

quantizer_module!(QuantIdentity, Curve::Identity);
quantizer_module!(QuantReLU, Curve::Rectify);

impl<F: Activation> Module for QuantAct<F> {
    fn init(layer: &spec::Layer, _: &spec::Fact, _: &mut ChaCha8Rng) -> Self {
        let curve = Curve::Function(Function::of::<F>());
        Self { state: QuantizerState::new(layer, curve), function: PhantomData }
    }
    fn layer(&self) -> LayerRef<'_> {
        LayerRef::new("QuantAct", &self.state)
    }
    fn layer_mut(&mut self) -> LayerMut<'_> {
        LayerMut::new(&mut self.state)
    }
}

impl<F> QuantAct<F> {
    /// The step between two levels; `None` until training or calibration has chosen it.
    #[must_use]
    pub fn step(&self) -> Option<f32> {
        self.state.step
    }
}

impl<F> Clone for QuantAct<F> {
    fn clone(&self) -> Self {
        Self { state: self.state.clone(), function: PhantomData }
    }
}

impl<F> fmt::Debug for QuantAct<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QuantAct").field("state", &self.state).finish()
    }
}

/// Whether the function of the field that `_field` projects to has levels below zero where the user does not say.
#[must_use]
pub const fn is_signed<N, F: Activation>(_field: fn(&N) -> &QuantAct<F>) -> bool {
    F::SIGNED
}

impl QuantIdentity {
    /// What features go through before they are rounded; `None` where it reads no features, or no training has chosen it.
    #[must_use]
    pub const fn transform(&self) -> Option<&Transform> {
        match &self.state.reading {
            Some(reading) => Some(&reading.transform),
            None => None,
        }
    }

    /// The same, where that is to standardise them.
    #[must_use]
    pub const fn standardization(&self) -> Option<&Standardization> {
        match self.transform() {
            Some(Transform::Standardize(standardization)) => Some(standardization),
            Some(Transform::AsIs | Transform::Whiten(_)) | None => None,
        }
    }
}

/// The state of a quantizer.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantizerState {
    /// The function before the rounding.
    pub(crate) curve: Curve,
    /// The levels it gives: those declared or, where it reads the input, as many of them as training samples reach.
    pub(crate) levels: Range,
    /// The levels that were declared.
    pub(crate) declared: Range,
    /// The step the user fixed.
    pub(crate) fixed: Option<f32>,
    /// The step between two levels; `None` until training or calibration has chosen it.
    pub(crate) step: Option<f32>,
    /// How features are read, where the quantizer reads the network's input; `None` until training has chosen it.
    pub(crate) reading: Option<Reading>,
}

/// What a quantizer applies before it rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Curve {
    /// Nothing.
    Identity,
    /// `max(x, 0)`, which is the clamp to levels from zero.
    Rectify,
    /// A function.
    Function(Function),
}

impl Curve {
    /// What it is called in files.
    fn name(self) -> String {
        match self {
            Self::Identity => "identity".to_owned(),
            Self::Rectify => "relu".to_owned(),
            Self::Function(function) => function.name(),
        }
    }

    /// The function, where it is one.
    pub(crate) fn function(self) -> Option<Function> {
        match self {
            Self::Function(function) => Some(function),
            Self::Identity | Self::Rectify => None,
        }
    }
}

impl QuantizerState {
    pub(crate) fn new(layer: &spec::Layer, curve: Curve) -> Self {
        let spec::Layer::Quantizer(quantizer) = layer else {
            return Self {
                curve,
                levels: Range::new(0, 0),
                declared: Range::new(0, 0),
                fixed: None,
                step: None,
                reading: None,
            };
        };
        let fixed = match quantizer.scale {
            spec::Scale::Fixed(Known::Now(step)) => Some(step as f32),
            _ => None,
        };
        let declared = quantizer.levels().or(Range::new(0, 0));
        Self { curve, levels: declared, declared, fixed, step: fixed, reading: None }
    }

    /// A quantizer in a network.
    pub(super) fn placed(
        quantizer: &spec::Quantizer,
        layer: LayerRef<'_>,
        place: &Place<'_>,
    ) -> Option<(usize, Self)> {
        let state: &Self = layer.state()?;
        let fits = quantizer.levels() == Known::Now(state.declared);
        Some((place.operand_width()?, state.clone())).filter(|_| fits)
    }

    /// The quantizer, once its step is known.
    #[must_use]
    pub fn quantizer(&self) -> Option<Quantizer> {
        self.step.map(|step| Quantizer { step, levels: self.levels })
    }

    /// From features to levels, through these layers of the client.
    fn encoder(&self, step: f32, layers: Vec<ClientLayer>) -> Encoder {
        let quantizer = Quantizer { step, levels: self.levels };
        let transform = self.reading.as_ref().map_or(Transform::AsIs, |reading| reading.transform.clone());
        Encoder { transform, layers, code: Code::Round(quantizer) }
    }

    /// Whether it reads features as they are.
    pub(crate) fn reads_as_is(&self) -> bool {
        self.reading.as_ref().is_none_or(|reading| reading.transform == Transform::AsIs)
    }

    /// What it rounds of samples `[n, features]`, where it reads the network's input.
    pub(crate) fn read(&self, samples: &ArrayView2<'_, f32>) -> Array2<f32> {
        let transform = self.reading.as_ref().map_or(&Transform::AsIs, |reading| &reading.transform);
        transform.applied(samples)
    }
}

const ENCODER: &str = "QuantIdentity";
const LEVELS: &str = "levels";
const RANGE: &str = "range";
const FUNCTION: &str = "function";
const SCALE: &str = "scale";

impl State for QuantizerState {
    fn reached(&self, _: At<'_>) -> Option<Range> {
        Some(self.levels)
    }

    fn ones(&self) -> Option<usize> {
        None
    }

    fn unusable(&self) -> Option<Bad> {
        no_unit("step", &self.step).or_else(|| self.reading.as_ref()?.unusable())
    }

    fn make_float(&mut self) {
        self.step = self.fixed;
        self.levels = self.declared;
    }

    fn remove(&mut self, ends: Ends, gone: &[Vec<bool>], _: &[usize]) -> Vec<bool> {
        ends.from.map_or_else(|| vec![false; ends.width], |from| gone[from].clone())
    }

    fn save(&self, owner: Option<&'static str>, to: &mut TensorWriter) {
        if let Some(step) = &self.step {
            if to.is(owner) {
                to.tensor("step", &[1], [step]);
            }
            to.note(RANGE, &noted_range(self.declared));
            to.note(FUNCTION, &self.curve.name());
            to.note(SCALE, owner.unwrap_or_default());
        }
        if self.levels != self.declared {
            to.tensor(LEVELS, &[2], &[self.levels.lo as f32, self.levels.hi as f32]);
        }
        if let Some(reading) = &self.reading {
            reading.save(ENCODER, to);
        }
    }

    fn load(&mut self, at: AtLoad, from: &mut TensorReader<'_>) -> Result<(), WeightsError> {
        from.agrees(RANGE, "the levels", &noted_range(self.declared))?;
        from.agrees(FUNCTION, "the function", &self.curve.name())?;
        from.agrees(SCALE, "the scale", at.owner.unwrap_or_default())?;
        let step = if at.owns_step { from.positive("step", 1)? } else { None };
        let step = step.and_then(|step| step.first().copied());
        if let (Some(found), Some(fixed)) = (step, self.fixed)
            && found.to_bits() != fixed.to_bits()
        {
            return Err(from.other("the scale", &found.to_string(), &fixed.to_string()));
        }
        self.step = step.or(self.fixed);
        self.levels = from.levels(LEVELS, self.declared)?;
        self.reading = match at.features {
            Some(features) => Reading::load(ENCODER, from, features)?,
            None => None,
        };
        Ok(())
    }

    fn store(&self, layer: LayerMut<'_>) {
        if let Some(state) = layer.state::<Self>() {
            state.clone_from(self);
        }
    }
}

impl Operation for QuantizerState {
    type Kernel = Kernel;
    type Integers = Integers;

    fn kernel(&self, at: At<'_>, mode: Mode) -> Kernel {
        match (mode.precision, &self.reading, at.from) {
            (Precision::Float, Some(reading), None) => Kernel::Transform(reading.transform.clone()),
            (Precision::Float, _, _) => Kernel::Pass(self.curve),
            (Precision::Quantized, _, None) => {
                Kernel::Encode { encoder: self.encoder(1.0, Vec::new()), unit: 1.0 }
            }
            (Precision::Quantized, _, Some(_)) if at.network.encodes(at.index) => {
                Kernel::Encode { encoder: Quantizer { step: 1.0, levels: self.levels }.into(), unit: 1.0 }
            }
            (Precision::Quantized, _, Some(_)) => Kernel::Requantize(Staircase::new(at.width, self.levels)),
        }
    }

    fn refresh(&self, kernel: &mut Kernel, refresh: &mut Refresh<'_>) -> Result<(), NetworkError> {
        let at = refresh.at;
        match (kernel, at.from) {
            (Kernel::Encode { encoder, unit }, _) => {
                if let Code::Round(quantizer) = &mut encoder.code {
                    quantizer.step = at.step()?;
                }
                *unit = at.output_unit(refresh.precision)?;
            }
            (Kernel::Requantize(staircase), Some(from)) => {
                staircase.unit = at.output_unit(refresh.precision)?;
                let (step, levels) = at.network.levels(at.index)?;
                let function = self.curve.function();
                let channels = refresh.read(from)?;
                staircase.set(channels.iter().map(|sums| sums.requantize(step, levels, function)));
            }
            (Kernel::Requantize(_), None) | (Kernel::Pass(_) | Kernel::Transform(_), _) => {}
        }
        Ok(())
    }

    fn integers(&self, at: At<'_>) -> Result<Integers, NetworkError> {
        let Some(from) = at.from.filter(|_| !at.network.encodes(at.index)) else {
            let layers = at.network.client_layers(at.index);
            return Ok(Integers::Encode(self.encoder(at.step()?, layers)));
        };
        let (step, levels) = at.network.levels(at.index)?;
        let function = self.curve.function();
        let sums = at.network.dequantized(from)?;
        let staircases = sums.iter().map(|sum| sum.requantize(step, levels, function)).collect::<Vec<_>>();
        Ok(Integers::Requantize(for_each_number(&staircases, at.width)))
    }
}

/// What a quantizer does to a batch.
#[derive(Clone, Debug)]
pub(crate) enum Kernel {
    /// Features, or what the client makes of them, to levels.
    Encode {
        /// The rounding.
        encoder: Encoder,
        /// The step, where the levels are the network's output; else 1.
        unit: f32,
    },
    /// Sums or levels to levels.
    Requantize(Staircase),
    /// Floats through a curve.
    Pass(Curve),
    /// Features transformed.
    Transform(Transform),
}

/// Encodes what is read of a batch, blocks of samples beside each other; a level counts so many units.
pub(super) fn encode((encoder, unit): (&Encoder, f32), batch: Batch<'_>) {
    let Batch { features, count, output, from, read, .. } = batch;
    let features = match from {
        Some(_) => matrix(read, [count, read.len() / count.max(1)]),
        None => features,
    };
    let width = output.ncols();
    let samples = (NUMBERS / width).max(1);
    let blocks = slice_mut(output)[..count * width].par_chunks_mut(samples * width).enumerate();
    blocks.for_each(|(block, levels)| {
        let mut memory = Vec::new();
        let rows = features.rows().into_iter().skip(block * samples);
        for (levels, sample) in levels.chunks_exact_mut(width).zip(rows) {
            match sample.as_slice() {
                Some(sample) => encoder.encode(sample, levels, &mut memory),
                None => encoder.encode(&sample.to_vec(), levels, &mut memory),
            }
        }
        for level in levels {
            *level *= unit;
        }
    });
}

impl Run for Kernel {
    fn run(&mut self, batch: Batch<'_>) {
        match self {
            Self::Encode { encoder, unit } => encode((encoder, *unit), batch),
            Self::Transform(transform) => {
                transform.apply_all(&batch.features, &mut head_mut(batch.output, batch.count));
            }
            Self::Pass(curve) => {
                let operand = match batch.from {
                    Some(from) => head(&batch.before[from], batch.count),
                    None => batch.features,
                };
                curve.apply(&operand, batch.output);
            }
            Self::Requantize(staircase) => {
                let length = batch.count * batch.output.ncols();
                staircase.run(batch.read, &mut slice_mut(batch.output)[..length]);
            }
        }
    }

    fn back(&self, back: Back<'_>) {
        let Some(from) = back.at.from else { return };
        let (at, length, route) = (back.at, back.length(), back.route());
        let given = slice(&back.outputs[from]);
        let (slopes, to) = (&slice(back.slopes)[..length], slice_mut(&mut back.before[from]));
        match self {
            Self::Transform(_) => {}
            // Straight through the rounding, where it gives a level of its own.
            Self::Encode { encoder, unit } => {
                let Some(Quantizer { step, levels }) = encoder.quantizer() else { return };
                let inside = Inside::of(levels);
                for ((to, slope), value) in to.iter_mut().zip(slopes).zip(given) {
                    route.pass(to, inside.keep(value / step, slope * unit) / step);
                }
            }
            Self::Pass(curve) => curve.back(slopes, &given[..length], &mut to[..length], route),
            Self::Requantize(staircase) => {
                let numbers = back.numbers;
                numbers.clear();
                numbers.resize(if back.own.log_gains.is_empty() { 0 } else { at.width }, 0.0);
                let hold = at.network.hold(from);
                let passage = Passage { hold, slopes, sums: given, read: back.read, to, route };
                match &staircase.lookup {
                    None => back_through_steps(staircase, passage, numbers),
                    Some(lookup) => {
                        back.own.log_rise = back_through_function(staircase, lookup, passage, numbers);
                    }
                }
                gather(numbers, &mut back.own.log_gains);
            }
        }
    }

    fn staircase(&self) -> Option<&Staircase> {
        match self {
            Self::Requantize(staircase) => Some(staircase),
            Self::Encode { .. } | Self::Pass(_) | Self::Transform(_) => None,
        }
    }

    fn units(&self) -> Units<'_> {
        match self {
            Self::Encode { unit, .. } => Units::All(*unit),
            Self::Requantize(staircase) => Units::All(staircase.unit),
            Self::Pass(_) | Self::Transform(_) => Units::All(1.0),
        }
    }
}

impl Curve {
    /// Of the rows of `from`.
    fn apply(self, from: &ArrayView2<'_, f32>, to: &mut Array2<f32>) {
        for (mut to, from) in to.rows_mut().into_iter().zip(from.rows()) {
            match self {
                Self::Identity => to.assign(&from),
                Self::Rectify => to.zip_mut_with(&from, |to, &from| *to = from.max(0.0)),
                Self::Function(function) => to.zip_mut_with(&from, |to, &from| *to = function.apply(from)),
            }
        }
    }

    /// Passes slopes on to what it was applied to.
    fn back(self, slopes: &[f32], values: &[f32], to: &mut [f32], route: Route) {
        for ((to, &slope), &value) in to.iter_mut().zip(slopes).zip(values) {
            let slope = match self {
                Self::Rectify if value <= 0.0 => 0.0,
                Self::Identity | Self::Rectify => slope,
                Self::Function(function) => slope * function.slope(value),
            };
            route.pass(to, slope);
        }
    }
}

/// A quantizer whose integers are fixed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Integers {
    /// Features to levels.
    Encode(Encoder),
    /// Accumulators to levels, or levels to coarser ones: the staircase of each number.
    Requantize(Vec<Requantize>),
}

impl Exact for Integers {
    fn run(&self, sample: &[f32], _: &[Vec<i64>], operand: &[i64]) -> Vec<i64> {
        match self {
            Self::Encode(encoder) => encoder.levels(sample),
            Self::Requantize(staircases) => {
                let level = |(staircase, &sum): (&Requantize, &i64)| staircase.level(sum as f32) as i64;
                staircases.iter().zip(operand).map(level).collect()
            }
        }
    }

    fn lower(&self, lowering: Lowering<'_>) -> Result<Values, OutsideBound> {
        match self {
            Self::Encode(encoder) => Ok(lowering.builder.encode(encoder)),
            Self::Requantize(staircases) => {
                let Lowering { builder, operand, name, reads, tolerance, .. } = lowering;
                let layer = builder.layer(name, reads);
                let table = |(terms, staircase): (&Vec<Term>, &Requantize)| {
                    let tolerance = Tolerance(staircase.deviation(tolerance));
                    let level = |sum| staircase.level(sum as f32) as i64;
                    builder.table(layer, tolerance, terms.clone(), level)
                };
                operand.iter().zip(staircases).map(table).collect()
            }
        }
    }
}

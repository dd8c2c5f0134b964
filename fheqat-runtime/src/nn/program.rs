//! A network as training and evaluation see it: a list of nodes that own their state and name what they read.

use std::sync::Arc;

use fheqat_spec::{self as spec, Axes, Bias, Fact, Form, Known, Layer, Range, Shape, Source, Verdict};
use ndarray::{ArrayView1, ArrayView2, aview1};
use thiserror::Error;

use super::{
    activation::Function,
    layer::{LayerMut, LayerRef, LinearState, NormState, QuantizerState},
    network::Network,
    window::{Filters, Windows},
};
use crate::{
    Seed,
    quant::{
        Requantize, Standardization,
        transition::{Dequantize, Origin},
    },
};

/// The factor of a layer without scales.
const ONE: ArrayView1<'static, f32> = aview1(&[1.0]);
/// The stream of a seed that draws weights again.
const REDRAW: u64 = 7;

/// A network that cannot run, or not yet.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// A law is broken.
    #[error("{message}")]
    Law {
        /// The message that the macro gives.
        message: String,
    },
    /// The specification says something else than the layers are.
    #[error("`{field}` does not agree with its specification: derive the network with `#[quant_net]`")]
    Mismatch {
        /// The field.
        field: String,
    },
    /// A layer that no data has calibrated.
    #[error(
        "`{field}` is not calibrated: train the network in quantized precision, or quantize it after training"
    )]
    NotCalibrated {
        /// The field.
        field: String,
    },
}

/// The nodes in the order they run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Program {
    pub(crate) features: usize,
    pub(crate) nodes: Vec<Node>,
    /// What the laws know of each node's output.
    facts: Vec<Fact>,
}

/// A layer with its state.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) name: &'static str,
    /// The node it reads, or the first of them; `None` for the network's input.
    pub(crate) from: Option<usize>,
    /// Features out.
    pub(crate) width: usize,
    /// Where the rows of a linear layer are the filters of a convolution, what they see.
    pub(crate) filters: Option<Arc<Filters>>,
    /// How far what it reads, or the client reads, may be off encrypted, in steps; see [`spec::Net::tolerance_of`].
    pub(crate) tolerance: f64,
    pub(crate) op: Op,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Op {
    Quantizer(QuantizerState),
    Linear(LinearState),
    Norm(NormState),
    /// The sum of these nodes.
    Sum(Vec<usize>),
    /// The numbers of these nodes, one node after the other.
    Join(Vec<usize>),
    /// Number `k` is number `order[k]` of the node it reads.
    Permute(Vec<usize>),
    /// The sums of windows.
    Pool(Arc<Windows>),
}

impl Program {
    /// # Errors
    /// When the network breaks a law, or its layers are not those of its specification.
    pub(crate) fn of<N: Network>(network: &N) -> Result<Self, NetworkError> {
        Self::new(&N::SPEC, network.layers())
    }

    /// # Errors
    /// When the network breaks a law, or its layers are not those of its specification.
    pub(crate) fn new(net: &spec::Net<'static>, layers: Vec<LayerRef<'_>>) -> Result<Self, NetworkError> {
        let facts: Vec<Fact> = verdicts(net)?.iter().map(|verdict| verdict.fact).collect();
        let mismatch = |field: &str| NetworkError::Mismatch { field: field.to_owned() };
        let features = match net.input_shape() {
            Known::Now(shape) => shape.elements().get().and_then(|width| usize::try_from(width).ok()),
            Known::Later => None,
        };
        let features = features.ok_or_else(|| mismatch("input"))?;
        if layers.len() != net.fields.len() || layers.is_empty() {
            return Err(mismatch(net.name));
        }
        let mut nodes: Vec<Node> = Vec::with_capacity(layers.len());
        for (index, (field, layer)) in net.fields.iter().zip(layers).enumerate() {
            let from = match field.from {
                [Source::Input, ..] => None,
                [Source::Field(index), ..] if *index < nodes.len() => Some(*index),
                _ => return Err(mismatch(field.name)),
            };
            let operand = from.map_or(features, |index| nodes[index].width);
            let shape = dims(from.map_or(net.input_shape(), |index| facts[index].shape));
            let mut filters = None;
            let (width, op) = match (field.layer, layer) {
                (Layer::Quantizer(quantizer), LayerRef::Quantizer(state))
                    if quantizer.levels() == Known::Now(state.declared) =>
                {
                    (operand, Op::Quantizer(state.clone()))
                }
                (Layer::Linear(_), LayerRef::Linear(state))
                    if state.weight.ncols() == operand && state.limits.max_nonzero > 0 =>
                {
                    (state.weight.nrows(), Op::Linear(state.clone()))
                }
                (Layer::Conv(conv), LayerRef::Linear(state)) if state.limits.max_nonzero > 0 => {
                    let seen = filters_of(&conv, state, &shape).ok_or_else(|| mismatch(field.name))?;
                    let width = seen.count * seen.windows.positions;
                    filters = Some(Arc::new(seen));
                    (width, Op::Linear(state.clone()))
                }
                (Layer::Pool(pool), LayerRef::Stateless(kind)) if pool.kind() == kind => {
                    let windows = match &pool.window {
                        Some(window) => Windows::new(window, &shape),
                        None => Windows::whole(&shape),
                    };
                    let windows = windows.ok_or_else(|| mismatch(field.name))?;
                    (windows.channels * windows.positions, Op::Pool(Arc::new(windows)))
                }
                (Layer::BatchNorm, LayerRef::Norm(state)) if shape.first() == Some(&state.gamma.len()) => {
                    (operand, Op::Norm(state.clone()))
                }
                (layer, LayerRef::Stateless(kind)) if layer.kind() == kind => {
                    stateless(&layer, field.from, &nodes, &facts).ok_or_else(|| mismatch(field.name))?
                }
                _ => return Err(mismatch(field.name)),
            };
            let tolerance = net.tolerance_of(index).or(0.0);
            nodes.push(Node { name: field.name, from, width, filters, tolerance, op });
        }
        Ok(Self { features, nodes, facts })
    }

    /// Writes every state back to the network it came from.
    pub(crate) fn store<N: Network>(mut self, network: &mut N) {
        for index in 0..self.nodes.len() {
            let step = self.levels(index).ok().map(|(step, _)| step);
            if let (Op::Quantizer(state), Some(step)) = (&mut self.nodes[index].op, step) {
                state.step = Some(step);
            }
        }
        for (node, layer) in self.nodes.into_iter().zip(network.layers_mut()) {
            match (node.op, layer) {
                (Op::Quantizer(from), LayerMut::Quantizer(to)) => *to = from,
                (Op::Linear(from), LayerMut::Linear(to)) => *to = from,
                (Op::Norm(from), LayerMut::Norm(to)) => *to = from,
                _ => {}
            }
        }
    }

    /// What the laws know of each node's output.
    pub(crate) fn facts(&self) -> &[Fact] {
        &self.facts
    }

    /// Numbers the network gives for one sample.
    pub(crate) fn outputs(&self) -> usize {
        self.nodes.last().map_or(0, |node| node.width)
    }

    pub(crate) fn is_last(&self, index: usize) -> bool {
        index + 1 == self.nodes.len()
    }

    /// Whether any sum may be off encrypted.
    pub(crate) fn is_tolerant(&self) -> bool {
        self.nodes.iter().any(|node| node.tolerance > 0.0)
    }

    /// The state of the linear layer at `index`, where it is one.
    pub(crate) fn linear(&self, index: usize) -> Option<&LinearState> {
        match &self.nodes[index].op {
            Op::Linear(state) => Some(state),
            _ => None,
        }
    }

    /// The function of the quantizer at `index`, where it has one.
    pub(crate) fn function(&self, index: usize) -> Option<Function> {
        match &self.nodes[index].op {
            Op::Quantizer(state) => state.curve.function(),
            _ => None,
        }
    }

    /// The nodes that the node at `index` reads, in the order of its operands.
    pub(crate) fn operands(&self, index: usize) -> &[usize] {
        let node = &self.nodes[index];
        match &node.op {
            Op::Sum(operands) | Op::Join(operands) => operands,
            _ => node.from.as_slice(),
        }
    }

    /// The nodes that read the node at `index`.
    pub(crate) fn readers(&self, index: usize) -> impl Iterator<Item = usize> {
        (index + 1..self.nodes.len()).filter(move |&reader| self.operands(reader).contains(&index))
    }

    /// The quantizer whose step the levels that the node at `index` gives, or adds, have.
    pub(crate) fn owner(&self, index: usize) -> Option<usize> {
        match (self.facts[index].form, &self.nodes[index].op) {
            (Known::Now(Form::Quantized { scale }), _) => Some(scale),
            (_, Op::Sum(operands)) => self.owner(operands[0]),
            _ => None,
        }
    }

    /// Whether other quantizers have the step of the quantizer at `index`.
    pub(crate) fn is_shared(&self, index: usize) -> bool {
        let owner = self.owner(index);
        (0..self.nodes.len()).any(|other| {
            other != index && matches!(self.nodes[other].op, Op::Quantizer(_)) && self.owner(other) == owner
        })
    }

    /// The step of a quantizer that training must not move: the user fixed it, or several quantizers share it.
    pub(crate) fn held_step(&self, index: usize) -> Option<f32> {
        let owner = self.owner(index)?;
        match &self.nodes[owner].op {
            Op::Quantizer(state) if state.fixed.is_some() || self.is_shared(index) => state.step,
            _ => None,
        }
    }

    /// What a unit of the levels that the node at `index` gives, or adds, stands for.
    ///
    /// # Errors
    /// When it is not calibrated.
    pub(crate) fn step(&self, index: usize) -> Result<f32, NetworkError> {
        match self.owner(index).map(|owner| &self.nodes[owner].op) {
            Some(Op::Quantizer(QuantizerState { step: Some(step), .. })) => Ok(*step),
            _ => Err(self.not_calibrated(index)),
        }
    }

    /// Step and range of the levels that the node at `index` gives.
    ///
    /// # Errors
    /// When it is not calibrated, or gives no levels.
    pub(crate) fn levels(&self, index: usize) -> Result<(f32, Range), NetworkError> {
        match self.facts[index] {
            Fact { form: Known::Now(Form::Quantized { .. }), range: Known::Now(range), .. } => {
                Ok((self.step(index)?, self.reached(index).unwrap_or(range)))
            }
            _ => Err(self.not_calibrated(index)),
        }
    }

    /// The levels that quantizers give at `index`, wherever they were rearranged.
    fn reached(&self, index: usize) -> Option<Range> {
        let node = &self.nodes[index];
        match &node.op {
            Op::Quantizer(state) => Some(state.levels),
            Op::Permute(_) => self.reached(node.from?),
            Op::Join(operands) => operands
                .iter()
                .map(|&operand| self.reached(operand))
                .reduce(|a, b| Some(Range::new(a?.lo.min(b?.lo), a?.hi.max(b?.hi))))?,
            Op::Linear(_) | Op::Norm(_) | Op::Sum(_) | Op::Pool(_) => None,
        }
    }

    /// Step and levels of what the linear layer or pool at `index` reads.
    ///
    /// # Errors
    /// When they are not calibrated.
    pub(crate) fn input_levels(&self, index: usize) -> Result<(f32, Range), NetworkError> {
        self.levels(self.nodes[index].from.ok_or_else(|| self.not_calibrated(index))?)
    }

    /// What one unit of the integers at `index` stands for: `scale * step_in` behind weights, for each scale they have, a
    /// share of `step_in` in a sum that is an average, else the step.
    ///
    /// # Errors
    /// When the layer or its input is not calibrated.
    pub(crate) fn units(
        &self,
        index: usize,
    ) -> Result<impl ExactSizeIterator<Item = f32> + Clone, NetworkError> {
        let (scales, step) = match &self.nodes[index].op {
            Op::Linear(state) => {
                let scale = state.scale.as_ref().ok_or_else(|| self.not_calibrated(index))?;
                (scale.view(), self.input_levels(index)?.0)
            }
            Op::Pool(windows) => (ONE, self.input_levels(index)?.0 / windows.elements as f32),
            _ => (ONE, self.step(index)?),
        };
        Ok(scales.into_iter().map(move |scale| scale * step))
    }

    /// The first of [`Program::units`], of which there is at least one.
    ///
    /// # Errors
    /// When the layer or its input is not calibrated.
    pub(crate) fn unit(&self, index: usize) -> Result<f32, NetworkError> {
        self.units(index)?.next().ok_or_else(|| self.not_calibrated(index))
    }

    /// The node whose integers the node at `index` gives: itself, or what a batch normalisation reads.
    pub(crate) fn source(&self, index: usize) -> usize {
        match (&self.nodes[index].op, self.nodes[index].from) {
            (Op::Norm(_), Some(from)) => self.source(from),
            _ => index,
        }
    }

    /// Whether nothing but batch normalisations read the node at `index`.
    pub(crate) fn is_normalized(&self, index: usize) -> bool {
        !self.is_last(index) && self.readers(index).all(|reader| matches!(self.nodes[reader].op, Op::Norm(_)))
    }

    /// What the integers that the node at `index` gives stand for: one for each neuron, filter or normalised channel where it
    /// has such, else one for all; the integer weights of its [`Program::source`] sum to `row_sums`.
    ///
    /// # Errors
    /// When the layer or its input is not calibrated.
    pub(crate) fn dequantize(&self, index: usize, row_sums: &[f32]) -> Result<Vec<Dequantize>, NetworkError> {
        let mut channels = Vec::new();
        self.dequantize_into(index, row_sums, &mut channels)?;
        Ok(channels)
    }

    /// Writes [`Program::dequantize`] to `channels`.
    ///
    /// # Errors
    /// When the layer or its input is not calibrated.
    pub(crate) fn dequantize_into(
        &self,
        index: usize,
        row_sums: &[f32],
        channels: &mut Vec<Dequantize>,
    ) -> Result<(), NetworkError> {
        if let (Op::Norm(state), Some(from)) = (&self.nodes[index].op, self.nodes[index].from) {
            self.dequantize_into(from, row_sums, channels)?;
            if let &[sums] = channels.as_slice() {
                channels.resize(state.gamma.len(), sums);
            }
            for (sums, channel) in channels.iter_mut().zip(state.channels()) {
                *sums = sums.normalize(channel);
            }
            return Ok(());
        }
        channels.clear();
        let units = self.units(index)?;
        let Some(state) = self.linear(index) else {
            channels.extend(units.map(Dequantize::plain));
            return Ok(());
        };
        let (_, levels) = self.input_levels(index)?;
        let neurons = state.bias.iter().zip(units.cycle());
        match self.hold(index) {
            Bias::None => channels.extend(neurons.map(|(_, unit)| Dequantize::plain(unit))),
            Bias::Free => {
                let free = |(&bias, unit)| Dequantize { unit, origin: Origin::Bias(bias) };
                channels.extend(neurons.map(free));
            }
            Bias::Centred => {
                let centred = |((_, unit), &weights)| Dequantize::centred(unit, weights, levels);
                channels.extend(neurons.zip(row_sums).map(centred));
            }
        }
        Ok(())
    }

    /// The staircases from the integers of the node at `from` to the levels of the quantizer at `index`, as many as
    /// [`Program::dequantize`] gives.
    ///
    /// # Errors
    /// When one of them is not calibrated.
    pub(crate) fn staircases(
        &self,
        from: usize,
        index: usize,
        row_sums: &[f32],
    ) -> Result<Vec<Requantize>, NetworkError> {
        let (step, levels) = self.levels(index)?;
        let function = self.function(index);
        let sums = self.dequantize(from, row_sums)?;
        Ok(sums.iter().map(|sum| sum.requantize(step, levels, function)).collect())
    }

    /// How the bias of the linear layer at `index`, or in front of the batch normalisation there, is held, quantized: nothing
    /// is there to centre on where no quantizer follows.
    pub(crate) fn hold(&self, index: usize) -> Bias {
        let source = self.source(index);
        match self.linear(source).map_or(Bias::None, |state| state.hold) {
            Bias::Centred if !self.is_quantized(source) => Bias::Free,
            hold => hold,
        }
    }

    /// Whether a quantizer reads the node at `index`, or what batch normalisations make of it.
    fn is_quantized(&self, index: usize) -> bool {
        self.readers(index).any(|reader| match &self.nodes[reader].op {
            Op::Quantizer(_) => true,
            Op::Norm(_) => self.is_quantized(reader),
            _ => false,
        })
    }

    /// Measures samples `[n, features]` for the quantizers of the network's input that do not standardise yet, whose steps are
    /// then to choose again. Gives those quantizers.
    pub(crate) fn standardize(&mut self, samples: &ArrayView2<'_, f32>) -> Vec<usize> {
        let mut fresh = Vec::new();
        for (index, node) in self.nodes.iter_mut().enumerate().filter(|(_, node)| node.from.is_none()) {
            let Op::Quantizer(state) = &mut node.op else { continue };
            if state.standardization.is_none() {
                state.standardization = Some(Standardization::of(samples));
                state.step = state.fixed;
                fresh.push(index);
            }
        }
        fresh
    }

    /// Puts every weight back into the units of its layer, and forgets the steps that nobody fixed.
    pub(crate) fn make_float(&mut self) {
        for node in &mut self.nodes {
            match &mut node.op {
                Op::Quantizer(state) => {
                    state.step = state.fixed;
                    state.levels = state.declared;
                }
                Op::Linear(state) => {
                    state.weight = state.float_weights();
                    state.scale = None;
                }
                Op::Norm(_) | Op::Sum(_) | Op::Join(_) | Op::Permute(_) | Op::Pool(_) => {}
            }
        }
    }

    /// Draws the weights of every layer without a scale again.
    pub(crate) fn redraw(&mut self, seed: Seed) {
        let mut rng = seed.rng(REDRAW);
        for node in &mut self.nodes {
            if let Op::Linear(state) = &mut node.op
                && state.scale.is_none()
            {
                state.draw(&mut rng);
            }
        }
    }

    pub(crate) fn not_calibrated(&self, index: usize) -> NetworkError {
        NetworkError::NotCalibrated { field: self.nodes[index].name.to_owned() }
    }
}

/// Width and operation of a layer that nothing trains.
fn stateless(layer: &Layer, from: &[Source], nodes: &[Node], facts: &[Fact]) -> Option<(usize, Op)> {
    let operands: Vec<usize> = from
        .iter()
        .map(|source| match source {
            Source::Field(index) if *index < nodes.len() => Some(*index),
            _ => None,
        })
        .collect::<Option<_>>()?;
    let width = nodes[*operands.first()?].width;
    match layer {
        Layer::Add { .. } => Some((width, Op::Sum(operands))),
        Layer::Concat | Layer::Reshape(_) | Layer::Flatten => {
            Some((operands.iter().map(|&index| nodes[index].width).sum(), Op::Join(operands)))
        }
        Layer::Transpose(axes) => {
            let order = permutation(axes, &facts[operands[0]].shape.get()?)?;
            Some((width, Op::Permute(order)))
        }
        Layer::Quantizer(_) | Layer::Linear(_) | Layer::Conv(_) | Layer::Pool(_) | Layer::BatchNorm => None,
    }
}

/// For each number of a transposed tensor, by rows, which number of the operand of this shape it is.
fn permutation(axes: &Axes, shape: &Shape) -> Option<Vec<usize>> {
    let now = |numbers: &[Known<i64>]| -> Option<Vec<usize>> {
        numbers.iter().map(|number| usize::try_from(number.get()?).ok()).collect()
    };
    let (axes, dims) = (now(axes.get())?, now(shape.dims())?);
    let mut strides = vec![1; dims.len()];
    for axis in (1..dims.len()).rev() {
        strides[axis - 1] = strides[axis] * dims[axis];
    }
    let mut order = vec![0];
    for axis in axes {
        let (count, stride) = (*dims.get(axis)?, strides[axis]);
        order = order.iter().flat_map(|start| (0..count).map(move |at| start + at * stride)).collect();
    }
    Some(order)
}

fn dims(shape: Known<Shape>) -> Vec<usize> {
    let dims = shape.get().map(|shape| {
        shape.dims().iter().filter_map(|dim| dim.get().and_then(|dim| usize::try_from(dim).ok())).collect()
    });
    dims.unwrap_or_default()
}

/// What the filters of a convolution see; `None` where its state has other weights than its specification.
fn filters_of(conv: &spec::Conv, state: &LinearState, shape: &[usize]) -> Option<Filters> {
    let number = |known: Known<i64>| known.get().and_then(|number| usize::try_from(number).ok());
    let filters = Filters {
        windows: Windows::new(&conv.window, shape)?,
        count: number(conv.filters.outputs)?,
        groups: number(conv.groups)?,
    };
    (state.weight.dim() == (filters.count, filters.fan_in())).then_some(filters)
}

/// The verdict on every field.
///
/// # Errors
/// When one breaks a law.
pub(crate) fn verdicts(net: &spec::Net<'static>) -> Result<Vec<Verdict<'static>>, NetworkError> {
    let mut verdicts: Vec<Verdict<'static>> = Vec::with_capacity(net.fields.len());
    for index in 0..net.fields.len() {
        let verdict = spec::judge(net, &verdicts, index);
        if let Some((_, issue)) = verdict.issues().next() {
            return Err(NetworkError::Law { message: issue.render().as_str().to_owned() });
        }
        verdicts.push(verdict);
    }
    Ok(verdicts)
}

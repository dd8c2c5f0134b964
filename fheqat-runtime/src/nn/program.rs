//! A network as training and evaluation see it: a list of nodes that own their state and name what they read.

use std::sync::Arc;

use fheqat_spec::{self as spec, Bias, Fact, Form, Known, Range, Shape, Source, Verdict};

use super::{
    error::NetworkError,
    module::{LayerRef, Layers},
    ops::{
        Op,
        linear::{LinearState, row_sums},
        operation::{At, Context},
        place::Place,
        quantizer::QuantizerState,
        reading::Reading,
        thermometer::ThermometerState,
    },
    targets::{TargetScaling, TargetState},
};
use crate::{
    Seed,
    circuit::Task,
    data::Feature,
    quant::{ClientLayer, Transform, activation::Function, transition::Dequantize},
};

/// The stream of a seed that draws weights again.
const REDRAW: u64 = 7;

/// The nodes in the order they run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Program {
    pub(crate) features: usize,
    is_flat: bool,
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
    /// How far what it reads, or the client reads, may be off encrypted, in steps; see [`spec::Net::tolerance_of`].
    pub(crate) tolerance: f64,
    pub(crate) op: Op,
}

impl Program {
    /// # Errors
    /// When the network breaks a law, or its layers are not those of its specification.
    pub(crate) fn of<N: Layers>(network: &N) -> Result<Self, NetworkError> {
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
            let operands = operands(field, nodes.len())?;
            let from = operands.as_ref().and_then(|operands| operands.first().copied());
            let widths = match &operands {
                Some(operands) => operands.iter().map(|&operand| nodes[operand].width).collect(),
                None => vec![features],
            };
            let shape = from.map_or(net.input_shape(), |index| facts[index].shape);
            let place = Place { operands: operands.as_deref(), widths: &widths, dims: dims(shape) };
            let (width, op) = Op::placed(&field.layer, layer, &place).ok_or_else(|| mismatch(field.name))?;
            let tolerance = net.tolerance_of(index).or(0.0);
            nodes.push(Node { name: field.name, from, width, tolerance, op });
        }
        let is_flat = dims(net.input_shape()).len() == 1;
        Ok(Self { features, is_flat, nodes, facts })
    }

    /// Writes every state back to the network it came from.
    pub(crate) fn store<N: Layers>(mut self, network: &mut N) {
        self.copy_steps();
        for (node, layer) in self.nodes.iter().zip(network.layers_mut()) {
            node.op.state().store(layer);
        }
    }

    /// Gives quantizers that have the step of another a copy of it.
    pub(crate) fn copy_steps(&mut self) {
        for index in 0..self.nodes.len() {
            let step = self.levels(index).ok().map(|(step, _)| step);
            if let (Op::Quantizer(state), Some(step)) = (&mut self.nodes[index].op, step) {
                state.step = Some(step);
            }
        }
    }

    /// The place of the node at `index`.
    pub(crate) fn at(&self, index: usize) -> At<'_> {
        let node = &self.nodes[index];
        At { network: self, index, from: node.from, width: node.width, gives_integers: false }
    }

    /// What the network keeps of its targets.
    pub(crate) fn targets(&self) -> Option<&TargetState> {
        self.nodes.iter().rev().find_map(|node| match &node.op {
            Op::Linear(state) => Some(&state.targets),
            _ => None,
        })
    }

    /// What the network keeps of its targets, to change.
    pub(crate) fn targets_mut(&mut self) -> Option<&mut TargetState> {
        self.nodes.iter_mut().rev().find_map(|node| match &mut node.op {
            Op::Linear(state) => Some(&mut state.targets),
            _ => None,
        })
    }

    /// What the outputs answer.
    pub(crate) fn task(&self) -> Task {
        self.targets().map(|targets| targets.task.clone()).unwrap_or_default()
    }

    /// The units of numbers to predict; `None` where the network gives them as they are.
    pub(crate) fn scaling(&self) -> Option<&TargetScaling> {
        self.targets()?.scaling.as_ref()
    }

    /// What the laws know of each node's output.
    pub(crate) fn facts(&self) -> &[Fact] {
        &self.facts
    }

    /// Numbers the network gives for one sample.
    pub(crate) fn outputs(&self) -> usize {
        self.nodes.last().map_or(0, |node| node.width)
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
        node.op.state().operands().unwrap_or(node.from.as_slice())
    }

    /// The nodes that read the node at `index`.
    pub(crate) fn readers(&self, index: usize) -> impl Iterator<Item = usize> {
        (index + 1..self.nodes.len()).filter(move |&reader| self.operands(reader).contains(&index))
    }

    /// The quantizer whose step the levels that the node at `index` gives, or adds, have.
    pub(crate) fn owner(&self, index: usize) -> Option<usize> {
        match self.facts[index].form {
            Known::Now(Form::Quantized { scale }) => Some(scale),
            _ if self.nodes[index].op.state().adds_levels() => self.owner(self.nodes[index].from?),
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
            Op::Thermometer(_) => Some(1.0),
            _ => None,
        }
    }

    /// Step and levels of what the linear layer or pool at `index` reads.
    ///
    /// # Errors
    /// When they are not calibrated.
    pub(crate) fn input_levels(&self, index: usize) -> Result<(f32, Range), NetworkError> {
        self.levels(self.nodes[index].from.ok_or_else(|| self.not_calibrated(index))?)
    }

    /// What one unit of the integers at `index` stands for: `scale * step_in` behind weights, for each scale they have, else the
    /// step; of a sum that is an average, as many units as it is of.
    ///
    /// # Errors
    /// When the layer or its input is not calibrated.
    pub(crate) fn units(
        &self,
        index: usize,
    ) -> Result<impl ExactSizeIterator<Item = f32> + Clone, NetworkError> {
        let (scales, step) = self.nodes[index].op.state().units(self.at(index))?;
        Ok(scales.into_iter().map(move |scale| scale * step))
    }

    /// The first of [`Program::units`], of which there is at least one.
    ///
    /// # Errors
    /// When the layer or its input is not calibrated.
    pub(crate) fn unit(&self, index: usize) -> Result<f32, NetworkError> {
        self.units(index)?.next().ok_or_else(|| self.not_calibrated(index))
    }

    /// The node whose integers the node at `index` gives: itself, or what a batch normalisation or constants read.
    pub(crate) fn source(&self, index: usize) -> usize {
        match (&self.nodes[index].op, self.nodes[index].from) {
            (Op::Norm(_) | Op::Constant(_), Some(from)) => self.source(from),
            _ => index,
        }
    }

    /// Whether constants stand between the node at `index` and its [`Program::source`].
    fn has_constants(&self, index: usize) -> bool {
        match (&self.nodes[index].op, self.nodes[index].from) {
            (Op::Constant(_), _) => true,
            (Op::Norm(_), Some(from)) => self.has_constants(from),
            _ => false,
        }
    }

    /// Whether the node at `index` reads levels that the client encodes, alone or beside others.
    pub(crate) fn sees_input(&self, index: usize) -> bool {
        self.operands(index).iter().any(|&from| {
            let node = &self.nodes[from];
            node.from.is_none() || (matches!(node.op, Op::Join(_)) && self.sees_input(from))
        })
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

    /// Whether a quantizer reads the node at `index`, or what batch normalisations make of it.
    pub(crate) fn is_quantized(&self, index: usize) -> bool {
        self.readers(index).any(|reader| match &self.nodes[reader].op {
            Op::Quantizer(_) => true,
            Op::Norm(_) => self.is_quantized(reader),
            _ => false,
        })
    }

    /// Whether a quantizer reads the node at `index`, or what batch normalisations and constants make of it.
    pub(crate) fn is_tabulated(&self, index: usize) -> bool {
        self.readers(index).any(|reader| match &self.nodes[reader].op {
            Op::Quantizer(_) => true,
            Op::Norm(_) | Op::Constant(_) => self.is_tabulated(reader),
            _ => false,
        })
    }

    /// How the layers that read the network's input read it, where training has chosen it.
    fn readings(&self) -> impl Iterator<Item = &Reading> {
        (0..self.nodes.len()).filter_map(|index| self.reading(index))
    }

    /// How the encoder at `index` reads the network's input, where it is one and training has chosen it.
    pub(crate) fn reading(&self, index: usize) -> Option<&Reading> {
        match &self.nodes[index].op {
            Op::Quantizer(state) => state.reading.as_ref(),
            Op::Thermometer(state) => state.chosen.as_ref().map(|(reading, _)| reading),
            _ => None,
        }
    }

    /// The layers of the client between the network's input and the encoder at `index`, in the order they run; none where it reads
    /// the input itself, or encodes nothing.
    pub(crate) fn client_path(&self, index: usize) -> Vec<usize> {
        let mut path = Vec::new();
        if !self.encodes(index) {
            return path;
        }
        let mut at = self.nodes[index].from;
        while let Some(node) = at {
            path.push(node);
            at = self.nodes[node].from;
        }
        path.reverse();
        path
    }

    /// What the features of a sample were in training.
    pub(crate) fn described(&self) -> Arc<[Feature]> {
        let described = self.readings().next().map(|reading| Arc::clone(&reading.described));
        described.unwrap_or_else(|| Feature::numbered(self.features))
    }

    /// Whether all that reads the network's input can read a missing value, as far as training has chosen.
    pub(crate) fn takes_missing(&self) -> bool {
        self.nodes.iter().filter(|node| node.from.is_none()).all(|node| match &node.op {
            Op::Thermometer(ThermometerState { chosen: Some((reading, _)), .. }) => {
                reading.transform.keeps_features_apart()
            }
            op => matches!(op, Op::Thermometer(_)),
        })
    }

    /// Whether a sample of the network is a list of features without an order, and no image or series.
    pub(crate) fn is_flat(&self) -> bool {
        self.is_flat
    }

    /// Puts every weight back into the units of its layer, and forgets the steps that nobody fixed.
    pub(crate) fn make_float(&mut self) {
        for node in &mut self.nodes {
            node.op.state_mut().make_float();
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
}

impl Context for Program {
    fn is_last(&self, index: usize) -> bool {
        index + 1 == self.nodes.len()
    }

    fn reached(&self, index: usize) -> Option<Range> {
        self.nodes[index].op.state().reached(self.at(index))
    }

    fn step(&self, index: usize) -> Result<f32, NetworkError> {
        match self.owner(index).map(|owner| &self.nodes[owner].op) {
            Some(Op::Quantizer(QuantizerState { step: Some(step), .. })) => Ok(*step),
            Some(Op::Thermometer(_)) => Ok(1.0),
            _ => Err(self.not_calibrated(index)),
        }
    }

    fn levels(&self, index: usize) -> Result<(f32, Range), NetworkError> {
        match self.facts[index] {
            Fact { form: Known::Now(Form::Quantized { .. }), range: Known::Now(range), .. } => {
                Ok((self.step(index)?, self.reached(index).unwrap_or(range)))
            }
            _ => Err(self.not_calibrated(index)),
        }
    }

    /// Nothing is there to centre on where no quantizer follows, or behind constants, which count from zero.
    fn hold(&self, index: usize) -> Bias {
        let source = self.source(index);
        match self.linear(source).map_or(Bias::None, |state| state.hold) {
            hold if hold.has_centre() && (self.has_constants(index) || !self.is_quantized(source)) => {
                Bias::Free
            }
            hold => hold,
        }
    }

    fn dequantize_into(
        &self,
        index: usize,
        row_sums: &[f32],
        channels: &mut Vec<Dequantize>,
    ) -> Result<(), NetworkError> {
        self.nodes[index].op.state().dequantize_into(self.at(index), row_sums, channels)
    }

    fn dequantized(&self, index: usize) -> Result<Vec<Dequantize>, NetworkError> {
        let linear = self.linear(self.source(index));
        let row_sums = linear.map(|state| row_sums(&state.integers())).unwrap_or_default();
        self.dequantize(index, &row_sums)
    }

    fn encodes(&self, index: usize) -> bool {
        let node = &self.nodes[index];
        matches!(node.op, Op::Quantizer(_) | Op::Thermometer(_))
            && node.from.is_none_or(|from| matches!(self.nodes[from].op, Op::Client(_)))
    }

    fn client_layers(&self, index: usize) -> Vec<ClientLayer> {
        let states = self.client_path(index).into_iter().filter_map(|node| match &self.nodes[node].op {
            Op::Client(state) => Some(state.layer()),
            _ => None,
        });
        states.collect()
    }

    fn transform_before(&self, index: usize) -> Transform {
        let encoder = (index..self.nodes.len()).find(|&node| self.client_path(node).first() == Some(&index));
        let reading = encoder.and_then(|encoder| self.reading(encoder));
        reading.map_or(Transform::AsIs, |reading| reading.transform.clone())
    }

    fn not_calibrated(&self, index: usize) -> NetworkError {
        NetworkError::NotCalibrated { field: self.nodes[index].name.to_owned() }
    }
}

/// The nodes that a field reads; `None` where that is the network's input.
fn operands(field: &spec::Field<'_>, before: usize) -> Result<Option<Vec<usize>>, NetworkError> {
    if let [Source::Input] = field.from {
        return Ok(None);
    }
    let operand = |source: &Source| match source {
        Source::Field(index) if *index < before => Ok(*index),
        Source::Field(_) | Source::Input | Source::Broken => {
            Err(NetworkError::Mismatch { field: field.name.to_owned() })
        }
    };
    field.from.iter().map(operand).collect::<Result<_, _>>().map(Some)
}

fn dims(shape: Known<Shape>) -> Vec<usize> {
    let dims = shape.get().map(|shape| {
        shape.dims().iter().filter_map(|dim| dim.get().and_then(|dim| usize::try_from(dim).ok())).collect()
    });
    dims.unwrap_or_default()
}

/// The verdict on every field.
///
/// # Errors
/// When one breaks a law.
pub(crate) fn verdicts(net: &spec::Net<'static>) -> Result<Vec<Verdict<'static>>, NetworkError> {
    let verdicts = spec::judge_each(net);
    if let Some(issue) = verdicts.iter().flat_map(Verdict::issues).next() {
        return Err(NetworkError::Law { message: issue.to_string() });
    }
    Ok(verdicts)
}

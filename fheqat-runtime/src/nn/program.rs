//! A network as training and evaluation see it: a list of nodes that own their state and name what they read.

use std::sync::Arc;

use fheqat_spec::{self as spec, Bias, Known, Layer, Range, Shape, Source, Verdict};
use thiserror::Error;

use super::{
    layer::{LayerMut, LayerRef, LinearState, QuantizerState},
    network::Network,
    window::{Filters, Windows},
};
use crate::quant::{Requantize, transition::Transition};

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
}

/// A layer with its state.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) name: &'static str,
    /// The node it reads; `None` for the network's input.
    pub(crate) from: Option<usize>,
    /// Features out.
    pub(crate) width: usize,
    /// Where the rows of a linear layer are the filters of a convolution, what they see.
    pub(crate) filters: Option<Arc<Filters>>,
    pub(crate) op: Op,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Op {
    Quantizer(QuantizerState),
    Linear(LinearState),
    Pool(Arc<Windows>),
    Flatten,
}

impl Program {
    /// # Errors
    /// When the network breaks a law, or its layers are not those of its specification.
    pub(crate) fn of<N: Network>(network: &N) -> Result<Self, NetworkError> {
        let net = N::SPEC;
        let verdicts = verdicts(&net)?;
        let layers = network.layers();
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
        for (field, layer) in net.fields.iter().zip(layers) {
            let from = match field.from {
                [Source::Input] => None,
                [Source::Field(index)] if *index < nodes.len() => Some(*index),
                _ => return Err(mismatch(field.name)),
            };
            let operand = from.map_or(features, |index| nodes[index].width);
            let shape = dims(from.map_or(net.input_shape(), |index| verdicts[index].fact.shape));
            let mut filters = None;
            let (width, op) = match (field.layer, layer) {
                (Layer::Quantizer(quantizer), LayerRef::Quantizer(state))
                    if quantizer.levels() == Known::Now(state.levels) =>
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
                (Layer::Pool(pool), LayerRef::Stateless) => {
                    let windows = match &pool.window {
                        Some(window) => Windows::new(window, &shape),
                        None => Windows::whole(&shape),
                    };
                    let windows = windows.ok_or_else(|| mismatch(field.name))?;
                    (windows.channels * windows.positions, Op::Pool(Arc::new(windows)))
                }
                (Layer::Flatten, LayerRef::Stateless) if from.is_some() => (operand, Op::Flatten),
                _ => return Err(mismatch(field.name)),
            };
            nodes.push(Node { name: field.name, from, width, filters, op });
        }
        Ok(Self { features, nodes })
    }

    /// Writes every state back to the network it came from.
    pub(crate) fn store<N: Network>(self, network: &mut N) {
        for (node, layer) in self.nodes.into_iter().zip(network.layers_mut()) {
            match (node.op, layer) {
                (Op::Quantizer(from), LayerMut::Quantizer(to)) => *to = from,
                (Op::Linear(from), LayerMut::Linear(to)) => *to = from,
                _ => {}
            }
        }
    }

    /// Numbers the network gives for one sample.
    pub(crate) fn outputs(&self) -> usize {
        self.nodes.last().map_or(0, |node| node.width)
    }

    pub(crate) fn is_last(&self, index: usize) -> bool {
        index + 1 == self.nodes.len()
    }

    /// The state of the linear layer at `index`, where it is one.
    pub(crate) fn linear(&self, index: usize) -> Option<&LinearState> {
        match &self.nodes[index].op {
            Op::Linear(state) => Some(state),
            _ => None,
        }
    }

    /// Step and levels of the quantizer at `index`, or of the one that a flattened tensor comes from.
    ///
    /// # Errors
    /// When it is not calibrated, or not a quantizer.
    pub(crate) fn levels(&self, index: usize) -> Result<(f32, Range), NetworkError> {
        match (&self.nodes[index].op, self.nodes[index].from) {
            (Op::Quantizer(QuantizerState { step: Some(step), levels, .. }), _) => Ok((*step, *levels)),
            (Op::Flatten, Some(from)) => self.levels(from),
            _ => Err(self.not_calibrated(index)),
        }
    }

    /// Step and levels of what the linear layer or pool at `index` reads.
    ///
    /// # Errors
    /// When they are not calibrated.
    pub(crate) fn input_levels(&self, index: usize) -> Result<(f32, Range), NetworkError> {
        self.levels(self.nodes[index].from.ok_or_else(|| self.not_calibrated(index))?)
    }

    /// What one unit of the integers at `index` stands for: `scale * step_in` behind weights, a share of `step_in` in a sum
    /// that is an average, else the step.
    ///
    /// # Errors
    /// When the layer or its input is not calibrated.
    pub(crate) fn unit(&self, index: usize) -> Result<f32, NetworkError> {
        match &self.nodes[index].op {
            Op::Quantizer(_) | Op::Flatten => Ok(self.levels(index)?.0),
            Op::Linear(state) => {
                Ok(state.scale.ok_or_else(|| self.not_calibrated(index))? * self.input_levels(index)?.0)
            }
            Op::Pool(windows) => Ok(self.input_levels(index)?.0 / windows.elements as f32),
        }
    }

    /// The transition from the linear layer at `linear` to the quantizer at `quantizer`.
    ///
    /// # Errors
    /// When one of them is not calibrated.
    pub(crate) fn transition(&self, linear: usize, quantizer: usize) -> Result<Transition, NetworkError> {
        let (step_in, levels_in) = self.input_levels(linear)?;
        let (step_out, levels_out) = self.levels(quantizer)?;
        let state = self.linear(linear).ok_or_else(|| self.not_calibrated(linear))?;
        let scale = state.scale.ok_or_else(|| self.not_calibrated(linear))?;
        Ok(Transition { scale, bias: state.hold, step_in, levels_in, step_out, levels_out })
    }

    /// The staircase from levels, or sums of them, at `from` to those of the quantizer at `index`.
    ///
    /// # Errors
    /// When one of them is not calibrated.
    pub(crate) fn coarser(&self, from: usize, index: usize) -> Result<Requantize, NetworkError> {
        let (step_out, levels) = self.levels(index)?;
        Ok(Requantize { gain: self.unit(from)? / step_out, offset: 0.0, levels })
    }

    /// How the bias of the linear layer at `index` is held, quantized: nothing is there to centre on behind the last layer.
    pub(crate) fn hold(&self, index: usize) -> Bias {
        match self.linear(index).map_or(Bias::None, |state| state.hold) {
            Bias::Centred if self.is_last(index) => Bias::Free,
            hold => hold,
        }
    }

    /// What one unit at `index` stands for, but for the scale of weights.
    ///
    /// # Errors
    /// When it is not calibrated.
    pub(crate) fn input_levels_or_own(&self, index: usize) -> Result<f32, NetworkError> {
        match self.nodes[index].op {
            Op::Linear(_) => Ok(self.input_levels(index)?.0),
            _ => self.unit(index),
        }
    }

    /// Puts every weight back into the units of its layer, and forgets the steps that nobody fixed.
    pub(crate) fn make_float(&mut self) {
        for node in &mut self.nodes {
            match &mut node.op {
                Op::Quantizer(state) => state.step = state.fixed,
                Op::Linear(state) => {
                    if let Some(scale) = state.scale.take() {
                        state.weight.mapv_inplace(|weight| weight * scale);
                    }
                }
                Op::Pool(_) | Op::Flatten => {}
            }
        }
    }

    pub(crate) fn not_calibrated(&self, index: usize) -> NetworkError {
        NetworkError::NotCalibrated { field: self.nodes[index].name.to_owned() }
    }
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

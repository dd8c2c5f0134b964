//! Layers that the client runs in float, before it encodes: `#[layer(client)]`.

use super::{
    properties::{Gives, Groups, Operands, Outputs, Properties, Shapes, Takes},
    reshape::Reshape,
    shown::{Formula, Shown},
};
use crate::{
    Fact, Flatten, Form, Known, Shape, Sums, Window,
    numbers::{Convert, Numbers, Part, Readable, Writer, structure},
};

/// A layer in front of what encodes the network's input. Nothing of it is rounded or encrypted, and the client has its weights.
#[derive(Clone, Debug, PartialEq)]
pub enum Client<N: Numbers = Readable> {
    /// `Linear<IN, OUT>`.
    Linear(Dense<N>),
    /// `Conv1d<IN, OUT, K>` or `Conv2d<IN, OUT, K>`.
    Conv(Filters<N>),
    /// `ReLU`.
    ReLU,
    /// `BatchNorm`.
    BatchNorm,
    /// `Flatten`.
    Flatten,
    /// `Reshape`.
    Reshape(Reshape<N>),
}

/// A dense layer of floats, `[inputs]` to `[outputs]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense<N: Numbers = Readable> {
    /// Features in.
    pub inputs: N::Of<i64>,
    /// Neurons.
    pub outputs: N::Of<i64>,
}

structure!(Dense { inputs: number, outputs: number });

/// A bank of filters of floats.
#[derive(Clone, Debug, PartialEq)]
pub struct Filters<N: Numbers = Readable> {
    /// Channels in and out.
    pub channels: Dense<N>,
    /// What a filter sees at once.
    pub window: Window<N>,
    /// Parts that the channels fall into; a filter reads the channels of its own part.
    pub groups: N::Of<i64>,
}

structure!(Filters { channels: part, window: part, groups: number });

impl Copy for Client {}

impl<N: Numbers> Part<N> for Client<N> {
    type With<M: Numbers> = Client<M>;

    fn convert<M: Numbers>(&self, to: &impl Convert<N, M>) -> Client<M> {
        match self {
            Self::Linear(dense) => Client::Linear(dense.convert(to)),
            Self::Conv(filters) => Client::Conv(filters.convert(to)),
            Self::ReLU => Client::ReLU,
            Self::BatchNorm => Client::BatchNorm,
            Self::Flatten => Client::Flatten,
            Self::Reshape(reshape) => Client::Reshape(reshape.convert(to)),
        }
    }

    fn write<W: Writer<N>>(&self, to: &W) -> W::Expr {
        match self {
            Self::Linear(dense) => to.call("Client::Linear", dense.write(to)),
            Self::Conv(filters) => to.call("Client::Conv", filters.write(to)),
            Self::ReLU => to.word("Client::ReLU"),
            Self::BatchNorm => to.word("Client::BatchNorm"),
            Self::Flatten => to.word("Client::Flatten"),
            Self::Reshape(reshape) => to.call("Client::Reshape", reshape.write(to)),
        }
    }
}

impl Client {
    /// The type as the user writes it, without its numbers.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Linear(_) => "Linear",
            Self::Conv(Filters { window: Window { axes: 1, .. }, .. }) => "Conv1d",
            Self::Conv(_) => "Conv2d",
            Self::ReLU => "ReLU",
            Self::BatchNorm => "BatchNorm",
            Self::Flatten => "Flatten",
            Self::Reshape(_) => "Reshape",
        }
    }

    /// The layer of levels that does the same, as the user writes it.
    pub(crate) const fn encrypted_kind(&self) -> &'static str {
        match self {
            Self::Linear(_) => "QuantLinear",
            Self::Conv(Filters { window: Window { axes: 1, .. }, .. }) => "QuantConv1d",
            Self::Conv(_) => "QuantConv2d",
            Self::ReLU => "QuantReLU",
            Self::BatchNorm | Self::Flatten | Self::Reshape(_) => self.kind(),
        }
    }

    pub(crate) const fn properties(&self) -> Properties {
        let (shapes, outputs) = match self {
            Self::Linear(Dense { inputs, .. }) => {
                (Shapes::Features(*inputs), Some(Outputs { word: "neurons", step: Known::Now(1), rest: ">" }))
            }
            Self::Conv(Filters { channels: Dense { inputs, outputs }, window, groups }) => (
                Shapes::Image {
                    axes: window.axes,
                    channels: *inputs,
                    window: Some(*window),
                    groups: Some(Groups { groups: *groups, inputs: *inputs, outputs: *outputs }),
                },
                Some(Outputs { word: "filters", step: *groups, rest: ", _>" }),
            ),
            Self::ReLU => (Shapes::Any, None),
            Self::BatchNorm | Self::Flatten => (Shapes::Known, None),
            Self::Reshape(reshape) => (Shapes::Elements(reshape.shape), None),
        };
        Properties {
            kind: self.kind(),
            operands: Operands::One,
            takes: Takes::Plain { encrypted_kind: self.encrypted_kind() },
            shapes,
            keeps_shape: matches!(self, Self::ReLU | Self::BatchNorm),
            gives: Gives::Plain,
            sums: Sums::None,
            tables: Known::Now(0),
            outputs,
            tolerance: None,
        }
    }

    pub(crate) const fn fact(&self, operand: &Fact) -> Fact {
        let shape = match self {
            Self::Linear(dense) => Known::Now(Shape::flat(dense.outputs)),
            Self::Conv(Filters { channels, window, .. }) => {
                Known::Now(window.slide(channels.outputs, operand.shape))
            }
            Self::ReLU | Self::BatchNorm => operand.shape,
            Self::Flatten => Flatten.fact(operand).shape,
            Self::Reshape(reshape) => Known::Now(reshape.shape),
        };
        let form = match operand.form {
            Known::Now(Form::Plain) => operand.form,
            Known::Now(Form::Quantized { .. } | Form::Raw) | Known::Later => Known::Later,
        };
        Fact { shape, range: Known::Later, form }
    }
}

impl<N: Numbers> Client<N> {
    pub(crate) fn shown(&self) -> Shown<'_, N> {
        let shown = Shown { range: Formula::Floats, ..Shown::operands("") };
        match self {
            Self::Linear(Dense { outputs, .. })
            | Self::Conv(Filters { channels: Dense { outputs, .. }, .. }) => shown.with_channels(outputs),
            Self::ReLU | Self::BatchNorm | Self::Flatten => shown,
            Self::Reshape(reshape) => Shown { range: Formula::Floats, ..reshape.shown() },
        }
    }
}

//! The layers, as data: a file each, and the list of them.
#![expect(clippy::unused_self, reason = "every layer answers in the same way, with numbers or without")]

mod add;
mod batch_norm;
mod client;
mod concat;
mod constant;
mod conv;
mod dropout;
mod flatten;
mod linear;
mod max_pool;
mod pad;
mod pool;
pub mod properties;
mod quantizer;
mod reshape;
pub mod shown;
mod slice;
mod thermometer;
mod transpose;
mod unknown;
mod upsample;

use properties::{Gives, Operands, Properties};
use shown::Shown;

pub use self::{
    add::Add,
    batch_norm::BatchNorm,
    client::{Client, Dense, Filters},
    concat::Concat,
    constant::{Constant, Does},
    conv::Conv,
    dropout::Dropout,
    flatten::Flatten,
    linear::{Bias, Linear, WeightRange, WeightScale},
    max_pool::MaxPool,
    pad::Pad,
    pool::Pool,
    quantizer::{Quantizer, Scale, Transfer},
    reshape::Reshape,
    slice::Slice,
    thermometer::{BIT, Thermometer, Thresholds},
    transpose::Transpose,
    unknown::Unknown,
    upsample::Upsample,
};
use crate::{
    Fact, Form, Known, Range, Shape,
    numbers::{Convert, Numbers, Part, Readable, Writer},
};

/// The list of layers: those with numbers, then those without.
macro_rules! layers {
    (
        $($(#[$doc:meta])* $layer:ident,)*
        ---
        $($(#[$bare_doc:meta])* $bare:ident,)*
    ) => {
        /// A layer with every option resolved.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Layer<N: Numbers = Readable> {
            $($(#[$doc])* $layer($layer<N>),)*
            $($(#[$bare_doc])* $bare,)*
        }

        impl Copy for Layer {}

        impl<N: Numbers> Part<N> for Layer<N> {
            type With<M: Numbers> = Layer<M>;

            fn convert<M: Numbers>(&self, to: &impl Convert<N, M>) -> Layer<M> {
                match self {
                    $(Self::$layer(layer) => Layer::$layer(layer.convert(to)),)*
                    $(Self::$bare => Layer::$bare,)*
                }
            }

            fn write<W: Writer<N>>(&self, to: &W) -> W::Expr {
                match self {
                    $(Self::$layer(layer) => {
                        to.call(concat!("Layer::", stringify!($layer)), layer.write(to))
                    })*
                    $(Self::$bare => to.word(concat!("Layer::", stringify!($bare))),)*
                }
            }
        }

        impl<N: Numbers> Layer<N> {
            /// What the user is shown of it.
            #[must_use]
            pub fn shown(&self) -> Shown<'_, N> {
                match self {
                    $(Self::$layer(layer) => layer.shown(),)*
                    $(Self::$bare => $bare.shown(),)*
                }
            }
        }

        impl Layer {
            /// What it answers to the laws.
            #[must_use]
            pub const fn properties(&self) -> Properties {
                match self {
                    $(Self::$layer(layer) => layer.properties(),)*
                    $(Self::$bare => $bare.properties(),)*
                }
            }

            /// What it makes of its operand, or of its operands [together](Operands::together).
            pub(crate) const fn fact(&self, operand: &Fact) -> Fact {
                match self {
                    $(Self::$layer(layer) => layer.fact(operand),)*
                    $(Self::$bare => $bare.fact(operand),)*
                }
            }
        }
    };
}

layers! {
    /// `QuantIdentity`, `QuantReLU` or `QuantAct<F>`.
    Quantizer,
    /// `Thermometer<K>`: the network's input as bits.
    Thermometer,
    /// `QuantLinear<IN, OUT>`.
    Linear,
    /// `Add`: the sum of two or more tensors of levels, a raw accumulator.
    Add,
    /// `Reshape`: the same numbers, in the order of rows, in another shape.
    Reshape,
    /// `Transpose`: axis `k` of the output is axis `axes[k]` of the operand.
    Transpose,
    /// `QuantConv1d<IN, OUT, K>` or `QuantConv2d<IN, OUT, K>`.
    Conv,
    /// `AvgPool2d<K>` or `GlobalAvgPool2d`.
    Pool,
    /// `MaxPool2d<K>`: the largest level of each window.
    MaxPool,
    /// `Pad`: zero levels around each channel.
    Pad,
    /// `Upsample<FACTOR>`: each number of a channel several times.
    Upsample,
    /// `Slice<START, END>`: a part of an axis.
    Slice,
    /// `Dropout`: does nothing but where a network trains.
    Dropout,
    /// `Mul` or `ConstantAdd`: a constant for each channel. The table behind it holds them.
    Constant,
    /// What the client runs in float.
    Client,
    ---
    /// `Concat`: tensors of levels one after the other along axis 0.
    Concat,
    /// `Flatten`, to one dimension.
    Flatten,
    /// `BatchNorm`: each channel times a factor, plus an offset. The table behind it holds both.
    BatchNorm,
    /// A layer that was refused.
    Unknown,
}

impl Layer {
    /// The type as the user writes it, without its numbers.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        self.properties().kind
    }

    /// Whether it takes two or more operands; the others take one.
    #[must_use]
    pub const fn is_joint(&self) -> bool {
        self.properties().operands.are_several()
    }

    /// Whether it rounds to levels of its own.
    #[must_use]
    pub const fn rounds(&self) -> bool {
        matches!(self.properties().gives, Gives::Rounded { .. })
    }
}

impl Operands {
    /// The shape of two operands together; `None` where they do not go together.
    pub(crate) const fn shape(self, has: &Shape, more: &Shape) -> Option<Shape> {
        match self {
            Self::One => None,
            Self::Added => Add::shape(has, more),
            Self::Joined => Concat::shape(has, more),
        }
    }

    const fn range(self, has: Range, more: Range) -> Known<Range> {
        match self {
            Self::One => Known::Later,
            Self::Added => Known::Now(Add::range(has, more)),
            Self::Joined => Known::Now(Concat::range(has, more)),
        }
    }

    /// What is known of two operands together: `has`, of those so far, is known to be levels or nothing at all.
    pub(crate) const fn together(self, has: &Fact, more: &Fact) -> Fact {
        let form = match (has.form, more.form) {
            (Known::Now(Form::Quantized { scale: here }), Known::Now(Form::Quantized { scale: there }))
                if here == there =>
            {
                has.form
            }
            _ => Known::Later,
        };
        let range = match (has.range, more.range) {
            (Known::Now(has), Known::Now(more)) => self.range(has, more),
            (Known::Later, _) | (_, Known::Later) => Known::Later,
        };
        let shape = match (has.shape, more.shape) {
            (Known::Now(has), Known::Now(more)) => match self.shape(&has, &more) {
                Some(shape) => Known::Now(shape),
                None => Known::Later,
            },
            (Known::Later, _) | (_, Known::Later) => Known::Later,
        };
        Fact { shape, range, form }
    }
}

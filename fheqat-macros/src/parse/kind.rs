//! The layers that the macro knows: a row each, and which of them share an option.

use fheqat_spec::{
    closest,
    limits::{END, FACTOR, INPUTS, KERNEL, Limit, OUTPUTS, START, THERMOMETER},
};

use crate::diag::list;

/// The table: the name of the layer's type, the numbers that type takes, and what other libraries call it.
macro_rules! kinds {
    ($($kind:ident: $name:literal, [$($number:ident),*], [$($alias:literal),*];)*) => {
        /// A kind of layer.
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Kind {
            $($kind,)*
        }

        impl Kind {
            pub(crate) const ALL: &[Self] = &[$(Self::$kind),*];

            /// The name of its type.
            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }

            /// The numbers its type takes.
            pub(super) const fn parameters(self) -> &'static [Limit] {
                match self {
                    $(Self::$kind => &[$($number),*],)*
                }
            }

            /// What other libraries call it.
            const fn aliases(self) -> &'static [&'static str] {
                match self {
                    $(Self::$kind => &[$($alias),*],)*
                }
            }
        }
    };
}

kinds! {
    Identity: "QuantIdentity", [], ["Identity", "QuantInput", "QuantStub"];
    ReLU: "QuantReLU", [], ["Relu"];
    Act: "QuantAct", [], ["Act", "Activation", "QuantActivation"];
    Thermometer: "Thermometer", [THERMOMETER], ["ThermometerEncoding", "QuantThermometer", "Thermo", "OneHot"];
    Linear: "QuantLinear", [INPUTS, OUTPUTS], ["Dense"];
    Add: "Add", [], ["Residual", "Sum", "QuantAdd"];
    Concat: "Concat", [], ["Cat", "Concatenate", "QuantCat"];
    Reshape: "Reshape", [], ["View", "Unflatten"];
    Transpose: "Transpose", [], ["Permute", "Swapaxes"];
    Conv1d: "QuantConv1d", [INPUTS, OUTPUTS, KERNEL], ["Conv1D"];
    Conv2d: "QuantConv2d", [INPUTS, OUTPUTS, KERNEL], ["Conv2D"];
    AvgPool2d: "AvgPool2d", [KERNEL], ["AvgPool", "AveragePooling2D", "SumPool2d"];
    GlobalAvgPool2d: "GlobalAvgPool2d", [], ["GlobalAvgPool", "GlobalAveragePooling2D", "AdaptiveAvgPool2d"];
    MaxPool2d: "MaxPool2d", [KERNEL], ["MaxPool", "MaxPooling2D"];
    Pad: "Pad", [], ["ZeroPad1d", "ZeroPad2d", "ZeroPadding1D", "ZeroPadding2D", "ConstantPad2d"];
    Upsample: "Upsample", [FACTOR], ["UpSampling1D", "UpSampling2D", "UpsamplingNearest2d", "Resize"];
    Slice: "Slice", [START, END], ["Split", "Chunk", "Narrow", "Crop", "Cropping1D", "Cropping2D"];
    Flatten: "Flatten", [], [];
    BatchNorm: "BatchNorm", [], ["BatchNorm1d", "BatchNorm2d", "BatchNormalization", "QuantBatchNorm"];
    Mul: "Mul", [], ["Scale", "Multiply", "QuantMul", "Rescaling"];
    ConstantAdd: "ConstantAdd", [], ["AddConstant", "Offset", "Shift"];
    Dropout: "Dropout", [], ["Dropout1d", "Dropout2d", "QuantDropout"];
    FloatLinear: "Linear", [INPUTS, OUTPUTS], [];
    FloatConv1d: "Conv1d", [INPUTS, OUTPUTS, KERNEL], [];
    FloatConv2d: "Conv2d", [INPUTS, OUTPUTS, KERNEL], [];
    FloatReLU: "ReLU", [], [];
}

/// Layers whose levels may be signed or not.
pub(super) const SIGNED: &[Kind] = &[Kind::Identity, Kind::Act];
/// Layers that round.
pub(super) const QUANTIZERS: &[Kind] = &[Kind::Identity, Kind::ReLU, Kind::Act];
/// Layers with weights.
pub(super) const WEIGHTED: &[Kind] = &[Kind::Linear, Kind::Conv1d, Kind::Conv2d];
/// Layers with an accumulator.
pub(super) const SUMMING: &[Kind] = &[
    Kind::Linear,
    Kind::Conv1d,
    Kind::Conv2d,
    Kind::AvgPool2d,
    Kind::GlobalAvgPool2d,
    Kind::Add,
    Kind::MaxPool2d,
];
/// Layers where noise may come in.
pub(super) const TOLERANT: &[Kind] =
    &[Kind::Identity, Kind::ReLU, Kind::Act, Kind::Linear, Kind::Conv1d, Kind::Conv2d];
/// Layers with filters.
pub(super) const CONVOLUTIONS: &[Kind] = &[Kind::Conv1d, Kind::Conv2d, Kind::FloatConv1d, Kind::FloatConv2d];
/// Layers with a window.
pub(super) const SLIDING: &[Kind] =
    &[Kind::Conv1d, Kind::Conv2d, Kind::AvgPool2d, Kind::MaxPool2d, Kind::FloatConv1d, Kind::FloatConv2d];
/// Layers that put zeros around what they read.
pub(super) const PADDED: &[Kind] = &[
    Kind::Conv1d,
    Kind::Conv2d,
    Kind::AvgPool2d,
    Kind::MaxPool2d,
    Kind::FloatConv1d,
    Kind::FloatConv2d,
    Kind::Pad,
];
/// Layers that encode the input as bits.
pub(super) const ENCODERS: &[Kind] = &[Kind::Thermometer];
/// Layers that are given a shape.
pub(super) const RESHAPED: &[Kind] = &[Kind::Reshape];
/// Layers that are given an order of axes.
pub(super) const TRANSPOSED: &[Kind] = &[Kind::Transpose];
/// Layers with a constant.
pub(super) const CONSTANT: &[Kind] = &[Kind::Mul, Kind::ConstantAdd];
/// Layers that take a part of an axis.
pub(super) const SLICED: &[Kind] = &[Kind::Slice];
/// Layers that leave numbers out while they train.
pub(super) const DROPPING: &[Kind] = &[Kind::Dropout];
/// Layers that the client may run in float, in front of what encodes the input.
pub(super) const CLIENT: &[Kind] = &[
    Kind::FloatLinear,
    Kind::FloatConv1d,
    Kind::FloatConv2d,
    Kind::FloatReLU,
    Kind::BatchNorm,
    Kind::Flatten,
    Kind::Reshape,
];
/// Layers that take two operands or more.
pub(crate) const JOINT: &[Kind] = &[Kind::Add, Kind::Concat];

impl Kind {
    pub(super) fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// The layer of integers that stands for it where it runs encrypted; `None` where it is one.
    pub(super) const fn encrypted(self) -> Option<Self> {
        match self {
            Self::FloatLinear => Some(Self::Linear),
            Self::FloatConv1d => Some(Self::Conv1d),
            Self::FloatConv2d => Some(Self::Conv2d),
            Self::FloatReLU => Some(Self::ReLU),
            _ => None,
        }
    }

    /// The layer of floats that stands for it where the client runs it.
    pub(super) fn of_client(self) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.encrypted() == Some(self))
    }

    pub(super) fn like(name: &str) -> Option<Self> {
        let alias = Self::ALL.iter().copied().find(|kind| kind.aliases().contains(&name));
        alias.or_else(|| closest(name, Self::ALL.iter().map(|kind| kind.name())).and_then(Self::of))
    }

    /// Its type with the names of what it takes.
    pub(super) fn signature(self) -> String {
        match self {
            Self::Act => self.with(["F".to_owned()].into_iter()),
            _ => self.with(self.parameters().iter().map(|parameter| parameter.name.to_owned())),
        }
    }

    /// Its type with these numbers.
    pub(super) fn with(self, numbers: impl Iterator<Item = String>) -> String {
        let numbers: Vec<_> = numbers.collect();
        if numbers.is_empty() {
            self.name().to_owned()
        } else {
            format!("{}<{}>", self.name(), numbers.join(", "))
        }
    }
}

/// Every layer, for a message.
pub(super) fn all() -> String {
    let names: Vec<_> = Kind::ALL.iter().map(|kind| kind.signature()).collect();
    format!("the layers are {}", list(names.iter().map(String::as_str), "and"))
}

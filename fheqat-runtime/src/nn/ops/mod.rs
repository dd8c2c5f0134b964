//! The ops of a network, one file each: what it has learned, how it runs forward and back, what it lowers to, how it is saved.

pub(crate) mod affine;
pub(crate) mod client;
pub(crate) mod constant;
pub(crate) mod dropout;
pub(crate) mod join;
pub(crate) mod linear;
pub(crate) mod max_pool;
pub(crate) mod norm;
pub(crate) mod operation;
pub(crate) mod place;
pub(crate) mod pool;
pub(crate) mod quantizer;
pub(crate) mod reading;
pub(crate) mod route;
pub(crate) mod sliding;
pub(crate) mod staircase;
pub(crate) mod sum;
pub(crate) mod thermometer;
pub(crate) mod window;
pub(crate) mod wires;

/// The layers that a struct may have.
pub mod layers {
    pub use super::{
        client::{Conv1d, Conv2d, Linear, ReLU},
        constant::{ConstantAdd, Mul},
        dropout::Dropout,
        join::{Concat, Flatten, Reshape},
        linear::{QuantConv1d, QuantConv2d, QuantLinear},
        max_pool::MaxPool2d,
        norm::BatchNorm,
        pool::{AvgPool2d, GlobalAvgPool2d},
        quantizer::{QuantAct, QuantIdentity, QuantReLU},
        sum::Add,
        thermometer::Thermometer,
        wires::{Pad, Slice, Transpose, Upsample},
    };
}

use fheqat_spec::Layer;

use self::{
    client::ClientState,
    constant::ConstantState,
    dropout::LeaveOut,
    join::Join,
    linear::LinearState,
    max_pool::MaxPool,
    norm::NormState,
    operation::{At, Exact, Mode, Operation, Refresh, Run, State},
    place::Place,
    pool::Pool,
    quantizer::QuantizerState,
    sum::Sum,
    thermometer::ThermometerState,
    wires::Wires,
};
use super::{error::NetworkError, module::LayerRef};

/// The list of ops: for each what it has learned, with what runs batches of it and what its integers are.
macro_rules! ops {
    ($($(#[$doc:meta])* $name:ident($state:ty);)*) => {
        /// What a node does, with what it has learned.
        #[derive(Clone, Debug, PartialEq)]
        pub(crate) enum Op {
            $($(#[$doc])* $name($state),)*
        }

        /// What a node makes of batches.
        #[derive(Clone, Debug)]
        pub(crate) enum Kernel {
            $($name(<$state as Operation>::Kernel),)*
        }

        /// What runs encrypted of a node.
        #[derive(Clone, Debug, PartialEq)]
        pub(crate) enum Integers {
            $($name(<$state as Operation>::Integers),)*
        }

        impl Op {
            pub(crate) fn state(&self) -> &dyn State {
                match self {
                    $(Self::$name(op) => op,)*
                }
            }

            pub(crate) fn state_mut(&mut self) -> &mut dyn State {
                match self {
                    $(Self::$name(op) => op,)*
                }
            }

            /// Memory for batches.
            pub(crate) fn kernel(&self, at: At<'_>, mode: Mode) -> Kernel {
                match self {
                    $(Self::$name(op) => Kernel::$name(op.kernel(at, mode)),)*
                }
            }

            /// Reads every number of a kernel that it made again.
            ///
            /// # Errors
            /// When a quantized run meets a layer that is not calibrated, or the kernel is another op's.
            pub(crate) fn refresh(
                &self,
                kernel: &mut Kernel,
                refresh: &mut Refresh<'_>,
            ) -> Result<(), NetworkError> {
                match (self, kernel) {
                    $((Self::$name(op), Kernel::$name(kernel)) => op.refresh(kernel, refresh),)*
                    (_, _) => Err(refresh.at.network.not_calibrated(refresh.at.index)),
                }
            }

            /// Learns what is not learned by gradient from a batch that its kernel has just run.
            pub(crate) fn observe(&mut self, kernel: &Kernel) {
                $(if let (Self::$name(op), Kernel::$name(kernel)) = (&mut *self, kernel) {
                    op.observe(kernel);
                })*
            }

            /// What runs encrypted.
            ///
            /// # Errors
            /// When it, or what it reads, is not calibrated.
            pub(crate) fn integers(&self, at: At<'_>) -> Result<Integers, NetworkError> {
                Ok(match self {
                    $(Self::$name(op) => Integers::$name(Operation::integers(op, at)?),)*
                })
            }
        }

        impl Kernel {
            pub(crate) fn get(&self) -> &dyn Run {
                match self {
                    $(Self::$name(kernel) => kernel,)*
                }
            }

            pub(crate) fn get_mut(&mut self) -> &mut dyn Run {
                match self {
                    $(Self::$name(kernel) => kernel,)*
                }
            }
        }

        impl Integers {
            pub(crate) fn get(&self) -> &dyn Exact {
                match self {
                    $(Self::$name(integers) => integers,)*
                }
            }
        }
    };
}

ops! {
    /// Features or sums to levels.
    Quantizer(QuantizerState);
    /// Features to bits.
    Thermometer(ThermometerState);
    /// Levels to sums of products.
    Linear(LinearState);
    /// A factor and an offset for each channel.
    Norm(NormState);
    /// Constants of each channel.
    Constant(ConstantState);
    /// Levels to their sums.
    Sum(Sum);
    /// Levels one after the other.
    Join(Join);
    /// Levels led elsewhere.
    Wires(Wires);
    /// Levels to the sums of windows.
    Pool(Pool);
    /// The largest levels of windows.
    MaxPool(MaxPool);
    /// Levels, of which training leaves out some.
    LeaveOut(LeaveOut);
    /// Floats to floats, on the client.
    Client(ClientState);
}

impl Op {
    /// The normalisation, where it is one, of sums or on the client.
    pub(crate) fn norm(&self) -> Option<&NormState> {
        match self {
            Self::Norm(state) | Self::Client(ClientState::Norm(state)) => Some(state),
            _ => None,
        }
    }

    /// The normalisation, where it is one, of sums or on the client, to change.
    pub(crate) fn norm_mut(&mut self) -> Option<&mut NormState> {
        match self {
            Self::Norm(state) | Self::Client(ClientState::Norm(state)) => Some(state),
            _ => None,
        }
    }

    /// Whether it has weights that a file of another library has too.
    pub(crate) fn has_weights(&self) -> bool {
        match self {
            Self::Linear(_) | Self::Norm(_) => true,
            Self::Client(state) => state.has_weights(),
            _ => false,
        }
    }

    /// The op of a layer, and how many numbers it gives; `None` where the layer is not what its specification says.
    pub(crate) fn placed(layer: &Layer, state: LayerRef<'_>, place: &Place<'_>) -> Option<(usize, Self)> {
        fn op<S>(placed: Option<(usize, S)>, op: fn(S) -> Op) -> Option<(usize, Op)> {
            placed.map(|(width, state)| (width, op(state)))
        }
        if state.kind() != layer.kind() {
            return None;
        }
        match layer {
            Layer::Quantizer(quantizer) => {
                op(QuantizerState::placed(quantizer, state, place), Self::Quantizer)
            }
            Layer::Thermometer(thermometer) => {
                op(ThermometerState::placed(thermometer, state, place), Self::Thermometer)
            }
            Layer::Linear(_) => op(LinearState::dense(state, place), Self::Linear),
            Layer::Conv(conv) => op(LinearState::sliding(conv, state, place), Self::Linear),
            Layer::Constant(constant) => op(ConstantState::placed(constant, state, place), Self::Constant),
            Layer::BatchNorm => op(NormState::placed(state, place), Self::Norm),
            Layer::Add { .. } => op(Sum::placed(place), Self::Sum),
            Layer::Concat | Layer::Reshape(_) | Layer::Flatten => op(Join::placed(place), Self::Join),
            Layer::Transpose(layer) => op(Wires::transposed(&layer.axes, place), Self::Wires),
            Layer::Pad(pad) => op(Wires::padded(pad, place), Self::Wires),
            Layer::Slice(slice) => op(Wires::sliced(slice, place), Self::Wires),
            Layer::Upsample(upsample) => op(Wires::repeated(upsample, place), Self::Wires),
            Layer::Pool(pool) => op(Pool::placed(pool, place), Self::Pool),
            Layer::MaxPool(pool) => op(MaxPool::placed(&pool.window, place), Self::MaxPool),
            Layer::Dropout(dropout) => op(LeaveOut::placed(dropout, place), Self::LeaveOut),
            Layer::Client(layer) => op(ClientState::placed(layer, state, place), Self::Client),
            Layer::Unknown => None,
        }
    }
}

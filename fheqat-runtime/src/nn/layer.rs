//! Layers as they are trained: float state, and the integers it stands for.

use fheqat_spec as spec;
use ndarray::{Array1, Array2};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Reads the input: rounds floats to integer levels.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct QuantIdentity {
    /// What trains.
    pub state: QuantizerState,
}

/// `max(x, 0)`, rounded to integer levels.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct QuantReLU {
    /// What trains.
    pub state: QuantizerState,
}

/// A dense layer with integer weights and a float bias, `[IN]` to `[OUT]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct QuantLinear<const IN: usize, const OUT: usize> {
    /// What trains.
    pub state: LinearState,
}

/// The state of a quantizer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct QuantizerState {
    /// The step between two levels; `None` until calibration has seen data.
    pub step: Option<f32>,
}

/// The state of a dense layer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LinearState {
    /// Float weights, `[out, in]`.
    pub weight: Array2<f32>,
    /// Float bias, `[out]`.
    pub bias: Array1<f32>,
    /// The float weight that one integer unit stands for.
    pub scale: f32,
    /// Which weights pruning keeps, `[out, in]`.
    pub mask: Array2<bool>,
}

/// A layer of any kind, to read.
#[derive(Clone, Copy, Debug)]
pub enum LayerRef<'a> {
    /// A quantizer.
    Quantizer(&'a QuantizerState),
    /// A dense layer.
    Linear(&'a LinearState),
}

/// A layer of any kind, to change.
#[derive(Debug)]
pub enum LayerMut<'a> {
    /// A quantizer.
    Quantizer(&'a mut QuantizerState),
    /// A dense layer.
    Linear(&'a mut LinearState),
}

/// What `#[quant_net]` needs of the type of a field.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a layer of fheqat",
    label = "this names another type",
    note = "import fheqat's: `use fheqat::prelude::*;`"
)]
pub trait Module: Sized {
    /// A fresh layer.
    fn init(layer: &spec::Layer, rng: &mut ChaCha8Rng) -> Self;
    /// The layer to read.
    fn layer(&self) -> LayerRef<'_>;
    /// The layer to change.
    fn layer_mut(&mut self) -> LayerMut<'_>;
}

//! The layers as modules, with zeros for weights.

use fheqat_spec::{Known, Layer, Scale};
use ndarray::{Array1, Array2};
use rand_chacha::ChaCha8Rng;

use super::layer::{
    LayerMut, LayerRef, LinearState, Module, QuantIdentity, QuantLinear, QuantReLU, QuantizerState,
};

fn quantizer(layer: &Layer) -> QuantizerState {
    let step = match layer {
        Layer::Quantizer(quantizer) => match quantizer.scale {
            Scale::Fixed(Known::Now(step)) => Some(step as f32),
            Scale::Fixed(Known::Later) | Scale::Learned => None,
        },
        Layer::Linear(_) => None,
    };
    QuantizerState { step }
}

#[diagnostic::do_not_recommend]
impl Module for QuantIdentity {
    fn init(layer: &Layer, _: &mut ChaCha8Rng) -> Self {
        Self { state: quantizer(layer) }
    }

    fn layer(&self) -> LayerRef<'_> {
        LayerRef::Quantizer(&self.state)
    }

    fn layer_mut(&mut self) -> LayerMut<'_> {
        LayerMut::Quantizer(&mut self.state)
    }
}

#[diagnostic::do_not_recommend]
impl Module for QuantReLU {
    fn init(layer: &Layer, _: &mut ChaCha8Rng) -> Self {
        Self { state: quantizer(layer) }
    }

    fn layer(&self) -> LayerRef<'_> {
        LayerRef::Quantizer(&self.state)
    }

    fn layer_mut(&mut self) -> LayerMut<'_> {
        LayerMut::Quantizer(&mut self.state)
    }
}

#[diagnostic::do_not_recommend]
impl<const IN: usize, const OUT: usize> Module for QuantLinear<IN, OUT> {
    fn init(_: &Layer, _: &mut ChaCha8Rng) -> Self {
        Self {
            state: LinearState {
                weight: Array2::zeros((OUT, IN)),
                bias: Array1::zeros(OUT),
                scale: 1.0,
                mask: Array2::from_elem((OUT, IN), true),
            },
        }
    }

    fn layer(&self) -> LayerRef<'_> {
        LayerRef::Linear(&self.state)
    }

    fn layer_mut(&mut self) -> LayerMut<'_> {
        LayerMut::Linear(&mut self.state)
    }
}

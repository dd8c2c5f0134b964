//! The trait that `#[quant_net]` implements: the macro generates data, the provided methods hold the logic.

use fheqat_spec::Net;
use rand_chacha::ChaCha8Rng;

use super::layer::{LayerMut, LayerRef, Module};
use crate::Seed;

/// A struct of layers.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a network",
    label = "it has no `#[quant_net]`",
    note = "put `#[quant_net(bits = 3)]` on the struct"
)]
pub trait Network: Sized {
    /// The network as data.
    const SPEC: Net<'static>;

    /// Makes each field by [`Init::layer`], in order.
    fn init(init: &mut Init) -> Self;

    /// The fields in order.
    fn layers(&self) -> Vec<LayerRef<'_>>;

    /// The fields in order, to change.
    fn layers_mut(&mut self) -> Vec<LayerMut<'_>>;

    /// A fresh network.
    #[must_use]
    fn new(seed: Seed) -> Self {
        Self::init(&mut Init { spec: Self::SPEC, next: 0, rng: seed.rng(0) })
    }
}

/// Makes the layers of a network one after the other.
#[derive(Debug)]
pub struct Init {
    spec: Net<'static>,
    next: usize,
    rng: ChaCha8Rng,
}

impl Init {
    /// The next field.
    pub fn layer<M: Module>(&mut self) -> M {
        let layer = &self.spec.fields[self.next].layer;
        self.next += 1;
        M::init(layer, &mut self.rng)
    }
}

//! What the macro implements, and how a network is made of its layers.

use std::any::Any;

use fheqat_spec::{self as spec, Net, Verdict, judge_each};
use rand_chacha::ChaCha8Rng;

/// A struct of layers: what `#[quant_net]` implements. The user's verbs are those of
/// [`Network`](crate::network::Network), which every such struct has.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a network",
    label = "it has no `#[quant_net]`",
    note = "put `#[quant_net(bits = 3)]` on the struct"
)]
pub trait Layers: Sized {
    /// The network as data.
    const SPEC: Net<'static>;

    /// Makes each field by [`Init::layer`], in order.
    fn init(init: &mut Init) -> Self;

    /// The fields in order.
    fn layers(&self) -> Vec<LayerRef<'_>>;

    /// The fields in order, to change.
    fn layers_mut(&mut self) -> Vec<LayerMut<'_>>;
}

/// What `#[quant_net]` needs of the type of a field.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a layer of fheqat",
    label = "this names another type",
    note = "import fheqat's: `use fheqat::prelude::*;`"
)]
pub trait Module: Sized {
    /// A fresh layer, whose output is as `fact` says.
    fn init(layer: &spec::Layer, fact: &spec::Fact, rng: &mut ChaCha8Rng) -> Self;
    /// The layer to read.
    fn layer(&self) -> LayerRef<'_>;
    /// The layer to change.
    fn layer_mut(&mut self) -> LayerMut<'_>;
}

/// A layer of any kind, to read.
#[derive(Clone, Copy, Debug)]
pub struct LayerRef<'a> {
    kind: &'static str,
    state: Option<&'a dyn Any>,
}

impl<'a> LayerRef<'a> {
    /// A layer that learns, by the name of its type.
    pub fn new(kind: &'static str, state: &'a dyn Any) -> Self {
        Self { kind, state: Some(state) }
    }

    /// A layer that learns nothing, by the name of its type.
    #[must_use]
    pub const fn stateless(kind: &'static str) -> Self {
        Self { kind, state: None }
    }

    /// The name of its type, without numbers.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        self.kind
    }

    /// What it has learned, where that is an `S`.
    #[must_use]
    pub fn state<S: Any>(&self) -> Option<&'a S> {
        self.state?.downcast_ref()
    }
}

/// A layer of any kind, to change.
#[derive(Debug)]
pub struct LayerMut<'a> {
    state: Option<&'a mut dyn Any>,
}

impl<'a> LayerMut<'a> {
    /// A layer that learns.
    pub fn new(state: &'a mut dyn Any) -> Self {
        Self { state: Some(state) }
    }

    /// A layer that learns nothing.
    #[must_use]
    pub const fn stateless() -> Self {
        Self { state: None }
    }

    /// What it has learned, where that is an `S`.
    #[must_use]
    pub fn state<S: Any>(self) -> Option<&'a mut S> {
        self.state?.downcast_mut()
    }
}

/// What the expansion of `#[quant_net]` gives to an implementation of [`Layers`].
#[doc(hidden)]
#[derive(Debug)]
pub struct Parts<N> {
    /// [`Layers::SPEC`].
    pub spec: Net<'static>,
    /// [`Layers::init`].
    pub init: fn(&mut Init) -> N,
    /// [`Layers::layers`].
    pub layers: fn(&N) -> Vec<LayerRef<'_>>,
    /// [`Layers::layers_mut`].
    pub layers_mut: fn(&mut N) -> Vec<LayerMut<'_>>,
}

/// Makes the layers of a network one after the other.
#[derive(Debug)]
pub struct Init {
    spec: Net<'static>,
    verdicts: Vec<Verdict<'static>>,
    made: usize,
    rng: ChaCha8Rng,
}

impl Init {
    pub(crate) fn new(spec: Net<'static>, rng: ChaCha8Rng) -> Self {
        Self { spec, verdicts: judge_each(&spec), made: 0, rng }
    }

    /// The next field.
    pub fn layer<M: Module>(&mut self) -> M {
        let index = self.made;
        self.made += 1;
        M::init(&self.spec.fields[index].layer, &self.verdicts[index].fact, &mut self.rng)
    }
}

/// Implements [`Module`] for a layer that learns nothing.
macro_rules! stateless {
    ($type:ident $(<$number:ident>)?) => {
        #[diagnostic::do_not_recommend]
        impl $(<const $number: usize>)? $crate::nn::module::Module for $type $(<$number>)? {
            fn init(
                _: &fheqat_spec::Layer,
                _: &fheqat_spec::Fact,
                _: &mut rand_chacha::ChaCha8Rng,
            ) -> Self {
                Self
            }
            fn layer(&self) -> $crate::nn::module::LayerRef<'_> {
                $crate::nn::module::LayerRef::stateless(stringify!($type))
            }
            fn layer_mut(&mut self) -> $crate::nn::module::LayerMut<'_> {
                $crate::nn::module::LayerMut::stateless()
            }
        }
    };
}
pub(crate) use stateless;

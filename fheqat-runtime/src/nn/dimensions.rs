//! What a layer's type says, for const evaluation.

use super::{
    activation::Activation,
    layer::{AvgPool2d, QuantAct, QuantConv1d, QuantConv2d, QuantLinear},
};

/// A layer whose type has numbers.
pub trait Dimensions {
    /// The numbers in the order of its const generics.
    const DIMENSIONS: &'static [usize];
}

impl<const IN: usize, const OUT: usize> Dimensions for QuantLinear<IN, OUT> {
    const DIMENSIONS: &'static [usize] = &[IN, OUT];
}

impl<const IN: usize, const OUT: usize, const K: usize> Dimensions for QuantConv1d<IN, OUT, K> {
    const DIMENSIONS: &'static [usize] = &[IN, OUT, K];
}

impl<const IN: usize, const OUT: usize, const K: usize> Dimensions for QuantConv2d<IN, OUT, K> {
    const DIMENSIONS: &'static [usize] = &[IN, OUT, K];
}

impl<const K: usize> Dimensions for AvgPool2d<K> {
    const DIMENSIONS: &'static [usize] = &[K];
}

/// The number at `index` in the type of the field that `_field` projects to.
///
/// Asking the field spares the expansion from repeating the user's tokens, so that a type which does not exist is one
/// error.
///
/// # Panics
/// When the layer has fewer numbers.
#[must_use]
pub const fn dimension<N, L: Dimensions>(_field: fn(&N) -> &L, index: usize) -> i128 {
    L::DIMENSIONS[index] as i128
}

/// Whether the function of the field that `_field` projects to has levels below zero where the user does not say.
#[must_use]
pub const fn is_signed<N, F: Activation>(_field: fn(&N) -> &QuantAct<F>) -> bool {
    F::SIGNED
}

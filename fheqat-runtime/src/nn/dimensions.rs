//! What a layer's type says, for const evaluation.

/// A layer whose type has numbers.
pub trait Dimensions {
    /// The numbers in the order of its const generics.
    const DIMENSIONS: &'static [usize];
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

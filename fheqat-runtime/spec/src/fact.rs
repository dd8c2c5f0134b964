//! What is known about a wire.

use crate::{Known, Range, Shape};

/// What the values on a wire are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The network's input: floats that nothing has quantized yet.
    Plain,
    /// Integer levels. The scale is owned by the quantizer at this index.
    Quantized {
        /// Index of the field whose scale this is.
        scale: usize,
    },
    /// A sum of products that no quantizer has read yet.
    Raw,
}

/// What is known about a wire: shape of one sample, range of every value, and what the values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Shape of one sample; [`Known::Later`] where no law could infer it.
    pub shape: Known<Shape>,
    /// Range over all inputs; [`Known::Later`] for floats and where it could not be read.
    pub range: Known<Range>,
    /// What the values are; [`Known::Later`] behind a broken wire.
    pub form: Known<Form>,
}

impl Fact {
    /// Nothing is known: every law stays silent about it.
    pub const UNKNOWN: Self = Self { shape: Known::Later, range: Known::Later, form: Known::Later };
}

//! What is known about a wire.

use crate::{
    Known, Range, Shape,
    numbers::{Convert, Numbers, Part, Writer},
};

/// Where an operand comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The network's input.
    Input,
    /// The output of the field at this index.
    Field(usize),
    /// A wire that is broken already: laws about it stay silent.
    Broken,
}

impl<N: Numbers> Part<N> for Source {
    type With<M: Numbers> = Self;

    fn convert<M: Numbers>(&self, _: &impl Convert<N, M>) -> Self {
        *self
    }

    fn write<W: Writer<N>>(&self, to: &W) -> W::Expr {
        match self {
            Self::Input => to.word("Source::Input"),
            Self::Field(index) => to.call("Source::Field", to.count(*index)),
            Self::Broken => to.word("Source::Broken"),
        }
    }
}

/// What the values on a wire are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The network's input, or what the client makes of it: floats that nothing has quantized yet.
    Plain,
    /// Integer levels. The scale is owned by the quantizer at this index.
    Quantized {
        /// Index of the field whose scale this is.
        scale: usize,
    },
    /// A sum that no quantizer has read yet.
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

    /// The form of levels, and nothing about anything else.
    #[must_use]
    pub const fn levels(&self) -> Known<Form> {
        match self.form {
            Known::Now(Form::Quantized { .. }) => self.form,
            Known::Now(Form::Plain | Form::Raw) | Known::Later => Known::Later,
        }
    }

    /// Whether it is known to be levels.
    #[must_use]
    pub const fn is_levels(&self) -> bool {
        matches!(self.form, Known::Now(Form::Quantized { .. }))
    }
}

//! Which of the user's tokens an error is about.

/// The tokens to underline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame<'a> {
    /// The field's type.
    Layer,
    /// The field's name.
    Field,
    /// This name in `from`; the type where the field has no `from`.
    Operand(&'a str),
    /// All names in `from`; the field's name where it has none.
    Operands,
    /// The option of this name, of the field or of the network; the type where the user gave none.
    Option(&'static str),
}

/// What else may be the cause of what is wrong. Where that is reported, this is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Nothing else.
    Itself,
    /// An option of the network that could not be read.
    Option(&'static str),
    /// A later field that [may have meant](LawTraits::suspects_wires) this one.
    LaterWire,
}

/// What holds for a law whatever breaks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LawTraits {
    /// Whether it needs numbers. The others are decided by the macro alone, whatever a path names.
    pub is_numeric: bool,
    /// Whether a name in `from` that breaks it may have been meant to be another.
    pub suspects_wires: bool,
    /// The option of the network that is blamed, where the law is about the whole network. It is asked of the last field.
    pub option: Option<&'static str>,
}

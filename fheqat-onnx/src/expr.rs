//! What a tensor of a graph is, in terms of fields: a field's numbers, or what nodes without a field of their own make of them.
//!
//! A function needs a quantizer behind it, and views of sums become views of levels, for rounding number by number is the same
//! before and after them. So both wait until it is known what reads them.

use std::rc::Rc;

use fheqat_runtime::spec::Source;

use crate::{plan::Curve, sliding::Sliding};

/// A tensor.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Expr(Rc<Inner>);

#[derive(Debug, PartialEq, Eq, Hash)]
struct Inner {
    kind: Kind,
    /// Without the batch.
    shape: Vec<usize>,
    /// How many expressions it is made of, counting one each time that it is read.
    size: usize,
    depth: usize,
}

/// How a tensor comes about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// The input.
    Input,
    /// The input less a number of each feature, divided by another; both are kept as their bits.
    Standardized { mean: Rc<[u32]>, deviation: Rc<[u32]> },
    /// What a field gives.
    Field(usize),
    /// A function of each number.
    Curve(Curve, Expr),
    /// The same numbers, held between two floats, which are kept as their bits.
    Held { least: u32, most: u32, of: Expr },
    /// The same numbers in other places, or the largest of some.
    View(View, Expr),
    /// One after the other along the first axis.
    Concat(String, Vec<Expr>),
}

/// Which numbers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum View {
    /// In the shape of the expression, by a node of this name and operation.
    Reshape(String, &'static str),
    /// Axes in another order.
    Transpose(String, Vec<usize>),
    /// The largest of each window.
    MaxPool(String, Sliding),
    /// Zeros before and behind each axis but the channels.
    Pad(String, Vec<[usize; 2]>),
    /// A part of an axis.
    Slice { name: String, start: usize, end: usize, axis: usize },
    /// Each number as often, along each axis but the channels, by a node of this name and operation.
    Upsample(String, &'static str, usize),
}

/// The most expressions that one may be made of, and how deep.
const MOST: usize = 512;
const DEEPEST: usize = 48;

impl Expr {
    /// # Errors
    /// When too many nodes come together in front of one quantizer, or it has too many numbers.
    pub(crate) fn new(kind: Kind, shape: Vec<usize>) -> Result<Self, String> {
        let parts: &[Self] = match &kind {
            Kind::Input | Kind::Standardized { .. } | Kind::Field(_) => &[],
            Kind::Curve(_, of) | Kind::View(_, of) | Kind::Held { of, .. } => std::slice::from_ref(of),
            Kind::Concat(_, of) => of,
        };
        let size = parts.iter().fold(1usize, |size, part| size.saturating_add(part.0.size));
        let depth = 1 + parts.iter().map(|part| part.0.depth).max().unwrap_or_default();
        let most = fheqat_runtime::spec::limits::MAX_ELEMENTS as usize;
        let numbers = shape.iter().try_fold(1usize, |all, &dim| all.checked_mul(dim));
        if numbers.is_none_or(|numbers| numbers > most) {
            return Err(format!("gives samples of shape {shape:?}, but at most {most} numbers are read"));
        }
        if size > MOST || depth > DEEPEST {
            return Err("too many nodes stand in front of one quantizer: quantize between them".to_owned());
        }
        Ok(Self(Rc::new(Inner { kind, shape, size, depth })))
    }

    pub(crate) fn kind(&self) -> &Kind {
        &self.0.kind
    }

    pub(crate) fn shape(&self) -> &[usize] {
        &self.0.shape
    }

    /// The field or the input, where it is one as it is.
    pub(crate) fn source(&self) -> Option<Source> {
        match self.kind() {
            Kind::Input => Some(Source::Input),
            Kind::Field(index) => Some(Source::Field(*index)),
            _ => None,
        }
    }

    /// What it is, without views that keep the order of numbers.
    pub(crate) fn unshaped(&self) -> &Self {
        match self.kind() {
            Kind::View(View::Reshape(..), of) => of.unshaped(),
            _ => self,
        }
    }
}

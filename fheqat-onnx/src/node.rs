//! A node of a graph, and its attributes.

use crate::{
    problem::Problem,
    proto::{AttributeProto, NodeProto, TensorProto},
};

/// A node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node<'a>(pub(crate) &'a NodeProto);

impl<'a> Node<'a> {
    /// Its operation.
    pub(crate) fn op(self) -> &'a str {
        self.0.op_type.as_deref().unwrap_or_default()
    }

    /// Its name, or that of what it gives.
    pub(crate) fn name(self) -> &'a str {
        let name = self.0.name.as_deref().filter(|name| !name.is_empty());
        name.or(self.0.output.first().map(String::as_str)).unwrap_or_default()
    }

    pub(crate) fn domain(self) -> &'a str {
        self.0.domain.as_deref().unwrap_or_default()
    }

    pub(crate) fn problem(self, reason: String) -> Problem {
        Problem { node: printable(self.name()), op: printable(self.op()), reason }
    }

    fn attribute(self, name: &str) -> Option<&'a AttributeProto> {
        self.0.attribute.iter().find(|attribute| attribute.name.as_deref() == Some(name))
    }

    pub(crate) fn integer(self, name: &str, default: i64) -> i64 {
        self.attribute(name).and_then(|attribute| attribute.i).unwrap_or(default)
    }

    pub(crate) fn float(self, name: &str, default: f32) -> f32 {
        self.attribute(name).and_then(|attribute| attribute.f).unwrap_or(default)
    }

    pub(crate) fn text(self, name: &str, default: &str) -> String {
        let text = self.attribute(name).and_then(|attribute| attribute.s.as_deref());
        text.map_or_else(|| default.to_owned(), |text| String::from_utf8_lossy(text).into_owned())
    }

    pub(crate) fn integers(self, name: &str) -> Option<&'a [i64]> {
        self.attribute(name).map(|attribute| attribute.ints.as_slice())
    }

    pub(crate) fn floats(self, name: &str) -> Option<&'a [f32]> {
        self.attribute(name).map(|attribute| attribute.floats.as_slice())
    }

    pub(crate) fn tensor(self, name: &str) -> Option<&'a TensorProto> {
        self.attribute(name)?.t.as_ref()
    }

    pub(crate) fn has(self, name: &str) -> bool {
        self.attribute(name).is_some()
    }

    /// # Errors
    /// When an integer attribute is another than the only one that is read.
    pub(crate) fn only(self, name: &str, default: i64, only: i64) -> Result<(), String> {
        match self.integer(name, default) {
            found if found == only => Ok(()),
            found => Err(format!("has `{name}` of {found}, but only {only} is read")),
        }
    }
}

/// A name of a file, in one line of a message.
pub(crate) fn printable(name: &str) -> String {
    const LONGEST: usize = 120;
    name.chars().take(LONGEST).map(|c| if c.is_control() || c == '`' { '?' } else { c }).collect()
}

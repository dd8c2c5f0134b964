//! A node of a graph, and its attributes.

use crate::{
    problem::Problem,
    proto::{AttributeProto, NodeProto, TensorProto, attribute_proto::AttributeType},
};

/// What the attributes that are read hold.
const KINDS: &[(AttributeType, &[&str])] = &[
    (AttributeType::Float, &["alpha", "beta", "epsilon", "gamma", "value_float"]),
    (
        AttributeType::Int,
        &[
            "allowzero",
            "axis",
            "block_size",
            "ceil_mode",
            "count_include_pad",
            "end",
            "group",
            "narrow",
            "output_dtype",
            "signed",
            "start",
            "to",
            "training_mode",
            "transA",
            "transB",
            "value_int",
        ],
    ),
    (
        AttributeType::String,
        &[
            "approximate",
            "auto_pad",
            "coordinate_transformation_mode",
            "keep_aspect_ratio_policy",
            "mode",
            "nearest_mode",
            "rounding_mode",
        ],
    ),
    (AttributeType::Floats, &["scales", "value_floats"]),
    (
        AttributeType::Ints,
        &[
            "axes",
            "dilations",
            "ends",
            "kernel_shape",
            "pads",
            "perm",
            "split",
            "starts",
            "strides",
            "value_ints",
        ],
    ),
];

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

    /// # Errors
    /// When an attribute is there twice, or one that is read holds something else: what it says would count for nothing.
    pub(crate) fn check_attributes(self) -> Result<(), String> {
        let attributes = &self.0.attribute;
        for (index, attribute) in attributes.iter().enumerate() {
            let name = attribute.name();
            if attributes[..index].iter().any(|before| before.name() == name) {
                return Err(format!("has `{}` twice", printable(name)));
            }
            let known = KINDS.iter().find(|(_, names)| names.contains(&name)).map(|(kind, _)| *kind);
            let expected = match (name, self.op()) {
                ("value", "Constant") => Some(AttributeType::Tensor),
                ("value", _) => Some(AttributeType::Float),
                _ => known,
            };
            let Some(expected) = expected else { continue };
            let found = kind(attribute);
            if found != Some(expected) {
                let found = found.map_or("nothing that is read", |found| found.as_str_name());
                return Err(format!("has `{name}` of {found}, but it is {}", expected.as_str_name()));
            }
        }
        Ok(())
    }

    fn attribute(self, name: &str) -> Option<&'a AttributeProto> {
        self.0.attribute.iter().find(|attribute| attribute.name.as_deref() == Some(name))
    }

    pub(crate) fn integer(self, name: &str, default: i64) -> i64 {
        self.attribute(name).map_or(default, AttributeProto::i)
    }

    pub(crate) fn float(self, name: &str, default: f32) -> f32 {
        self.attribute(name).map_or(default, AttributeProto::f)
    }

    pub(crate) fn text(self, name: &str, default: &str) -> String {
        let text = self.attribute(name).map(AttributeProto::s);
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

/// What an attribute holds: what it says, else what is there. A zero that is said to be an integer or a float need not be there, as some
/// writers leave zeros out.
fn kind(attribute: &AttributeProto) -> Option<AttributeType> {
    let there = [
        (attribute.f.is_some(), AttributeType::Float),
        (attribute.i.is_some(), AttributeType::Int),
        (attribute.s.is_some(), AttributeType::String),
        (attribute.t.is_some(), AttributeType::Tensor),
        (!attribute.floats.is_empty(), AttributeType::Floats),
        (!attribute.ints.is_empty(), AttributeType::Ints),
    ];
    let mut there = there.into_iter().filter(|(is_there, _)| *is_there).map(|(_, kind)| kind);
    let (first, second) = (there.next(), there.next());
    match (attribute.r#type(), first) {
        (AttributeType::Undefined, found) if second.is_none() => found,
        (said, None) if said != AttributeType::Tensor => Some(said),
        (said, Some(found)) if said == found && second.is_none() => Some(said),
        _ => None,
    }
}

/// A name of a file, in one line of a message: without what moves the cursor, hides or turns around what is behind it.
pub(crate) fn printable(name: &str) -> String {
    const LONGEST: usize = 120;
    let is_hidden = |c: char| {
        c.is_control()
            || matches!(c, '`' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    name.chars().take(LONGEST).map(|c| if is_hidden(c) { '?' } else { c }).collect()
}

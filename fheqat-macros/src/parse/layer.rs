//! The type of a field.

use fheqat_spec::limits::{self, Limit};
use proc_macro2::{Delimiter, Group, Span};
use quote::ToTokens;
use syn::{Expr, GenericArgument, PathArguments, PathSegment, Type, ext::IdentExt, spanned::Spanned};

use super::{
    no_layer,
    number::{Amount, Literal, Number, Reader, number, source_text},
};
use crate::{
    diag::{Message, list},
    suggest::closest,
};

/// A kind of layer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Identity,
    ReLU,
    Act,
    Linear,
    Add,
    Concat,
    Reshape,
    Transpose,
    Conv1d,
    Conv2d,
    AvgPool2d,
    GlobalAvgPool2d,
    Flatten,
    BatchNorm,
}

impl Kind {
    pub(crate) const ALL: &[Self] = &[
        Self::Identity,
        Self::ReLU,
        Self::Act,
        Self::Linear,
        Self::Add,
        Self::Concat,
        Self::Reshape,
        Self::Transpose,
        Self::Conv1d,
        Self::Conv2d,
        Self::AvgPool2d,
        Self::GlobalAvgPool2d,
        Self::Flatten,
        Self::BatchNorm,
    ];

    /// The name of its type.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Identity => "QuantIdentity",
            Self::ReLU => "QuantReLU",
            Self::Act => "QuantAct",
            Self::Linear => "QuantLinear",
            Self::Add => "Add",
            Self::Concat => "Concat",
            Self::Reshape => "Reshape",
            Self::Transpose => "Transpose",
            Self::Conv1d => "QuantConv1d",
            Self::Conv2d => "QuantConv2d",
            Self::AvgPool2d => "AvgPool2d",
            Self::GlobalAvgPool2d => "GlobalAvgPool2d",
            Self::Flatten => "Flatten",
            Self::BatchNorm => "BatchNorm",
        }
    }

    /// The numbers its type takes.
    const fn parameters(self) -> &'static [Limit] {
        match self {
            Self::Identity
            | Self::ReLU
            | Self::Act
            | Self::Add
            | Self::Concat
            | Self::Reshape
            | Self::Transpose
            | Self::GlobalAvgPool2d
            | Self::Flatten
            | Self::BatchNorm => &[],
            Self::Linear => &[limits::INPUTS, limits::OUTPUTS],
            Self::Conv1d | Self::Conv2d => &[limits::INPUTS, limits::OUTPUTS, limits::KERNEL],
            Self::AvgPool2d => &[limits::KERNEL],
        }
    }

    /// What other libraries call it.
    const fn aliases(self) -> &'static [&'static str] {
        match self {
            Self::Identity => &["Identity", "QuantInput", "QuantStub"],
            Self::ReLU => &["ReLU", "Relu"],
            Self::Act => &["Act", "Activation", "QuantActivation"],
            Self::Linear => &["Linear", "Dense"],
            Self::Add => &["Residual", "Sum", "QuantAdd"],
            Self::Concat => &["Cat", "Concatenate", "QuantCat"],
            Self::Reshape => &["View", "Unflatten"],
            Self::Transpose => &["Permute", "Swapaxes"],
            Self::Conv1d => &["Conv1d", "Conv1D"],
            Self::Conv2d => &["Conv2d", "Conv2D"],
            Self::AvgPool2d => &["AvgPool", "AveragePooling2D", "SumPool2d"],
            Self::GlobalAvgPool2d => &["GlobalAvgPool", "GlobalAveragePooling2D", "AdaptiveAvgPool2d"],
            Self::Flatten => &[],
            Self::BatchNorm => &["BatchNorm1d", "BatchNorm2d", "BatchNormalization", "QuantBatchNorm"],
        }
    }

    pub(super) fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    pub(super) fn like(name: &str) -> Option<Self> {
        let alias = Self::ALL.iter().copied().find(|kind| kind.aliases().contains(&name));
        alias.or_else(|| closest(name, Self::ALL.iter().map(|kind| kind.name())).and_then(Self::of))
    }

    /// Its type with the names of what it takes.
    fn signature(self) -> String {
        match self {
            Self::Act => self.with(["F".to_owned()].into_iter()),
            _ => self.with(self.parameters().iter().map(|parameter| parameter.name.to_owned())),
        }
    }

    /// Its type with the numbers that the user gave to another one.
    pub(super) fn in_place_of(self, segment: &PathSegment) -> String {
        let arguments = arguments(segment);
        let takes = if self == Self::Act { 1 } else { self.parameters().len() };
        if arguments.len() != takes {
            return self.signature();
        }
        self.with(arguments.iter().map(|argument| source_text(&argument.to_token_stream())))
    }

    /// Its type with these numbers.
    pub(crate) fn with(self, numbers: impl Iterator<Item = String>) -> String {
        let numbers: Vec<_> = numbers.collect();
        if numbers.is_empty() {
            self.name().to_owned()
        } else {
            format!("{}<{}>", self.name(), numbers.join(", "))
        }
    }
}

/// A layer and what its type takes.
pub(crate) struct LayerType {
    pub(crate) kind: Kind,
    pub(crate) numbers: Vec<Amount<i64>>,
    /// The function of a `QuantAct`, as the user wrote it.
    pub(crate) function: Option<String>,
}

/// Reads a type; `None` after an error.
pub(crate) fn read(reader: &mut Reader<'_>, ty: &Type) -> Option<LayerType> {
    let segment = match ungroup(ty) {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    };
    let named = segment.and_then(|segment| Some((Kind::of(&segment.ident.to_string())?, segment)));
    let Some((kind, segment)) = named else {
        let field = reader.field.as_ref().map_or_else(String::new, |field| field.unraw().to_string());
        let place = no_layer::Place { net: &reader.net.unraw().to_string(), field: &field };
        reader.ctxt.error(ty, no_layer::message(ty, place));
        return None;
    };
    if kind == Kind::Act {
        return function(reader, segment, ty);
    }
    let before = reader.constants.len();
    let numbers = numbers(reader, kind, segment, ty);
    if numbers.is_none() {
        reader.constants.truncate(before);
    }
    Some(LayerType { kind, numbers: numbers?, function: None })
}

/// Whether a layer is given a lifetime; then it is refused.
fn has_lifetime(reader: &Reader<'_>, kind: Kind, segment: &PathSegment, ty: &Type) -> bool {
    let is_lifetime = |argument: &&GenericArgument| matches!(argument, GenericArgument::Lifetime(_));
    let (lifetimes, rest): (Vec<_>, Vec<_>) = arguments(segment).into_iter().partition(is_lifetime);
    if !lifetimes.is_empty() {
        let message = Message::new(format!("`{}` takes no lifetime", kind.name()));
        let numbers = rest.iter().map(no_layer::text);
        let takes = if kind == Kind::Act { 1 } else { kind.parameters().len() };
        let meant = if rest.len() == takes { kind.with(numbers) } else { kind.signature() };
        reader.ctxt.error(ty, message.help(format!("write `{meant}`")));
    }
    !lifetimes.is_empty()
}

/// `QuantAct<F>`.
fn function(reader: &mut Reader<'_>, segment: &PathSegment, ty: &Type) -> Option<LayerType> {
    let arguments = arguments(segment);
    if has_lifetime(reader, Kind::Act, segment, ty) {
        return None;
    }
    let message = match arguments.as_slice() {
        [GenericArgument::Type(function)] => {
            let function = Some(no_layer::text(function));
            return Some(LayerType { kind: Kind::Act, numbers: Vec::new(), function });
        }
        [_] => Message::new("`F` is a type that implements `Activation`"),
        _ => Message::new(format!("`QuantAct` takes one function, but has {}", arguments.len())),
    };
    reader.ctxt.error(ty, message.help("write `QuantAct<F>`, where `F` implements `Activation`"));
    None
}

pub(super) fn all() -> String {
    let names: Vec<_> = Kind::ALL.iter().map(|kind| kind.signature()).collect();
    format!("the layers are {}", list(names.iter().map(String::as_str), "and"))
}

fn numbers(
    reader: &mut Reader<'_>,
    kind: Kind,
    segment: &PathSegment,
    ty: &Type,
) -> Option<Vec<Amount<i64>>> {
    let arguments = arguments(segment);
    let limits = kind.parameters();
    if has_lifetime(reader, kind, segment, ty) {
        return None;
    }
    if arguments.len() != limits.len() {
        let message = Message::new(format!(
            "`{}` takes {} number{}, but has {}",
            kind.name(),
            limits.len(),
            if limits.len() == 1 { "" } else { "s" },
            arguments.len()
        ));
        reader.ctxt.error(ty, message.help(format!("write `{}`", kind.signature())));
        return None;
    }
    // Every number is read before one that is refused refuses the layer.
    let numbers: Vec<_> = limits
        .iter()
        .zip(arguments)
        .enumerate()
        .map(|(index, (limit, argument))| one(reader, *limit, index, argument))
        .collect();
    numbers.into_iter().collect()
}

pub(super) fn arguments(segment: &PathSegment) -> Vec<&GenericArgument> {
    match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => arguments.args.iter().collect(),
        PathArguments::None | PathArguments::Parenthesized(_) => Vec::new(),
    }
}

fn one(
    reader: &mut Reader<'_>,
    limit: Limit,
    index: usize,
    argument: &GenericArgument,
) -> Option<Amount<i64>> {
    let message = match argument {
        GenericArgument::Const(value) => match number(value) {
            Number::Literal(Literal { integer: Some(integer), .. }) => {
                return reader.admit(limit, integer, value);
            }
            Number::Constant => return Some(reader.parameter(limit, index, value)),
            _ => no_integer(limit),
        },
        GenericArgument::Type(Type::Path(path)) => {
            if path.path.get_ident().is_some() {
                return Some(reader.parameter(limit, index, path));
            }
            let text = path.to_token_stream().to_string().replace(' ', "");
            Message::new(format!("`{}` is a number, and Rust reads `{text}` as a type here", limit.name))
                .help(format!("put braces around it: `{{ {text} }}`"))
        }
        GenericArgument::Type(Type::Group(group)) => {
            return one(reader, limit, index, &GenericArgument::Type((*group.elem).clone()));
        }
        _ => no_integer(limit),
    };
    reader.ctxt.error(argument, message);
    None
}

fn no_integer(limit: Limit) -> Message {
    Message::new(format!("`{}` is an integer", limit.name))
        .help("write a literal, the name of a constant, or a `{ block }`")
}

/// Puts braces around the names of constants, as rustc reads a name that stands for nothing as a type and says so beside.
pub(crate) fn brace(ty: &mut Type) {
    let segment = match ty {
        Type::Group(group) => return brace(&mut group.elem),
        Type::Paren(paren) => return brace(&mut paren.elem),
        Type::Path(path) => path.path.segments.last_mut(),
        _ => None,
    };
    let Some(PathArguments::AngleBracketed(arguments)) = segment.map(|segment| &mut segment.arguments) else {
        return;
    };
    for argument in &mut arguments.args {
        if let GenericArgument::Type(Type::Path(path)) = argument
            && path.path.get_ident().is_some()
        {
            let mut braces = Group::new(Delimiter::Brace, path.to_token_stream());
            braces.set_span(Span::mixed_site().located_at(path.span()));
            *argument = GenericArgument::Const(Expr::Verbatim(braces.into_token_stream()));
        }
    }
}

pub(super) fn ungroup(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => ungroup(&group.elem),
        Type::Paren(paren) => ungroup(&paren.elem),
        other => other,
    }
}

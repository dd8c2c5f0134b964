//! The type of a field.

use fheqat_spec::limits::Limit;
use proc_macro2::{Delimiter, Group, Span};
use quote::ToTokens;
use syn::{Expr, GenericArgument, PathArguments, PathSegment, Type, ext::IdentExt, spanned::Spanned};

use super::{
    kind::Kind,
    no_layer,
    number::{Amount, Literal, Number, Reader, number},
    segment::{arguments, ungroup},
};
use crate::diag::Message;

/// A layer and what its type takes.
pub(crate) struct LayerType {
    pub(crate) kind: Kind,
    pub(crate) numbers: Vec<Amount<i64>>,
    /// The function of a `QuantAct`, as the user wrote it.
    pub(crate) function: Option<String>,
}

impl LayerType {
    /// The type, as the user wrote it.
    pub(crate) fn written(&self) -> String {
        let numbers = self.numbers.iter().map(|amount| amount.text.clone());
        self.kind.with(self.function.iter().cloned().chain(numbers))
    }
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
        let site = no_layer::Site { net: &reader.net.unraw().to_string(), field: &field };
        reader.ctxt.error(ty, no_layer::message(ty, site));
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

//! A type that is no layer: what it probably stands for, and what to type instead.

use proc_macro2::Ident;
use quote::ToTokens;
use syn::{GenericArgument, PathArguments, PathSegment, Type, ext::IdentExt};

use super::{
    kind::{Kind, all},
    number::source_text,
    segment::{arguments, ungroup},
};
use crate::diag::Message;

/// Types of the standard library that point at one other, or guard it.
const POINTERS: &[&str] =
    &["Box", "Rc", "Arc", "Cow", "Cell", "RefCell", "OnceCell", "Mutex", "RwLock", "LazyLock", "Pin"];
const LISTS: &[&str] = &["Vec", "VecDeque", "LinkedList", "HashMap", "BTreeMap", "HashSet", "BTreeSet"];
const DATA: &[&str] = &[
    "bool",
    "char",
    "str",
    "String",
    "PhantomData",
    "f32",
    "f64",
    "i8",
    "i16",
    "i32",
    "i64",
    "i128",
    "isize",
    "u8",
    "u16",
    "u32",
    "u64",
    "u128",
    "usize",
];
/// What other libraries put behind the last layer.
const SOFTMAX: &[&str] = &["softmax", "softmax2d", "logsoftmax", "softmin", "quantsoftmax"];

/// Where the type stands.
#[derive(Clone, Copy)]
pub(super) struct Site<'a> {
    pub(super) net: &'a str,
    pub(super) field: &'a str,
}

/// The message for a type that names no layer of fheqat.
pub(super) fn message(ty: &Type, site: Site<'_>) -> Message {
    match ungroup(ty) {
        Type::Path(path) => match path.path.segments.last() {
            Some(segment) => named(segment, site),
            None => no_layer().help(all()),
        },
        Type::Reference(reference) => owned(&reference.elem, site),
        Type::Ptr(pointer) => owned(&pointer.elem, site),
        Type::Array(array) => listed(&[&array.elem, &array.elem], site),
        Type::Slice(slice) => listed(&[&slice.elem, &slice.elem], site),
        Type::Tuple(tuple) => listed(&tuple.elems.iter().collect::<Vec<_>>(), site),
        _ => no_layer().note("the macro knows a layer by its name").help(all()),
    }
}

fn no_layer() -> Message {
    Message::new("a field of a network is a layer")
}

fn named(segment: &PathSegment, site: Site<'_>) -> Message {
    let name = segment.ident.unraw().to_string();
    let inner = arguments(segment).into_iter().find_map(|argument| match argument {
        GenericArgument::Type(inner) => Some(inner),
        _ => None,
    });
    let has = |names: &[&str]| names.contains(&name.as_str());
    if let Some(inner) = inner {
        if has(POINTERS) {
            return owned(inner, site);
        }
        if has(LISTS) {
            return listed(&[inner, inner], site);
        }
        if has(&["Option"]) {
            return optional(inner, site);
        }
    }
    if has(DATA) {
        return beside(site);
    }
    let message = Message::new(format!("unknown layer `{name}`"));
    let plain = name.to_lowercase();
    let plain = plain.strip_prefix("quant").unwrap_or(&plain);
    if SOFTMAX.contains(&plain) {
        return message
            .note("a network gives logits, and softmax does not change which of them is largest")
            .help(format!(
                "remove `{}`; the client can apply softmax to the logits that it decrypts",
                site.field
            ));
    }
    if let Some(function) = FUNCTIONS.iter().find(|function| function.names.contains(&plain)) {
        return function.message(&segment.ident);
    }
    match Kind::like(&name) {
        Some(kind) => message.help(format!("did you mean `{}`?", kind.in_place_of(segment))),
        None => message
            .note("the macro sees the name alone: in place of an alias, write the layer that it stands for")
            .help(all()),
    }
}

/// The layer that stands in pointers and options.
fn layer(ty: &Type) -> Option<&Type> {
    match ungroup(ty) {
        Type::Path(path) => {
            let segment = path.path.segments.last()?;
            if Kind::of(&segment.ident.to_string()).is_some() {
                return Some(ungroup(ty));
            }
            let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
            arguments.args.iter().find_map(|argument| match argument {
                GenericArgument::Type(inner) => layer(inner),
                _ => None,
            })
        }
        Type::Reference(reference) => layer(&reference.elem),
        Type::Ptr(pointer) => layer(&pointer.elem),
        Type::Array(array) => layer(&array.elem),
        Type::Slice(slice) => layer(&slice.elem),
        _ => None,
    }
}

fn owned(inner: &Type, site: Site<'_>) -> Message {
    match layer(inner) {
        Some(layer) => no_layer().note("a network owns its layers").help(format!("write `{}`", text(layer))),
        None => beside(site),
    }
}

fn optional(inner: &Type, site: Site<'_>) -> Message {
    match layer(inner) {
        Some(layer) => no_layer().note("which layers a network has is decided when it is compiled").help(
            format!("write `{}`, and a struct without `{}` for the other case", text(layer), site.field),
        ),
        None => beside(site),
    }
}

fn listed(elements: &[&Type], site: Site<'_>) -> Message {
    let layers: Option<Vec<_>> = elements.iter().map(|element| layer(element)).collect();
    match layers {
        Some(layers) if !layers.is_empty() => {
            let fields = layers.iter().enumerate();
            let fields: Vec<_> = fields
                .map(|(index, layer)| format!("{}{}: {}", site.field, index + 1, text(layer)))
                .collect();
            no_layer()
                .note("each layer has a field of its own")
                .help(format!("write `{}`", fields.join(", ")))
        }
        _ => beside(site),
    }
}

/// For what is no layer at all.
fn beside(site: Site<'_>) -> Message {
    let Site { net, field } = site;
    let model = if net == "Model" { "Whole" } else { "Model" };
    no_layer()
        .help(format!("keep other data beside the network: `struct {model} {{ net: {net}, {field}: ... }}`"))
}

/// A type as one would write it.
pub(super) fn text(ty: &impl ToTokens) -> String {
    source_text(&ty.to_token_stream()).replace(" < ", "<").replace(" >", ">").replace(" ,", ",")
}

/// A function of one number that other libraries have as a layer.
struct Function {
    /// Its names in lower case.
    names: &'static [&'static str],
    stands_for: StandsFor,
}

enum StandsFor {
    /// A function that fheqat has.
    Ours(&'static str),
    /// A function that is yet to be written.
    Formula {
        /// Whether it is below zero anywhere.
        signed: bool,
        text: &'static str,
        #[cfg(test)]
        apply: fn(f32) -> f32,
    },
}
use StandsFor::{Formula, Ours};

macro_rules! formula {
    ($signed:literal, |$x:ident| $body:expr) => {
        Formula {
            signed: $signed,
            text: stringify!($body),
            #[cfg(test)]
            apply: |$x| $body,
        }
    };
}

impl Function {
    fn message(&self, typed: &Ident) -> Message {
        match self.stands_for {
            Ours(name) => Message::new(format!("`{typed}` is a function, and not a layer"))
                .help(format!("write `QuantAct<{name}>`")),
            Formula { signed, text, .. } => Message::new(format!("unknown layer `{typed}`")).help(format!(
                "write `QuantAct<{typed}>`, with `struct {typed};` and `impl Activation for {typed} {{ \
                     const SIGNED: bool = {signed}; fn apply(x: f32) -> f32 {{ {text} }} }}`"
            )),
        }
    }
}

const FUNCTIONS: &[Function] = &[
    Function { names: &["sigmoid"], stands_for: Ours("Sigmoid") },
    Function { names: &["tanh"], stands_for: Ours("Tanh") },
    Function { names: &["gelu"], stands_for: Ours("Gelu") },
    Function { names: &["leakyrelu", "rrelu"], stands_for: Ours("LeakyReLU") },
    Function { names: &["prelu"], stands_for: Ours("LeakyReLU<1, 4>") },
    Function { names: &["relu6"], stands_for: Ours("ReLU6") },
    Function { names: &["hardtanh"], stands_for: Ours("HardTanh") },
    Function { names: &["silu", "swish"], stands_for: Ours("SiLU") },
    Function { names: &["elu", "celu"], stands_for: Ours("ELU") },
    Function { names: &["selu"], stands_for: Ours("SELU") },
    Function { names: &["mish"], stands_for: Ours("Mish") },
    Function { names: &["softplus"], stands_for: Ours("Softplus") },
    Function { names: &["softsign"], stands_for: Ours("Softsign") },
    Function { names: &["hardswish", "hardsilu"], stands_for: Ours("HardSwish") },
    Function { names: &["hardsigmoid"], stands_for: Ours("HardSigmoid") },
    Function { names: &["clip", "clamp"], stands_for: Ours("Clip<-1, 1>") },
    Function { names: &["threshold", "thresholdedrelu"], stands_for: Ours("Threshold<1, 0>") },
    Function {
        names: &["logsigmoid"],
        stands_for: formula!(true, |x| x.min(0.0) - (-x.abs()).exp().ln_1p()),
    },
    Function { names: &["hardshrink"], stands_for: formula!(true, |x| if x.abs() > 0.5 { x } else { 0.0 }) },
    Function {
        names: &["softshrink"],
        stands_for: formula!(true, |x| x.signum() * (x.abs() - 0.5).max(0.0)),
    },
    Function { names: &["tanhshrink"], stands_for: formula!(true, |x| x - x.tanh()) },
];

impl Kind {
    /// Its type with the numbers that the user gave to another one.
    fn in_place_of(self, segment: &PathSegment) -> String {
        let arguments = arguments(segment);
        let takes = if self == Self::Act { 1 } else { self.parameters().len() };
        if arguments.len() != takes {
            return self.signature();
        }
        self.with(arguments.iter().map(|argument| source_text(&argument.to_token_stream())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_those_of_their_names() {
        for (name, at_one) in [
            ("logsigmoid", -0.313_261_7),
            ("hardshrink", 1.0),
            ("softshrink", 0.5),
            ("tanhshrink", 0.238_405_8),
        ] {
            let found = FUNCTIONS.iter().find(|function| function.names.contains(&name));
            let Some(Function { stands_for: Formula { signed, apply, .. }, .. }) = found else {
                panic!("`{name}` is a formula")
            };
            let value: f32 = apply(1.0);
            assert!((value - at_one).abs() < 1e-6, "{name} {value}");
            let mut values = (-400..400).map(|x| apply(x as f32 / 4.0));
            assert!(values.clone().all(f32::is_finite), "{name}");
            assert_eq!(values.any(|y| y < 0.0), *signed, "{name}");
        }
    }
}

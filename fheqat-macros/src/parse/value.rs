//! The kinds of value an option may take.

use fheqat_spec::{
    Bias, Thresholds, closest,
    limits::{self, Limit, MAX_RANK},
};
use proc_macro2::Ident;
use syn::{Expr, Lit, Path, ext::IdentExt};

use super::{
    number::{Amount, Reader, bare},
    option::Opt,
};
use crate::diag::{Message, list};

/// An option whose value is a number in `limit`.
pub(crate) fn count(limit: Limit) -> impl Fn(&mut Reader<'_>, &Opt) -> Amount<i64> {
    move |reader, option| reader.count(limit, limit.name, &option.value)
}

/// An option whose value is a shape, whose dimensions are in `limit`.
pub(crate) fn shape(limit: Limit) -> impl Fn(&mut Reader<'_>, &Opt) -> Option<Vec<Amount<i64>>> {
    move |reader, option| {
        let key = &option.key;
        let help = format!("write `{key} = [64]`");
        let Expr::Array(array) = bare(&option.value) else {
            reader.ctxt.error(&option.value, Message::new(format!("`{key}` takes a shape")).help(help));
            return None;
        };
        if array.elems.is_empty() || array.elems.len() > MAX_RANK {
            let message = Message::new(format!(
                "`{key}` has {} dimensions, but a shape has 1..={MAX_RANK}",
                array.elems.len()
            ));
            reader.ctxt.error(&option.value, message.help(help));
            return None;
        }
        Some(array.elems.iter().map(|dim| reader.count(limit, limit.name, dim)).collect())
    }
}

/// `axes = [1, 0]`.
pub(crate) fn axes(reader: &mut Reader<'_>, option: &Opt) -> Option<Vec<Amount<i64>>> {
    let array = match bare(&option.value) {
        Expr::Array(array) if (1..=MAX_RANK).contains(&array.elems.len()) => array,
        _ => {
            let message = Message::new(format!("`axes` takes an order of 1..={MAX_RANK} axes"));
            reader.ctxt.error(&option.value, message.help("write `axes = [1, 0]`"));
            return None;
        }
    };
    Some(array.elems.iter().map(|axis| reader.count(limits::AXES, limits::AXES.name, axis)).collect())
}

/// `padding = 1`, `padding = same`, or the sides of each axis: `padding = (1, 0)`.
pub(crate) fn padding(reader: &mut Reader<'_>, option: &Opt) -> PaddingAst {
    let limit = limits::PADDING;
    let mut count = |side| reader.count(limit, limit.name, side);
    match bare(&option.value) {
        Expr::Tuple(sides) if matches!(sides.elems.len(), 2 | 4) => {
            PaddingAst::Sides(sides.elems.iter().map(count).collect())
        }
        Expr::Tuple(sides) => {
            let message = Message::new(format!("`padding` has {} sides", sides.elems.len()));
            let message = message.help("write `padding = (top, bottom, left, right)` of an image");
            reader.ctxt.error(&option.value, message.help("or `padding = (left, right)` of a sequence"));
            PaddingAst::Refused
        }
        value if word(value).is_some_and(|word| word.unraw() == "same") => PaddingAst::Same,
        _ => PaddingAst::Equal(count(&option.value)),
    }
}

/// What stands around axes.
pub(crate) enum PaddingAst {
    /// As many zeros on each side.
    Equal(Amount<i64>),
    /// Two sides, or four.
    Sides(Vec<Amount<i64>>),
    /// As many as keep the length.
    Same,
    /// It could not be read.
    Refused,
}

/// An option that is `true` or `false`.
pub(crate) fn flag(reader: &mut Reader<'_>, option: &Opt) -> Option<bool> {
    if let Expr::Lit(literal) = bare(&option.value)
        && let Lit::Bool(flag) = &literal.lit
    {
        return Some(flag.value);
    }
    let key = &option.key;
    let message = Message::new(format!("`{key}` takes `true` or `false`, as a literal"));
    reader.ctxt.error(&option.value, message.help(format!("write `{key} = true` or `{key} = false`")));
    None
}

/// `crate = path`.
pub(crate) fn path(reader: &mut Reader<'_>, option: &Opt) -> Option<Path> {
    if let Expr::Path(path) = bare(&option.value) {
        return Some(path.path.clone());
    }
    let message = Message::new("`crate` takes the path where fheqat lives");
    reader.ctxt.error(&option.value, message.help("write `crate = ::fheqat`"));
    None
}

/// `scale = 0.25`.
pub(crate) fn step(reader: &mut Reader<'_>, option: &Opt) -> Amount<f64> {
    reader.real(("admit_scale", limits::admit_scale), "scale", "0.25", &option.value)
}

/// `tolerance = 0.2`.
pub(crate) fn tolerance(reader: &mut Reader<'_>, option: &Opt) -> Amount<f64> {
    reader.real(("admit_tolerance", limits::admit_tolerance), "tolerance", "0.2", &option.value)
}

/// `p = 0.1`.
pub(crate) fn probability(reader: &mut Reader<'_>, option: &Opt) -> Amount<f64> {
    reader.real(("admit_probability", limits::admit_probability), "p", "0.1", &option.value)
}

/// `value = 0.5`.
pub(crate) fn constant(reader: &mut Reader<'_>, option: &Opt) -> Amount<f64> {
    reader.real(("admit_value", limits::admit_value), "value", "0.5", &option.value)
}

/// `bias = clipped`.
pub(crate) fn bias(reader: &mut Reader<'_>, option: &Opt) -> Option<Bias> {
    const WORDS: [(&str, Bias); 4] =
        [("centred", Bias::Centred), ("clipped", Bias::Clipped), ("free", Bias::Free), ("none", Bias::None)];
    choice(reader, option, WORDS)
}

/// `thresholds = uniform`.
pub(crate) fn thresholds(reader: &mut Reader<'_>, option: &Opt) -> Option<Thresholds> {
    choice(reader, option, [("quantiles", Thresholds::Quantiles), ("uniform", Thresholds::Uniform)])
}

/// An option whose value is one of these words.
fn choice<T: Copy, const K: usize>(
    reader: &mut Reader<'_>,
    option: &Opt,
    words: [(&'static str, T); K],
) -> Option<T> {
    let key = &option.key;
    let typed = word(&option.value).map(|word| word.unraw().to_string());
    let found = words.iter().find(|(name, _)| typed.as_deref() == Some(name));
    if found.is_none() {
        let near = typed.and_then(|typed| closest(&typed, words.map(|(name, _)| name)));
        let message = Message::new(format!("`{key}` is {}", list(words.map(|(name, _)| name), "or")));
        let message = message.maybe_help(near.map(|name| format!("did you mean `{key} = {name}`?")));
        reader.ctxt.error(&option.value, message);
    }
    found.map(|(_, choice)| *choice)
}

/// `from = a` or `from = [a, b]`.
pub(crate) fn wire(reader: &mut Reader<'_>, option: &Opt) -> Wire {
    let names = match bare(&option.value) {
        Expr::Array(array) if !array.elems.is_empty() => array.elems.iter().map(word).collect(),
        value => word(value).map(|name| vec![name]),
    };
    if let Some(names) = names {
        return Wire::To(names.into_iter().cloned().collect());
    }
    let message = Message::new("`from` takes the names of earlier fields, or `input`");
    reader.ctxt.error(&option.value, message.help("write `from = input`, or `from = [a, b]` on an `Add`"));
    Wire::Refused
}

/// `scale_from = a`.
pub(crate) fn owner(reader: &mut Reader<'_>, option: &Opt) -> Wire {
    if let Some(name) = word(&option.value) {
        return Wire::To(vec![name.clone()]);
    }
    let message = Message::new("`scale_from` takes the name of one earlier field");
    reader.ctxt.error(&option.value, message.help("write `scale_from = relu1`"));
    Wire::Refused
}

/// The fields that an option names.
pub(crate) enum Wire {
    /// Fields, or `input`; at least one.
    To(Vec<Ident>),
    /// It could not be read.
    Refused,
}

fn word(value: &Expr) -> Option<&Ident> {
    match bare(value) {
        Expr::Path(path) => path.path.get_ident(),
        _ => None,
    }
}

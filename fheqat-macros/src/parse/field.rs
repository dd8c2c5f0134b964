//! A field: its layer, and `#[layer(...)]`.

use fheqat_spec::{Bias, limits};
use proc_macro2::{Ident, TokenStream};
use syn::{Attribute, Field, Meta, Type, ext::IdentExt, parse_quote};

use super::{
    container::NetOptions,
    layer::{self, Kind, LayerType},
    number::{Amount, Reader},
    option::{self, options},
    value::{Wire, axes, bias, count, flag, owner, shape, step, tolerance, wire},
};
use crate::diag::{Ctxt, Message, list};

const QUANTIZERS: &[Kind] = &[Kind::Identity, Kind::ReLU, Kind::Act];
const WEIGHTED: &[Kind] = &[Kind::Linear, Kind::Conv1d, Kind::Conv2d];
const SUMMING: &[Kind] =
    &[Kind::Linear, Kind::Conv1d, Kind::Conv2d, Kind::AvgPool2d, Kind::GlobalAvgPool2d, Kind::Add];
const TOLERANT: &[Kind] = &[Kind::Identity, Kind::ReLU, Kind::Act, Kind::Linear, Kind::Conv1d, Kind::Conv2d];
const CONVOLUTIONS: &[Kind] = &[Kind::Conv1d, Kind::Conv2d];
const SLIDING: &[Kind] = &[Kind::Conv1d, Kind::Conv2d, Kind::AvgPool2d];

options! {
    /// The options of a layer.
    LayerOptions {
        "from" => from: Wire = wire;
        "bits" => bits: Amount<i64> = count(limits::QUANTIZER_BITS), on QUANTIZERS;
        "signed" => signed: bool = flag, on &[Kind::Identity, Kind::Act];
        "scale" => scale: Amount<f64> = step, on QUANTIZERS;
        "scale_from" => scale_from: Wire = owner, on QUANTIZERS;
        "weight_bits" => weight_bits: Amount<i64> = count(limits::WEIGHT_BITS), on WEIGHTED;
        "narrow_range" => narrow_range: bool = flag, on WEIGHTED;
        "per_channel" => per_channel: bool = flag, on WEIGHTED;
        "max_nonzero" => max_nonzero: Amount<i64> = count(limits::MAX_NONZERO), on WEIGHTED;
        "max_l1" => max_l1: Amount<i64> = count(limits::MAX_L1), on WEIGHTED;
        "acc_bits" => acc_bits: Amount<i64> = count(limits::ACC_BITS), on SUMMING;
        "tolerance" => tolerance: Amount<f64> = tolerance, on TOLERANT;
        "bias" => bias: Bias = bias, on WEIGHTED;
        "shape" => shape: Vec<Amount<i64>> = shape(limits::SHAPE), on &[Kind::Reshape];
        "axes" => axes: Vec<Amount<i64>> = axes, on &[Kind::Transpose];
        "stride" => stride: Amount<i64> = count(limits::STRIDE), on SLIDING;
        "padding" => padding: Amount<i64> = count(limits::PADDING), on SLIDING;
        "groups" => groups: Amount<i64> = count(limits::GROUPS), on CONVOLUTIONS;
    }
}

/// A field as written.
pub(crate) struct FieldAst {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    /// The layer; `None` where its type was refused.
    pub(crate) layer: Option<LayerType>,
    pub(crate) options: LayerOptions,
}

/// Reads a field, takes `#[layer]` off it, and makes its type one that exists where it was refused.
pub(crate) fn read(reader: &mut Reader<'_>, field: &mut Field) -> FieldAst {
    let attributes = strip(field);
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")) {
        let message = Message::new("a layer cannot come and go with `cfg`")
            .help("put `#[cfg(...)]` on the whole struct, and write one struct for each case");
        reader.ctxt.error(attribute, message);
    }
    let ident = field.ident.clone().unwrap_or_else(|| quote::format_ident!("_"));
    let ty = field.ty.clone();
    reader.field = Some(ident.clone());
    let layer = layer::read(reader, &ty);
    if layer.is_none() && matches!(ty, Type::Path(_)) {
        field.ty = parse_quote!(());
    } else if !reader.is_generic && layer.as_ref().is_some_and(|layer| layer.kind != Kind::Act) {
        layer::brace(&mut field.ty);
    }
    let options = options(reader, layer.as_ref().map(|layer| layer.kind), attributes);
    FieldAst { ident, ty, layer, options }
}

/// Takes `#[layer]` off a field.
pub(crate) fn strip(field: &mut Field) -> Vec<Attribute> {
    field.attrs.extract_if(.., |attribute| attribute.path().is_ident("layer")).collect()
}

fn options(reader: &mut Reader<'_>, kind: Option<Kind>, attributes: Vec<Attribute>) -> LayerOptions {
    let mut options = LayerOptions::default();
    let mut seen = Vec::new();
    let mut read = Vec::new();
    for attribute in attributes {
        let split = option::split(reader.ctxt, list_of(reader.ctxt, attribute));
        options.meant.extend(split.unread);
        read.extend(split.read);
    }
    for option in read {
        let name = option.key.unraw().to_string();
        match LayerOptions::RULES.iter().find(|rule| rule.name == name) {
            None => {
                let elsewhere = NetOptions::RULES
                    .iter()
                    .any(|rule| rule.name == name)
                    .then(|| format!("it is an option of the network: `#[quant_net({name} = ...)]`"));
                let meant =
                    option::unknown(reader.ctxt, "layer", &option.key, LayerOptions::RULES, elsewhere);
                options.meant.extend(meant);
            }
            Some(rule) => match kind {
                Some(kind) if !rule.on.contains(&kind) => misplaced(reader.ctxt, &option.key, kind, rule.on),
                _ if option::is_repeated(reader.ctxt, &mut seen, &option.key) => {}
                _ => options.set(reader, &name, &option),
            },
        }
    }
    options.meant.extend(seen);
    options
}

fn list_of(ctxt: &Ctxt, attribute: Attribute) -> TokenStream {
    match attribute.meta {
        Meta::List(list) if !list.tokens.is_empty() => list.tokens,
        other => {
            ctxt.error(
                other,
                Message::new("`layer` has no options").help("write `#[layer(key = value)]`, or remove it"),
            );
            TokenStream::new()
        }
    }
}

fn misplaced(ctxt: &Ctxt, key: &Ident, kind: Kind, on: &[Kind]) {
    let takes = LayerOptions::RULES.iter().filter(|rule| rule.on.contains(&kind)).map(|rule| rule.name);
    let message = Message::new(format!("`{key}` does not apply to `{}`", kind.name()))
        .note(format!("it is an option of {}", list(on.iter().map(|kind| kind.name()), "and")))
        .help(format!("`{}` takes {}", kind.name(), list(takes, "and")));
    ctxt.error(key, message);
}

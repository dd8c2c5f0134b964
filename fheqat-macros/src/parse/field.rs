//! A field: its layer, and `#[layer(...)]`.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, Field, Meta, Path, Type, ext::IdentExt, parse_quote};

use super::{
    kind::Kind,
    layer::{self, LayerType},
    number::Reader,
    option,
    tables::{LayerOptions, NetOptions},
};
use crate::diag::{Ctxt, Message, list};

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
    let lists = lists(reader.ctxt, attributes);
    let ident = field.ident.clone().unwrap_or_else(|| quote::format_ident!("_"));
    let ty = field.ty.clone();
    reader.field = Some(ident.clone());
    let layer = layer::read(reader, &ty);
    if layer.is_none() {
        field.ty = parse_quote!(());
    } else if !reader.is_generic && layer.as_ref().is_some_and(|layer| layer.kind != Kind::Act) {
        layer::brace(&mut field.ty);
    }
    let options = options(reader, layer.as_ref().map(|layer| layer.kind), lists);
    let layer = layer.filter(|layer| has_place(reader.ctxt, layer, &ty, &options));
    FieldAst { ident, ty, layer, options }
}

/// Refuses a layer of floats that is not the client's.
fn has_place(ctxt: &Ctxt, layer: &LayerType, ty: &Type, options: &LayerOptions) -> bool {
    let Some(encrypted) = layer.kind.encrypted() else { return true };
    let is_meant = options.meant.iter().any(|meant| meant == "client" || meant.is_empty());
    if options.client == Some(true) || (is_meant && options.client.is_none()) {
        return true;
    }
    let message =
        Message::new(format!("`{}` computes with floats, which cannot be encrypted", layer.kind.name()))
            .help(format!(
                "write `{}`",
                encrypted.with(layer.numbers.iter().map(|number| number.text.clone()))
            ))
            .help("or let the client run it, before the features are encoded: `#[layer(client)]`");
    ctxt.error(ty, message);
    false
}

/// Takes `#[layer]` and `#[cfg]` off a field, also where they depend on a `cfg_attr`.
pub(crate) fn strip(field: &mut Field) -> Vec<Attribute> {
    let is_ours = |attribute: &mut Attribute| {
        is_layer_or_cfg(attribute.path())
            || conditional(attribute).iter().any(|meta| is_layer_or_cfg(meta.path()))
    };
    field.attrs.extract_if(.., is_ours).collect()
}

fn is_layer_or_cfg(path: &Path) -> bool {
    path.is_ident("layer") || path.is_ident("cfg")
}

/// What `#[cfg_attr(condition, ...)]` puts in its place, and what a `cfg_attr` within it does.
fn conditional(attribute: &Attribute) -> Vec<Meta> {
    let mut found = Vec::new();
    let mut open = vec![attribute.meta.clone()];
    while let Some(meta) = open.pop() {
        let Meta::List(list) = meta else { continue };
        if list.path.is_ident("cfg_attr") {
            let metas = split_at_commas(list.tokens).into_iter().skip(1).flat_map(syn::parse2::<Meta>);
            let (deeper, plain): (Vec<_>, Vec<_>) = metas.partition(|meta| meta.path().is_ident("cfg_attr"));
            open.extend(deeper);
            found.extend(plain);
        }
    }
    found
}

fn split_at_commas(tokens: TokenStream) -> Vec<TokenStream> {
    let mut parts = vec![TokenStream::new()];
    for token in tokens {
        match (&token, parts.last_mut()) {
            (TokenTree::Punct(punct), _) if punct.as_char() == ',' => parts.push(TokenStream::new()),
            (_, Some(part)) => part.extend([token]),
            (_, None) => {}
        }
    }
    parts
}

/// The options of each `#[layer(...)]`. One that depends on a condition is refused, and read as if it were met.
fn lists(ctxt: &Ctxt, attributes: Vec<Attribute>) -> Vec<TokenStream> {
    let mut lists = Vec::new();
    for attribute in attributes {
        if attribute.path().is_ident("layer") {
            lists.push(list_of(ctxt, attribute.meta));
        } else if attribute.path().is_ident("cfg") {
            no_cfg(ctxt, attribute);
        } else {
            for meta in conditional(&attribute) {
                if meta.path().is_ident("layer") {
                    no_cfg_attr(ctxt, &meta);
                    lists.push(list_of(ctxt, meta));
                } else if meta.path().is_ident("cfg") {
                    no_cfg(ctxt, meta);
                }
            }
        }
    }
    lists
}

fn no_cfg(ctxt: &Ctxt, blame: impl ToTokens) {
    let message = Message::new("a layer cannot come and go with `cfg`")
        .help("put `#[cfg(...)]` on the whole struct, and write one struct for each case");
    ctxt.error(blame, message);
}

fn no_cfg_attr(ctxt: &Ctxt, blame: impl ToTokens) {
    let message = Message::new("the options of a layer cannot depend on `cfg_attr`")
        .note("the macro reads them before rustc knows which conditions are met")
        .help("name a constant that has a `#[cfg(...)]` for each case: `#[layer(bits = BITS)]`")
        .help("or put `#[cfg(...)]` on the whole struct, and write one struct for each case");
    ctxt.error(blame, message);
}

fn options(reader: &mut Reader<'_>, kind: Option<Kind>, lists: Vec<TokenStream>) -> LayerOptions {
    let mut options = LayerOptions::default();
    let mut seen = Vec::new();
    let mut read = Vec::new();
    for list in lists {
        let split = option::split(reader.ctxt, list);
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

fn list_of(ctxt: &Ctxt, meta: Meta) -> TokenStream {
    match meta {
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
    if key == "client" {
        let message = Message::new(format!("`{}` cannot run on the client", kind.name()))
            .note(format!("the client runs {}, in float", list(on.iter().map(|kind| kind.name()), "and")));
        let of_client = kind.of_client().map(|kind| format!("write `{}`", kind.signature()));
        ctxt.error(key, message.help(of_client.unwrap_or_else(|| "leave `client` out".to_owned())));
        return;
    }
    let message = Message::new(format!("`{key}` does not apply to `{}`", kind.name()))
        .note(format!("it is an option of {}", list(on.iter().map(|kind| kind.name()), "and")))
        .help(format!("`{}` takes {}", kind.name(), list(takes, "and")));
    ctxt.error(key, message);
}

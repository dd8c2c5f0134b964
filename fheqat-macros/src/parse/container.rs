//! `#[quant_net(...)]` and the struct it stands on.

use proc_macro2::TokenStream;
use syn::{Data, DeriveInput, Field, Fields, GenericParam, Token, ext::IdentExt, punctuated::Punctuated};

use super::{
    field,
    number::Reader,
    option,
    tables::{LayerOptions, NetOptions},
};
use crate::diag::{Ctxt, Message, list};

/// The item, if it is one that can have fields.
pub(crate) fn item(ctxt: &Ctxt, item: &TokenStream) -> Option<DeriveInput> {
    let parsed = syn::parse2(item.clone());
    if parsed.is_err() {
        let message = Message::new("`quant_net` goes on a struct whose fields are layers");
        ctxt.error(item, message);
    }
    parsed.ok()
}

/// Reads `#[quant_net(...)]`.
pub(crate) fn options(reader: &mut Reader<'_>, args: TokenStream) -> NetOptions {
    let mut options = NetOptions::default();
    let mut seen = Vec::new();
    let split = option::split(reader.ctxt, args);
    options.meant = split.unread;
    for option in split.read {
        let name = option.key.unraw().to_string();
        if !NetOptions::RULES.iter().any(|rule| rule.name == name) {
            let elsewhere = LayerOptions::RULES.iter().find(|rule| rule.name == name).map(|rule| {
                let kinds = list(rule.on.iter().map(|kind| kind.name()), "or");
                format!("it is an option of a field: `#[layer({name} = ...)]` on a {kinds}")
            });
            let meant = option::unknown(reader.ctxt, "quant_net", &option.key, NetOptions::RULES, elsewhere);
            options.meant.extend(meant);
        } else if !option::is_repeated(reader.ctxt, &mut seen, &option.key) {
            options.set(reader, &name, &option);
            if name == "input" && options.input.is_none() {
                options.meant.push(name);
            }
        }
    }
    options
}

/// The fields of the struct; `#[layer]` is still on them.
pub(crate) fn fields<'a>(ctxt: &Ctxt, item: &'a mut DeriveInput) -> Vec<&'a mut Field> {
    let name = &item.ident;
    let example = "a network is a struct with named fields: `struct Net { quant_inp: QuantIdentity, ... }`";
    if !item.generics.params.is_empty() {
        let message = Message::new("a network is not generic");
        let are_lifetimes =
            item.generics.params.iter().all(|param| matches!(param, GenericParam::Lifetime(_)));
        let message = if are_lifetimes {
            message.note("it owns its layers").help(format!("write `struct {name} {{ ... }}`"))
        } else {
            message
                .note("its ranges and its price are decided when it is compiled")
                .help("name the number instead: `const WIDTH: usize = 100;`")
        };
        ctxt.error(&item.generics, message);
    } else if let Some(clause) = &item.generics.where_clause {
        ctxt.error(clause, Message::new("a network is not generic"));
    }
    match &mut item.data {
        Data::Struct(data) => match &mut data.fields {
            Fields::Named(fields) if !fields.named.is_empty() => {
                distinct(ctxt, &mut fields.named);
                fields.named.iter_mut().collect()
            }
            Fields::Named(_) | Fields::Unit => {
                ctxt.error(name, Message::new(format!("`{name}` has no layers")).help(example));
                Vec::new()
            }
            Fields::Unnamed(fields) => {
                let message = Message::new(format!("the layers of `{name}` have no names"));
                ctxt.error(&*fields, message.help(example));
                fields.unnamed.iter_mut().for_each(strip);
                Vec::new()
            }
        },
        Data::Enum(data) => {
            ctxt.error(data.enum_token, Message::new("an enum cannot be a network").help(example));
            data.variants.iter_mut().flat_map(|variant| &mut variant.fields).for_each(strip);
            Vec::new()
        }
        Data::Union(data) => {
            ctxt.error(data.union_token, Message::new("a union cannot be a network").help(example));
            data.fields.named.iter_mut().for_each(strip);
            Vec::new()
        }
    }
}

fn strip(field: &mut Field) {
    field::strip(field);
}

/// Drops a field whose name is taken, so that its error is the only one.
fn distinct(ctxt: &Ctxt, fields: &mut Punctuated<Field, Token![,]>) {
    let mut names = Vec::new();
    *fields = std::mem::take(fields)
        .into_iter()
        .filter(|field| {
            let Some(ident) = &field.ident else { return true };
            let is_new = !names.contains(ident);
            if is_new {
                names.push(ident.clone());
            } else {
                ctxt.error(
                    ident,
                    Message::new(format!("two fields are called `{ident}`")).help("rename one of them"),
                );
            }
            is_new
        })
        .collect();
}

//! From the model to tokens.

mod asserts;
mod doc;
pub(crate) mod fallback;
mod network;
mod spec;

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{Attribute, Data, DeriveInput, Meta, parse_quote};

use crate::{checks::Checked, model::Model, parse::Ast};

/// The user's item with its table, and everything else in one block of its own.
pub(crate) fn expansion(ast: &Ast, model: &Model, checked: &Checked) -> TokenStream {
    let mut item = ast.item.clone();
    item.attrs.extend(doc::table(model, checked));
    let network = network::implement(ast, model);
    block(ast, &quote!(#item), &network, &asserts::all(ast, model, checked))
}

fn block(ast: &Ast, item: &TokenStream, network: &TokenStream, asserts: &TokenStream) -> TokenStream {
    let fheqat = ast.options.krate.as_ref().map_or_else(|| quote!(::fheqat), |path| quote!(#path));
    let levels = levels(&ast.item);
    quote! {
        #item

        #(#levels)*
        const _: () = {
            use #fheqat::__private as __fheqat;
            #network
            #asserts
        };
    }
}

/// Lint levels of the block: what the user allows on the struct, and to name what is deprecated in it.
fn levels(item: &DeriveInput) -> Vec<Attribute> {
    let mut levels: Vec<_> = item.attrs.iter().filter_map(allowed).collect();
    let on_fields = match &item.data {
        Data::Struct(data) => data.fields.iter().flat_map(|field| &field.attrs).collect(),
        Data::Enum(_) | Data::Union(_) => Vec::new(),
    };
    if item.attrs.iter().chain(on_fields).any(|attribute| mentions_deprecated(attribute.to_token_stream())) {
        levels.push(parse_quote!(#[allow(deprecated)]));
    }
    levels
}

/// `#[allow(...)]`, also for what is expected: it may be met in the struct alone.
fn allowed(attribute: &Attribute) -> Option<Attribute> {
    match &attribute.meta {
        Meta::List(list) if list.path.is_ident("allow") || list.path.is_ident("expect") => {
            let lints = &list.tokens;
            Some(parse_quote!(#[allow(#lints)]))
        }
        _ => None,
    }
}

/// Also within `cfg_attr`.
fn mentions_deprecated(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == "deprecated",
        TokenTree::Group(group) => mentions_deprecated(group.stream()),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

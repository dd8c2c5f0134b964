//! From the model to tokens.

mod asserts;
mod doc;
pub(crate) mod fallback;
mod network;
mod spec;

use fheqat_spec::Fact;
use proc_macro2::TokenStream;
use quote::quote;

use crate::{model::Model, parse::Ast};

/// The user's item with its table, and everything else in one block of its own.
pub(crate) fn expansion(ast: &Ast, model: &Model, facts: &[Fact]) -> TokenStream {
    let mut item = ast.item.clone();
    item.attrs.extend(doc::table(model, facts));
    let (constants, network, asserts) =
        (asserts::constants(ast), network::implement(ast, model), asserts::laws(ast, model));
    block(ast, &quote!(#item), &quote!(#constants #network #asserts))
}

fn block(ast: &Ast, item: &TokenStream, body: &TokenStream) -> TokenStream {
    let fheqat = ast.options.krate.as_ref().map_or_else(|| quote!(::fheqat), |path| quote!(#path));
    quote! {
        #item

        const _: () = {
            use #fheqat::__private as __fheqat;
            #body
        };
    }
}

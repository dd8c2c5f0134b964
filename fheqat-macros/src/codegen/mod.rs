//! From the model to tokens.

mod asserts;
mod doc;
pub(crate) mod fallback;
mod network;
mod spec;

use proc_macro2::TokenStream;
use quote::quote;

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
    quote! {
        #item

        const _: () = {
            use #fheqat::__private as __fheqat;
            #network
            #asserts
        };
    }
}

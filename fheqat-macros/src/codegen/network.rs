//! `impl Network`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::spec;
use crate::{model::Model, parse::Ast};

pub(crate) fn implement(ast: &Ast, model: &Model) -> TokenStream {
    let name = &ast.item.ident;
    let spec = spec::net(model);
    let fields: Vec<_> = model.fields.iter().map(|field| &field.ident).collect();
    let made = model
        .fields
        .iter()
        .map(|field| quote_spanned!(field.blame.ty.span()=> __fheqat::Init::layer(__fheqat_init)));
    let read = model.fields.iter().map(|field| {
        let ident = &field.ident;
        quote_spanned!(field.blame.ty.span()=> __fheqat::Module::layer(&self.#ident))
    });
    let changed = model.fields.iter().map(|field| {
        let ident = &field.ident;
        quote_spanned!(field.blame.ty.span()=> __fheqat::Module::layer_mut(&mut self.#ident))
    });
    quote! {
        impl __fheqat::Network for #name {
            const SPEC: __fheqat::spec::Net<'static> = #spec;

            fn init(__fheqat_init: &mut __fheqat::Init) -> Self {
                Self { #(#fields: #made,)* }
            }

            fn layers(&self) -> ::std::vec::Vec<__fheqat::LayerRef<'_>> {
                ::std::vec![#(#read),*]
            }

            fn layers_mut(&mut self) -> ::std::vec::Vec<__fheqat::LayerMut<'_>> {
                ::std::vec![#(#changed),*]
            }
        }
    }
}

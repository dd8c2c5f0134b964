//! `impl Layers`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::spec;
use crate::{model::Model, parse::Ast};

/// One body holds all that names a field's type, for rustc reports a trait that is missing once in each body.
pub(crate) fn implement(ast: &Ast, model: &Model) -> TokenStream {
    let name = &ast.item.ident;
    let spec = spec::net(model);
    let fields: Vec<_> = model.fields.iter().map(|field| &field.ident).collect();
    let made = model
        .fields
        .iter()
        .map(|field| quote_spanned!(field.blame.ty.span()=> __fheqat::Init::layer(__fheqat_init)));
    let read = model.fields.iter().map(|field| {
        let ident = field.at_type();
        quote_spanned!(field.blame.ty.span()=> __fheqat::Module::layer(&__fheqat_net.#ident))
    });
    let changed = model.fields.iter().map(|field| {
        let ident = field.at_type();
        quote_spanned!(field.blame.ty.span()=> __fheqat::Module::layer_mut(&mut __fheqat_net.#ident))
    });
    quote! {
        const __FHEQAT_NETWORK: __fheqat::Parts<#name> = __fheqat::Parts {
            spec: #spec,
            init: |__fheqat_init| #name { #(#fields: #made,)* },
            layers: |__fheqat_net| ::std::vec![#(#read),*],
            layers_mut: |__fheqat_net| ::std::vec![#(#changed),*],
        };

        impl __fheqat::Layers for #name {
            const SPEC: __fheqat::spec::Net<'static> = __FHEQAT_NETWORK.spec;

            fn init(__fheqat_init: &mut __fheqat::Init) -> Self {
                (__FHEQAT_NETWORK.init)(__fheqat_init)
            }

            fn layers(&self) -> ::std::vec::Vec<__fheqat::LayerRef<'_>> {
                (__FHEQAT_NETWORK.layers)(self)
            }

            fn layers_mut(&mut self) -> ::std::vec::Vec<__fheqat::LayerMut<'_>> {
                (__FHEQAT_NETWORK.layers_mut)(self)
            }
        }
    }
}

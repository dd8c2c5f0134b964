//! `impl Layers`.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::spec;
use crate::{local::local, model::Model, parse::Ast};

/// One body holds all that names a field's type, for rustc reports a trait that is missing once in each body.
pub(crate) fn implement(ast: &Ast, model: &Model) -> TokenStream {
    let name = &ast.item.ident;
    let spec = spec::net(model);
    let fields: Vec<_> = model.fields.iter().map(|field| &field.ident).collect();
    let made = model.fields.iter().map(|field| {
        let place = field.blame.ty.span();
        let init = local("__fheqat_init", place);
        quote_spanned!(place=> __fheqat::Init::layer(#init))
    });
    let read = model.fields.iter().map(|field| {
        let (place, ident) = (field.blame.ty.span(), field.at_type());
        let net = local("__fheqat_net", place);
        quote_spanned!(place=> __fheqat::Module::layer(&(#net).#ident))
    });
    let changed = model.fields.iter().map(|field| {
        let (place, ident) = (field.blame.ty.span(), field.at_type());
        let net = local("__fheqat_net", place);
        quote_spanned!(place=> __fheqat::Module::layer_mut(&mut (#net).#ident))
    });
    let [init, net] = ["__fheqat_init", "__fheqat_net"].map(|name| local(name, Span::call_site()));
    quote! {
        const __FHEQAT_NETWORK: __fheqat::Parts<#name> = __fheqat::Parts {
            spec: #spec,
            init: |#init| #name { #(#fields: #made,)* },
            layers: |#net| ::std::vec![#(#read),*],
            layers_mut: |#net| ::std::vec![#(#changed),*],
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

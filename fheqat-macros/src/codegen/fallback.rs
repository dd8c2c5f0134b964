//! What comes out beside errors: the user's item, and an `impl Layers` that nothing else can trip over.

use proc_macro2::TokenStream;
use quote::quote;

use super::{asserts, block, spec};
use crate::{checks::Checked, model::Model, parse::Ast};

/// The item as it came, with the errors.
pub(crate) fn bare(item: &TokenStream, errors: Result<(), Vec<syn::Error>>) -> TokenStream {
    let errors = errors.err().unwrap_or_default();
    let errors = errors.iter().map(syn::Error::to_compile_error);
    quote!(#(#errors)* #item)
}

/// The item without `#[layer]`, the errors, and a stub. What const evaluation can still find wrong, it does.
pub(crate) fn stub(ast: &Ast, model: &Model, checked: &Checked, errors: &[syn::Error]) -> TokenStream {
    let errors = errors.iter().map(syn::Error::to_compile_error);
    let item = &ast.item;
    let name = &item.ident;
    let (impl_generics, ty_generics, where_clause) = item.generics.split_for_impl();
    let is_generic = !item.generics.params.is_empty();
    let spec = if is_generic {
        quote! {
            __fheqat::spec::Net {
                name: "",
                input: ::core::option::Option::None,
                max_bootstraps: ::core::option::Option::None,
                tolerance: ::core::option::Option::None,
                fields: &[],
            }
        }
    } else {
        spec::net(model)
    };
    let network = quote! {
        impl #impl_generics __fheqat::Layers for #name #ty_generics #where_clause {
            const SPEC: __fheqat::spec::Net<'static> = #spec;

            fn init(_: &mut __fheqat::Init) -> Self {
                ::core::unreachable!()
            }

            fn layers(&self) -> ::std::vec::Vec<__fheqat::LayerRef<'_>> {
                ::core::unreachable!()
            }

            fn layers_mut(&mut self) -> ::std::vec::Vec<__fheqat::LayerMut<'_>> {
                ::core::unreachable!()
            }
        }
    };
    let asserts = if is_generic { TokenStream::new() } else { asserts::all(ast, model, checked) };
    let block = block(ast, &quote!(#item), &network, &asserts);
    quote!(#(#errors)* #block)
}

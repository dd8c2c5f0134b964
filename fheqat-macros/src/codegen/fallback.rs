//! What comes out beside errors: the user's item, and an `impl Layers` that nothing else can trip over.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::quote;
use syn::{Data, DataStruct, DeriveInput, Fields, GenericParam, parse_quote};

use super::{asserts, block, spec};
use crate::{checks::Checked, model::Model, parse::Ast};

/// The item as it came, with the errors.
pub(crate) fn bare(item: &TokenStream, errors: Result<(), Vec<syn::Error>>) -> TokenStream {
    let errors = errors.err().unwrap_or_default();
    let errors = errors.iter().map(syn::Error::to_compile_error);
    quote!(#(#errors)* #item)
}

/// The item where the macro itself fails.
pub(crate) fn after_bug(item: &TokenStream) -> TokenStream {
    let item = without_layers(item.clone());
    quote! {
        #item
        ::core::compile_error!("`quant_net` failed: this is a bug in fheqat, please report the struct it was given");
    }
}

/// Takes `#[layer]` off tokens, for nothing but this macro knows it.
fn without_layers(tokens: TokenStream) -> TokenStream {
    let mut kept = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) if is_hash(kept.last()) && is_layer(&group) => {
                kept.pop();
            }
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), without_layers(group.stream()));
                inner.set_span(group.span());
                kept.push(inner.into());
            }
            other => kept.push(other),
        }
    }
    kept.into_iter().collect()
}

fn is_hash(token: Option<&TokenTree>) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == '#')
}

/// `[layer(...)]`, or `[cfg_attr(..., layer(...))]`.
fn is_layer(group: &Group) -> bool {
    let mut tokens = group.stream().into_iter();
    group.delimiter() == Delimiter::Bracket
        && match tokens.next() {
            Some(TokenTree::Ident(name)) if name == "layer" => true,
            Some(TokenTree::Ident(name)) if name == "cfg_attr" => matches!(
                tokens.next(),
                Some(TokenTree::Group(list)) if list.stream().into_iter().any(
                    |token| matches!(token, TokenTree::Ident(name) if name == "layer")
                )
            ),
            _ => false,
        }
}

/// The item without `#[layer]`, the errors, and a stub. What const evaluation can still find wrong, it does.
pub(crate) fn stub(ast: &Ast, model: &Model, checked: &Checked, errors: &[syn::Error]) -> TokenStream {
    let errors = errors.iter().map(syn::Error::to_compile_error);
    let item = &using_its_generics(&ast.item);
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

/// A generic struct with a field that uses what a refused field used.
fn using_its_generics(item: &DeriveInput) -> DeriveInput {
    let mut item = item.clone();
    let uses: Vec<_> = item
        .generics
        .params
        .iter()
        .filter_map(|param| match param {
            GenericParam::Lifetime(param) => {
                let lifetime = &param.lifetime;
                Some(quote!(&#lifetime ()))
            }
            GenericParam::Type(param) => {
                let ty = &param.ident;
                Some(quote!(*const #ty))
            }
            GenericParam::Const(_) => None,
        })
        .collect();
    if let (Data::Struct(DataStruct { fields: Fields::Named(fields), .. }), false) =
        (&mut item.data, uses.is_empty())
    {
        fields.named.push(parse_quote!(__fheqat_generics: ::core::marker::PhantomData<(#(#uses,)*)>));
    }
    item
}

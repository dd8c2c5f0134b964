//! `const SPEC`: the model as an expression of type `fheqat_spec::Net`.

use fheqat_spec::numbers::{Part, Value, Writer};
use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use crate::{
    model::{Member, Model, Written},
    parse::number::Amount,
};

pub(crate) fn net(model: &Model) -> TokenStream {
    let name = &model.name;
    let input = model.input.write(&AsTokens);
    let max_bootstraps = number(model.max_bootstraps.as_ref());
    let tolerance = number(model.tolerance.as_ref());
    let fields = model.fields.iter().map(field);
    quote! {
        __fheqat::spec::Net {
            name: #name,
            input: #input,
            max_bootstraps: #max_bootstraps,
            tolerance: #tolerance,
            fields: &[#(#fields),*],
        }
    }
}

fn field(member: &Member) -> TokenStream {
    let name = &member.name;
    let layer = member.layer.write(&AsTokens);
    let from = member.from.iter().map(|source| Part::<Written>::write(source, &AsTokens));
    quote!(__fheqat::spec::Field { name: #name, layer: #layer, from: &[#(#from),*] })
}

fn number<T: Value>(number: Option<&Amount<T>>) -> TokenStream {
    AsTokens.option(number.map(|number| AsTokens.value(number)))
}

/// Writes descriptions as tokens that name everything from `__fheqat`.
struct AsTokens;

impl Writer<Written> for AsTokens {
    type Expr = TokenStream;

    fn value<T: Value>(&self, number: &Amount<T>) -> TokenStream {
        number.tokens.clone()
    }

    fn count(&self, count: usize) -> TokenStream {
        quote!(#count)
    }

    fn word(&self, path: &str) -> TokenStream {
        let names = path.split("::").map(|name| format_ident!("{name}"));
        quote!(__fheqat::spec::#(#names)::*)
    }

    fn call(&self, path: &str, argument: TokenStream) -> TokenStream {
        let path = self.word(path);
        quote!(#path(#argument))
    }

    fn structure<const K: usize>(&self, path: &str, members: [(&str, TokenStream); K]) -> TokenStream {
        let path = self.word(path);
        let members = members.into_iter().map(|(name, value)| {
            let name = format_ident!("{name}");
            quote!(#name: #value)
        });
        quote!(#path { #(#members),* })
    }

    fn option(&self, value: Option<TokenStream>) -> TokenStream {
        value.map_or_else(
            || quote!(::core::option::Option::None),
            |value| quote!(::core::option::Option::Some(#value)),
        )
    }

    fn list(&self, items: impl Iterator<Item = TokenStream>) -> TokenStream {
        quote!(&[#(#items),*])
    }
}

//! What only const evaluation can decide.

use fheqat_spec::Law;
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use crate::{
    checks::Checked,
    local::{call_over, ends},
    model::Model,
    parse::Ast,
};

/// The constants and everything that is asserted.
pub(crate) fn all(ast: &Ast, model: &Model, checked: &Checked) -> TokenStream {
    let (constants, laws) = (constants(ast), laws(ast, model, checked));
    quote!(#constants #laws)
}

/// Each number that the macro could not read: admitted once, refused at its own tokens.
fn constants(ast: &Ast) -> TokenStream {
    let constants = ast.constants.iter().map(|constant| {
        let (name, ty, value) = (&constant.name, &constant.ty, &constant.value);
        let assert = call_at(&constant.blame, &quote!(__fheqat::spec::limits::#ty::assert), &quote!(&#name));
        quote! {
            const #name: __fheqat::spec::limits::#ty = #value;
            #assert
        }
    });
    quote!(#(#constants)*)
}

/// The numeric laws that hold as far as the macro can read, asked again for each field at its type.
fn laws(ast: &Ast, model: &Model, checked: &Checked) -> TokenStream {
    let name = &ast.item.ident;
    let count = model.fields.len();
    let asserts = model.fields.iter().enumerate().flat_map(|(index, member)| {
        let laws = Law::ALL.into_iter().filter(|law| law.is_numeric());
        laws.filter(move |law| !checked.broken[index].contains(law)).filter_map(move |law| {
            let blame = match law.traits().option {
                Some(_) if index + 1 < count => return None,
                Some(option) => model.option(option)?,
                None => &member.blame.ty,
            };
            let law = quote::format_ident!("{law:?}");
            Some(call_at(
                blame,
                &quote!(__fheqat::spec::Verdict::assert),
                &quote!(&__FHEQAT_VERDICTS[#index], __fheqat::spec::Law::#law),
            ))
        })
    });
    quote! {
        // A reference, for a use of a constant copies it.
        const __FHEQAT_VERDICTS: &[__fheqat::spec::Verdict<'static>; #count] =
            &__fheqat::spec::judge_all(&<#name as __fheqat::Layers>::SPEC);
        #(#asserts)*
    }
}

/// `const _: () = function(arguments);` whose call covers exactly `blame`, so that rustc underlines that.
fn call_at(blame: &TokenStream, function: &TokenStream, arguments: &TokenStream) -> TokenStream {
    let (first, _) = ends(blame);
    let call = call_over(blame, function, arguments.clone());
    quote_spanned!(first=> const _: () = #call;)
}

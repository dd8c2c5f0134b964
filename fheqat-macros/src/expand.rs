//! The pipeline.

use std::panic::{AssertUnwindSafe, catch_unwind};

use proc_macro2::TokenStream;
use quote::quote;

use crate::{checks, codegen, diag::Ctxt, model::Model, parse};

/// What the attribute expands to.
pub(crate) fn quant_net(args: TokenStream, item: &TokenStream) -> TokenStream {
    let ctxt = Ctxt::new();
    let Some(ast) = parse::ast(&ctxt, args, item) else {
        return codegen::fallback::bare(item, ctxt.check());
    };
    let model = Model::resolve(&ctxt, &ast);
    let checked = checks::run(&ctxt, &model);
    match ctxt.check() {
        Ok(()) => codegen::expansion(&ast, &model, &checked),
        Err(errors) => codegen::fallback::stub(&ast, &model, &checked, &errors),
    }
}

/// [`quant_net`], but a bug in the macro still leaves the user's item in place.
pub(crate) fn caught(args: TokenStream, item: &TokenStream) -> TokenStream {
    catch_unwind(AssertUnwindSafe(|| quant_net(args, item))).unwrap_or_else(|_| {
        quote! {
            #item
            ::core::compile_error!("`quant_net` failed: this is a bug in fheqat, please report the struct it was given");
        }
    })
}

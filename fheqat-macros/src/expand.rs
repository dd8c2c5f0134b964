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

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use quote::format_ident;

    use super::*;

    /// An image, ten blocks of convolution, normalisation and quantizer, and nothing that is refused.
    fn thirty_one_layers() -> TokenStream {
        let blocks = (0..10).map(|index| {
            let [conv, norm, act] = ["conv", "norm", "act"].map(|name| format_ident!("{name}{index}"));
            quote! {
                #[layer(padding = 1, max_nonzero = 20)]
                #conv: QuantConv2d<{ CHANNELS }, 4, 3>,
                #norm: BatchNorm,
                #act: QuantAct<Gelu>,
            }
        });
        quote!(struct Deep { quant_inp: QuantIdentity, #(#blocks)* })
    }

    /// Prints how long the macro takes: `cargo test -p fheqat-macros -- --nocapture thirty`.
    #[test]
    fn thirty_layers_expand() {
        let item = thirty_one_layers();
        let args = quote!(bits = 3, input = [4, 8, 8], max_bootstraps = 3000);
        let start = Instant::now();
        let expansion = quant_net(args, &item);
        println!("31 layers expand in {:?}", start.elapsed());
        assert!(!expansion.to_string().contains("compile_error"));
    }
}

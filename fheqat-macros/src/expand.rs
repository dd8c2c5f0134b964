//! The pipeline.

use std::panic::{AssertUnwindSafe, catch_unwind};

use proc_macro2::TokenStream;

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
    or_bug(item, || quant_net(args, item))
}

fn or_bug(item: &TokenStream, expand: impl FnOnce() -> TokenStream) -> TokenStream {
    catch_unwind(AssertUnwindSafe(expand)).unwrap_or_else(|_| codegen::fallback::after_bug(item))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use quote::{format_ident, quote};

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

    #[test]
    fn a_bug_leaves_the_item_without_what_only_the_macro_knows() {
        let item = quote! {
            /// A network.
            #[derive(Clone)]
            pub struct Net {
                #[layer(bits = 3)]
                #[doc = "the first layer"]
                pub layer: QuantIdentity,
                #[cfg_attr(wide, layer(bits = 4))]
                #[cfg_attr(wide, doc = "wide")]
                relu1: QuantReLU,
            }
        };
        let left = quote! {
            /// A network.
            #[derive(Clone)]
            pub struct Net {
                #[doc = "the first layer"]
                pub layer: QuantIdentity,
                #[cfg_attr(wide, doc = "wide")]
                relu1: QuantReLU,
            }
        };
        let expansion = or_bug(&item, || panic!("a bug")).to_string();
        let error = expansion.strip_prefix(&left.to_string()).expect("the item comes first").trim();
        assert!(
            error.starts_with(":: core :: compile_error ! (\"`quant_net` failed: this is a bug"),
            "{error}"
        );
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

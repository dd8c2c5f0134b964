//! `const SPEC`: the model as an expression of type `fheqat_spec::Net`.

use fheqat_spec::Source;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use crate::{
    model::{Field, Layer, Linear, Model, Scale, Transfer, Window},
    parse::number::Amount,
};

pub(crate) fn net(model: &Model) -> TokenStream {
    let name = &model.name;
    let input = option(model.input.as_deref().map(shape));
    let max_bootstraps = amount(model.max_bootstraps.as_ref().map(|most| &most.amount));
    let tolerance = amount(model.tolerance.as_ref());
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

fn field(field: &Field) -> TokenStream {
    let name = &field.name;
    let layer = field.layer.as_ref().map_or_else(|| layer(&Layer::refused()), layer);
    let from = field.from.iter().map(|from| source(*from));
    quote!(__fheqat::spec::Field { name: #name, layer: #layer, from: &[#(#from),*] })
}

fn source(source: Source) -> TokenStream {
    match source {
        Source::Input => quote!(__fheqat::spec::Source::Input),
        Source::Field(index) => quote!(__fheqat::spec::Source::Field(#index)),
        Source::Broken => quote!(__fheqat::spec::Source::Broken),
    }
}

fn layer(layer: &Layer) -> TokenStream {
    match layer {
        Layer::Quantizer { transfer, bits, scale, tolerance } => {
            let transfer = match transfer {
                Transfer::Signed => quote!(Signed),
                Transfer::Unsigned => quote!(Unsigned),
                Transfer::ReLU => quote!(ReLU),
                Transfer::Function { signed: Amount { tokens, .. }, .. } => {
                    quote!(Function { signed: #tokens })
                }
            };
            let (bits, tolerance) = (&bits.tokens, amount(tolerance.as_ref()));
            let scale = match scale {
                Scale::Learned => quote!(__fheqat::spec::Scale::Learned),
                Scale::Fixed(Amount { tokens, .. }) => quote!(__fheqat::spec::Scale::Fixed(#tokens)),
                Scale::From(owner) => {
                    let owner = source(*owner);
                    quote!(__fheqat::spec::Scale::From(#owner))
                }
            };
            quote! {
                __fheqat::spec::Layer::Quantizer(__fheqat::spec::Quantizer {
                    transfer: __fheqat::spec::Transfer::#transfer,
                    bits: #bits,
                    scale: #scale,
                    tolerance: #tolerance,
                })
            }
        }
        Layer::Linear(weights) => {
            let weights = linear(weights);
            quote!(__fheqat::spec::Layer::Linear(#weights))
        }
        Layer::Conv(conv) => {
            let (filters, window, groups) =
                (linear(&conv.filters), window(&conv.window), &conv.groups.tokens);
            quote! {
                __fheqat::spec::Layer::Conv(__fheqat::spec::Conv {
                    filters: #filters,
                    window: #window,
                    groups: #groups,
                })
            }
        }
        Layer::Add { acc_bits } => {
            let acc_bits = &acc_bits.tokens;
            quote!(__fheqat::spec::Layer::Add { acc_bits: #acc_bits })
        }
        Layer::Concat => quote!(__fheqat::spec::Layer::Concat),
        Layer::Reshape(dims) => {
            let shape = shape(dims);
            quote!(__fheqat::spec::Layer::Reshape(#shape))
        }
        Layer::Transpose(axes) => {
            let axes = axes.iter().map(|axis| &axis.tokens);
            quote!(__fheqat::spec::Layer::Transpose(__fheqat::spec::Axes::new(&[#(#axes),*])))
        }
        Layer::Pool { window: seen, acc_bits } => {
            let (seen, acc_bits) = (option(seen.as_ref().map(window)), &acc_bits.tokens);
            quote! {
                __fheqat::spec::Layer::Pool(__fheqat::spec::Pool { window: #seen, acc_bits: #acc_bits })
            }
        }
        Layer::Flatten => quote!(__fheqat::spec::Layer::Flatten),
        Layer::BatchNorm => quote!(__fheqat::spec::Layer::BatchNorm),
    }
}

fn linear(linear: &Linear) -> TokenStream {
    let Linear {
        inputs,
        outputs,
        weight_bits,
        weight_range,
        weight_scale,
        max_nonzero,
        max_l1,
        acc_bits,
        bias,
        tolerance,
    } = linear;
    let (inputs, outputs) = (&inputs.tokens, &outputs.tokens);
    let (weight_bits, acc_bits) = (&weight_bits.tokens, &acc_bits.tokens);
    let (weight_range, bias) = (format_ident!("{weight_range:?}"), format_ident!("{bias:?}"));
    let weight_scale = format_ident!("{weight_scale:?}");
    let (max_nonzero, max_l1) = (amount(max_nonzero.as_ref()), amount(max_l1.as_ref()));
    let tolerance = amount(tolerance.as_ref());
    quote! {
        __fheqat::spec::Linear {
            inputs: #inputs,
            outputs: #outputs,
            weight_bits: #weight_bits,
            weight_range: __fheqat::spec::WeightRange::#weight_range,
            weight_scale: __fheqat::spec::WeightScale::#weight_scale,
            max_nonzero: #max_nonzero,
            max_l1: #max_l1,
            acc_bits: #acc_bits,
            bias: __fheqat::spec::Bias::#bias,
            tolerance: #tolerance,
        }
    }
}

fn window(window: &Window) -> TokenStream {
    let Window { axes, kernel, stride, padding } = window;
    let (kernel, stride, padding) = (&kernel.tokens, &stride.tokens, &padding.tokens);
    quote! {
        __fheqat::spec::Window { axes: #axes, kernel: #kernel, stride: #stride, padding: #padding }
    }
}

fn shape(dims: &[Amount<i64>]) -> TokenStream {
    let dims = dims.iter().map(|dim| &dim.tokens);
    quote!(__fheqat::spec::Shape::new(&[#(#dims),*]))
}

fn amount<T>(amount: Option<&Amount<T>>) -> TokenStream {
    option(amount.map(|amount| amount.tokens.clone()))
}

fn option(value: Option<TokenStream>) -> TokenStream {
    value.map_or_else(
        || quote!(::core::option::Option::None),
        |value| quote!(::core::option::Option::Some(#value)),
    )
}

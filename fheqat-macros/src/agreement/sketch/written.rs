//! A sketch as tokens.

use fheqat_spec::Source;
use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};

use super::{
    ACT, ADD, CONCAT, CONSTANT_ADD, CONV_1D, CONV_2D, DROPOUT, FLATTEN, GLOBAL_POOL, IDENTITY, LINEAR,
    LayerSketch, MAX_POOL, MUL, PAD, POOL, PaddingSketch, RELU, RESHAPE, SLICE, Sketch, Spelling,
    THERMOMETER, TRANSPOSE, UPSAMPLE, WindowSketch, owner, source,
};

/// What `#[quant_net]` is given, and the struct.
pub(in super::super) fn tokens(sketch: &Sketch, spelling: Spelling) -> (TokenStream, TokenStream) {
    let options = [
        option(spelling, "bits", Some(sketch.bits)),
        option(spelling, "weight_bits", sketch.weight_bits),
        option(spelling, "act_bits", sketch.act_bits),
        option(spelling, "max_nonzero", sketch.max_nonzero),
        option(spelling, "max_l1", sketch.max_l1),
        option(spelling, "acc_bits", sketch.acc_bits),
        option(spelling, "max_bootstraps", sketch.max_bootstraps),
    ];
    let tolerance = tolerance(spelling, sketch.tolerance);
    let per_channel = sketch.per_channel.map(|flag| quote!(per_channel = #flag,));
    let narrow_range = sketch.narrow_range.map(|flag| quote!(narrow_range = #flag,));
    let input = sketch.input.as_ref().map(|dims| {
        let dims = dims.iter().map(|dim| spelling.number(*dim));
        quote!(input = [#(#dims),*],)
    });
    let fields = sketch.layers.iter().enumerate().map(|(index, layer)| field(index, layer, spelling));
    (quote!(#(#options)* #narrow_range #per_channel #tolerance #input), quote!(struct Net { #(#fields)* }))
}

fn option(spelling: Spelling, name: &str, value: Option<i64>) -> Option<TokenStream> {
    let name = format_ident!("{name}");
    value.map(|value| {
        let value = spelling.number(value);
        quote!(#name = #value,)
    })
}

fn tolerance(spelling: Spelling, tenths: Option<i64>) -> Option<TokenStream> {
    tenths.map(|value| {
        let value = spelling.tenths(value);
        quote!(tolerance = #value,)
    })
}

fn field(index: usize, layer: &LayerSketch, spelling: Spelling) -> TokenStream {
    let name = format_ident!("f{index}");
    let (ty, bits) = ty(layer, spelling);
    let bits = bits.and_then(|name| option(spelling, name, layer.bits));
    let name_of = |back| match source(index, back) {
        Source::Field(field) => format_ident!("f{field}"),
        Source::Input | Source::Broken => format_ident!("input"),
    };
    let from = layer.back.split_first().map(|(&first, rest)| {
        let (first, rest) = (name_of(first), rest.iter().map(|&back| name_of(back)));
        if rest.len() == 0 { quote!(from = #first,) } else { quote!(from = [#first #(, #rest)*],) }
    });
    let scale = owner(index, layer).map(|owner| {
        let owner = format_ident!("f{owner}");
        quote!(scale_from = #owner,)
    });
    let own = own(layer, spelling);
    let flag = layer.flag.and_then(|flag| match layer.kind {
        IDENTITY | ACT => Some(quote!(signed = #flag,)),
        THERMOMETER if flag => Some(quote!(thresholds = quantiles,)),
        THERMOMETER => Some(quote!(thresholds = uniform,)),
        LINEAR | CONV_1D | CONV_2D if flag => Some(quote!(per_channel,)),
        LINEAR | CONV_1D | CONV_2D => Some(quote!(per_channel = false,)),
        _ => None,
    });
    let tolerance = tolerance(spelling, layer.tolerance);
    let options = quote!(#flag #bits #own #from #scale #tolerance);
    let attribute = (!options.is_empty()).then(|| quote!(#[layer(#options)]));
    quote!(#attribute #name: #ty,)
}

/// The type of a layer, and the option that says how wide it is.
fn ty(layer: &LayerSketch, spelling: Spelling) -> (TokenStream, Option<&'static str>) {
    let (inputs, outputs) = (spelling.number(layer.inputs), spelling.number(layer.outputs));
    let kernel = spelling.number(layer.kernel);
    match layer.kind {
        IDENTITY => (quote!(QuantIdentity), Some("bits")),
        RELU => (quote!(QuantReLU), Some("bits")),
        LINEAR => (quote!(QuantLinear<#inputs, #outputs>), Some("weight_bits")),
        ADD => (quote!(Add), Some("acc_bits")),
        CONCAT => (quote!(Concat), None),
        RESHAPE => (quote!(Reshape), None),
        TRANSPOSE => (quote!(Transpose), None),
        CONV_1D => (quote!(QuantConv1d<#inputs, #outputs, #kernel>), Some("weight_bits")),
        CONV_2D => (quote!(QuantConv2d<#inputs, #outputs, #kernel>), Some("weight_bits")),
        POOL => (quote!(AvgPool2d<#kernel>), None),
        GLOBAL_POOL => (quote!(GlobalAvgPool2d), None),
        FLATTEN => (quote!(Flatten), None),
        ACT if layer.function => (quote!(QuantAct<Tanh>), Some("bits")),
        ACT => (quote!(QuantAct<Sigmoid>), Some("bits")),
        MAX_POOL => (quote!(MaxPool2d<#kernel>), Some("acc_bits")),
        DROPOUT => (quote!(Dropout), None),
        THERMOMETER => (quote!(Thermometer<#kernel>), None),
        PAD => (quote!(Pad), None),
        UPSAMPLE => (quote!(Upsample<#kernel>), None),
        SLICE => (quote!(Slice<#kernel, #outputs>), None),
        MUL => (quote!(Mul), None),
        CONSTANT_ADD => (quote!(ConstantAdd), None),
        _ => (quote!(BatchNorm), None),
    }
}

/// The options that no other kind of layer has.
fn own(layer: &LayerSketch, spelling: Spelling) -> TokenStream {
    let axes = layer.axes.iter().map(|&axis| spelling.number(axis));
    let WindowSketch { stride, dilation, padding, groups } = layer.window;
    let (stride, dilation) = (option(spelling, "stride", stride), option(spelling, "dilation", dilation));
    let padding = match padding {
        PaddingSketch::None | PaddingSketch::Same if layer.kind == PAD => PaddingSketch::Equal(1),
        padding => padding,
    };
    let padding = padding.tokens(if layer.kind == CONV_1D { 1 } else { 2 }, spelling);
    let window = quote!(#stride #dilation #padding);
    match layer.kind {
        RESHAPE => {
            let dims = layer.shape().map(|dim| spelling.number(dim));
            quote!(shape = [#(#dims),*],)
        }
        TRANSPOSE => quote!(axes = [#(#axes),*],),
        CONV_1D | CONV_2D => {
            let groups = option(spelling, "groups", groups);
            quote!(#window #groups)
        }
        POOL | MAX_POOL => window,
        SLICE => option(spelling, "axis", layer.axis()).to_token_stream(),
        PAD => padding,
        _ => TokenStream::new(),
    }
}

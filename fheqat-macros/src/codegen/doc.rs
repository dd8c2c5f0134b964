//! The table below the user's own documentation.

use fheqat_spec::{Fact, Known, Range, Source};
use syn::{Attribute, parse_quote};

use crate::{
    model::{Field, Layer, Linear, Model},
    parse::{layer::Kind, number::Amount},
};

pub(crate) fn table(model: &Model, facts: &[Fact]) -> Vec<Attribute> {
    let mut lines = vec![
        String::new(),
        " Its layers, and the worst case of each over all inputs:".to_owned(),
        String::new(),
        " | field | layer | output | range | bits |".to_owned(),
        " |---|---|---|---|---|".to_owned(),
    ];
    let mut shapes: Vec<String> = Vec::new();
    for (field, fact) in model.fields.iter().zip(facts) {
        let shape = shape(model, field, fact, &shapes);
        let (range, bits) = match fact.range {
            Known::Now(range) => (code(&format!("{}..={}", range.lo, range.hi)), range.bits().to_string()),
            Known::Later => (later(model, field, facts), String::new()),
        };
        let layer = field.layer.as_ref().map_or_else(String::new, written);
        lines.push(format!(
            " | {} | {} | {} | {range} | {bits} |",
            code(&field.name),
            code(&layer),
            code(&shape)
        ));
        shapes.push(shape);
    }
    lines.iter().map(|line| parse_quote!(#[doc = #line])).collect()
}

fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|").replace('`', "'"))
}

/// The layer's type as the user wrote it.
fn written(layer: &Layer) -> String {
    match layer {
        Layer::Quantizer { .. }
        | Layer::Add { .. }
        | Layer::Concat
        | Layer::Reshape(_)
        | Layer::Transpose(_)
        | Layer::Flatten
        | Layer::Pool { window: None, .. } => layer.known().kind().to_owned(),
        Layer::Linear(linear) => with(Kind::Linear, &[&linear.inputs, &linear.outputs]),
        Layer::Conv(conv) => {
            let kind = if conv.window.axes == 1 { Kind::Conv1d } else { Kind::Conv2d };
            with(kind, &[&conv.filters.inputs, &conv.filters.outputs, &conv.window.kernel])
        }
        Layer::Pool { window: Some(window), .. } => with(Kind::AvgPool2d, &[&window.kernel]),
    }
}

fn with(kind: Kind, numbers: &[&Amount<i64>]) -> String {
    kind.with(numbers.iter().map(|amount| amount.text.clone()))
}

fn shape(model: &Model, field: &Field, fact: &Fact, before: &[String]) -> String {
    match (&field.layer, field.from.first()) {
        (Some(Layer::Linear(linear)), _) => flat(&linear.outputs),
        (Some(Layer::Conv(conv)), _) => known(fact, Some(&conv.filters.outputs)),
        (Some(Layer::Pool { .. } | Layer::Flatten), _) => known(fact, None),
        (Some(Layer::Reshape(dims)), _) => list(dims),
        (Some(Layer::Concat | Layer::Transpose(_)), _) => inferred(fact),
        (_, Some(Source::Field(index))) => before.get(*index).cloned().unwrap_or_default(),
        (_, Some(Source::Input | Source::Broken) | None) => input(model),
    }
}

fn inferred(fact: &Fact) -> String {
    let dims = fact.shape.get().map(|shape| {
        let dim = |dim: &Known<i64>| dim.get().map_or_else(|| "_".to_owned(), |dim| dim.to_string());
        shape.dims().iter().map(dim).collect::<Vec<_>>().join(", ")
    });
    format!("[{}]", dims.unwrap_or_else(|| "_".to_owned()))
}

fn list(dims: &[Amount<i64>]) -> String {
    let dims: Vec<_> = dims.iter().map(|dim| dim.text.as_str()).collect();
    format!("[{}]", dims.join(", "))
}

fn input(model: &Model) -> String {
    let first = model.fields.iter().find_map(|field| match &field.layer {
        Some(Layer::Linear(linear)) => Some(&linear.inputs),
        _ => None,
    });
    match (&model.input, first) {
        (Some(dims), _) => list(dims),
        (None, Some(inputs)) => flat(inputs),
        (None, None) => "[_]".to_owned(),
    }
}

/// The shape as far as it is known, with the channels as the user wrote them.
fn known(fact: &Fact, channels: Option<&Amount<i64>>) -> String {
    let dims = fact.shape.get().map(|shape| {
        let dims =
            shape.dims().iter().map(|dim| dim.get().map_or_else(|| "_".to_owned(), |dim| dim.to_string()));
        dims.collect::<Vec<_>>()
    });
    let mut dims = dims.unwrap_or_else(|| vec!["_".to_owned()]);
    if let (Some(channels), [first, ..]) = (channels, dims.as_mut_slice()) {
        first.clone_from(&channels.text);
    }
    format!("[{}]", dims.join(", "))
}

fn flat(amount: &Amount<i64>) -> String {
    format!("[{}]", amount.text)
}

/// What is known of a range before const evaluation: the factors of the sum.
fn later(model: &Model, field: &Field, facts: &[Fact]) -> String {
    let show = |range: Known<Range>, bits: &Amount<i64>| match range {
        Known::Now(range) => format!("({}..={})", range.lo, range.hi),
        Known::Later => format!("({} bits)", bits.text),
    };
    match &field.layer {
        Some(Layer::Quantizer { bits, .. }) => code(&show(Known::Later, bits)),
        Some(Layer::Linear(linear)) => {
            let terms = linear.max_nonzero.as_ref().unwrap_or(&linear.inputs);
            let weights = show(linear.known().weights(), &linear.weight_bits);
            code(&format!("{} * {weights} * {}", terms.text, operands(model, facts, field).join(", ")))
        }
        Some(Layer::Add { .. }) => code(&operands(model, facts, field).join(" + ")),
        Some(
            Layer::Concat
            | Layer::Reshape(_)
            | Layer::Transpose(_)
            | Layer::Flatten
            | Layer::Pool { window: None, .. },
        ) => code(&operands(model, facts, field).join(", ")),
        Some(Layer::Conv(conv)) => {
            let Linear { inputs, max_nonzero, weight_bits, .. } = &conv.filters;
            let seen = || {
                let side = format!(" * {}", conv.window.kernel.text).repeat(conv.window.axes);
                format!("{} / {}{side}", inputs.text, conv.groups.text)
            };
            let terms = max_nonzero.as_ref().map_or_else(seen, |most| most.text.clone());
            let weights = show(conv.filters.known().weights(), weight_bits);
            code(&format!("{terms} * {weights} * {}", operands(model, facts, field).join(", ")))
        }
        Some(Layer::Pool { window: Some(window), .. }) => {
            code(&format!("{0} * {0} * {1}", window.kernel.text, operands(model, facts, field).join(", ")))
        }
        None => String::new(),
    }
}

fn operands(model: &Model, facts: &[Fact], field: &Field) -> Vec<String> {
    let operand = |source: &Source| match source {
        Source::Field(index) => operand(model, facts, *index),
        Source::Input | Source::Broken => String::new(),
    };
    field.from.iter().map(operand).collect()
}

fn operand(model: &Model, facts: &[Fact], index: usize) -> String {
    match (facts[index].range, &model.fields[index].layer) {
        (Known::Now(range), _) => format!("({}..={})", range.lo, range.hi),
        (Known::Later, Some(Layer::Quantizer { bits, .. })) => format!("({} bits)", bits.text),
        (Known::Later, Some(Layer::Flatten | Layer::Concat | Layer::Reshape(_) | Layer::Transpose(_))) => {
            operands(model, facts, &model.fields[index]).join(", ")
        }
        (Known::Later, _) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use proc_macro2::TokenStream;
    use quote::quote;
    use syn::{DeriveInput, Expr, ExprLit, Lit, Meta};

    use crate::expand::quant_net;

    fn documentation(args: TokenStream, item: &TokenStream) -> Vec<String> {
        let file: syn::File = syn::parse2(quant_net(args, item)).expect("the expansion is a file");
        let item: DeriveInput = match &file.items[0] {
            syn::Item::Struct(item) => item.clone().into(),
            _ => panic!("the struct comes first"),
        };
        let text = |attribute: &syn::Attribute| match &attribute.meta {
            Meta::NameValue(pair) => match &pair.value {
                Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
                _ => None,
            },
            _ => None,
        };
        item.attrs.iter().filter_map(text).collect()
    }

    #[test]
    fn the_table_has_a_line_for_each_layer() {
        let lines = documentation(
            quote!(bits = 3, max_nonzero = 30),
            &quote! {
                #[doc = " Mine."]
                struct Net {
                    quant_inp: QuantIdentity,
                    fc1: QuantLinear<2, 100>,
                    relu1: QuantReLU,
                    fc2: QuantLinear<100, 2>,
                }
            },
        );
        assert_eq!(
            lines,
            [
                " Mine.",
                "",
                " Its layers, and the worst case of each over all inputs:",
                "",
                " | field | layer | output | range | bits |",
                " |---|---|---|---|---|",
                " | `quant_inp` | `QuantIdentity` | `[2]` | `-4..=3` | 3 |",
                " | `fc1` | `QuantLinear<2, 100>` | `[100]` | `-24..=24` | 6 |",
                " | `relu1` | `QuantReLU` | `[100]` | `0..=7` | 3 |",
                " | `fc2` | `QuantLinear<100, 2>` | `[2]` | `-630..=630` | 11 |",
            ]
        );
    }

    #[test]
    fn layers_that_only_wire_show_what_they_give() {
        let lines = documentation(
            quote!(bits = 3, input = [8]),
            &quote! {
                struct Net {
                    quant_inp: QuantIdentity,
                    #[layer(shape = [2, HALF])]
                    grid: Reshape,
                    #[layer(axes = [1, 0])]
                    turned: Transpose,
                    #[layer(bits = BITS, scale_from = quant_inp)]
                    relu: QuantReLU,
                    #[layer(from = [relu, turned])]
                    add: Add,
                    #[layer(scale_from = relu)]
                    quant: QuantIdentity,
                    #[layer(from = [quant, relu])]
                    cat: Concat,
                }
            },
        );
        assert_eq!(
            lines[5..],
            [
                " | `quant_inp` | `QuantIdentity` | `[8]` | `-4..=3` | 3 |",
                " | `grid` | `Reshape` | `[2, HALF]` | `-4..=3` | 3 |",
                " | `turned` | `Transpose` | `[_, 2]` | `-4..=3` | 3 |",
                " | `relu` | `QuantReLU` | `[_, 2]` | `(BITS bits)` |  |",
                " | `add` | `Add` | `[_, 2]` | `(BITS bits) + (-4..=3)` |  |",
                " | `quant` | `QuantIdentity` | `[_, 2]` | `-4..=3` | 3 |",
                " | `cat` | `Concat` | `[_, 2]` | `(-4..=3), (BITS bits)` |  |",
            ]
        );
    }

    #[test]
    fn the_table_follows_an_image() {
        let lines = documentation(
            quote!(bits = 3, input = [1, 8, 8]),
            &quote! {
                struct Net {
                    quant_inp: QuantIdentity,
                    conv1: QuantConv2d<1, 8, 3>,
                    relu1: QuantReLU,
                    #[layer(groups = GROUPS)]
                    conv2: QuantConv2d<8, FILTERS, 3>,
                    relu2: QuantReLU,
                    pool: AvgPool2d<2>,
                    quant_pool: QuantIdentity,
                    flatten: Flatten,
                }
            },
        );
        assert_eq!(
            lines[5..],
            [
                " | `quant_inp` | `QuantIdentity` | `[1, 8, 8]` | `-4..=3` | 3 |",
                " | `conv1` | `QuantConv2d<1, 8, 3>` | `[8, 6, 6]` | `-108..=108` | 8 |",
                " | `relu1` | `QuantReLU` | `[8, 6, 6]` | `0..=7` | 3 |",
                " | `conv2` | `QuantConv2d<8, FILTERS, 3>` | `[FILTERS, 4, 4]` | `8 / GROUPS * 3 * 3 * (-3..=3) * (0..=7)` |  |",
                " | `relu2` | `QuantReLU` | `[FILTERS, 4, 4]` | `0..=7` | 3 |",
                " | `pool` | `AvgPool2d<2>` | `[_, 2, 2]` | `0..=28` | 5 |",
                " | `quant_pool` | `QuantIdentity` | `[_, 2, 2]` | `-4..=3` | 3 |",
                " | `flatten` | `Flatten` | `[_]` | `-4..=3` | 3 |",
            ]
        );
    }

    #[test]
    fn what_only_const_evaluation_knows_is_shown_as_written() {
        let lines = documentation(
            quote!(bits = 3),
            &quote! {
                struct Net {
                    #[layer(bits = numbers::BITS)]
                    quant_inp: QuantIdentity,
                    fc1: QuantLinear<WIDTH, { 1 | 2 }>,
                }
            },
        );
        assert_eq!(
            lines[5..],
            [
                " | `quant_inp` | `QuantIdentity` | `[WIDTH]` | `(numbers::BITS bits)` |  |",
                " | `fc1` | `QuantLinear<WIDTH, { 1 \\| 2 }>` | `[{ 1 \\| 2 }]` | `WIDTH * (-3..=3) * (numbers::BITS bits)` |  |",
            ]
        );
    }
}

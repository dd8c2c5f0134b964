//! The table below the user's own documentation.

use std::fmt;

use fheqat_spec::{Fact, Known, Range, Source, rules};
use syn::{Attribute, parse_quote};

use crate::{
    checks::Checked,
    model::{Field, Layer, Linear, Model, Transfer},
    parse::{layer::Kind, number::Amount},
};

/// A column for tolerances is there where there are any.
pub(crate) fn table(model: &Model, checked: &Checked) -> Vec<Attribute> {
    let Checked { facts, tolerances, .. } = checked;
    let is_exact = tolerances.iter().all(is_zero);
    let (heading, rule) = if is_exact { ("", "") } else { (" tolerance |", "---|") };
    let mut lines = vec![
        String::new(),
        " Its layers, and the worst case of each over all inputs:".to_owned(),
        String::new(),
        format!(" | field | layer | output | range | bits | bootstraps |{heading}"),
        format!(" |---|---|---|---|---|---|{rule}"),
    ];
    let mut shapes: Vec<Vec<String>> = Vec::new();
    let mut total = Total::default();
    for ((field, fact), steps) in model.fields.iter().zip(facts).zip(tolerances) {
        let shape = shape(model, field, fact, &shapes);
        let (range, bits) = match fact.range {
            Known::Now(range) => (code(&format!("{}..={}", range.lo, range.hi)), range.bits().to_string()),
            Known::Later => (later(model, field, facts), String::new()),
        };
        let layer = field.layer.as_ref().map_or_else(String::new, written);
        let bootstraps = total.add(field, fact, &shape);
        let tolerance =
            if is_exact { String::new() } else { format!(" {} |", tolerance(model, field, *steps)) };
        lines.push(format!(
            " | {} | {} | {} | {range} | {bits} | {bootstraps} |{tolerance}",
            code(&field.name),
            code(&layer),
            code(&bracketed(&shape))
        ));
        shapes.push(shape);
    }
    lines.extend([String::new(), format!(" At most {total} bootstraps for one sample.")]);
    lines.iter().map(|line| parse_quote!(#[doc = #line])).collect()
}

fn is_zero(steps: &Known<f64>) -> bool {
    matches!(steps, Known::Now(steps) if *steps <= 0.0)
}

/// In steps; nothing where all is exact.
fn tolerance(model: &Model, field: &Field, steps: Known<f64>) -> String {
    let own = match &field.layer {
        Some(Layer::Quantizer { tolerance, .. }) => tolerance.as_ref(),
        Some(Layer::Linear(linear)) => linear.tolerance.as_ref(),
        Some(Layer::Conv(conv)) => conv.filters.tolerance.as_ref(),
        _ => None,
    };
    match steps {
        Known::Now(_) if is_zero(&steps) => String::new(),
        Known::Now(steps) => steps.to_string(),
        Known::Later => own.or(model.tolerance.as_ref()).map_or_else(String::new, |steps| code(&steps.text)),
    }
}

/// The bootstraps of all fields so far.
#[derive(Default)]
struct Total {
    known: i64,
    later: Vec<String>,
}

impl Total {
    /// Adds those of a field, and returns them as the table shows them.
    fn add(&mut self, field: &Field, fact: &Fact, shape: &[String]) -> String {
        let Some(known) = &field.layer else { return String::new() };
        let layer = known.known();
        let seen = fheqat_spec::Field { name: &field.name, layer, from: &field.from };
        match rules::bootstraps(&seen, fact) {
            Known::Now(0) => String::new(),
            Known::Now(count) => {
                self.known = self.known.saturating_add(count);
                count.to_string()
            }
            Known::Later => {
                let known =
                    if shape.iter().any(|dim| dim == "_") { "_".to_owned() } else { shape.join(" * ") };
                self.later.push(known.clone());
                code(&known)
            }
        }
    }
}

impl fmt::Display for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.later.is_empty() {
            return write!(f, "{}", self.known);
        }
        let known = (self.known > 0).then(|| self.known.to_string());
        let parts: Vec<_> = known.into_iter().chain(self.later.iter().cloned()).collect();
        f.write_str(&code(&parts.join(" + ")))
    }
}

fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|").replace('`', "'"))
}

/// The layer's type as the user wrote it.
fn written(layer: &Layer) -> String {
    match layer {
        Layer::Quantizer { transfer: Transfer::Function { name, .. }, .. } => {
            Kind::Act.with([name.clone()].into_iter())
        }
        Layer::Quantizer { .. }
        | Layer::Add { .. }
        | Layer::Concat
        | Layer::Reshape(_)
        | Layer::Transpose(_)
        | Layer::Flatten
        | Layer::BatchNorm
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

/// The dimensions of what a field gives.
fn shape(model: &Model, field: &Field, fact: &Fact, before: &[Vec<String>]) -> Vec<String> {
    match (&field.layer, field.from.first()) {
        (Some(Layer::Linear(linear)), _) => vec![linear.outputs.text.clone()],
        (Some(Layer::Conv(conv)), _) => known(fact, Some(&conv.filters.outputs)),
        (Some(Layer::Pool { .. } | Layer::Flatten | Layer::Concat | Layer::Transpose(_)), _) => {
            known(fact, None)
        }
        (Some(Layer::Reshape(dims)), _) => texts(dims),
        (_, Some(Source::Field(index))) => before.get(*index).cloned().unwrap_or_default(),
        (_, Some(Source::Input | Source::Broken) | None) => input(model),
    }
}

fn bracketed(dims: &[String]) -> String {
    format!("[{}]", dims.join(", "))
}

fn texts(dims: &[Amount<i64>]) -> Vec<String> {
    dims.iter().map(|dim| dim.text.clone()).collect()
}

fn input(model: &Model) -> Vec<String> {
    let first = model.fields.iter().find_map(|field| match &field.layer {
        Some(Layer::Linear(linear)) => Some(&linear.inputs),
        _ => None,
    });
    match (&model.input, first) {
        (Some(dims), _) => texts(dims),
        (None, Some(inputs)) => vec![inputs.text.clone()],
        (None, None) => vec!["_".to_owned()],
    }
}

/// The dimensions as far as they are known, with the channels as the user wrote them.
fn known(fact: &Fact, channels: Option<&Amount<i64>>) -> Vec<String> {
    let dims = fact.shape.get().map(|shape| {
        let dim = |dim: &Known<i64>| dim.get().map_or_else(|| "_".to_owned(), |dim| dim.to_string());
        shape.dims().iter().map(dim).collect::<Vec<_>>()
    });
    let mut dims = dims.unwrap_or_else(|| vec!["_".to_owned()]);
    if let (Some(channels), [first, ..]) = (channels, dims.as_mut_slice()) {
        first.clone_from(&channels.text);
    }
    dims
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
            | Layer::BatchNorm
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
        (
            Known::Later,
            Some(Layer::Flatten | Layer::Concat | Layer::Reshape(_) | Layer::Transpose(_) | Layer::BatchNorm),
        ) => operands(model, facts, &model.fields[index]).join(", "),
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
                " | field | layer | output | range | bits | bootstraps |",
                " |---|---|---|---|---|---|",
                " | `quant_inp` | `QuantIdentity` | `[2]` | `-4..=3` | 3 |  |",
                " | `fc1` | `QuantLinear<2, 100>` | `[100]` | `-24..=24` | 6 |  |",
                " | `relu1` | `QuantReLU` | `[100]` | `0..=7` | 3 | 100 |",
                " | `fc2` | `QuantLinear<100, 2>` | `[2]` | `-630..=630` | 11 |  |",
                "",
                " At most 100 bootstraps for one sample.",
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
                " | `quant_inp` | `QuantIdentity` | `[8]` | `-4..=3` | 3 |  |",
                " | `grid` | `Reshape` | `[2, HALF]` | `-4..=3` | 3 |  |",
                " | `turned` | `Transpose` | `[_, 2]` | `-4..=3` | 3 |  |",
                " | `relu` | `QuantReLU` | `[_, 2]` | `(BITS bits)` |  | `_` |",
                " | `add` | `Add` | `[_, 2]` | `(BITS bits) + (-4..=3)` |  |  |",
                " | `quant` | `QuantIdentity` | `[_, 2]` | `-4..=3` | 3 | `_` |",
                " | `cat` | `Concat` | `[_, 2]` | `(-4..=3), (BITS bits)` |  |  |",
                "",
                " At most `_ + _` bootstraps for one sample.",
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
                " | `quant_inp` | `QuantIdentity` | `[1, 8, 8]` | `-4..=3` | 3 |  |",
                " | `conv1` | `QuantConv2d<1, 8, 3>` | `[8, 6, 6]` | `-108..=108` | 8 |  |",
                " | `relu1` | `QuantReLU` | `[8, 6, 6]` | `0..=7` | 3 | 288 |",
                " | `conv2` | `QuantConv2d<8, FILTERS, 3>` | `[FILTERS, 4, 4]` | `8 / GROUPS * 3 * 3 * (-3..=3) * (0..=7)` |  |  |",
                " | `relu2` | `QuantReLU` | `[FILTERS, 4, 4]` | `0..=7` | 3 | `FILTERS * 4 * 4` |",
                " | `pool` | `AvgPool2d<2>` | `[_, 2, 2]` | `0..=28` | 5 |  |",
                " | `quant_pool` | `QuantIdentity` | `[_, 2, 2]` | `-4..=3` | 3 | `_` |",
                " | `flatten` | `Flatten` | `[_]` | `-4..=3` | 3 |  |",
                "",
                " At most `288 + FILTERS * 4 * 4 + _` bootstraps for one sample.",
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
                " | `quant_inp` | `QuantIdentity` | `[WIDTH]` | `(numbers::BITS bits)` |  |  |",
                " | `fc1` | `QuantLinear<WIDTH, { 1 \\| 2 }>` | `[{ 1 \\| 2 }]` | `WIDTH * (-3..=3) * (numbers::BITS bits)` |  |  |",
                "",
                " At most 0 bootstraps for one sample.",
            ]
        );
    }

    #[test]
    fn tolerances_have_a_column_where_there_are_any() {
        let lines = documentation(
            quote!(bits = 3, max_nonzero = 2, tolerance = 0.2),
            &quote! {
                struct Net {
                    quant_inp: QuantIdentity,
                    fc1: QuantLinear<4, 6>,
                    relu1: QuantReLU,
                    fc2: QuantLinear<6, 6>,
                    #[layer(tolerance = MUCH)]
                    relu2: QuantReLU,
                    #[layer(tolerance = 0)]
                    fc3: QuantLinear<6, 5>,
                }
            },
        );
        assert_eq!(
            lines[3..],
            [
                " | field | layer | output | range | bits | bootstraps | tolerance |",
                " |---|---|---|---|---|---|---|",
                " | `quant_inp` | `QuantIdentity` | `[4]` | `-4..=3` | 3 |  |  |",
                " | `fc1` | `QuantLinear<4, 6>` | `[6]` | `-24..=24` | 6 |  |  |",
                " | `relu1` | `QuantReLU` | `[6]` | `0..=7` | 3 | 6 | 0.2 |",
                " | `fc2` | `QuantLinear<6, 6>` | `[6]` | `-42..=42` | 7 |  |  |",
                " | `relu2` | `QuantReLU` | `[6]` | `0..=7` | 3 | 6 | `MUCH` |",
                " | `fc3` | `QuantLinear<6, 5>` | `[5]` | `-42..=42` | 7 |  |  |",
                "",
                " At most 12 bootstraps for one sample.",
            ]
        );
    }

    #[test]
    fn functions_and_normalisations_are_shown_as_written() {
        let lines = documentation(
            quote!(bits = 3, max_nonzero = 2),
            &quote! {
                struct Net {
                    quant_inp: QuantIdentity,
                    fc1: QuantLinear<4, WIDTH>,
                    norm1: BatchNorm,
                    act1: QuantAct<functions::Scaled<f32, 3>>,
                    fc2: QuantLinear<WIDTH, 5>,
                    #[layer(signed = false)]
                    act2: QuantAct<Tanh>,
                    #[layer(bits = 2)]
                    quant3: QuantIdentity,
                }
            },
        );
        assert_eq!(
            lines[5..],
            [
                " | `quant_inp` | `QuantIdentity` | `[4]` | `-4..=3` | 3 |  |",
                " | `fc1` | `QuantLinear<4, WIDTH>` | `[WIDTH]` | `-24..=24` | 6 |  |",
                " | `norm1` | `BatchNorm` | `[WIDTH]` | `-24..=24` | 6 |  |",
                " | `act1` | `QuantAct<functions::Scaled<f32, 3>>` | `[WIDTH]` | `(3 bits)` |  | `WIDTH` |",
                " | `fc2` | `QuantLinear<WIDTH, 5>` | `[5]` | `2 * (-3..=3) * (3 bits)` |  |  |",
                " | `act2` | `QuantAct<Tanh>` | `[5]` | `0..=7` | 3 | 5 |",
                " | `quant3` | `QuantIdentity` | `[5]` | `-2..=1` | 2 | 5 |",
                "",
                " At most `10 + WIDTH` bootstraps for one sample.",
            ]
        );
    }
}

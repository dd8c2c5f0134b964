//! The table below the user's own documentation.

use std::fmt;

use fheqat_spec::{
    Client, Dense, Fact, Known, Linear, Range, Source,
    layers::{
        properties::Gives,
        shown::{Formula, Terms},
    },
};
use syn::{Attribute, parse_quote};

use crate::{
    checks::Checked,
    model::{Layer, Member, Model, Written, known},
    parse::number::Amount,
};

/// A column for tolerances is there where there are any.
pub(crate) fn table(model: &Model, checked: &Checked) -> Vec<Attribute> {
    let Checked { facts, tolerances, bootstraps, .. } = checked;
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
    for (index, member) in model.fields.iter().enumerate() {
        let fact = &facts[index];
        let shape = shape(model, member, fact, &shapes);
        let (range, bits) = match fact.range {
            Known::Now(range) => (code(&format!("{}..={}", range.lo, range.hi)), range.bits().to_string()),
            Known::Later if matches!(member.layer, Layer::Client(_)) => {
                ("float, run by the client".to_owned(), String::new())
            }
            Known::Later => (code(&later(model, member, facts)), String::new()),
        };
        let bootstraps = total.add(bootstraps[index], &shape);
        let tolerance = if is_exact {
            String::new()
        } else {
            format!(" {} |", tolerance(model, member, tolerances[index]))
        };
        lines.push(format!(
            " | {} | {} | {} | {range} | {bits} | {bootstraps} |{tolerance}",
            code(&member.name),
            code(&member.ty),
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
fn tolerance(model: &Model, member: &Member, steps: Known<f64>) -> String {
    match steps {
        Known::Now(_) if is_zero(&steps) => String::new(),
        Known::Now(steps) => steps.to_string(),
        Known::Later => {
            let own = member.layer.shown().tolerance.or(model.tolerance.as_ref());
            own.map_or_else(String::new, |steps| code(&steps.text))
        }
    }
}

/// The bootstraps of all fields so far.
#[derive(Default)]
struct Total {
    known: i64,
    later: Vec<String>,
}

impl Total {
    /// Adds those of a field of which `shape` is shown, and returns them as the table shows them.
    fn add(&mut self, bootstraps: Known<i64>, shape: &[String]) -> String {
        match bootstraps {
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

/// The dimensions of what a field gives: as the user wrote them, else as far as they are known.
fn shape(model: &Model, member: &Member, fact: &Fact, before: &[Vec<String>]) -> Vec<String> {
    if known(&member.layer).properties().keeps_shape {
        return match member.from.first() {
            Some(Source::Field(index)) => before.get(*index).cloned().unwrap_or_default(),
            Some(Source::Input | Source::Broken) | None => input(model),
        };
    }
    if let Layer::Thermometer(thermometer) = &member.layer {
        let operand = match member.from.first() {
            Some(Source::Field(index)) => before.get(*index).cloned().unwrap_or_default(),
            Some(Source::Input | Source::Broken) | None => input(model),
        };
        return encoded((model, member), operand, fact, &thermometer.bits);
    }
    let unknown = || "_".to_owned();
    let Known::Now(shape) = fact.shape else { return vec![unknown()] };
    let written = member.layer.shown().dims;
    shape
        .dims()
        .iter()
        .zip(written)
        .map(|(dim, written)| match (written, dim) {
            (Some(amount), _) => amount.text.clone(),
            (None, Known::Now(dim)) => dim.to_string(),
            (None, Known::Later) => unknown(),
        })
        .collect()
}

/// The dimensions of the bits of what has these: as the first layer that takes them says, else channels times bits.
fn encoded(
    (model, member): (&Model, &Member),
    mut dims: Vec<String>,
    fact: &Fact,
    bits: &Amount<i64>,
) -> Vec<String> {
    let channels = match fact.shape {
        Known::Now(shape) => shape.channels(),
        Known::Later => Known::Later,
    };
    let reader = model.fields.iter().find(|other| is_read_by(model, member, other));
    if let Some(first) = dims.first_mut() {
        *first = match (channels, reader.map(|reader| &reader.layer), &model.input) {
            (Known::Now(channels), ..) => channels.to_string(),
            (Known::Later, Some(Layer::Linear(linear)), None) => linear.inputs.text.clone(),
            (Known::Later, ..) => format!("{first} * {}", bits.text),
        };
    }
    dims
}

/// Whether `reader` reads what `member` gives.
fn is_read_by(model: &Model, member: &Member, reader: &Member) -> bool {
    let names = |source: &Source| matches!(source, Source::Field(index) if model.fields.get(*index).is_some_and(|field| field.name == member.name));
    reader.from.iter().any(names)
}

fn bracketed(dims: &[String]) -> String {
    format!("[{}]", dims.join(", "))
}

fn texts(dims: &[Amount<i64>]) -> Vec<String> {
    dims.iter().map(|dim| dim.text.clone()).collect()
}

fn input(model: &Model) -> Vec<String> {
    let first = model.fields.iter().find_map(|member| match &member.layer {
        Layer::Client(Client::Linear(Dense { inputs, .. })) => Some((inputs, None)),
        Layer::Linear(Linear { inputs, .. }) => Some((inputs, encoder_of(model, member))),
        _ => None,
    });
    match (&model.input, first) {
        (Some(shape), _) => texts(shape.dims()),
        (None, Some((inputs, None))) => vec![inputs.text.clone()],
        (None, Some((inputs, Some(bits)))) => match (inputs.known, bits.known) {
            (Known::Now(inputs), Known::Now(bits)) => vec![(inputs / bits).to_string()],
            _ => vec![format!("{} / {}", inputs.text, bits.text)],
        },
        (None, None) => vec!["_".to_owned()],
    }
}

/// The bits of each feature, where the member reads bits of the input.
fn encoder_of<'m>(model: &'m Model, member: &Member) -> Option<&'m Amount<i64>> {
    let mut at = member.from.first();
    while let Some(Source::Field(index)) = at {
        let field = model.fields.get(*index)?;
        match &field.layer {
            Layer::Thermometer(thermometer) => return Some(&thermometer.bits),
            layer if known(layer).properties().keeps_shape => at = field.from.first(),
            _ => return None,
        }
    }
    None
}

/// What is known of a range before const evaluation: the factors of the sum.
fn later(model: &Model, member: &Member, facts: &[Fact]) -> String {
    let operands = |between: &str| operands(model, facts, member).join(between);
    match member.layer.shown().range {
        Formula::Bits(bits) => width(bits),
        Formula::Operands(between) => operands(between),
        Formula::Products { terms: count, weights } => {
            let range = known(weights).weights();
            let range = range.get().map_or_else(|| width(&weights.weight_bits), parenthesized);
            format!("{} * {range} * {}", terms(&count), operands(", "))
        }
        Formula::Sum(count) => format!("{} * {}", terms(&count), operands(", ")),
        Formula::Floats | Formula::Unknown => String::new(),
    }
}

fn terms(terms: &Terms<'_, Written>) -> String {
    let over = terms.over.map(|over| format!(" / {}", over.text)).unwrap_or_default();
    let side = terms.side.map(|(side, times)| format!(" * {}", side.text).repeat(times)).unwrap_or_default();
    format!("{}{over}{side}", terms.first.text)
}

fn width(bits: &Amount<i64>) -> String {
    format!("({} bits)", bits.text)
}

fn parenthesized(range: Range) -> String {
    format!("({}..={})", range.lo, range.hi)
}

fn operands(model: &Model, facts: &[Fact], member: &Member) -> Vec<String> {
    let operand = |source: &Source| match source {
        Source::Field(index) => operand(model, facts, *index),
        Source::Input | Source::Broken => String::new(),
    };
    member.from.iter().map(operand).collect()
}

fn operand(model: &Model, facts: &[Fact], index: usize) -> String {
    let layer = &model.fields[index].layer;
    match (facts[index].range, layer.shown().range) {
        (Known::Now(range), _) => parenthesized(range),
        (Known::Later, Formula::Bits(bits)) => width(bits),
        (Known::Later, _) => match known(layer).properties().gives {
            Gives::Levels | Gives::Normalized => operands(model, facts, &model.fields[index]).join(", "),
            Gives::Rounded { .. } | Gives::Encoded { .. } | Gives::Sums | Gives::Plain | Gives::Unknown => {
                String::new()
            }
        },
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
    fn a_max_pool_counts_its_tables_and_a_dropout_none() {
        let lines = documentation(
            quote!(bits = 3, input = [2, 8, 8]),
            &quote! {
                struct Net {
                    quant_inp: QuantIdentity,
                    #[layer(p = 0.1)]
                    dropout: Dropout,
                    pool: MaxPool2d<2>,
                    #[layer(stride = 1, padding = 1)]
                    again: MaxPool2d<K>,
                }
            },
        );
        assert_eq!(
            lines[5..],
            [
                " | `quant_inp` | `QuantIdentity` | `[2, 8, 8]` | `-4..=3` | 3 |  |",
                " | `dropout` | `Dropout` | `[2, 8, 8]` | `-4..=3` | 3 |  |",
                " | `pool` | `MaxPool2d<2>` | `[2, 4, 4]` | `-4..=3` | 3 | 96 |",
                " | `again` | `MaxPool2d<K>` | `[2, _, _]` | `-4..=3` | 3 | `_` |",
                "",
                " At most `96 + _` bootstraps for one sample.",
            ]
        );
    }

    #[test]
    fn bits_of_the_input_are_as_many_as_the_first_layer_takes() {
        let lines = documentation(
            quote!(bits = 3),
            &quote! {
                struct Net {
                    bits: Thermometer<15>,
                    fc1: QuantLinear<270, 2>,
                }
            },
        );
        assert_eq!(
            lines[5..7],
            [
                " | `bits` | `Thermometer<15>` | `[270]` | `0..=1` | 1 |  |",
                " | `fc1` | `QuantLinear<270, 2>` | `[2]` | `-810..=810` | 11 |  |",
            ]
        );
        let lines = documentation(
            quote!(bits = 3),
            &quote! {
                struct Net {
                    #[layer(thresholds = uniform)]
                    bits: Thermometer<BITS>,
                    fc1: QuantLinear<WIDTH, 2>,
                    #[layer(from = input)]
                    quant_inp: QuantIdentity,
                    #[layer(from = fc1, scale_from = quant_inp)]
                    relu1: QuantReLU,
                    #[layer(from = [relu1, quant_inp])]
                    cat: Concat,
                }
            },
        );
        assert_eq!(
            lines[5..8],
            [
                " | `bits` | `Thermometer<BITS>` | `[WIDTH]` | `0..=1` | 1 |  |",
                " | `fc1` | `QuantLinear<WIDTH, 2>` | `[2]` | `WIDTH * (-3..=3) * (0..=1)` |  |  |",
                " | `quant_inp` | `QuantIdentity` | `[WIDTH / BITS]` | `-4..=3` | 3 |  |",
            ]
        );
        let lines = documentation(
            quote!(bits = 3, input = [1, 28, 28]),
            &quote! {
                struct Net {
                    bits: Thermometer<3>,
                    #[layer(scale_from = bits)]
                    quant: QuantIdentity,
                    #[layer(from = input)]
                    more: Thermometer<BITS>,
                    #[layer(from = [quant, more])]
                    cat: Concat,
                }
            },
        );
        assert_eq!(
            lines[5..8],
            [
                " | `bits` | `Thermometer<3>` | `[3, 28, 28]` | `0..=1` | 1 |  |",
                " | `quant` | `QuantIdentity` | `[3, 28, 28]` | `-4..=3` | 3 | 2352 |",
                " | `more` | `Thermometer<BITS>` | `[1 * BITS, 28, 28]` | `0..=1` | 1 |  |",
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

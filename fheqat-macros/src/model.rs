//! The network with every option resolved and every wire found.

use fheqat_spec as spec;
use fheqat_spec::{Bias, Source, WeightRange, WeightScale, limits};
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{ext::IdentExt, spanned::Spanned};

use crate::{
    diag::{Ctxt, Message},
    local::projection,
    parse::{
        Ast,
        field::FieldAst,
        layer::{Kind, LayerType},
        number::{Amount, Blamed},
        value::Wire,
    },
    suggest::closest,
};

pub(crate) struct Model {
    pub(crate) name: String,
    pub(crate) input: Option<Vec<Amount<i64>>>,
    pub(crate) max_bootstraps: Option<Blamed<i64>>,
    pub(crate) tolerance: Option<Amount<f64>>,
    /// Whether an `input` was meant that could not be read.
    pub(crate) has_refused_input: bool,
    pub(crate) fields: Vec<Field>,
}

pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) ident: Ident,
    /// The layer; `None` where it was refused.
    pub(crate) layer: Option<Layer>,
    pub(crate) from: Vec<Source>,
    pub(crate) blame: Blame,
}

impl Field {
    /// Its name, where its type stands.
    pub(crate) fn at_type(&self) -> Ident {
        at(&self.ident, &self.blame.ty)
    }
}

fn at(ident: &Ident, ty: &impl Spanned) -> Ident {
    let mut moved = ident.clone();
    moved.set_span(ident.span().located_at(ty.span()));
    moved
}

/// Which of the user's tokens an error points at.
pub(crate) struct Blame {
    /// The layer.
    pub(crate) ty: TokenStream,
    /// The names in `from`, where the user gave them.
    pub(crate) from: Vec<Ident>,
    /// The key of its tolerance.
    pub(crate) tolerance: Option<TokenStream>,
}

/// A layer, as `fheqat_spec::Layer` has it.
pub(crate) enum Layer {
    Quantizer { transfer: Transfer, bits: Amount<i64>, scale: Scale, tolerance: Option<Amount<f64>> },
    Linear(Box<Linear>),
    Add { acc_bits: Amount<i64> },
    Concat,
    Reshape(Vec<Amount<i64>>),
    Transpose(Vec<Amount<i64>>),
    Conv(Box<Conv>),
    Pool { window: Option<Window>, acc_bits: Amount<i64> },
    Flatten,
    BatchNorm,
}

/// The function a quantizer applies, as `fheqat_spec::Transfer` has it.
#[derive(Clone)]
pub(crate) enum Transfer {
    Signed,
    Unsigned,
    ReLU,
    Function { name: String, signed: Amount<bool> },
}

/// Where a quantizer's step comes from, as `fheqat_spec::Scale` has it.
pub(crate) enum Scale {
    Learned,
    Fixed(Amount<f64>),
    From(Source),
}

/// A convolution, as `fheqat_spec::Conv` has it.
pub(crate) struct Conv {
    pub(crate) filters: Linear,
    pub(crate) window: Window,
    pub(crate) groups: Amount<i64>,
}

/// A window, as `fheqat_spec::Window` has it.
pub(crate) struct Window {
    pub(crate) axes: usize,
    pub(crate) kernel: Amount<i64>,
    pub(crate) stride: Amount<i64>,
    pub(crate) padding: Amount<i64>,
}

/// A dense layer, as `fheqat_spec::Linear` has it.
pub(crate) struct Linear {
    pub(crate) inputs: Amount<i64>,
    pub(crate) outputs: Amount<i64>,
    pub(crate) weight_bits: Amount<i64>,
    pub(crate) weight_range: WeightRange,
    pub(crate) weight_scale: WeightScale,
    pub(crate) max_nonzero: Option<Amount<i64>>,
    pub(crate) max_l1: Option<Amount<i64>>,
    pub(crate) acc_bits: Amount<i64>,
    pub(crate) bias: Bias,
    pub(crate) tolerance: Option<Amount<f64>>,
}

impl Model {
    pub(crate) fn resolve(ctxt: &Ctxt, ast: &Ast) -> Self {
        let options = &ast.options;
        check_widths(ctxt, ast);
        let names: Vec<_> = ast.fields.iter().map(|field| field.ident.unraw().to_string()).collect();
        let last = ast.fields.len().saturating_sub(1);
        let mut fields: Vec<_> = ast
            .fields
            .iter()
            .enumerate()
            .map(|(index, field)| Field {
                name: names[index].clone(),
                ident: field.ident.clone(),
                layer: field.layer.as_ref().and_then(|layer| {
                    let scale = scale(ctxt, field, index, &names);
                    resolve(ctxt, ast, field, layer, scale, index == last)
                }),
                from: sources(ctxt, field, index, &names),
                blame: Blame {
                    ty: field.ty.to_token_stream(),
                    from: match &field.options.from {
                        Some(Wire::To(names)) => names.clone(),
                        _ => Vec::new(),
                    },
                    tolerance: field.options.tolerance.as_ref().map(|tolerance| tolerance.tokens.clone()),
                },
            })
            .collect();
        normalize(ast, &mut fields);
        Self {
            name: ast.item.ident.unraw().to_string(),
            input: options.input.clone(),
            max_bootstraps: options.max_bootstraps.clone(),
            tolerance: options.tolerance.clone(),
            has_refused_input: options.input.is_none()
                && options.meant.iter().any(|meant| meant == "input" || meant.is_empty()),
            fields,
        }
    }
}

/// Gives the layers that only batch normalisations read the bias of those.
fn normalize(ast: &Ast, fields: &mut [Field]) {
    for index in 0..fields.len() {
        let mut readers = fields.iter().filter(|field| field.from.contains(&Source::Field(index))).peekable();
        let is_normalized =
            readers.peek().is_some() && readers.all(|reader| matches!(reader.layer, Some(Layer::BatchNorm)));
        let bias = match &mut fields[index].layer {
            Some(Layer::Linear(linear)) => &mut linear.bias,
            Some(Layer::Conv(conv)) => &mut conv.filters.bias,
            _ => continue,
        };
        if is_normalized && ast.fields[index].options.bias.is_none() {
            *bias = Bias::default_for(false, true);
        }
    }
}

fn check_widths(ctxt: &Ctxt, ast: &Ast) {
    let options = &ast.options;
    let is_given = |option: &Option<Amount<i64>>, name: &str| {
        option.is_some() || options.meant.iter().any(|meant| meant == name || meant.is_empty())
    };
    if is_given(&options.bits, "bits") {
        return;
    }
    let message =
        match (is_given(&options.weight_bits, "weight_bits"), is_given(&options.act_bits, "act_bits")) {
            (true, true) => return,
            (true, false) => {
                Message::new("`quant_net` does not say how wide activations are").help("add `act_bits = 3`")
            }
            (false, true) => {
                Message::new("`quant_net` does not say how wide weights are").help("add `weight_bits = 3`")
            }
            (false, false) => Message::new("`quant_net` does not say how wide weights and activations are")
                .help("write `#[quant_net(bits = 3)]`"),
        };
    ctxt.error(&ast.item.ident, message);
}

/// `None` where the layer lacks an option that it needs.
fn resolve(
    ctxt: &Ctxt,
    ast: &Ast,
    field: &FieldAst,
    layer: &LayerType,
    scale: Scale,
    is_last: bool,
) -> Option<Layer> {
    let (net, own) = (&ast.options, &field.options);
    let first = |choices: [&Option<Amount<i64>>; 3]| choices.into_iter().flatten().next().cloned();
    let tolerance = own.tolerance.as_ref().map(|tolerance| tolerance.amount.clone());
    let quantizer = |transfer| Layer::Quantizer {
        transfer,
        bits: first([&own.bits, &net.act_bits, &net.bits]).unwrap_or_else(Amount::refused),
        scale,
        tolerance: tolerance.clone(),
    };
    let number = |index| layer.numbers.get(index).cloned().unwrap_or_else(Amount::refused);
    let acc_bits = || {
        first([&own.acc_bits, &net.acc_bits, &None]).unwrap_or_else(|| Amount::now(limits::DEFAULT_ACC_BITS))
    };
    let linear = || Linear {
        inputs: number(0),
        outputs: number(1),
        weight_bits: first([&own.weight_bits, &net.weight_bits, &net.bits]).unwrap_or_else(Amount::refused),
        weight_range: match own.narrow_range.or(net.narrow_range) {
            Some(false) => WeightRange::Full,
            Some(true) | None => WeightRange::Narrow,
        },
        weight_scale: match own.per_channel.or(net.per_channel) {
            Some(true) => WeightScale::PerChannel,
            Some(false) | None => WeightScale::PerTensor,
        },
        max_nonzero: first([&own.max_nonzero, &net.max_nonzero, &None]),
        max_l1: first([&own.max_l1, &net.max_l1, &None]),
        acc_bits: acc_bits(),
        bias: own.bias.unwrap_or(Bias::default_for(is_last, false)),
        tolerance: tolerance.clone(),
    };
    let window = |axes, kernel: Amount<i64>, stride: Amount<i64>| Window {
        axes,
        kernel,
        stride: own.stride.clone().unwrap_or(stride),
        padding: own.padding.clone().unwrap_or_else(|| Amount::now(0)),
    };
    let conv = |axes| {
        Layer::Conv(Box::new(Conv {
            filters: linear(),
            window: window(axes, number(2), Amount::now(1)),
            groups: own.groups.clone().unwrap_or_else(|| Amount::now(1)),
        }))
    };
    Some(match layer.kind {
        Kind::Identity if own.signed == Some(false) => quantizer(Transfer::Unsigned),
        Kind::Identity => quantizer(Transfer::Signed),
        Kind::ReLU => quantizer(Transfer::ReLU),
        Kind::Act => quantizer(function(&ast.item.ident, field, layer)),
        Kind::Linear => Layer::Linear(Box::new(linear())),
        Kind::Add => Layer::Add { acc_bits: acc_bits() },
        Kind::Concat => Layer::Concat,
        Kind::Reshape => Layer::Reshape(required(ctxt, field, "shape", own.shape.as_ref(), "[4, 4]")?),
        Kind::Transpose => Layer::Transpose(required(ctxt, field, "axes", own.axes.as_ref(), "[1, 0]")?),
        Kind::Conv1d => conv(1),
        Kind::Conv2d => conv(2),
        Kind::AvgPool2d => {
            Layer::Pool { window: Some(window(2, number(0), number(0))), acc_bits: acc_bits() }
        }
        Kind::GlobalAvgPool2d => Layer::Pool { window: None, acc_bits: acc_bits() },
        Kind::Flatten => Layer::Flatten,
        Kind::BatchNorm => Layer::BatchNorm,
    })
}

/// The function of a `QuantAct`. Without `signed`, const evaluation asks the function itself.
fn function(net: &Ident, field: &FieldAst, layer: &LayerType) -> Transfer {
    let name = layer.function.clone().unwrap_or_default();
    let signed = if let Some(signed) = field.options.signed {
        Amount::now(signed)
    } else {
        let ident = at(&field.ident, &field.ty);
        let place = field.ty.span();
        let projection = projection(net, &ident, place);
        let asked = quote_spanned!(place=> __fheqat::is_signed(#projection));
        Amount::later(quote!(__fheqat::spec::Known::Now(#asked)))
    };
    Transfer::Function { name, signed }
}

/// An option that its layer cannot do without; an error where it is not even tried.
fn required(
    ctxt: &Ctxt,
    field: &FieldAst,
    option: &str,
    value: Option<&Vec<Amount<i64>>>,
    example: &str,
) -> Option<Vec<Amount<i64>>> {
    let is_meant = field.options.meant.iter().any(|meant| meant == option || meant.is_empty());
    if value.is_none() && !is_meant {
        let name = field.ident.unraw();
        let message = Message::new(format!("`{name}` does not say its `{option}`"));
        ctxt.error(&field.ty, message.help(format!("put `#[layer({option} = {example})]` on it")));
    }
    value.cloned()
}

fn sources(ctxt: &Ctxt, field: &FieldAst, index: usize, names: &[String]) -> Vec<Source> {
    match &field.options.from {
        None if field.options.meant.iter().any(|meant| meant == "from") => broken(field),
        None => vec![index.checked_sub(1).map_or(Source::Input, Source::Field)],
        Some(Wire::Refused) => broken(field),
        Some(Wire::To(wires)) => wires.iter().map(|wire| source(ctxt, wire, index, names)).collect(),
    }
}

/// As many broken wires as the layer takes.
fn broken(field: &FieldAst) -> Vec<Source> {
    let is_joint = field.layer.as_ref().is_some_and(|layer| matches!(layer.kind, Kind::Add | Kind::Concat));
    vec![Source::Broken; if is_joint { 2 } else { 1 }]
}

fn source(ctxt: &Ctxt, wire: &Ident, index: usize, names: &[String]) -> Source {
    let name = wire.unraw().to_string();
    let message = match names.iter().position(|other| *other == name) {
        Some(earlier) if earlier < index => return Source::Field(earlier),
        None if name == "input" => return Source::Input,
        Some(itself) if itself == index => Message::new(format!("`{name}` cannot read itself")),
        Some(_) => Message::new(format!("`{}` cannot read `{name}`, which comes after it", names[index]))
            .help(format!("move `{name}` before `{}`: layers run in the order of the fields", names[index])),
        None => unknown(&name, names[..index].iter().map(String::as_str).chain(["input"])),
    };
    ctxt.error(wire, message);
    Source::Broken
}

fn scale(ctxt: &Ctxt, field: &FieldAst, index: usize, names: &[String]) -> Scale {
    let own = &field.options;
    match (&own.scale, &own.scale_from) {
        (None, None) if own.meant.iter().any(|meant| meant == "scale_from") => Scale::From(Source::Broken),
        (None, None) => Scale::Learned,
        (Some(step), None) => Scale::Fixed(step.clone()),
        (_, Some(Wire::Refused)) => Scale::From(Source::Broken),
        (Some(_), Some(Wire::To(wires))) => {
            let message = Message::new("`scale` and `scale_from` exclude one another");
            ctxt.error(wires.first(), message.help("keep one of the two"));
            Scale::From(Source::Broken)
        }
        (None, Some(Wire::To(wires))) => {
            Scale::From(wires.first().map_or(Source::Broken, |wire| owner(ctxt, wire, index, names)))
        }
    }
}

fn owner(ctxt: &Ctxt, wire: &Ident, index: usize, names: &[String]) -> Source {
    let name = wire.unraw().to_string();
    let own = &names[index];
    let message = match names.iter().position(|other| *other == name) {
        Some(earlier) if earlier < index => return Source::Field(earlier),
        Some(itself) if itself == index => {
            Message::new(format!("`{name}` cannot take its scale from itself"))
        }
        Some(_) => Message::new(format!("`{own}` cannot take its scale from `{name}`, which comes after it"))
            .help(format!("put `#[layer(scale_from = {own})]` on `{name}`")),
        None if name == "input" => Message::new("`input` has no scale, for nothing has quantized it")
            .help("name an earlier `QuantIdentity` or `QuantReLU`"),
        None => unknown(&name, names[..index].iter().map(String::as_str)),
    };
    ctxt.error(wire, message);
    Source::Broken
}

fn unknown<'a>(name: &str, earlier: impl Iterator<Item = &'a str> + Clone) -> Message {
    let message = Message::new(format!("no field is called `{name}`"));
    match (closest(name, earlier.clone()), earlier.clone().next()) {
        (Some(near), _) => message.help(format!("did you mean `{near}`?")),
        (None, Some(_)) => {
            message.help(format!("the earlier ones are {}", crate::diag::list(earlier, "and")))
        }
        (None, None) => message.help("no field comes before it"),
    }
}

impl Layer {
    /// What stands for a layer that was refused: nothing is known about it, so every numeric law stays silent.
    pub(crate) fn refused() -> Self {
        Self::Linear(Box::new(Linear {
            inputs: Amount::refused(),
            outputs: Amount::refused(),
            weight_bits: Amount::refused(),
            weight_range: WeightRange::Narrow,
            weight_scale: WeightScale::PerTensor,
            max_nonzero: None,
            max_l1: None,
            acc_bits: Amount::refused(),
            bias: Bias::None,
            tolerance: None,
        }))
    }

    /// As far as the macro can read its numbers.
    pub(crate) fn known(&self) -> spec::Layer {
        match self {
            Self::Quantizer { transfer, bits, scale, tolerance } => spec::Layer::Quantizer(spec::Quantizer {
                transfer: transfer.known(),
                bits: bits.known,
                scale: match scale {
                    Scale::Learned => spec::Scale::Learned,
                    Scale::Fixed(step) => spec::Scale::Fixed(step.known),
                    Scale::From(owner) => spec::Scale::From(*owner),
                },
                tolerance: tolerance.as_ref().map(|steps| steps.known),
            }),
            Self::Linear(linear) => spec::Layer::Linear(linear.known()),
            Self::Add { acc_bits } => spec::Layer::Add { acc_bits: acc_bits.known },
            Self::Concat => spec::Layer::Concat,
            Self::Reshape(dims) => spec::Layer::Reshape(spec::Shape::new(&known(dims))),
            Self::Transpose(axes) => spec::Layer::Transpose(spec::Axes::new(&known(axes))),
            Self::Conv(conv) => spec::Layer::Conv(conv.known()),
            Self::Pool { window, acc_bits } => spec::Layer::Pool(spec::Pool {
                window: window.as_ref().map(Window::known),
                acc_bits: acc_bits.known,
            }),
            Self::Flatten => spec::Layer::Flatten,
            Self::BatchNorm => spec::Layer::BatchNorm,
        }
    }
}

impl Transfer {
    /// As far as the macro can read it.
    fn known(&self) -> spec::Transfer {
        match self {
            Self::Signed => spec::Transfer::Signed,
            Self::Unsigned => spec::Transfer::Unsigned,
            Self::ReLU => spec::Transfer::ReLU,
            Self::Function { signed, .. } => spec::Transfer::Function { signed: signed.known },
        }
    }
}

impl Conv {
    /// As far as the macro can read its numbers.
    pub(crate) fn known(&self) -> spec::Conv {
        spec::Conv { filters: self.filters.known(), window: self.window.known(), groups: self.groups.known }
    }
}

impl Window {
    fn known(&self) -> spec::Window {
        spec::Window {
            axes: self.axes,
            kernel: self.kernel.known,
            stride: self.stride.known,
            padding: self.padding.known,
        }
    }
}

/// Numbers as far as the macro can read them.
pub(crate) fn known(amounts: &[Amount<i64>]) -> Vec<spec::Known<i64>> {
    amounts.iter().map(|amount| amount.known).collect()
}

impl Linear {
    /// As far as the macro can read its numbers.
    pub(crate) fn known(&self) -> spec::Linear {
        spec::Linear {
            inputs: self.inputs.known,
            outputs: self.outputs.known,
            weight_bits: self.weight_bits.known,
            weight_range: self.weight_range,
            weight_scale: self.weight_scale,
            max_nonzero: self.max_nonzero.as_ref().map(|amount| amount.known),
            max_l1: self.max_l1.as_ref().map(|amount| amount.known),
            acc_bits: self.acc_bits.known,
            bias: self.bias,
            tolerance: self.tolerance.as_ref().map(|steps| steps.known),
        }
    }
}

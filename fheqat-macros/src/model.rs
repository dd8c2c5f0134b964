//! The network with every option resolved and every wire found.

use fheqat_spec::{
    Add, Axes, Bias, Client, Constant, Conv, Dense, Does, Dropout, Filters, Known, Linear, MaxPool, Pad,
    Padding, Pool, Quantizer, Reshape, Scale, Shape, Sides, Slice, Source, Thermometer, Thresholds, Transfer,
    Transpose, Upsample, WeightRange, WeightScale, Window, closest, limits,
    numbers::{Convert, Numbers, Part, Readable, Value},
};
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{ext::IdentExt, spanned::Spanned};

use crate::{
    diag::{Ctxt, Message},
    local::projection,
    parse::{
        Ast,
        field::FieldAst,
        kind::{JOINT, Kind},
        layer::LayerType,
        number::Amount,
        option,
        value::{PaddingAst, Wire},
    },
};

/// Numbers as the user wrote them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Written;

impl Numbers for Written {
    type Of<T: Value> = Amount<T>;
}

/// A layer whose numbers are expressions.
pub(crate) type Layer = fheqat_spec::Layer<Written>;

struct AsRead;

impl Convert<Written, Readable> for AsRead {
    fn value<T: Value>(&self, number: &Amount<T>) -> Known<T> {
        number.known
    }
}

/// A description as far as the macro can read its numbers.
pub(crate) fn known<P: Part<Written>>(part: &P) -> P::With<Readable> {
    part.convert(&AsRead)
}

pub(crate) struct Model {
    pub(crate) name: String,
    pub(crate) input: Option<Shape<Written>>,
    pub(crate) max_bootstraps: Option<Amount<i64>>,
    pub(crate) tolerance: Option<Amount<f64>>,
    /// The options of the network that were meant, and could not be read.
    refused: Vec<String>,
    /// The tokens of those that were given.
    given: Vec<option::Given>,
    pub(crate) fields: Vec<Member>,
}

/// A member of the struct.
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) ident: Ident,
    /// The layer's type, as the user wrote it.
    pub(crate) ty: String,
    /// The layer, or [one of which nothing is known](fheqat_spec::Unknown) where it was refused.
    pub(crate) layer: Layer,
    pub(crate) from: Vec<Source>,
    pub(crate) blame: Tokens,
}

impl Member {
    /// The key of one of its options.
    pub(crate) fn option(&self, name: &str) -> Option<&TokenStream> {
        self.blame.given.iter().find(|given| given.name == name).map(|given| &given.key)
    }

    /// Its name, where its type stands.
    pub(crate) fn at_type(&self) -> Ident {
        at(&self.ident, &self.blame.ty)
    }
}

impl<T: PartialEq> PartialEq for Amount<T> {
    fn eq(&self, other: &Self) -> bool {
        self.known == other.known && self.text == other.text
    }
}

fn at(ident: &Ident, ty: &impl Spanned) -> Ident {
    let mut moved = ident.clone();
    moved.set_span(ident.span().located_at(ty.span()));
    moved
}

/// The user's tokens that an error may point at.
pub(crate) struct Tokens {
    /// The layer.
    pub(crate) ty: TokenStream,
    /// The names in `from`, where the user gave them.
    pub(crate) from: Vec<Ident>,
    /// Its options.
    given: Vec<option::Given>,
}

impl Model {
    pub(crate) fn resolve(ctxt: &Ctxt, ast: &Ast) -> Self {
        let options = &ast.options;
        check_widths(ctxt, ast);
        let names: Vec<_> = ast.fields.iter().map(|field| field.ident.unraw().to_string()).collect();
        let last = ast.fields.len().saturating_sub(1);
        let wires: Vec<_> =
            ast.fields.iter().enumerate().map(|(index, field)| sources(ctxt, field, index, &names)).collect();
        let normalized = only_read_by(ast, &wires, &[Kind::BatchNorm]);
        let is_constant = only_read_by(ast, &wires, &[Kind::Mul, Kind::ConstantAdd]);
        let mut members = Vec::new();
        for (index, (field, from)) in ast.fields.iter().zip(wires).enumerate() {
            let layer = field.layer.as_ref().and_then(|layer| {
                let scale = scale(ctxt, field, index, &names);
                // Constants count from zero, and leave no centre to hold a bias at.
                let bias = Bias::default_for(index == last || is_constant[index], normalized[index]);
                Given { ctxt, ast, field, layer, bias }.layer(scale)
            });
            members.push(Member {
                name: names[index].clone(),
                ident: field.ident.clone(),
                ty: field.layer.as_ref().map(LayerType::written).unwrap_or_default(),
                layer: layer.unwrap_or(Layer::Unknown),
                from,
                blame: Tokens {
                    ty: field.ty.to_token_stream(),
                    from: match &field.options.from {
                        Some(Wire::To(names)) => names.clone(),
                        _ => Vec::new(),
                    },
                    given: field.options.given.clone(),
                },
            });
        }
        Self {
            name: ast.item.ident.unraw().to_string(),
            input: options.input.as_deref().map(shape),
            max_bootstraps: options.max_bootstraps.clone(),
            tolerance: options.tolerance.clone(),
            refused: options.meant.clone(),
            given: options.given.clone(),
            fields: members,
        }
    }

    /// The value of an option of the network.
    pub(crate) fn option(&self, name: &str) -> Option<&TokenStream> {
        self.given.iter().find(|given| given.name == name).map(|given| &given.value)
    }

    /// Whether an option of the network was meant that could not be read.
    pub(crate) fn has_refused(&self, option: &str) -> bool {
        self.refused.iter().any(|meant| meant == option || meant.is_empty())
    }
}

fn shape(dims: &[Amount<i64>]) -> Shape<Written> {
    Shape::of(dims, &Amount::refused())
}

/// For each field whether layers of these kinds read it, and nothing else.
fn only_read_by(ast: &Ast, wires: &[Vec<Source>], kinds: &[Kind]) -> Vec<bool> {
    let (mut is_read, mut is_only) = (vec![false; wires.len()], vec![true; wires.len()]);
    for (reader, sources) in ast.fields.iter().zip(wires) {
        let is_of_kind = reader.layer.as_ref().is_some_and(|layer| kinds.contains(&layer.kind));
        for source in sources {
            if let Source::Field(index) = *source {
                is_read[index] = true;
                is_only[index] &= is_of_kind;
            }
        }
    }
    is_read.into_iter().zip(is_only).map(|(is_read, only)| is_read && only).collect()
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

/// What the user gave for one layer.
struct Given<'a> {
    ctxt: &'a Ctxt,
    ast: &'a Ast,
    field: &'a FieldAst,
    layer: &'a LayerType,
    /// How its bias trains where the user does not say.
    bias: Bias,
}

impl Given<'_> {
    /// `None` where the layer lacks an option that it needs.
    fn layer(&self, scale: Scale<Written>) -> Option<Layer> {
        let own = &self.field.options;
        let quantizer = |transfer| self.quantizer(transfer, scale);
        let is_of_client = own.client == Some(true);
        Some(match self.layer.kind {
            Kind::Identity if own.signed == Some(false) => quantizer(Transfer::Unsigned),
            Kind::Identity => quantizer(Transfer::Signed),
            Kind::ReLU => quantizer(Transfer::ReLU),
            Kind::Act => quantizer(Transfer::Function { signed: self.signed() }),
            Kind::Thermometer => Layer::Thermometer(Thermometer {
                bits: self.number(0),
                thresholds: own.thresholds.unwrap_or(Thresholds::ByShape),
            }),
            Kind::Linear => Layer::Linear(self.linear()),
            Kind::Add => Layer::Add(Add { acc_bits: self.acc_bits() }),
            Kind::Concat => Layer::Concat,
            Kind::Reshape => {
                let dims = self.required("shape", own.shape.as_deref(), "[4, 4]")?;
                let reshape = Reshape { shape: shape(dims) };
                if is_of_client { Layer::Client(Client::Reshape(reshape)) } else { Layer::Reshape(reshape) }
            }
            Kind::Transpose => {
                let axes = self.required("axes", own.axes.as_deref(), "[1, 0]")?;
                Layer::Transpose(Transpose { axes: Axes::of(axes, &Amount::refused()) })
            }
            Kind::Conv1d => self.conv(1),
            Kind::Conv2d => self.conv(2),
            Kind::AvgPool2d => {
                let window = Some(self.window(2, self.number(0), self.number(0)));
                Layer::Pool(Pool { window, acc_bits: self.acc_bits() })
            }
            Kind::GlobalAvgPool2d => Layer::Pool(Pool { window: None, acc_bits: self.acc_bits() }),
            Kind::MaxPool2d => {
                let window = self.window(2, self.number(0), self.number(0));
                Layer::MaxPool(MaxPool { window, acc_bits: self.acc_bits() })
            }
            Kind::Pad => self.pad()?,
            Kind::Slice => Layer::Slice(Slice {
                start: self.number(0),
                end: self.number(1),
                axis: own.axis.clone().unwrap_or_else(|| Amount::now(0)),
            }),
            Kind::Upsample => Layer::Upsample(Upsample { factor: self.number(0) }),
            Kind::Mul => self.constant(Does::Multiply),
            Kind::ConstantAdd => self.constant(Does::Add),
            Kind::Dropout => {
                let p = own.p.clone().unwrap_or_else(|| Amount::now(limits::DEFAULT_P));
                Layer::Dropout(Dropout { p })
            }
            Kind::Flatten if is_of_client => Layer::Client(Client::Flatten),
            Kind::Flatten => Layer::Flatten,
            Kind::BatchNorm if is_of_client => Layer::Client(Client::BatchNorm),
            Kind::BatchNorm => Layer::BatchNorm,
            Kind::FloatLinear => Layer::Client(Client::Linear(self.channels())),
            Kind::FloatConv1d => Layer::Client(Client::Conv(self.filters(1))),
            Kind::FloatConv2d => Layer::Client(Client::Conv(self.filters(2))),
            Kind::FloatReLU => Layer::Client(Client::ReLU),
        })
    }

    fn constant(&self, does: Does) -> Layer {
        let value = self.field.options.value.clone().unwrap_or_else(|| Amount::now(does.neutral()));
        Layer::Constant(Constant { does, value })
    }

    fn quantizer(&self, transfer: Transfer<Written>, scale: Scale<Written>) -> Layer {
        let (net, own) = (&self.ast.options, &self.field.options);
        Layer::Quantizer(Quantizer {
            transfer,
            bits: first([&own.bits, &net.act_bits, &net.bits]).unwrap_or_else(Amount::refused),
            scale,
            tolerance: self.tolerance(),
        })
    }

    fn linear(&self) -> Linear<Written> {
        let (net, own) = (&self.ast.options, &self.field.options);
        Linear {
            inputs: self.number(0),
            outputs: self.number(1),
            weight_bits: first([&own.weight_bits, &net.weight_bits, &net.bits])
                .unwrap_or_else(Amount::refused),
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
            acc_bits: self.acc_bits(),
            bias: own.bias.unwrap_or(self.bias),
            tolerance: self.tolerance(),
        }
    }

    fn conv(&self, axes: usize) -> Layer {
        Layer::Conv(Conv {
            filters: self.linear(),
            window: self.window(axes, self.number(2), Amount::now(1)),
            groups: self.groups(),
        })
    }

    fn channels(&self) -> Dense<Written> {
        Dense { inputs: self.number(0), outputs: self.number(1) }
    }

    fn filters(&self, axes: usize) -> Filters<Written> {
        Filters {
            channels: self.channels(),
            window: self.window(axes, self.number(2), Amount::now(1)),
            groups: self.groups(),
        }
    }

    fn groups(&self) -> Amount<i64> {
        self.field.options.groups.clone().unwrap_or_else(|| Amount::now(1))
    }

    fn window(&self, axes: usize, kernel: Amount<i64>, stride: Amount<i64>) -> Window<Written> {
        let own = &self.field.options;
        Window {
            axes,
            kernel,
            stride: own.stride.clone().unwrap_or(stride),
            dilation: own.dilation.clone().unwrap_or_else(|| Amount::now(1)),
            padding: self.padding(axes),
        }
    }

    /// Zeros around the axes of a window.
    fn padding(&self, axes: usize) -> Padding<Written> {
        let given = self.field.options.padding.as_ref();
        match given {
            Some(PaddingAst::Sides(sides)) if sides.len() != 2 * axes => {
                let kind = self.layer.kind.name();
                let (has, example) =
                    if axes == 1 { ("two", "(left, right)") } else { ("four", "(top, bottom, left, right)") };
                let message =
                    Message::new(format!("`{kind}` has {has} sides, but `padding` {}", sides.len()));
                self.refuse("padding", message.help(format!("write `padding = {example}`")));
                Padding::Equal(Amount::refused())
            }
            _ => given.map_or_else(|| Padding::Equal(Amount::now(0)), padding),
        }
    }

    /// Zeros around channels, where there is no window.
    fn pad(&self) -> Option<Layer> {
        let given = self.required("padding", self.field.options.padding.as_ref(), "1")?;
        if matches!(given, PaddingAst::Same) {
            let message =
                Message::new("`padding = same` keeps the length behind a window, and a `Pad` has none");
            self.refuse("padding", message.help("write how many zeros: `padding = 1`"));
            return None;
        }
        Some(Layer::Pad(Pad { padding: padding(given) }))
    }

    /// An error at the value of an option.
    fn refuse(&self, option: &str, message: Message) {
        let given = self.field.options.given.iter().find(|given| given.name == option);
        self.ctxt.error(given.map(|given| &given.value), message);
    }

    /// A number of its type.
    fn number(&self, index: usize) -> Amount<i64> {
        self.layer.numbers.get(index).cloned().unwrap_or_else(Amount::refused)
    }

    fn acc_bits(&self) -> Option<Amount<i64>> {
        first([&self.field.options.acc_bits, &self.ast.options.acc_bits, &None])
    }

    fn tolerance(&self) -> Option<Amount<f64>> {
        self.field.options.tolerance.clone()
    }

    /// Whether the function of a `QuantAct` is signed. Without `signed`, const evaluation asks the function itself.
    fn signed(&self) -> Amount<bool> {
        let (net, field) = (&self.ast.item.ident, self.field);
        if let Some(signed) = field.options.signed {
            return Amount::now(signed);
        }
        let ident = at(&field.ident, &field.ty);
        let place = field.ty.span();
        let projection = projection(net, &ident, place);
        let asked = quote_spanned!(place=> __fheqat::is_signed(#projection));
        Amount::later(quote!(__fheqat::spec::Known::Now(#asked)))
    }

    /// An option that its layer cannot do without; an error where it is not even tried.
    fn required<'v, V: ?Sized>(&self, option: &str, value: Option<&'v V>, example: &str) -> Option<&'v V> {
        let field = self.field;
        let is_meant = field.options.meant.iter().any(|meant| meant == option || meant.is_empty());
        if value.is_none() && !is_meant {
            let name = field.ident.unraw();
            let message = Message::new(format!("`{name}` does not say its `{option}`"));
            self.ctxt.error(&field.ty, message.help(format!("put `#[layer({option} = {example})]` on it")));
        }
        value
    }
}

fn padding(given: &PaddingAst) -> Padding<Written> {
    match given {
        PaddingAst::Equal(padding) => Padding::Equal(padding.clone()),
        PaddingAst::Sides(sides) => Padding::Sides(Sides::of(sides, &Amount::refused())),
        PaddingAst::Same => Padding::Same,
        PaddingAst::Refused => Padding::Equal(Amount::refused()),
    }
}

fn first(choices: [&Option<Amount<i64>>; 3]) -> Option<Amount<i64>> {
    choices.into_iter().flatten().next().cloned()
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
    let is_joint = field.layer.as_ref().is_some_and(|layer| JOINT.contains(&layer.kind));
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

fn scale(ctxt: &Ctxt, field: &FieldAst, index: usize, names: &[String]) -> Scale<Written> {
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

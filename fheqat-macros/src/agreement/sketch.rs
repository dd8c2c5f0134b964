//! Networks before they are written down, and a second reading of what they mean.

mod written;

pub(super) use self::written::tokens;
use fheqat_spec::{
    Add, Axes, Bias, Constant, Conv, Does, Dropout, Field, Issue, Known, Law, Layer, Linear, MaxPool, Net,
    Pad, Padding, Pool, Quantizer, Reshape, Scale, Shape, Sides, Slice, Source, Thermometer, Thresholds,
    Transfer, Transpose, Upsample, WeightRange, WeightScale, Window, judge_each,
    limits::{self, Limit, Refusal},
    rules::shape::Why,
};
use proc_macro2::TokenStream;
use proptest::{collection::vec, option::of, prelude::*};
use quote::{ToTokens, quote};

/// A network before it is written down.
#[derive(Clone, Debug)]
pub(super) struct Sketch {
    bits: i64,
    weight_bits: Option<i64>,
    act_bits: Option<i64>,
    max_nonzero: Option<i64>,
    max_l1: Option<i64>,
    acc_bits: Option<i64>,
    narrow_range: Option<bool>,
    per_channel: Option<bool>,
    max_bootstraps: Option<i64>,
    /// In tenths of a step.
    tolerance: Option<i64>,
    input: Option<Vec<i64>>,
    pub(super) layers: Vec<LayerSketch>,
}

#[derive(Clone, Debug)]
pub(super) struct LayerSketch {
    pub(super) kind: u8,
    inputs: i64,
    outputs: i64,
    kernel: i64,
    window: WindowSketch,
    bits: Option<i64>,
    /// How far back each operand is, where `from` is given.
    back: Vec<usize>,
    /// How far back the field is whose scale it has.
    scale_back: Option<usize>,
    axes: Vec<i64>,
    /// Of a quantizer, whether it is signed; of a layer with weights, whether each channel has a scale; where it says so.
    flag: Option<bool>,
    /// Whether its function is signed.
    function: bool,
    /// In tenths of a step.
    tolerance: Option<i64>,
}

impl LayerSketch {
    /// That of a `Slice`, where it says so.
    fn axis(&self) -> Option<i64> {
        self.flag.and(self.axes.first().copied())
    }

    /// That of a `Reshape`: often a column of the usual width.
    fn shape(&self) -> [i64; 2] {
        [self.inputs, if self.outputs == 8 { 1 } else { self.outputs }]
    }
}

#[derive(Clone, Copy, Debug)]
struct WindowSketch {
    stride: Option<i64>,
    dilation: Option<i64>,
    padding: PaddingSketch,
    groups: Option<i64>,
}

#[derive(Clone, Copy, Debug)]
enum PaddingSketch {
    None,
    Equal(i64),
    /// As many as the layer has.
    Sides([i64; 4]),
    Same,
}

impl PaddingSketch {
    fn tokens(self, axes: usize, spelling: Spelling) -> TokenStream {
        match self {
            Self::None => TokenStream::new(),
            Self::Equal(padding) => {
                let padding = spelling.number(padding);
                quote!(padding = #padding,)
            }
            Self::Sides(sides) => {
                let sides = sides[..2 * axes].iter().map(|&side| spelling.number(side));
                quote!(padding = (#(#sides),*),)
            }
            Self::Same => quote!(padding = same,),
        }
    }

    fn read(self, axes: usize, mut admit: impl FnMut(i64) -> Known<i64>) -> Padding {
        match self {
            Self::None => Padding::NONE,
            Self::Equal(padding) => Padding::Equal(admit(padding)),
            Self::Sides(sides) => {
                let sides: Vec<_> = sides[..2 * axes].iter().map(|&side| admit(side)).collect();
                Padding::Sides(Sides::new(&sides))
            }
            Self::Same => Padding::Same,
        }
    }
}

const IDENTITY: u8 = 0;
const RELU: u8 = 1;
const LINEAR: u8 = 2;
const ADD: u8 = 3;
const CONCAT: u8 = 4;
const RESHAPE: u8 = 5;
const TRANSPOSE: u8 = 6;
const CONV_1D: u8 = 7;
const CONV_2D: u8 = 8;
const POOL: u8 = 9;
const GLOBAL_POOL: u8 = 10;
const FLATTEN: u8 = 11;
const ACT: u8 = 12;
const NORM: u8 = 13;
const MAX_POOL: u8 = 14;
const DROPOUT: u8 = 15;
const THERMOMETER: u8 = 16;
const PAD: u8 = 17;
const UPSAMPLE: u8 = 18;
const MUL: u8 = 19;
const CONSTANT_ADD: u8 = 20;
const SLICE: u8 = 21;
pub(super) const KINDS: u8 = 22;

pub(super) fn sketches() -> impl Strategy<Value = Sketch> {
    let width = prop_oneof![30 => Just(8i64), 1 => Just(0), 1 => Just(40), 1 => Just(3000)];
    // Most layers are the sequential network's, so that some sketches are accepted.
    let kind = prop_oneof![6 => 0..=LINEAR, 3 => ADD..=TRANSPOSE, 4 => CONV_1D..=FLATTEN, 2 => ACT..=NORM, 1 => MAX_POOL..=THERMOMETER, 3 => PAD..KINDS];
    let bits = prop_oneof![3 => Just(None), 1 => of(0..10i64)];
    let back = prop_oneof![3 => Just(vec![]), 3 => (0..2usize).prop_map(|at| vec![at, at]), 1 => vec(0..3usize, 1..4)];
    let axes = prop_oneof![2 => Just(vec![0]), 2 => Just(vec![1, 0]), 1 => vec(0..3i64, 1..3)];
    let scale_back = prop_oneof![3 => Just(None), 1 => of(0..4usize)];
    let side = prop_oneof![8 => 1..4i64, 1 => Just(0), 1 => 4..12i64];
    let rarely = |range| prop_oneof![4 => Just(None), 1 => of(range)];
    let margin = || prop_oneof![12 => 0..3i64, 1 => 0..2000i64];
    let dilation = prop_oneof![12 => Just(None), 2 => of(1..3i64), 1 => of(0..5i64)];
    let padding = prop_oneof![
        8 => Just(PaddingSketch::None),
        2 => (0..4i64).prop_map(PaddingSketch::Equal),
        1 => [margin(), margin(), margin(), margin()].prop_map(PaddingSketch::Sides),
        1 => Just(PaddingSketch::Same),
    ];
    let window = (rarely(0..4i64), dilation, padding, rarely(0..6i64))
        .prop_map(|(stride, dilation, padding, groups)| WindowSketch { stride, dilation, padding, groups });
    let wires = (back, scale_back, axes);
    let tenths = || prop_oneof![12 => Just(None), 3 => of(0..40i64), 1 => of(-3..50i64)];
    let flags = (of(any::<bool>()), any::<bool>(), tenths());
    let layer = (kind, width.clone(), width.clone(), bits, wires, side, window, flags).prop_map(
        |(
            kind,
            inputs,
            outputs,
            bits,
            (mut back, scale_back, axes),
            kernel,
            window,
            (flag, function, tolerance),
        )| {
            let is_joint = kind == ADD || kind == CONCAT;
            if !is_joint && outputs == 8 {
                back.truncate(1);
            }
            let scale_back = scale_back.filter(|_| matches!(kind, IDENTITY | RELU | ACT));
            LayerSketch {
                kind,
                inputs,
                outputs,
                kernel,
                window,
                bits,
                back,
                scale_back,
                axes,
                flag,
                function,
                tolerance: tolerance.filter(|_| is_tolerant(kind)),
            }
        },
    );
    let input = prop_oneof![
        2 => width.clone().prop_map(|width| vec![width]),
        2 => (width.clone(), 0..20i64).prop_map(|(channels, length)| vec![channels, length]),
        4 => (width, 4..12i64, 4..12i64).prop_map(|(channels, height, width)| vec![channels, height, width]),
    ];
    let options = (2..9i64, of(1..9i64), of(1..9i64), of(0..50i64), of(1..99i64), of(2..27i64));
    let most = prop_oneof![6 => Just(None), 1 => of(0..9i64), 3 => of(0..600i64)];
    let flags = (of(any::<bool>()), of(any::<bool>()), most, tenths());
    (options, flags, of(input), vec(layer, 1..7)).prop_map(
        |(options, (narrow_range, per_channel, max_bootstraps, tolerance), input, mut layers)| {
            let (bits, weight_bits, act_bits, max_nonzero, max_l1, acc_bits) = options;
            layers[0].kind = match layers[0] {
                LayerSketch { outputs: 40, .. } => RELU,
                LayerSketch { function: true, flag: Some(_), .. } => THERMOMETER,
                _ => IDENTITY,
            };
            let is_tolerated = is_tolerant(layers[0].kind);
            layers[0].tolerance = layers[0].tolerance.filter(|_| is_tolerated);
            layers[0].scale_back = None;
            Sketch {
                bits,
                weight_bits,
                act_bits,
                max_nonzero,
                max_l1,
                acc_bits,
                narrow_range,
                per_channel,
                max_bootstraps,
                tolerance,
                input,
                layers,
            }
        },
    )
}

/// Whether a layer of that kind takes a tolerance.
fn is_tolerant(kind: u8) -> bool {
    matches!(kind, IDENTITY | RELU | ACT | LINEAR | CONV_1D | CONV_2D)
}

/// How numbers are written: what the macro can read, or what only const evaluation can.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    Literals,
    Constants,
}

/// Who reads them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadBy {
    Macro(Spelling),
    ConstEvaluation,
}

impl Spelling {
    fn number(self, value: i64) -> TokenStream {
        let literal = proc_macro2::Literal::i64_unsuffixed(value);
        match self {
            Self::Literals => literal.into_token_stream(),
            Self::Constants => quote!({ #literal }),
        }
    }

    fn tenths(self, value: i64) -> TokenStream {
        let literal = proc_macro2::Literal::f64_unsuffixed(value.abs() as f64 / 10.0);
        let literal = if value < 0 { quote!(-#literal) } else { literal.into_token_stream() };
        match self {
            Self::Literals => literal,
            Self::Constants => quote!({ #literal }),
        }
    }
}

impl ReadBy {
    /// What a law may use of it, and the issue if it breaks its own.
    fn admit(self, limit: Limit, value: i64, issues: &mut Vec<Refusal>) -> Known<i64> {
        if self == Self::Macro(Spelling::Constants) {
            return Known::Later;
        }
        let admitted = limit.admit(value.into());
        issues.extend(admitted.issue);
        admitted.number
    }

    fn admit_tenths(self, value: i64, issues: &mut Vec<Refusal>) -> Known<f64> {
        if self == Self::Macro(Spelling::Constants) {
            return Known::Later;
        }
        let admitted = limits::admit_tolerance(value as f64 / 10.0);
        issues.extend(admitted.issue);
        admitted.number
    }
}

fn source(index: usize, back: usize) -> Source {
    index.checked_sub(1 + back).map_or(Source::Input, Source::Field)
}

fn sources(index: usize, layer: &LayerSketch) -> Vec<Source> {
    let back: &[usize] = if layer.back.is_empty() { &[0] } else { &layer.back };
    back.iter().map(|&back| source(index, back)).collect()
}

fn owner(index: usize, layer: &LayerSketch) -> Option<usize> {
    index.checked_sub(1 + layer.scale_back?)
}

/// What a law says of the sketch.
pub(super) struct Expected {
    pub(super) field: usize,
    pub(super) law: Option<Law>,
    pub(super) message: String,
    /// Whether no number is needed to see it.
    pub(super) is_structural: bool,
}

/// The sketch as data.
pub(super) struct Drawn {
    pub(super) net: Net<'static>,
    /// The limits that numbers break.
    limits: Vec<Refusal>,
    is_refused: Vec<bool>,
}

/// A second reading of the sketch.
#[allow(clippy::too_many_lines)]
pub(super) fn drawn(sketch: &Sketch, reader: ReadBy) -> Drawn {
    let mut issues = Vec::new();
    let mut tenths = |value: Option<i64>| value.map(|value| reader.admit_tenths(value, &mut issues));
    let tolerance = tenths(sketch.tolerance);
    let tolerances: Vec<_> = sketch.layers.iter().map(|layer| tenths(layer.tolerance)).collect();
    let mut admit = |limit, value: Option<i64>| value.map(|value| reader.admit(limit, value, &mut issues));
    let bits = admit(limits::BITS, Some(sketch.bits));
    let weight_bits = admit(limits::WEIGHT_BITS, sketch.weight_bits).or(bits);
    let act_bits = admit(limits::ACT_BITS, sketch.act_bits).or(bits);
    let max_nonzero = admit(limits::MAX_NONZERO, sketch.max_nonzero);
    let max_l1 = admit(limits::MAX_L1, sketch.max_l1);
    let acc_bits = admit(limits::ACC_BITS, sketch.acc_bits);
    let max_bootstraps = admit(limits::MAX_BOOTSTRAPS, sketch.max_bootstraps);
    let input = sketch.input.as_ref().map(|dims| {
        let dims: Vec<_> =
            dims.iter().map(|dim| admit(limits::INPUT, Some(*dim)).unwrap_or(Known::Later)).collect();
        Shape::new(&dims)
    });

    let names: Vec<&'static str> =
        (0..sketch.layers.len()).map(|index| &*format!("f{index}").leak()).collect();
    let wires: Vec<&'static [Source]> =
        sketch.layers.iter().enumerate().map(|(index, layer)| &*sources(index, layer).leak()).collect();
    let mut is_refused = Vec::new();
    let mut fields = Vec::new();
    for (index, sketched) in sketch.layers.iter().enumerate() {
        let mut parameter = |limit, value| admit(limit, Some(value)).unwrap_or(Known::Later);
        let has_weights = matches!(sketched.kind, LINEAR | CONV_1D | CONV_2D);
        let has_kernel = matches!(sketched.kind, CONV_1D | CONV_2D | POOL | MAX_POOL);
        let inputs = if has_weights { parameter(limits::INPUTS, sketched.inputs) } else { Known::Later };
        let outputs = match sketched.kind {
            SLICE => parameter(limits::END, sketched.outputs),
            _ if has_weights => parameter(limits::OUTPUTS, sketched.outputs),
            _ => Known::Later,
        };
        let kernel = match sketched.kind {
            THERMOMETER => parameter(limits::THERMOMETER, sketched.kernel),
            UPSAMPLE => parameter(limits::FACTOR, sketched.kernel),
            SLICE => parameter(limits::START, sketched.kernel),
            _ if has_kernel => parameter(limits::KERNEL, sketched.kernel),
            _ => Known::Later,
        };
        let refused = reader == ReadBy::Macro(Spelling::Literals)
            && (has_weights && (inputs == Known::Later || outputs == Known::Later)
                || (has_kernel || matches!(sketched.kind, THERMOMETER | UPSAMPLE | SLICE))
                    && kernel == Known::Later
                || sketched.kind == SLICE && outputs == Known::Later);
        let axes = if sketched.kind == CONV_1D { 1 } else { 2 };
        let (stride, dilation, padding) = if has_kernel {
            let default = if matches!(sketched.kind, POOL | MAX_POOL) { kernel } else { Known::Now(1) };
            let mut side = |side| admit(limits::PADDING, Some(side)).unwrap_or(Known::Later);
            let padding = sketched.window.padding.read(axes, &mut side);
            (
                admit(limits::STRIDE, sketched.window.stride).unwrap_or(default),
                admit(limits::DILATION, sketched.window.dilation).unwrap_or(Known::Now(1)),
                padding,
            )
        } else {
            (Known::Later, Known::Later, Padding::NONE)
        };
        let window = Window { axes, kernel, stride, dilation, padding };
        let linear = Linear {
            inputs,
            outputs,
            weight_bits: if has_weights {
                admit(limits::WEIGHT_BITS, sketched.bits).or(weight_bits).unwrap_or(Known::Later)
            } else {
                Known::Later
            },
            weight_scale: match sketched.flag.or(sketch.per_channel) {
                Some(true) => WeightScale::PerChannel,
                _ => WeightScale::PerTensor,
            },
            weight_range: match sketch.narrow_range {
                Some(false) => WeightRange::Full,
                _ => WeightRange::Narrow,
            },
            max_nonzero,
            max_l1,
            acc_bits,
            bias: default_bias(sketch, index),
            tolerance: tolerances[index],
        };
        let groups = match sketched.kind {
            CONV_1D | CONV_2D => admit(limits::GROUPS, sketched.window.groups).unwrap_or(Known::Now(1)),
            _ => Known::Later,
        };
        let own = if sketched.kind == MAX_POOL { sketched.bits } else { None };
        let acc_bits_of_a_pool = admit(limits::ACC_BITS, own).or(acc_bits);
        let layer = match sketched.kind {
            _ if refused => Layer::Unknown,
            IDENTITY | RELU | ACT => Layer::Quantizer(Quantizer {
                transfer: match (sketched.kind, sketched.flag) {
                    (IDENTITY, Some(false)) => Transfer::Unsigned,
                    (IDENTITY, _) => Transfer::Signed,
                    (RELU, _) => Transfer::ReLU,
                    (_, Some(signed)) => Transfer::Function { signed: Known::Now(signed) },
                    (_, None) if reader == ReadBy::ConstEvaluation => {
                        Transfer::Function { signed: Known::Now(sketched.function) }
                    }
                    (_, None) => Transfer::Function { signed: Known::Later },
                },
                bits: admit(limits::QUANTIZER_BITS, sketched.bits).or(act_bits).unwrap_or(Known::Later),
                scale: owner(index, sketched)
                    .map_or(Scale::Learned, |owner| Scale::From(Source::Field(owner))),
                tolerance: tolerances[index],
            }),
            ADD => Layer::Add(Add { acc_bits: admit(limits::ACC_BITS, sketched.bits).or(acc_bits) }),
            CONCAT => Layer::Concat,
            RESHAPE => {
                let dims =
                    sketched.shape().map(|dim| admit(limits::SHAPE, Some(dim)).unwrap_or(Known::Later));
                Layer::Reshape(Reshape { shape: Shape::new(&dims) })
            }
            TRANSPOSE => {
                let axes = sketched.axes.iter();
                let axes: Vec<_> =
                    axes.map(|&axis| admit(limits::AXES, Some(axis)).unwrap_or(Known::Later)).collect();
                Layer::Transpose(Transpose { axes: Axes::new(&axes) })
            }
            LINEAR => Layer::Linear(linear),
            CONV_1D | CONV_2D => Layer::Conv(Conv { filters: linear, window, groups }),
            POOL => Layer::Pool(Pool { window: Some(window), acc_bits }),
            GLOBAL_POOL => Layer::Pool(Pool { window: None, acc_bits }),
            MAX_POOL => Layer::MaxPool(MaxPool { window, acc_bits: acc_bits_of_a_pool }),
            DROPOUT => Layer::Dropout(Dropout { p: Known::Now(limits::DEFAULT_P) }),
            FLATTEN => Layer::Flatten,
            MUL => Layer::Constant(Constant { does: Does::Multiply, value: Known::Now(1.0) }),
            CONSTANT_ADD => Layer::Constant(Constant { does: Does::Add, value: Known::Now(0.0) }),
            SLICE => Layer::Slice(Slice {
                start: kernel,
                end: outputs,
                axis: admit(limits::AXIS, sketched.axis()).unwrap_or(Known::Now(0)),
            }),
            UPSAMPLE => Layer::Upsample(Upsample { factor: kernel }),
            PAD => {
                let mut side = |side| admit(limits::PADDING, Some(side)).unwrap_or(Known::Later);
                let padding = match sketched.window.padding {
                    PaddingSketch::None | PaddingSketch::Same => PaddingSketch::Equal(1),
                    padding => padding,
                };
                Layer::Pad(Pad { padding: padding.read(2, &mut side) })
            }
            THERMOMETER => Layer::Thermometer(Thermometer {
                bits: kernel,
                thresholds: match sketched.flag {
                    None => Thresholds::ByShape,
                    Some(true) => Thresholds::Quantiles,
                    Some(false) => Thresholds::Uniform,
                },
            }),
            _ => Layer::BatchNorm,
        };
        is_refused.push(refused);
        fields.push(Field { name: names[index], layer, from: wires[index] });
    }
    let net = Net { name: "Net", input, max_bootstraps, tolerance, fields: fields.leak() };
    Drawn { net, limits: issues, is_refused }
}

/// The last layer, one that only normalisations read or only constants, and every other.
fn default_bias(sketch: &Sketch, index: usize) -> Bias {
    if index + 1 == sketch.layers.len() {
        return Bias::Free;
    }
    let later = sketch.layers.iter().enumerate().skip(index + 1);
    let readers = later.filter(|(at, layer)| sources(*at, layer).contains(&Source::Field(index)));
    let kinds: Vec<_> = readers.map(|(_, layer)| layer.kind).collect();
    let all = |of: &[u8]| !kinds.is_empty() && kinds.iter().all(|kind| of.contains(kind));
    match (all(&[NORM]), all(&[MUL, CONSTANT_ADD])) {
        (true, _) => Bias::None,
        (_, true) => Bias::Free,
        _ => Bias::Clipped,
    }
}

/// What the laws say of the sketch.
pub(super) fn expected(drawn: &Drawn) -> Vec<Expected> {
    let Drawn { net, limits, is_refused } = drawn;
    let limits = limits.iter().map(|refusal| Expected {
        field: 0,
        law: None,
        message: refusal.to_string(),
        is_structural: false,
    });
    let verdicts = judge_each(net);
    let laws =
        verdicts.iter().enumerate().filter(|(index, _)| !is_refused[*index]).flat_map(|(field, verdict)| {
            verdict.issues().map(move |issue| Expected {
                field,
                law: Some(issue.law()),
                message: issue.to_string(),
                is_structural: is_structural(issue),
            })
        });
    limits.chain(laws).collect()
}

fn is_structural(issue: &Issue<'_>) -> bool {
    match issue {
        Issue::Shape(misfit) => matches!(
            misfit.why,
            Why::NoInputShape { .. }
                | Why::Rank { .. }
                | Why::Axes { .. }
                | Why::AxisCount { .. }
                | Why::Differ { .. }
        ),
        other => !other.law().is_numeric(),
    }
}

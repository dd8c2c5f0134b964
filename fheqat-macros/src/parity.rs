//! The macro's verdict on a network is the verdict that const evaluation and the runtime reach on its `SPEC`.

use fheqat_spec::{
    Axes, Bias, Conv, Field, Issue, Known, Law, Layer, Linear, Net, Pool, Quantizer, Scale, Shape, Source,
    Transfer, Verdict, WeightRange, WeightScale, Window, judge,
    limits::{self, Limit},
};
use proc_macro2::TokenStream;
use proptest::{collection::vec, option::of, prelude::*, strategy::ValueTree, test_runner::TestRunner};
use quote::{ToTokens, format_ident, quote};

use crate::{checks, diag::Ctxt, model::Model, parse};

/// A network before it is written down.
#[derive(Clone, Debug)]
struct Sketch {
    bits: i64,
    weight_bits: Option<i64>,
    act_bits: Option<i64>,
    max_nonzero: Option<i64>,
    max_l1: Option<i64>,
    acc_bits: Option<i64>,
    narrow_range: Option<bool>,
    input: Option<Vec<i64>>,
    layers: Vec<LayerSketch>,
}

#[derive(Clone, Debug)]
struct LayerSketch {
    kind: u8,
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
}

impl LayerSketch {
    /// That of a `Reshape`: often a column of the usual width.
    fn shape(&self) -> [i64; 2] {
        [self.inputs, if self.outputs == 8 { 1 } else { self.outputs }]
    }
}

#[derive(Clone, Copy, Debug)]
struct WindowSketch {
    stride: Option<i64>,
    padding: Option<i64>,
    groups: Option<i64>,
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
const KINDS: u8 = 12;

fn sketches() -> impl Strategy<Value = Sketch> {
    let width = prop_oneof![30 => Just(8i64), 1 => Just(0), 1 => Just(40), 1 => Just(3000)];
    // Most layers are the sequential network's, so that some sketches are accepted.
    let kind = prop_oneof![3 => 0..=LINEAR, 2 => 0..KINDS, 2 => CONV_1D..=GLOBAL_POOL];
    let bits = prop_oneof![3 => Just(None), 1 => of(0..10i64)];
    let back = prop_oneof![3 => Just(vec![]), 3 => (0..2usize).prop_map(|at| vec![at, at]), 1 => vec(0..3usize, 1..4)];
    let axes = prop_oneof![2 => Just(vec![0]), 2 => Just(vec![1, 0]), 1 => vec(0..3i64, 1..3)];
    let scale_back = prop_oneof![3 => Just(None), 1 => of(0..4usize)];
    let side = prop_oneof![8 => 1..4i64, 1 => Just(0), 1 => 4..12i64];
    let rarely = |range| prop_oneof![4 => Just(None), 1 => of(range)];
    let window = (rarely(0..4i64), rarely(0..4i64), rarely(0..6i64))
        .prop_map(|(stride, padding, groups)| WindowSketch { stride, padding, groups });
    let wires = (back, scale_back, axes);
    let layer = (kind, width.clone(), width.clone(), bits, wires, side, window).prop_map(
        |(kind, inputs, outputs, bits, (mut back, scale_back, axes), kernel, window)| {
            let is_joint = kind == ADD || kind == CONCAT;
            if !is_joint && outputs == 8 {
                back.truncate(1);
            }
            let scale_back = scale_back.filter(|_| kind == IDENTITY || kind == RELU);
            LayerSketch { kind, inputs, outputs, kernel, window, bits, back, scale_back, axes }
        },
    );
    let input = prop_oneof![
        1 => width.clone().prop_map(|width| vec![width]),
        1 => (width.clone(), 0..20i64).prop_map(|(channels, length)| vec![channels, length]),
        4 => (width, 4..12i64, 4..12i64).prop_map(|(channels, height, width)| vec![channels, height, width]),
    ];
    let options = (1..10i64, of(1..9i64), of(1..9i64), of(0..50i64), of(1..99i64), of(2..18i64));
    (options, of(any::<bool>()), of(input), vec(layer, 1..7)).prop_map(
        |(options, narrow_range, input, mut layers)| {
            let (bits, weight_bits, act_bits, max_nonzero, max_l1, acc_bits) = options;
            layers[0].kind = if layers[0].outputs == 40 { RELU } else { IDENTITY };
            Sketch { bits, weight_bits, act_bits, max_nonzero, max_l1, acc_bits, narrow_range, input, layers }
        },
    )
}

/// How numbers are written: what the macro can read, or what only const evaluation can.
#[derive(Clone, Copy)]
enum Written {
    Literals,
    Constants,
}

impl Written {
    fn number(self, value: i64) -> TokenStream {
        let literal = proc_macro2::Literal::i64_unsuffixed(value);
        match self {
            Self::Literals => literal.into_token_stream(),
            Self::Constants => quote!({ #literal }),
        }
    }

    /// What a law may use of it, and the issue if it breaks its own.
    fn admit(self, limit: Limit, value: i64, issues: &mut Vec<Issue<'static>>) -> Known<i64> {
        match self {
            Self::Literals => {
                let admitted = limit.admit(value.into());
                issues.extend(admitted.issue);
                admitted.number
            }
            Self::Constants => Known::Later,
        }
    }
}

fn tokens(sketch: &Sketch, written: Written) -> (TokenStream, TokenStream) {
    let option = |name: &str, value: Option<i64>| {
        let name = format_ident!("{name}");
        value.map(|value| {
            let value = written.number(value);
            quote!(#name = #value,)
        })
    };
    let options = [
        option("bits", Some(sketch.bits)),
        option("weight_bits", sketch.weight_bits),
        option("act_bits", sketch.act_bits),
        option("max_nonzero", sketch.max_nonzero),
        option("max_l1", sketch.max_l1),
        option("acc_bits", sketch.acc_bits),
    ];
    let narrow_range = sketch.narrow_range.map(|flag| quote!(narrow_range = #flag,));
    let input = sketch.input.as_ref().map(|dims| {
        let dims = dims.iter().map(|dim| written.number(*dim));
        quote!(input = [#(#dims),*],)
    });
    let fields = sketch.layers.iter().enumerate().map(|(index, layer)| {
        let name = format_ident!("f{index}");
        let (inputs, outputs) = (written.number(layer.inputs), written.number(layer.outputs));
        let kernel = written.number(layer.kernel);
        let (ty, bits) = match layer.kind {
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
            _ => (quote!(Flatten), None),
        };
        let bits = bits.and_then(|name| option(name, layer.bits));
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
        let axes = layer.axes.iter().map(|&axis| written.number(axis));
        let WindowSketch { stride, padding, groups } = layer.window;
        let (stride, padding) = (option("stride", stride), option("padding", padding));
        let own = match layer.kind {
            RESHAPE => {
                let dims = layer.shape().map(|dim| written.number(dim));
                quote!(shape = [#(#dims),*],)
            }
            TRANSPOSE => quote!(axes = [#(#axes),*],),
            CONV_1D | CONV_2D => {
                let groups = option("groups", groups);
                quote!(#stride #padding #groups)
            }
            POOL => quote!(#stride #padding),
            _ => TokenStream::new(),
        };
        let options = quote!(#bits #own #from #scale);
        let attribute = (!options.is_empty()).then(|| quote!(#[layer(#options)]));
        quote!(#attribute #name: #ty,)
    });
    (quote!(#(#options)* #narrow_range #input), quote!(struct Net { #(#fields)* }))
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
struct Expected {
    law: Option<Law>,
    message: String,
    /// Whether no number is needed to see it.
    is_structural: bool,
}

/// What the laws say of the sketch, by a second reading of it.
#[allow(clippy::too_many_lines)]
fn expected(sketch: &Sketch, written: Written) -> Vec<Expected> {
    let mut issues = Vec::new();
    let mut admit = |limit, value: Option<i64>| value.map(|value| written.admit(limit, value, &mut issues));
    let bits = admit(limits::BITS, Some(sketch.bits));
    let weight_bits = admit(limits::WEIGHT_BITS, sketch.weight_bits).or(bits);
    let act_bits = admit(limits::ACT_BITS, sketch.act_bits).or(bits);
    let max_nonzero = admit(limits::MAX_NONZERO, sketch.max_nonzero);
    let max_l1 = admit(limits::MAX_L1, sketch.max_l1);
    let acc_bits = admit(limits::ACC_BITS, sketch.acc_bits).unwrap_or(Known::Now(16));
    let input = sketch.input.as_ref().map(|dims| {
        let dims: Vec<_> =
            dims.iter().map(|dim| admit(limits::INPUT, Some(*dim)).unwrap_or(Known::Later)).collect();
        Shape::new(&dims)
    });

    let names: Vec<_> = (0..sketch.layers.len()).map(|index| format!("f{index}")).collect();
    let wires: Vec<_> =
        sketch.layers.iter().enumerate().map(|(index, layer)| sources(index, layer)).collect();
    let mut is_refused = Vec::new();
    let mut fields = Vec::new();
    for (index, sketched) in sketch.layers.iter().enumerate() {
        let last = index + 1 == sketch.layers.len();
        let mut parameter = |limit, value| admit(limit, Some(value)).unwrap_or(Known::Later);
        let has_weights = matches!(sketched.kind, LINEAR | CONV_1D | CONV_2D);
        let has_kernel = matches!(sketched.kind, CONV_1D | CONV_2D | POOL);
        let inputs = if has_weights { parameter(limits::INPUTS, sketched.inputs) } else { Known::Later };
        let outputs = if has_weights { parameter(limits::OUTPUTS, sketched.outputs) } else { Known::Later };
        let kernel = if has_kernel { parameter(limits::KERNEL, sketched.kernel) } else { Known::Later };
        let refused = matches!(written, Written::Literals)
            && (has_weights && (inputs == Known::Later || outputs == Known::Later)
                || has_kernel && kernel == Known::Later);
        let (stride, padding) = if has_kernel {
            let default = if sketched.kind == POOL { kernel } else { Known::Now(1) };
            (
                admit(limits::STRIDE, sketched.window.stride).unwrap_or(default),
                admit(limits::PADDING, sketched.window.padding).unwrap_or(Known::Now(0)),
            )
        } else {
            (Known::Later, Known::Later)
        };
        let window = Window { axes: if sketched.kind == CONV_1D { 1 } else { 2 }, kernel, stride, padding };
        let linear = Linear {
            inputs: if refused { Known::Later } else { inputs },
            outputs,
            weight_bits: if has_weights {
                admit(limits::WEIGHT_BITS, sketched.bits).or(weight_bits).unwrap_or(Known::Later)
            } else {
                Known::Later
            },
            weight_scale: WeightScale::PerTensor,
            weight_range: match sketch.narrow_range {
                Some(false) => WeightRange::Full,
                _ => WeightRange::Narrow,
            },
            max_nonzero,
            max_l1,
            acc_bits,
            bias: Bias::default_for(last, false),
        };
        let groups = match sketched.kind {
            CONV_1D | CONV_2D => admit(limits::GROUPS, sketched.window.groups).unwrap_or(Known::Now(1)),
            _ => Known::Later,
        };
        let layer = match sketched.kind {
            _ if refused => Layer::Linear(linear),
            IDENTITY | RELU => Layer::Quantizer(Quantizer {
                transfer: if sketched.kind == IDENTITY { Transfer::Signed } else { Transfer::ReLU },
                bits: admit(limits::QUANTIZER_BITS, sketched.bits).or(act_bits).unwrap_or(Known::Later),
                scale: owner(index, sketched)
                    .map_or(Scale::Learned, |owner| Scale::From(Source::Field(owner))),
            }),
            ADD => Layer::Add { acc_bits: admit(limits::ACC_BITS, sketched.bits).unwrap_or(acc_bits) },
            CONCAT => Layer::Concat,
            RESHAPE => Layer::Reshape(Shape::new(
                &sketched.shape().map(|dim| admit(limits::SHAPE, Some(dim)).unwrap_or(Known::Later)),
            )),
            TRANSPOSE => {
                let axes = sketched.axes.iter();
                let axes: Vec<_> =
                    axes.map(|&axis| admit(limits::AXES, Some(axis)).unwrap_or(Known::Later)).collect();
                Layer::Transpose(Axes::new(&axes))
            }
            LINEAR => Layer::Linear(linear),
            CONV_1D | CONV_2D => Layer::Conv(Conv { filters: linear, window, groups }),
            POOL => Layer::Pool(Pool { window: Some(window), acc_bits }),
            GLOBAL_POOL => Layer::Pool(Pool { window: None, acc_bits }),
            _ => Layer::Flatten,
        };
        is_refused.push(refused);
        fields.push(Field { name: &names[index], layer, from: &wires[index] });
    }
    let net = Net { name: "Net", input, max_bootstraps: None, fields: &fields };
    let mut verdicts = Vec::new();
    for (index, refused) in is_refused.into_iter().enumerate() {
        verdicts.push(if refused { Verdict::UNKNOWN } else { judge(&net, &verdicts, index) });
    }
    let limits = issues.iter().map(|issue| (None, issue));
    let laws = verdicts.iter().flat_map(Verdict::issues).map(|(law, issue)| (Some(law), issue));
    limits
        .chain(laws)
        .map(|(law, issue)| Expected {
            law,
            message: issue.to_string(),
            is_structural: law.is_some_and(|law| !law.is_numeric())
                || matches!(
                    issue,
                    Issue::NoInputShape { .. }
                        | Issue::Rank { .. }
                        | Issue::AxisCount { .. }
                        | Issue::Shapes { .. }
                ),
        })
        .collect()
}

fn reported(sketch: &Sketch, written: Written) -> Vec<String> {
    let (args, item) = tokens(sketch, written);
    let ctxt = Ctxt::new();
    if let Some(ast) = parse::ast(&ctxt, args, &item) {
        let model = Model::resolve(&ctxt, &ast);
        checks::run(&ctxt, &model);
    }
    ctxt.check().err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_macro_says_what_the_laws_say(sketch in sketches()) {
        for written in [Written::Literals, Written::Constants] {
            let reported = reported(&sketch, written);
            let expected = expected(&sketch, written);
            for message in &reported {
                prop_assert!(expected.iter().any(|known| known.message == *message), "{message}");
            }
            // A wire that is refused may leave a field unread; that is not reported as a second defect.
            for Expected { law, message, .. } in &expected {
                prop_assert!(*law == Some(Law::Wiring) || reported.contains(message), "{message}");
            }
            prop_assert_eq!(reported.is_empty(), expected.is_empty());
            // Of numeric laws, only how many dimensions there are is known without numbers.
            if matches!(written, Written::Constants) {
                prop_assert!(expected.iter().all(|known| known.is_structural));
            }
        }
    }
}

#[test]
fn sketches_are_accepted_and_refused() {
    let mut runner = TestRunner::deterministic();
    let (mut accepted, mut refused, mut of_kind) = (0, 0, [0; KINDS as usize]);
    for _ in 0..6000 {
        let sketch = sketches().new_tree(&mut runner).map(|tree| tree.current());
        let Ok(sketch) = sketch else { continue };
        if reported(&sketch, Written::Literals).is_empty() {
            accepted += 1;
            sketch.layers.iter().for_each(|layer| of_kind[usize::from(layer.kind)] += 1);
        } else {
            refused += 1;
        }
    }
    assert!(accepted > 20 && refused > 20, "{accepted} accepted, {refused} refused");
    assert!(of_kind.iter().all(|&count| count > 0), "layers of accepted networks: {of_kind:?}");
}

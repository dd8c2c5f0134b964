//! The macro's verdict on a network is the verdict that const evaluation and the runtime reach on its `SPEC`.

use fheqat_spec::{
    Bias, Field, Issue, Known, Law, Layer, Linear, Net, Quantizer, Scale, Shape, Source, Transfer, Verdict,
    WeightRange, judge,
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
    input: Option<i64>,
    layers: Vec<LayerSketch>,
}

#[derive(Clone, Debug)]
struct LayerSketch {
    kind: u8,
    inputs: i64,
    outputs: i64,
    bits: Option<i64>,
    back: Option<usize>,
}

const IDENTITY: u8 = 0;
const RELU: u8 = 1;

fn sketches() -> impl Strategy<Value = Sketch> {
    let width = prop_oneof![8 => Just(8i64), 1 => Just(0), 1 => Just(40), 1 => Just(3000)];
    let layer = (0..3u8, width.clone(), width.clone(), of(0..10i64), of(0..3usize))
        .prop_map(|(kind, inputs, outputs, bits, back)| LayerSketch { kind, inputs, outputs, bits, back });
    let options = (1..10i64, of(1..9i64), of(1..9i64), of(0..50i64), of(1..99i64), of(2..18i64));
    (options, of(any::<bool>()), of(width), vec(layer, 1..7)).prop_map(
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
    let input = sketch.input.map(|width| {
        let width = written.number(width);
        quote!(input = [#width],)
    });
    let fields = sketch.layers.iter().enumerate().map(|(index, layer)| {
        let name = format_ident!("f{index}");
        let (inputs, outputs) = (written.number(layer.inputs), written.number(layer.outputs));
        let (ty, bits) = match layer.kind {
            IDENTITY => (quote!(QuantIdentity), "bits"),
            RELU => (quote!(QuantReLU), "bits"),
            _ => (quote!(QuantLinear<#inputs, #outputs>), "weight_bits"),
        };
        let bits = option(bits, layer.bits);
        let from = layer.back.map(|back| {
            let producer = match source(index, Some(back)) {
                Source::Field(field) => format_ident!("f{field}"),
                Source::Input | Source::Broken => format_ident!("input"),
            };
            quote!(from = #producer,)
        });
        let attribute = (bits.is_some() || from.is_some()).then(|| quote!(#[layer(#bits #from)]));
        quote!(#attribute #name: #ty,)
    });
    (quote!(#(#options)* #narrow_range #input), quote!(struct Net { #(#fields)* }))
}

fn source(index: usize, back: Option<usize>) -> Source {
    index.checked_sub(1 + back.unwrap_or(0)).map_or(Source::Input, Source::Field)
}

/// What the laws say of the sketch, by a second reading of it.
fn expected(sketch: &Sketch, written: Written) -> Vec<(Option<Law>, String)> {
    let mut issues = Vec::new();
    let mut admit = |limit, value: Option<i64>| value.map(|value| written.admit(limit, value, &mut issues));
    let bits = admit(limits::BITS, Some(sketch.bits));
    let weight_bits = admit(limits::WEIGHT_BITS, sketch.weight_bits).or(bits);
    let act_bits = admit(limits::ACT_BITS, sketch.act_bits).or(bits);
    let max_nonzero = admit(limits::MAX_NONZERO, sketch.max_nonzero);
    let max_l1 = admit(limits::MAX_L1, sketch.max_l1);
    let acc_bits = admit(limits::ACC_BITS, sketch.acc_bits).unwrap_or(Known::Now(16));
    let input = admit(limits::INPUT, sketch.input).map(Shape::flat);

    let names: Vec<_> = (0..sketch.layers.len()).map(|index| format!("f{index}")).collect();
    let wires: Vec<_> =
        sketch.layers.iter().enumerate().map(|(index, layer)| [source(index, layer.back)]).collect();
    let mut is_refused = Vec::new();
    let mut fields = Vec::new();
    for (index, sketched) in sketch.layers.iter().enumerate() {
        let last = index + 1 == sketch.layers.len();
        let mut refused = false;
        let layer = match sketched.kind {
            IDENTITY | RELU => Layer::Quantizer(Quantizer {
                transfer: if sketched.kind == IDENTITY { Transfer::Signed } else { Transfer::ReLU },
                bits: admit(limits::QUANTIZER_BITS, sketched.bits).or(act_bits).unwrap_or(Known::Later),
                scale: Scale::Learned,
            }),
            _ => {
                let inputs = admit(limits::INPUTS, Some(sketched.inputs)).unwrap_or(Known::Later);
                let outputs = admit(limits::OUTPUTS, Some(sketched.outputs)).unwrap_or(Known::Later);
                refused = matches!(written, Written::Literals)
                    && (inputs == Known::Later || outputs == Known::Later);
                Layer::Linear(Linear {
                    inputs: if refused { Known::Later } else { inputs },
                    outputs,
                    weight_bits: admit(limits::WEIGHT_BITS, sketched.bits)
                        .or(weight_bits)
                        .unwrap_or(Known::Later),
                    weight_range: match sketch.narrow_range {
                        Some(false) => WeightRange::Full,
                        _ => WeightRange::Narrow,
                    },
                    max_nonzero,
                    max_l1,
                    acc_bits,
                    bias: Bias::default_for(last),
                })
            }
        };
        is_refused.push(refused);
        fields.push(Field { name: &names[index], layer, from: &wires[index] });
    }
    let net = Net { name: "Net", input, fields: &fields };
    let mut verdicts = Vec::new();
    for (index, refused) in is_refused.into_iter().enumerate() {
        verdicts.push(if refused { Verdict::UNKNOWN } else { judge(&net, &verdicts, index) });
    }
    let limits = issues.iter().map(|issue| (None, issue.to_string()));
    let laws = verdicts.iter().flat_map(Verdict::issues).map(|(law, issue)| (Some(law), issue.to_string()));
    limits.chain(laws).collect()
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
                prop_assert!(expected.iter().any(|(_, known)| known == message), "{message}");
            }
            // A wire that is refused may leave a field unread; that is not reported as a second defect.
            for (law, message) in &expected {
                prop_assert!(*law == Some(Law::Wiring) || reported.contains(message), "{message}");
            }
            prop_assert_eq!(reported.is_empty(), expected.is_empty());
            if matches!(written, Written::Constants) {
                prop_assert!(expected.iter().all(|(law, _)| law.is_some_and(|law| !law.is_numeric())));
            }
        }
    }
}

#[test]
fn sketches_are_accepted_and_refused() {
    let mut runner = TestRunner::deterministic();
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..2000 {
        let sketch = sketches().new_tree(&mut runner).map(|tree| tree.current());
        let Ok(sketch) = sketch else { continue };
        if reported(&sketch, Written::Literals).is_empty() {
            accepted += 1;
        } else {
            refused += 1;
        }
    }
    assert!(accepted > 20 && refused > 20, "{accepted} accepted, {refused} refused");
}

//! What `#[quant_net]` accepts, and what comes out of it.
#![deny(warnings, clippy::pedantic, missing_docs, unused_qualifications)]

use fheqat::{
    prelude::*,
    spec::{
        Axes, Bias, Conv, Fact, Field, Form, Issue, Known, Law, Layer, Linear, Net, Padding, Pool, Quantizer,
        Range, Scale, Shape, Source, Thresholds, Transfer, WeightRange, WeightScale, Window, judge_all,
        rules::bootstraps,
    },
};

const fn quantizer(transfer: Transfer, bits: i64) -> Quantizer {
    Quantizer { transfer, bits: Known::Now(bits), scale: Scale::Learned, tolerance: None }
}

const fn linear(inputs: i64, outputs: i64, weight_bits: i64) -> Linear {
    Linear {
        inputs: Known::Now(inputs),
        outputs: Known::Now(outputs),
        weight_bits: Known::Now(weight_bits),
        weight_range: WeightRange::Narrow,
        weight_scale: WeightScale::PerTensor,
        max_nonzero: None,
        max_l1: None,
        acc_bits: None,
        bias: Bias::Clipped,
        tolerance: None,
    }
}

/// The guide's network.
#[quant_net(bits = 3, max_nonzero = 30)]
#[derive(Clone, Debug)]
pub struct Checkerboard {
    /// Reads the input.
    pub quant_inp: QuantIdentity,
    /// The first layer.
    pub fc1: QuantLinear<2, 100>,
    relu1: QuantReLU,
    fc2: QuantLinear<100, 100>,
    relu2: QuantReLU,
    pub(crate) fc3: QuantLinear<100, 2>,
}

#[test]
fn the_spec_is_what_was_written() {
    let pruned = |inputs, outputs, bias| {
        Layer::Linear(Linear { max_nonzero: Some(Known::Now(30)), bias, ..linear(inputs, outputs, 3) })
    };
    let relu = Layer::Quantizer(quantizer(Transfer::ReLU, 3));
    let fields = [
        Field {
            name: "quant_inp",
            layer: Layer::Quantizer(quantizer(Transfer::Signed, 3)),
            from: &[Source::Input],
        },
        Field { name: "fc1", layer: pruned(2, 100, Bias::Clipped), from: &[Source::Field(0)] },
        Field { name: "relu1", layer: relu, from: &[Source::Field(1)] },
        Field { name: "fc2", layer: pruned(100, 100, Bias::Clipped), from: &[Source::Field(2)] },
        Field { name: "relu2", layer: relu, from: &[Source::Field(3)] },
        Field { name: "fc3", layer: pruned(100, 2, Bias::Free), from: &[Source::Field(4)] },
    ];
    assert_eq!(
        Checkerboard::SPEC,
        Net { name: "Checkerboard", input: None, max_bootstraps: None, tolerance: None, fields: &fields }
    );
}

#[test]
fn a_network_is_made_and_visited_in_the_order_of_its_fields() {
    let mut net = Checkerboard::new(Seed(0));
    assert_eq!(net.layers().len(), 6);
    assert_eq!(net.layers_mut().len(), 6);
    assert_eq!(net.fc1.weights().dim(), (100, 2));
    assert_eq!(net.fc3.weights().dim(), (2, 100));
}

#[quant_net(
    weight_bits = 4,
    act_bits = 5,
    max_nonzero = 7,
    max_l1 = 40,
    acc_bits = 14,
    narrow_range = false,
    input = [8],
)]
struct Overridden {
    #[layer(bits = 2, signed = false, scale = 0.25)]
    quant_inp: QuantIdentity,
    #[layer(weight_bits = 2, narrow_range = true, max_nonzero = 3)]
    #[layer(max_l1 = 9, acc_bits = 12, bias = none)]
    fc1: QuantLinear<8, 6>,
    #[layer(bits = 1)]
    relu1: QuantReLU,
    #[layer(bias = centred)]
    fc2: QuantLinear<6, 4>,
}

#[test]
fn a_layers_option_goes_before_the_networks() {
    let fields = Overridden::SPEC.fields;
    assert_eq!(Overridden::SPEC.input, Some(Shape::flat(Known::Now(8))));
    assert_eq!(
        fields[0].layer,
        Layer::Quantizer(Quantizer {
            scale: Scale::Fixed(Known::Now(0.25)),
            ..quantizer(Transfer::Unsigned, 2)
        })
    );
    assert_eq!(
        fields[1].layer,
        Layer::Linear(Linear {
            max_nonzero: Some(Known::Now(3)),
            max_l1: Some(Known::Now(9)),
            acc_bits: Some(Known::Now(12)),
            bias: Bias::None,
            ..linear(8, 6, 2)
        })
    );
    assert_eq!(fields[2].layer, Layer::Quantizer(quantizer(Transfer::ReLU, 1)));
    assert_eq!(
        fields[3].layer,
        Layer::Linear(Linear {
            weight_range: WeightRange::Full,
            weight_scale: WeightScale::PerTensor,
            max_nonzero: Some(Known::Now(7)),
            max_l1: Some(Known::Now(40)),
            acc_bits: Some(Known::Now(14)),
            bias: Bias::Centred,
            ..linear(6, 4, 4)
        })
    );
}

#[quant_net(bits = 3, max_l1 = 12, input = [4, WIDTH, WIDTH])]
struct Image {
    quant_inp: QuantIdentity,
    #[layer(stride = 2, padding = { WIDTH - 7 }, groups = 2, max_l1 = 9)]
    conv: QuantConv2d<4, 6, 3>,
    relu: QuantReLU,
    #[layer(padding = 1, acc_bits = 9)]
    pool: AvgPool2d<{ WIDTH / 4 }>,
    quant_pool: QuantIdentity,
    flatten: Flatten,
}

#[test]
fn windows_are_what_was_written() {
    let window = |kernel, stride, padding| Window {
        axes: 2,
        kernel: Known::Now(kernel),
        stride: Known::Now(stride),
        dilation: Known::Now(1),
        padding: Padding::Equal(Known::Now(padding)),
    };
    let filters = Linear { max_l1: Some(Known::Now(9)), ..linear(4, 6, 3) };
    let fields = Image::SPEC.fields;
    assert_eq!(
        fields[1].layer,
        Layer::Conv(Conv { filters, window: window(3, 2, 1), groups: Known::Now(2) })
    );
    assert_eq!(
        fields[3].layer,
        Layer::Pool(Pool { window: Some(window(2, 2, 1)), acc_bits: Some(Known::Now(9)) })
    );
    assert_eq!(fields[5].layer, Layer::Flatten);
    let net = Image::new(Seed(0));
    assert_eq!(net.conv.weights().dim(), (6, 18));
    assert_eq!(net.layers().len(), 6);
}

/// Of a sign that only the function itself can tell.
struct Cosine;

impl Activation for Cosine {
    const SIGNED: bool = true;

    fn apply(x: f32) -> f32 {
        x.cos()
    }
}

const fn function(signed: bool, bits: i64) -> Layer {
    Layer::Quantizer(quantizer(Transfer::Function { signed: Known::Now(signed) }, bits))
}

#[quant_net(bits = 3, max_nonzero = 4)]
struct Functions {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<4, 4>,
    act1: QuantAct<Cosine>,
    fc2: QuantLinear<4, 4>,
    #[layer(bits = 2)]
    act2: QuantAct<Sigmoid>,
    fc3: QuantLinear<4, 4>,
    #[layer(signed = false, scale_from = act2)]
    act3: QuantAct<Gelu>,
    fc4: QuantLinear<4, 4>,
    #[layer(signed)]
    act4: QuantAct<Sigmoid>,
}

#[test]
fn a_function_says_its_sign_unless_the_user_does() {
    let fields = Functions::SPEC.fields;
    assert_eq!([fields[2].layer, fields[4].layer], [function(true, 3), function(false, 2)]);
    let Layer::Quantizer(third) = fields[6].layer else { panic!("a function is a quantizer") };
    assert_eq!(third.levels(), Known::Now(Range::unsigned(3)));
    assert_eq!(third.scale, Scale::From(Source::Field(4)));
    assert_eq!(fields[8].layer, function(true, 3));
    let verdicts: [_; 9] = judge_all(&Functions::SPEC);
    assert_eq!(verdicts[3].fact.range, Known::Now(Range::new(-48, 48)));
    assert!(Functions::new(Seed(0)).act1.step().is_none());
}

#[quant_net(bits = 3, max_nonzero = 4, input = [2, 6, 6], per_channel, max_bootstraps = { 128 + WIDTH })]
struct Normalized {
    quant_inp: QuantIdentity,
    conv1: QuantConv2d<2, 8, 3>,
    norm1: BatchNorm,
    act1: QuantReLU,
    flatten: Flatten,
    #[layer(per_channel = false, bias = centred)]
    fc2: QuantLinear<128, 8>,
    norm2: BatchNorm,
    relu2: QuantReLU,
    fc3: QuantLinear<8, 2>,
    norm3: BatchNorm,
}

#[test]
fn a_normalisation_takes_the_place_of_a_bias_nobody_asked_for() {
    let fields = Normalized::SPEC.fields;
    let pruned =
        |bias, weight_scale, layer| Linear { max_nonzero: Some(Known::Now(4)), bias, weight_scale, ..layer };
    let Layer::Conv(conv1) = fields[1].layer else { panic!("a convolution") };
    assert_eq!(conv1.filters, pruned(Bias::None, WeightScale::PerChannel, linear(2, 8, 3)));
    assert_eq!(fields[2].layer, Layer::BatchNorm);
    assert_eq!(
        fields[5].layer,
        Layer::Linear(pruned(Bias::Centred, WeightScale::PerTensor, linear(128, 8, 3)))
    );
    assert_eq!(fields[8].layer, Layer::Linear(pruned(Bias::None, WeightScale::PerChannel, linear(8, 2, 3))));
    let verdicts: [_; 10] = judge_all(&Normalized::SPEC);
    assert_eq!(verdicts[2].fact, Fact { form: Known::Now(Form::Raw), ..verdicts[1].fact });
    assert_eq!(Normalized::new(Seed(0)).norm1.gamma().len(), 8);
}

#[test]
fn the_most_bootstraps_are_those_of_every_number_that_is_quantized_encrypted() {
    assert_eq!(Normalized::SPEC.max_bootstraps, Some(Known::Now(136)));
    let verdicts: [_; 10] = judge_all(&Normalized::SPEC);
    let each = verdicts.iter().enumerate();
    let counts: Vec<_> = each
        .filter_map(|(index, verdict)| bootstraps(&Normalized::SPEC, index, &verdict.fact).get())
        .collect();
    assert_eq!(counts, [0, 0, 0, 128, 0, 0, 0, 8, 0, 0]);
    let one_less = Net { max_bootstraps: Some(Known::Now(135)), ..Normalized::SPEC };
    let verdicts: [_; 10] = judge_all(&one_less);
    let refused: Vec<_> = verdicts.iter().flat_map(|verdict| verdict.issues().map(Issue::law)).collect();
    assert_eq!(refused, [Law::Bootstraps]);
}

const WIDTH: usize = 8;
const STEP: f32 = 0.5;

mod numbers {
    pub(crate) const BITS: u8 = 3;
    pub(crate) const NONZERO: i128 = 30;
}

#[quant_net(bits = 3, max_nonzero = 30, max_l1 = 40, input = [8])]
struct Literals {
    #[layer(scale = 0.5)]
    quant_inp: QuantIdentity,
    fc1: QuantLinear<8, 16>,
    #[layer(bits = 4)]
    relu1: QuantReLU,
    fc2: QuantLinear<16, 2>,
}

#[quant_net(bits = numbers::BITS, max_nonzero = numbers::NONZERO, max_l1 = { 5 * WIDTH }, input = [WIDTH])]
struct Constants {
    #[layer(scale = STEP)]
    quant_inp: QuantIdentity,
    fc1: QuantLinear<WIDTH, { 2 * WIDTH }>,
    #[layer(bits = { numbers::BITS + 1 })]
    relu1: QuantReLU,
    fc2: QuantLinear<{ WIDTH * 2 }, 2>,
}

#[test]
fn literals_constants_and_blocks_mean_the_same() {
    assert_eq!(Literals::SPEC.input, Constants::SPEC.input);
    assert_eq!(Literals::SPEC.fields, Constants::SPEC.fields);
}

#[allow(unreachable_pub)]
mod outer {
    //! Nothing is imported here.

    pub mod inner {
        //! Nor here.

        #[fheqat::quant_net(bits = super::super::numbers::BITS)]
        pub struct Nested {
            pub(super) quant_inp: fheqat::prelude::QuantIdentity,
            pub(in crate::outer) fc: fheqat::nn::layers::QuantLinear<{ super::super::WIDTH }, 2>,
        }
    }

    pub(crate) fn width(net: &inner::Nested) -> usize {
        let _ = &net.quant_inp;
        net.fc.weights().ncols()
    }
}

#[test]
fn modules_and_visibility_do_not_matter() {
    assert_eq!(outer::width(&outer::inner::Nested::new(Seed(0))), 8);
}

#[test]
fn a_network_may_live_in_a_function() {
    const HIDDEN: usize = 5;

    #[quant_net(bits = 2)]
    struct Local {
        r#type: QuantIdentity,
        fc: QuantLinear<3, HIDDEN>,
    }

    assert_eq!(Local::SPEC.fields[0].name, "type");
    assert_eq!(Local::new(Seed(0)).fc.weights().dim(), (5, 3));
    assert!(Local::new(Seed(0)).r#type.step().is_none());
}

mod elsewhere {
    pub(crate) use ::fheqat as renamed;
}

#[test]
fn fheqat_may_be_renamed() {
    #[quant_net(bits = 2, crate = crate::elsewhere::renamed)]
    struct Renamed {
        quant_inp: QuantIdentity,
        fc: QuantLinear<3, 2>,
    }

    assert_eq!(Renamed::new(Seed(0)).layers().len(), 2);
}

#[test]
fn a_layer_may_read_any_earlier_field() {
    #[quant_net(bits = 2)]
    struct Wired {
        #[layer(from = input)]
        quant_inp: QuantIdentity,
        #[layer(from = quant_inp)]
        fc1: QuantLinear<3, 4>,
        relu1: QuantReLU,
        fc2: QuantLinear<4, 2>,
    }

    let wires: Vec<_> = Wired::SPEC.fields.iter().map(|field| field.from).collect();
    let expected: [&[Source]; 4] =
        [&[Source::Input], &[Source::Field(0)], &[Source::Field(1)], &[Source::Field(2)]];
    assert_eq!(wires, expected);
}

#[test]
fn a_network_may_branch() {
    #[quant_net(bits = 3, input = [WIDTH])]
    struct Branched {
        quant_inp: QuantIdentity,
        #[layer(shape = [2, { WIDTH / 2 }])]
        grid: Reshape,
        #[layer(axes = [1, 0])]
        turned: Transpose,
        #[layer(shape = [8])]
        flat: Reshape,
        fc1: QuantLinear<8, WIDTH>,
        #[layer(bits = 2, scale_from = quant_inp)]
        relu1: QuantReLU,
        #[layer(from = [relu1, flat, quant_inp], acc_bits = 5)]
        add: Add,
        #[layer(scale_from = relu1)]
        quant2: QuantIdentity,
        #[layer(from = [quant2, relu1, relu1])]
        cat: Concat,
    }

    let fields = Branched::SPEC.fields;
    assert_eq!(
        fields[2].layer,
        Layer::Transpose(fheqat::spec::Transpose { axes: Axes::new(&[Known::Now(1), Known::Now(0)]) })
    );
    assert_eq!(fields[6].layer, Layer::Add(fheqat::spec::Add { acc_bits: Some(Known::Now(5)) }));
    assert_eq!(fields[6].from, [Source::Field(5), Source::Field(3), Source::Field(0)]);
    let verdicts: [_; 9] = judge_all(&Branched::SPEC);
    let dims: Vec<Vec<_>> = verdicts
        .iter()
        .filter_map(|verdict| verdict.fact.shape.get())
        .map(|shape| shape.dims().iter().filter_map(|dim| dim.get()).collect())
        .collect();
    assert_eq!(dims, [&[8][..], &[2, 4], &[4, 2], &[8], &[8], &[8], &[8], &[8], &[24]]);
    assert_eq!(verdicts[6].fact.range, Known::Now(Range::new(-8, 9)));
    assert_eq!(verdicts[6].fact.form, Known::Now(Form::Raw));
    let Fact { range, form, .. } = verdicts[8].fact;
    assert_eq!((range, form), (Known::Now(Range::new(-4, 3)), Known::Now(Form::Quantized { scale: 0 })));
    assert_eq!(Branched::new(Seed(0)).layers().len(), 9);
}

macro_rules! network {
    ($name:ident, $bits:expr, $inputs:expr, $outputs:literal, $layer:ty) => {
        #[quant_net(bits = $bits)]
        struct $name {
            quant_inp: $layer,
            fc: QuantLinear<{ $inputs }, $outputs>,
        }
    };
}

network!(FromMacro, 3, 4, 2, QuantIdentity);

#[test]
fn a_macro_may_write_a_network() {
    assert_eq!(FromMacro::SPEC.fields[1].layer, {
        Layer::Linear(Linear { bias: Bias::Free, ..linear(4, 2, 3) })
    });
}

#[derive(Clone)]
#[quant_net(bits = 3)]
struct DerivedFirst {
    #[layer(bits = 4)]
    quant_inp: QuantIdentity,
    fc: QuantLinear<4, 2>,
}

#[test]
fn the_order_of_attributes_does_not_matter() {
    let net = DerivedFirst::new(Seed(0)).clone();
    assert_eq!(net.layers().len(), 2);
}

#[test]
fn the_guides_check_value_fits() {
    #[quant_net(weight_bits = 3, act_bits = 2, acc_bits = 8)]
    struct Fourteen {
        #[layer(signed = false)]
        quant_inp: QuantIdentity,
        fc: QuantLinear<14, 1>,
    }

    let [_, fc] = judge_all(&Fourteen::SPEC);
    let operand = Range::unsigned(2);
    assert_eq!(fheqat::spec::range::dot(operand, operand, 14, None).bits(), 7);
    assert_eq!(fheqat::spec::range::dot(operand, operand, 15, None).bits(), 8);
    assert_eq!(fc.fact.range, Known::Now(Range::new(-126, 126)));
}

#[test]
fn thirty_weights_of_three_bits_need_eleven() {
    #[quant_net(bits = 3, max_nonzero = 30, acc_bits = 11)]
    struct Eleven {
        quant_inp: QuantIdentity,
        fc1: QuantLinear<2, 100>,
        relu1: QuantReLU,
        fc2: QuantLinear<100, 100>,
    }

    let verdicts: [_; 4] = judge_all(&Eleven::SPEC);
    assert_eq!(verdicts[3].fact.range, Known::Now(Range::new(-630, 630)));
}

#[allow(non_upper_case_globals, dead_code)]
mod taken {
    use fheqat::prelude::*;

    // Names that an expansion might use, as constants and types.
    const init: u8 = 0;
    const net: u8 = 0;
    const spec: u8 = 0;
    struct Vec;
    struct Option;
    struct Some;
    mod std {}
    mod core {}
    const WIDTH: usize = 2;

    #[quant_net(bits = 3)]
    pub(crate) struct Network {
        pub(crate) init: QuantIdentity,
        net: QuantLinear<WIDTH, 3>,
    }
}

#[test]
fn no_name_of_the_users_is_in_the_way() {
    let net = taken::Network::new(Seed(0));
    assert!(net.init.step().is_none());
}

const LITTLE: f32 = 0.125;

#[quant_net(bits = 3, tolerance = 0.25, input = [1, 6, 6])]
struct Tolerant {
    quant_inp: QuantIdentity,
    conv1: QuantConv2d<1, 2, 3>,
    norm1: BatchNorm,
    #[layer(tolerance = LITTLE)]
    relu1: QuantReLU,
    pool: AvgPool2d<2>,
    quant_pool: QuantIdentity,
    flatten: Flatten,
    #[layer(tolerance = 0)]
    fc: QuantLinear<8, 3>,
    norm: BatchNorm,
}

#[test]
fn a_tolerance_counts_where_sums_are_read() {
    let steps = |net: &Net<'_>| -> Vec<f64> {
        (0..net.fields.len()).map(|index| net.tolerance_of(index).get().unwrap()).collect()
    };
    let expected = [0.0, 0.0, 0.0, 0.125, 0.0, 0.25, 0.0, 0.0, 0.0];
    assert_eq!(steps(&Tolerant::SPEC), expected);
    let exact = Net { tolerance: None, ..Tolerant::SPEC };
    assert_eq!(steps(&exact), [0.0, 0.0, 0.0, 0.125, 0.0, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!(steps(&Checkerboard::SPEC), [0.0; 6]);
    let open = Net { tolerance: Some(Known::Now(2.0)), ..Checkerboard::SPEC };
    assert_eq!(steps(&open), [0.0, 0.0, 2.0, 0.0, 2.0, 2.0]);
}

const BITS: usize = 3;

/// Bits of each feature, beside its levels; numbers by constants.
#[quant_net(bits = 3)]
struct Encoded {
    bits: Thermometer<BITS>,
    #[layer(from = input, thresholds = uniform)]
    more: Thermometer<2>,
    #[layer(from = [bits, more])]
    both: Concat,
    #[layer(from = bits)]
    fc1: QuantLinear<12, 4>,
    #[layer(scale_from = bits)]
    relu1: QuantReLU,
    #[layer(from = [both, relu1])]
    cat: Concat,
    fc2: QuantLinear<24, 2>,
}

/// Channels of bits, one after the other.
#[quant_net(bits = 3, input = [2, 8, 8])]
struct EncodedImage {
    #[layer(thresholds = quantiles)]
    bits: Thermometer<BITS>,
    #[layer(groups = 2)]
    conv: QuantConv2d<6, 4, 3>,
}

#[test]
fn bits_of_the_input_tell_how_wide_it_is() {
    let thermometer = |bits, thresholds| {
        Layer::Thermometer(fheqat::spec::Thermometer { bits: Known::Now(bits), thresholds })
    };
    assert_eq!(Encoded::SPEC.fields[0].layer, thermometer(3, Thresholds::ByShape));
    assert_eq!(Encoded::SPEC.fields[1].layer, thermometer(2, Thresholds::Uniform));
    assert_eq!(Encoded::SPEC.input_shape(), Known::Now(Shape::flat(Known::Now(4))));
    let verdicts = judge_all::<7>(&Encoded::SPEC);
    assert!(verdicts.iter().all(|verdict| verdict.issues().next().is_none()));
    let facts = verdicts.map(|verdict| verdict.fact);
    assert_eq!(facts[0].shape, Known::Now(Shape::flat(Known::Now(12))));
    assert_eq!(facts[1].shape, Known::Now(Shape::flat(Known::Now(8))));
    for fact in &facts[..3] {
        assert_eq!(
            (fact.range, fact.form),
            (Known::Now(Range::new(0, 1)), Known::Now(Form::Quantized { scale: 0 }))
        );
    }
    assert_eq!(EncodedImage::SPEC.fields[0].layer, thermometer(3, Thresholds::Quantiles));
    let [bits, conv] = judge_all::<2>(&EncodedImage::SPEC).map(|verdict| verdict.fact.shape);
    let image = |dims: [i64; 3]| Known::Now(Shape::new(&dims.map(Known::Now)));
    assert_eq!((bits, conv), (image([6, 8, 8]), image([4, 6, 6])));
    assert_eq!(Encoded::new(Seed(0)).layers().len(), 7);
    assert_eq!(EncodedImage::new(Seed(0)).layers().len(), 2);
}

//! Circuits from outside with numbers that nobody trained: refused before anything is computed with them.

use fheqat_spec::{Range, Transfer};

#[cfg(feature = "fhe")]
use crate::compile::CompileOptions;
use crate::{
    Seed,
    circuit::{
        Circuit, DeclaredLayer, Graph,
        ir::{Jump, Tolerance, Wire},
        verify::LARGEST,
    },
    data::Feature,
    fixture::drawn::{Draw, PLAIN},
    quant::{
        ChannelCode, ClientLayer, Code, Encoder, Quantizer, Standardization, ThermometerCode, Transform,
        Whitening, client::ClientDense,
    },
};

/// Two inputs, two neurons of two quantizers, one output.
fn circuit() -> Circuit {
    let mut draw = Draw::new(&[2], Seed(1));
    let levels = draw.input(Transfer::Unsigned, 2);
    let first = draw.linear(levels, 1, PLAIN);
    draw.fill(first, |_, column| [1, -2][column]);
    let levels = draw.quantizer_of(first, Transfer::ReLU, 2, 1.0);
    let second = draw.linear(levels, 1, PLAIN);
    draw.fill(second, |_, _| 3);
    let levels = draw.quantizer_of(second, Transfer::ReLU, 2, 1.0);
    draw.linear(levels, 1, PLAIN);
    draw.finish().lowered()
}

/// What both doors say of a circuit.
fn reason(circuit: &Circuit) -> String {
    let error = Circuit::from_bytes(&circuit.to_bytes()).unwrap_err().to_string();
    let reason = error.strip_prefix("the circuit is malformed (").unwrap();
    let reason = reason.strip_suffix("): make it again").unwrap();
    #[cfg(feature = "fhe")]
    {
        let error = circuit.compile(&CompileOptions::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the circuit is malformed ({reason}): lower the network again")
        );
    }
    reason.to_owned()
}

fn refused(change: impl Fn(&mut Circuit)) -> String {
    let mut circuit = circuit();
    change(&mut circuit);
    reason(&circuit)
}

fn graph(change: impl Fn(&mut Graph)) -> String {
    refused(|circuit| change(&mut circuit.graph))
}

const SIZE: &str = "but numbers of a circuit are at most 281474976710656 from zero";

#[test]
fn an_honest_circuit_is_read() {
    let circuit = circuit();
    assert_eq!(Circuit::from_bytes(&circuit.to_bytes()).unwrap(), circuit);
}

#[test]
fn ranges_have_an_order_and_a_size() {
    let full = Range { lo: i64::MIN, hi: i64::MAX };
    let reversed = Range { lo: 3, hi: -3 };
    let size = |part: &str| format!("{part}: its range ends at {}, {SIZE}", i64::MIN);
    assert_eq!(graph(|graph| graph.inputs[1] = full), size("input 1"));
    assert_eq!(graph(|graph| graph.layers[1].bound = full), size("layer 1"));
    assert_eq!(graph(|graph| graph.accumulators[1].range = full), size("accumulator 1"));
    assert_eq!(graph(|graph| graph.outputs[0].range = full), size("output 0"));
    let order = "its range runs from 3 down to -3";
    assert_eq!(graph(|graph| graph.inputs[1] = reversed), format!("input 1: {order}"));
    assert_eq!(graph(|graph| graph.layers[1].bound = reversed), format!("layer 1: {order}"));
    assert_eq!(graph(|graph| graph.accumulators[1].range = reversed), format!("accumulator 1: {order}"));
    assert_eq!(graph(|graph| graph.outputs[0].range = reversed), format!("output 0: {order}"));
}

#[test]
fn weights_and_their_sums_have_a_size() {
    for weight in [i64::MIN, i64::MAX, LARGEST + 1] {
        let weigh = |graph: &mut Graph| graph.accumulators[0].terms[0].weight = weight;
        assert_eq!(graph(weigh), format!("accumulator 0: a weight is {weight}, {SIZE}"));
        let weigh = |graph: &mut Graph| graph.outputs[0].terms[0].weight = weight;
        assert_eq!(graph(weigh), format!("output 0: a weight is {weight}, {SIZE}"));
    }
    // Its product alone is too large, and that of an input that is always zero is not.
    let weigh = |graph: &mut Graph| graph.accumulators[0].terms[0].weight = LARGEST;
    assert_eq!(
        graph(weigh),
        format!("accumulator 0: its terms may add up to {}, {SIZE}", 3 * i128::from(LARGEST) + 2 * 3)
    );
    // Each product is small enough, and the sum is not.
    let weigh = |graph: &mut Graph| {
        graph.accumulators[0].terms.iter_mut().for_each(|term| term.weight = LARGEST / 4);
    };
    assert_eq!(
        graph(weigh),
        format!("accumulator 0: its terms may add up to {}, {SIZE}", 6 * i128::from(LARGEST / 4))
    );
}

#[test]
fn tables_have_a_size_at_every_jump() {
    let base = |graph: &mut Graph| graph.accumulators[0].tables[0].base = i64::MAX;
    assert_eq!(graph(base), format!("accumulator 0: a table starts at {}, {SIZE}", i64::MAX));
    let at = |graph: &mut Graph| graph.accumulators[0].tables[0].jumps[0].at = i64::MIN;
    assert_eq!(graph(at), format!("accumulator 0: a table jumps at {}, {SIZE}", i64::MIN));
    let rise = |graph: &mut Graph| {
        let table = &mut graph.accumulators[0].tables[0];
        (table.base, table.jumps) = (1, vec![Jump { at: 1, rise: i64::MAX }]);
    };
    assert_eq!(graph(rise), format!("accumulator 0: a table gives {}, {SIZE}", 1_i128 << 63));
    // Up and down again, so that the last level is small.
    let peak = |graph: &mut Graph| {
        let rises = [LARGEST, LARGEST, -LARGEST, -LARGEST];
        let jumps = (1..).zip(rises).map(|(at, rise)| Jump { at, rise });
        graph.accumulators[0].tables[0].jumps = jumps.collect();
    };
    assert_eq!(graph(peak), format!("accumulator 0: a table gives {}, {SIZE}", 2 * LARGEST));
}

#[test]
fn constants_have_a_size() {
    let constant = |graph: &mut Graph| graph.outputs[0].constant = i64::MIN;
    assert_eq!(graph(constant), format!("output 0: its constant is {}, {SIZE}", i64::MIN));
}

#[test]
fn tolerances_are_standard_deviations() {
    for deviation in [f64::NAN, f64::INFINITY, -1.0] {
        let off = |graph: &mut Graph| graph.accumulators[0].tolerance = Tolerance(deviation);
        let message = format!("it may be off by {deviation}, which is no standard deviation");
        assert_eq!(graph(off), format!("accumulator 0: {message}"));
        let off = |graph: &mut Graph| graph.outputs[0].tolerance = Tolerance(deviation);
        assert_eq!(graph(off), format!("output 0: {message}"));
    }
}

#[test]
fn only_what_comes_before_is_read() {
    for (wire, shown) in [
        (Wire::Input(usize::MAX), format!("x{}", usize::MAX)),
        (Wire::Table { accumulator: 1, table: 0 }, "t1.0".to_owned()),
        (Wire::Table { accumulator: 0, table: 1 }, "t0.1".to_owned()),
    ] {
        assert_eq!(
            graph(|graph| graph.accumulators[1].terms[0].wire = wire),
            format!("accumulator 1: it reads {shown}, which the circuit does not have before it")
        );
    }
    let layer = |graph: &mut Graph| graph.accumulators[0].layer = usize::MAX;
    assert_eq!(
        graph(layer),
        format!("accumulator 0: it belongs to layer {}, which the circuit does not have", usize::MAX)
    );
}

#[test]
fn the_ends_are_those_of_the_graph() {
    let described = format!("its codec reads {} features and describes 2", usize::MAX);
    assert_eq!(refused(|circuit| circuit.codec.features = usize::MAX), described);
    let encoder = circuit().codec.encoders[0].clone();
    let twice = |circuit: &mut Circuit| circuit.codec.encoders = vec![encoder.clone(); 2];
    assert_eq!(refused(twice), "its codec gives 4 levels and its graph takes 2");
    let rounding = |change: &dyn Fn(&mut Quantizer)| {
        refused(|circuit| match &mut circuit.codec.encoders[0].code {
            Code::Round(quantizer) => change(quantizer),
            Code::Thermometer(_) => panic!("the circuit has a quantizer"),
        })
    };
    let range =
        |levels: &str| format!("its codec gives levels in {levels} where input 0 of its graph takes 0..=3");
    for (levels, shown) in [
        (Range::new(0, 100), "0..=100"),
        (Range::new(0, 4), "0..=4"),
        (Range::new(-1, 3), "-1..=3"),
        (Range::new(0, 1 << 22), "0..=4194304"),
    ] {
        assert_eq!(rounding(&|quantizer| quantizer.levels = levels), range(shown));
    }
    let encoder = "encoder 0 of its codec does not fit 2 features";
    let full = Range { lo: i64::MIN, hi: i64::MAX };
    for levels in [Range { lo: 3, hi: 0 }, full, Range::new(0, (1 << 22) + 1)] {
        assert!(rounding(&|quantizer| quantizer.levels = levels).starts_with(encoder));
    }
    for step in [0.0, -0.0, -1.0, f32::NAN, f32::INFINITY] {
        assert!(rounding(&|quantizer| quantizer.step = step).starts_with(encoder), "{step}");
    }
    let outputs = "its codec does not decode 1 outputs";
    for number in [f32::NAN, f32::INFINITY] {
        assert!(refused(|circuit| circuit.codec.scale[0] = number).starts_with(outputs));
        assert!(refused(|circuit| circuit.codec.bias[0] = number).starts_with(outputs));
    }
    assert!(refused(|circuit| circuit.codec.scale.push(1.0)).starts_with(outputs));
    assert!(refused(|circuit| circuit.codec.bias.clear()).starts_with(outputs));
    // The second of two encoders, and inputs of their own ranges.
    let mixed = |circuit: &mut Circuit| {
        let mut wide = encoder_of(circuit).clone();
        wide.code = Code::Round(Quantizer { step: 1.0, levels: Range::new(0, 7) });
        circuit.codec.encoders.push(wide);
        circuit.graph.inputs.extend([Range::new(0, 3); 2]);
    };
    let shown = "its codec gives levels in 0..=7 where input 2 of its graph takes 0..=3";
    assert_eq!(refused(mixed), shown);
}

fn encoder_of(circuit: &Circuit) -> &Encoder {
    &circuit.codec.encoders[0]
}

#[test]
fn jumps_rise_and_are_not_zero() {
    let jumps = |jumps: &[(i64, i64)]| {
        let jumps: Vec<Jump> = jumps.iter().map(|&(at, rise)| Jump { at, rise }).collect();
        graph(|graph| graph.accumulators[0].tables[0].jumps.clone_from(&jumps))
    };
    for wrong in [&[(2, 1), (1, 1)][..], &[(1, 1), (1, 1)], &[(1, 0)]] {
        assert_eq!(jumps(wrong), "accumulator 0: the jumps of a table are not in order");
    }
}

#[test]
fn bits_are_those_of_a_thermometer() {
    let mut draw = Draw::new(&[2], Seed(1));
    let bits = draw.thermometer(2);
    draw.linear(bits, 1, PLAIN);
    let circuit = draw.finish().circuit();
    assert!(Circuit::from_bytes(&circuit.to_bytes()).is_ok());
    let refused = |channels: Vec<ChannelCode>, bits, positions, features| {
        let mut changed = circuit.clone();
        changed.codec.encoders[0].code =
            Code::Thermometer(ThermometerCode::unchecked(bits, positions, channels));
        changed.codec.features = features;
        changed.codec.described = Feature::numbered(features.min(100)).to_vec();
        Circuit::from_bytes(&changed.to_bytes()).is_err() && !reason(&changed).is_empty()
    };
    let quantity =
        |thresholds: &[f32]| ChannelCode::Quantity { thresholds: thresholds.to_vec(), missing: false };
    let category = |bit| ChannelCode::Category { bits: vec![Some(bit)], others: None, missing: false };
    assert!(!refused(vec![quantity(&[0.0, 1.0]), category(1)], 2, 1, 2));
    for channel in [
        quantity(&[1.0, 0.0]),
        quantity(&[0.0]),
        quantity(&[0.0, f32::NAN]),
        quantity(&[0.0, f32::INFINITY]),
        category(2),
        category(u16::MAX),
        ChannelCode::Category { bits: vec![], others: Some(2), missing: false },
        ChannelCode::Quantity { thresholds: vec![0.0, 1.0], missing: true },
    ] {
        assert!(refused(vec![quantity(&[0.0, 1.0]), channel.clone()], 2, 1, 2), "{channel:?}");
    }
    let both = || vec![quantity(&[0.0, 1.0]); 2];
    assert!(refused(both(), usize::MAX, 1, 2) && refused(both(), 0, 1, 2));
    assert!(refused(both(), 2, 0, 2) && refused(both(), 2, usize::MAX, 2) && refused(both(), 2, 2, 2));
    assert!(refused(both(), 2, 1, usize::MAX) && refused(both(), 2, 2, 4) && refused(vec![], 2, 1, 0));
}

#[test]
fn maps_of_features_are_those_of_as_many() {
    let whitened = || Whitening::of(&ndarray::array![[0.0, 1.0], [1.0, 0.5], [2.0, 4.0]].view(), 0.25);
    let changed = |transform: Transform| {
        let mut circuit = circuit();
        circuit.codec.encoders[0].transform = transform;
        Circuit::from_bytes(&circuit.to_bytes()).is_ok()
    };
    assert!(changed(Transform::Whiten(whitened())));
    let wide = Whitening::of(&ndarray::Array2::zeros((2, 3)).view(), 0.0);
    assert!(!changed(Transform::Whiten(wide)));
    assert!(!changed(Transform::Whiten(Whitening::of(&ndarray::array![[0.0, 1.0]].view(), f32::NAN))));
    let standardization = Standardization::of(&ndarray::Array2::zeros((2, 3)).view());
    assert!(!changed(Transform::Standardize(standardization)));
}

/// What each layer of the client refuses is tested beside it.
#[test]
fn layers_of_the_client_fit_one_another_and_the_graph() {
    let dense = |inputs: usize, outputs: usize| {
        ClientLayer::Dense(ClientDense { weights: vec![0.5; inputs * outputs], bias: vec![0.0; outputs] })
    };
    let width = circuit().codec.features;
    let accepted = |layers: Vec<ClientLayer>| {
        let mut circuit = circuit();
        circuit.codec.encoders[0].layers = layers;
        Circuit::from_bytes(&circuit.to_bytes()).is_ok()
    };
    assert!(accepted(vec![dense(width, 3), ClientLayer::Rectify, dense(3, width)]));
    assert!(!accepted(vec![dense(width, 3), dense(4, width)]));
    assert!(!accepted(vec![dense(width + 1, width)]));
    assert!(!accepted(vec![dense(width, width + 1)]));
    let mut infinite = dense(width, width);
    if let ClientLayer::Dense(dense) = &mut infinite {
        dense.weights[0] = f32::INFINITY;
    }
    assert!(!accepted(vec![infinite]));
}

#[test]
fn declared_layers_have_numbers_of_layers() {
    let refused = |change: &dyn Fn(&mut DeclaredLayer)| {
        refused(|circuit| change(circuit.fields.iter_mut().find(|field| field.name == "field1").unwrap()))
    };
    let changes: [&dyn Fn(&mut DeclaredLayer); 8] = [
        &|field| field.weight_bits = Some(0),
        &|field| field.weight_bits = Some(65),
        &|field| field.level_bits = Some(i64::MAX),
        &|field| field.row_sum = Some(i64::MIN),
        &|field| field.shape = vec![i64::MAX],
        &|field| field.range = Some(Range { lo: 1, hi: 0 }),
        &|field| field.range = Some(Range { lo: i64::MIN, hi: 0 }),
        &|field| field.tolerance = f64::NAN,
    ];
    for change in changes {
        assert_eq!(refused(change), "a number of `field1` is beyond what a layer may have");
    }
}

/// Weights and parts of what a table reads at the ends of what is allowed.
#[test]
fn maxima_of_vast_weights_are_no_overflow() {
    let text = "\
input x0..=x1, range 0..=1
layer 0 \"l\" reads \"a\", bound -281474976710656..=281474976710656
accumulator 0 = 1099511627776 x0 - 1099511627776 x1, range -1099511627776..=1099511627776, layer 0
  t0.0 = 0 [+1 at 1099511627776]
output 0 = 1099511627776 x1 + 1099511627776 t0.0, range 0..=2199023255552
";
    assert_eq!(text.parse::<Graph>().unwrap().outputs[0].range, Range::new(0, 1 << 41));
}

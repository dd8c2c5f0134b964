//! Circuits without parameters.

use fheqat::{
    circuit::ir::Wire,
    data,
    params::{
        Bytes,
        search::Infeasible,
        workload::{GraphError, Workload},
    },
    prelude::*,
    spec::Range,
    train::PtqConfig,
};

#[quant_net(bits = 2)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 2>,
}

#[quant_net(bits = 2)]
struct Deep {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 2>,
    relu1: QuantReLU,
    fc2: QuantLinear<2, 2>,
}

#[quant_net(bits = 6)]
struct Wide {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<16, 4>,
    relu1: QuantReLU,
    fc2: QuantLinear<4, 2>,
}

#[quant_net(bits = 8)]
struct Many {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<516, 2>,
}

/// `CompileError::Infeasible`
#[test]
fn compile_error_infeasible() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let mut deep = Deep::new(Seed(0));
    deep.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let deep = deep.circuit().unwrap();
    // Shown:
    let options = CompileOptions::default().max_server_key(Bytes(100));
    let error = deep.compile(&options).unwrap_err();
    assert!(matches!(error, CompileError::Infeasible { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the smallest server key that works takes 38.4 MB, and `max_server_key` is 100 B: raise it, lower `max_l1` or `bits`, or ask for a larger `p_fail`; any one of these changes is enough: `max_l1 = 1` on the whole network (its largest row sums to 2)"
    );

    deep.compile(&CompileOptions::default().max_server_key(Bytes(250_000_000))).unwrap();
}

/// `CompileError::Malformed`
#[test]
fn compile_error_malformed() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let mut circuit = net.circuit().unwrap();
    // Shown:
    circuit.graph.outputs[0].range = Range::new(0, 0); // its sums can be more
    let error = circuit.compile(&CompileOptions::default()).unwrap_err();
    assert!(matches!(error, CompileError::Malformed { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the circuit is malformed (output 0: a sum can be -4..=2, but its range says 0..=0): lower the network again"
    );

    let circuit = net.circuit().unwrap();
    circuit.compile(&CompileOptions::default()).unwrap();
}

/// `CompileError::Graph`
#[test]
fn compile_error_graph() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let mut circuit = net.circuit().unwrap();
    // Shown:
    circuit.graph.outputs[0].range = Range::new(-(1 << 30), 1 << 30);
    let error = circuit.compile(&CompileOptions::default()).unwrap_err();
    assert!(matches!(error, CompileError::Graph { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the circuit has no encrypted form: output 0 needs the range Range { lo: -1073741824, hi: 1073741824 }, which no torus of 64 bits holds: lower `max_l1` or `bits`"
    );

    let circuit = net.circuit().unwrap();
    circuit.compile(&CompileOptions::default()).unwrap();
}

/// `CompileError::Parameters`
#[test]
fn compile_error_parameters() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let circuit = net.circuit().unwrap();
    let mut deep = Deep::new(Seed(0));
    deep.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let deep = deep.circuit().unwrap();
    // Shown:
    let flat = circuit.compile(&CompileOptions::default()).unwrap(); // no rotations
    let options = CompileOptions::default().parameters(*flat.client().parameters());
    let error = deep.compile(&options).unwrap_err();
    assert!(matches!(error, CompileError::Parameters { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the circuit cannot run under the `parameters` that were asked for: their keys have no bootstrap key, and this circuit bootstraps; take those of a client half or of evaluation keys, or compile without, and have clients make new keys"
    );

    deep.compile(&CompileOptions::default()).unwrap();
}

/// `CompileError::Probability`
#[test]
fn compile_error_probability() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let circuit = net.circuit().unwrap();
    // Shown:
    let error = circuit.compile(&CompileOptions::default().p_fail(Log2Probability(-300.0))).unwrap_err();
    assert!(matches!(error, CompileError::Probability { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "`p_fail` is 2^-300.0, but must be from 2^-256 to 2^-1: ask for a probability such as 2^-128"
    );

    circuit.compile(&CompileOptions::default().p_fail(Log2Probability(-128.0))).unwrap();
}

/// `Infeasible::Noise`
#[test]
fn infeasible_noise() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let mut deep = Deep::new(Seed(0));
    deep.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let deep = deep.circuit().unwrap();
    let rows: Vec<Vec<f32>> =
        (0..40).map(|row| (0..16).map(|column| ((row * 7 + column * 5) % 11) as f32).collect()).collect();
    let data = Dataset::classes_from_rows(rows, (0..40).map(|row| row % 2).collect(), 2).unwrap();
    let mut wide = Wide::new(Seed(0));
    wide.quantize(&data, &PtqConfig::default()).unwrap();
    let wide = wide.circuit().unwrap();
    // Shown:
    let exact = CompileOptions::default().p_fail(Log2Probability(-256.0));
    let error = wide.compile(&exact).unwrap_err(); // sums of 16 weights and levels of 6 bits
    let CompileError::Infeasible { reason: error, .. } = error else { unreachable!() };
    assert!(matches!(error, Infeasible::Noise { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "no parameters keep `relu1` exact: it has 21534 slots, so its margin is 2^-15.46, and the least noise any parameters leave is 2^-16.41, which fails with probability 2^-4.2 where 2^-258.6 is allowed: lower `max_l1` or `bits` of the layer, or ask for a larger `p_fail`"
    );

    deep.compile(&exact).unwrap(); // of 2 weights and levels of 2 bits
}

/// `Infeasible::Tolerance`
#[test]
fn infeasible_tolerance() {
    #[quant_net(bits = 6, tolerance = 0.001)]
    struct Wide {
        quant_inp: QuantIdentity,
        fc1: QuantLinear<16, 4>,
        relu1: QuantReLU,
        fc2: QuantLinear<4, 2>,
    }
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let mut deep = Deep::new(Seed(0));
    deep.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let deep = deep.circuit().unwrap();
    let rows: Vec<Vec<f32>> =
        (0..40).map(|row| (0..16).map(|column| ((row * 7 + column * 5) % 11) as f32).collect()).collect();
    let data = Dataset::classes_from_rows(rows, (0..40).map(|row| row % 2).collect(), 2).unwrap();
    let mut wide = Wide::new(Seed(0));
    wide.quantize(&data, &PtqConfig::default()).unwrap();
    let wide = wide.circuit().unwrap();
    // Shown:
    let error = wide.compile(&CompileOptions::default()).unwrap_err(); // it declares `tolerance = 0.001`
    let CompileError::Infeasible { reason: error, .. } = error else { unreachable!() };
    assert!(matches!(error, Infeasible::Tolerance { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "no parameters keep the noise of `relu1` within its tolerance: of its 21535 slots a standard deviation of 2^-19.16 is allowed, and the least that any parameters leave is 2^-16.41 turns: raise `tolerance`, or lower `max_l1` or `bits` of the layer"
    );

    deep.compile(&CompileOptions::default()).unwrap(); // it is exact, and has fewer slots
}

/// `Infeasible::Packing`
#[test]
fn infeasible_packing() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let rows = [vec![1.0; 516], vec![-1.0; 516]];
    let data = Dataset::classes_from_rows(rows, vec![0, 1], 2).unwrap();
    let mut many = Many::new(Seed(0));
    many.quantize(&data, &PtqConfig::default()).unwrap();
    let many = many.circuit().unwrap();
    // Shown:
    let packed = CompileOptions::default().results(Results::Packed);
    let error = many.compile(&packed).unwrap_err(); // sums of 516 levels of 8 bits
    let CompileError::Infeasible { reason: error, .. } = error else { unreachable!() };
    assert!(matches!(error, Infeasible::Packing { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "results cannot be packed: of its 8753386 slots output 0 is allowed a standard deviation of 2^-27.78, its own noise included, and packing adds 2^-22.99 at least: compile with `Results::Rounded`, lower `max_l1` or `bits` of the last layer, or ask for a larger `p_fail`"
    );

    many.compile(&CompileOptions::default().results(Results::Rounded)).unwrap();
}

/// `Infeasible::ServerKey`
#[test]
fn infeasible_server_key() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let mut deep = Deep::new(Seed(0));
    deep.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let deep = deep.circuit().unwrap();
    // Shown:
    let options = CompileOptions::default().max_server_key(Bytes(1000));
    let error = deep.compile(&options).unwrap_err();
    let CompileError::Infeasible { reason: error, .. } = error else { unreachable!() };
    assert!(matches!(error, Infeasible::ServerKey { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the smallest server key that works takes 38.4 MB, and `max_server_key` is 1000 B: raise it, lower `max_l1` or `bits`, or ask for a larger `p_fail`"
    );

    deep.compile(&CompileOptions::default()).unwrap();
}

/// `GraphError::Unknown`
#[test]
fn graph_error_unknown() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let mut circuit = net.circuit().unwrap();
    // Shown:
    circuit.graph.outputs[0].terms[0].wire = Wire::Input(7); // it has two inputs
    let error = Workload::of(&circuit.graph, Log2Probability(-40.0)).unwrap_err();
    assert!(matches!(error, GraphError::Unknown { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "output 0 reads Input(7), which does not come before it: lower the network again"
    );

    let circuit = net.circuit().unwrap();
    Workload::of(&circuit.graph, Log2Probability(-40.0)).unwrap();
}

/// `GraphError::Number`
#[test]
fn graph_error_number() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let mut circuit = net.circuit().unwrap();
    // Shown:
    circuit.graph.outputs[0].terms[0].weight = 1 << 41;
    circuit.graph.outputs[0].range = Range::new(-(1 << 43), 1 << 43);
    let error = circuit.compile(&CompileOptions::default()).unwrap_err();
    let CompileError::Graph(error) = error else { unreachable!() };
    assert!(matches!(error, GraphError::Number { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "output 0 holds the number 2199023255552, beyond 2^40: lower the network again"
    );

    let circuit = net.circuit().unwrap();
    circuit.compile(&CompileOptions::default()).unwrap();
}

/// `GraphError::TooWide`
#[test]
fn graph_error_too_wide() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let mut circuit = net.circuit().unwrap();
    // Shown:
    circuit.graph.outputs[0].range = Range::new(-(1 << 30), 1 << 30);
    let error = circuit.compile(&CompileOptions::default()).unwrap_err();
    let CompileError::Graph(error) = error else { unreachable!() };
    assert!(matches!(error, GraphError::TooWide { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "output 0 needs the range Range { lo: -1073741824, hi: 1073741824 }, which no torus of 64 bits holds: lower `max_l1` or `bits`"
    );

    let circuit = net.circuit().unwrap();
    circuit.compile(&CompileOptions::default()).unwrap();
}

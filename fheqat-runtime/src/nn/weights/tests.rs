mod pytorch;

use std::path::PathBuf;

use fheqat_spec::{Bias, Transfer, WeightRange};
use ndarray::array;

use super::*;
use crate::{
    Seed,
    fixture::drawn::{Draw, PLAIN, Weights},
    nn::ops::{Op, quantizer::Curve},
    quant::activation::{Function, Gelu, Tanh},
};

/// What a network of four fields declares.
#[derive(Clone, Copy)]
struct Declared {
    bits: i64,
    transfer: Transfer,
    is_shared: bool,
    weights: Weights,
    fixed: Option<f32>,
    function: Option<Function>,
}

const BASE: Declared = Declared {
    bits: 3,
    transfer: Transfer::Signed,
    is_shared: false,
    weights: Weights { max_nonzero: Some(3), max_l1: Some(6), ..PLAIN },
    fixed: None,
    function: None,
};

fn program(declared: Declared) -> Program {
    let mut draw = Draw::new(&[4], Seed(1));
    let levels = draw.input(Transfer::Signed, 3);
    let sums = draw.linear(levels, 4, declared.weights);
    draw.fill(sums, |row, column| [[3, -3, 0, 0], [1, 2, -2, 0], [0, 0, 0, 1], [2, 2, 2, 0]][row][column]);
    let reader = if declared.is_shared {
        draw.quantizer_like(sums, levels, declared.transfer, declared.bits)
    } else {
        draw.quantizer_of(sums, declared.transfer, declared.bits, 2.0)
    };
    draw.linear(reader, 2, PLAIN);
    let mut program = draw.finish().program();
    if let Op::Quantizer(state) = &mut program.nodes[0].op {
        state.fixed = declared.fixed;
        state.step = declared.fixed.or(state.step);
    }
    if let (Op::Quantizer(state), Some(function)) = (&mut program.nodes[2].op, declared.function) {
        state.curve = Curve::Function(function);
    }
    program
}

fn saved(folder: &tempfile::TempDir, program: &Program) -> PathBuf {
    let path = folder.path().join("net.safetensors");
    save(program, &path).unwrap();
    path
}

/// Everything that a network declares, and that its tensors do not tell.
#[test]
fn a_file_of_another_declaration_is_refused_by_name() {
    let fixed = |step| Declared { fixed: Some(step), ..BASE };
    let function = |function| Declared { function: Some(function), ..BASE };
    let weights = |weights| Declared { weights, ..BASE };
    let (tanh, gelu) = (Function::of::<Tanh>(), Function::of::<Gelu>());
    let unlimited = Weights { max_l1: None, max_nonzero: None, ..BASE.weights };
    let cases = [
        (BASE, Declared { bits: 4, ..BASE }, "the levels -4..=3 of `field2`", "-8..=7"),
        (BASE, Declared { transfer: Transfer::Unsigned, ..BASE }, "the levels -4..=3 of `field2`", "0..=7"),
        (
            Declared { transfer: Transfer::ReLU, ..BASE },
            Declared { transfer: Transfer::Unsigned, ..BASE },
            "the function relu of `field2`",
            "identity",
        ),
        (BASE, function(tanh), "the function identity of `field2`", "Tanh"),
        (function(tanh), function(gelu), "the function Tanh of `field2`", "Gelu"),
        (BASE, Declared { is_shared: true, ..BASE }, "the scale field2 of `field2`", "field0"),
        (Declared { is_shared: true, ..BASE }, BASE, "the scale field0 of `field2`", "field2"),
        (BASE, fixed(0.5), "the scale 0.25 of `field0`", "0.5"),
        (fixed(0.1), fixed(0.2), "the scale 0.1 of `field0`", "0.2"),
        (BASE, weights(Weights { bits: 4, ..BASE.weights }), "integer weights -3..=3 of `field1`", "-7..=7"),
        (
            BASE,
            weights(Weights { range: WeightRange::Full, ..BASE.weights }),
            "integer weights -3..=3 of `field1`",
            "-4..=3",
        ),
        (BASE, weights(Weights { bias: Bias::Free, ..BASE.weights }), "the bias centred of `field1`", "free"),
        (BASE, weights(Weights { bias: Bias::None, ..BASE.weights }), "the bias centred of `field1`", "none"),
        (BASE, weights(Weights { max_l1: Some(5), ..BASE.weights }), "`max_l1` 6 of `field1`", "5"),
        (weights(unlimited), weights(Weights { max_l1: Some(5), ..unlimited }), "`max_l1` unlimited", "5"),
        (BASE, weights(Weights { max_nonzero: Some(2), ..BASE.weights }), "`max_nonzero` 3 of `field1`", "2"),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (file, declared, found, expected) in cases {
        let path = saved(&folder, &program(file));
        let mut other = program(declared);
        let error = load(&mut other, &path).unwrap_err();
        assert!(matches!(error, WeightsError::Declared { .. }), "{error}");
        let message = error.to_string();
        let says = |text: &str| message.contains(text);
        assert!(says(found) && says(&format!("but the network declares {expected}: load it")), "{message}");
    }
}

/// Looser limits keep the integers that a file was trained with.
#[test]
fn a_looser_declaration_takes_the_file_as_it_is() {
    let tight = Weights { max_nonzero: Some(2), max_l1: Some(4), ..PLAIN };
    for tight in [tight, Weights { max_l1: None, ..tight }, Weights { max_nonzero: None, ..tight }] {
        let folder = tempfile::tempdir().unwrap();
        let file = program(Declared { weights: tight, ..BASE });
        let path = saved(&folder, &file);
        let mut loose = program(Declared { weights: PLAIN, ..BASE });
        load(&mut loose, &path).unwrap();
        assert_eq!(loose.quantized().unwrap(), file.quantized().unwrap());
    }
}

/// A step that nobody has chosen is nothing to refuse, and one that is fixed stays.
#[test]
fn a_file_that_is_not_calibrated_overrides_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut float = program(BASE);
    float.make_float();
    let path = saved(&folder, &float);
    let mut other = program(Declared { bits: 5, fixed: Some(0.5), ..BASE });
    load(&mut other, &path).unwrap();
    let Op::Quantizer(state) = &other.nodes[0].op else { unreachable!() };
    assert_eq!(state.step, Some(0.5));
    assert!(other.quantized().is_err());
}

#[test]
fn numbers_that_overflow_together_are_refused() {
    type Break = fn(&mut Program);
    let folder = tempfile::tempdir().unwrap();
    let breaks: [(&str, Break); 4] = [
        ("`field1` has a weight of inf", |program| linear(program, 1e20, 1e30)),
        ("`field1` has a unit of its sums of inf", |program| {
            linear(program, 1.0, 1e30);
            step(program, 0, 1e20);
        }),
        ("`field1` has a unit of its sums of 0", |program| {
            linear(program, 1.0, 1e-30);
            step(program, 0, 1e-30);
        }),
        ("`field2` has a gain of inf", |program| {
            linear(program, 1.0, 1e30);
            step(program, 2, 1e-30);
        }),
    ];
    for (expected, change) in breaks {
        let mut broken = program(BASE);
        change(&mut broken);
        assert!(broken.check().unwrap_err().to_string().starts_with(expected), "{:?}", broken.check());
        let error = load(&mut program(BASE), &saved(&folder, &broken)).unwrap_err().to_string();
        assert!(error.starts_with(expected) && error.ends_with("its training diverged"), "{error}");
    }
}

fn linear(program: &mut Program, factor: f32, scale: f32) {
    if let Op::Linear(state) = &mut program.nodes[1].op {
        state.weight *= factor;
        state.scale = Some(array![scale]);
    }
}

fn step(program: &mut Program, node: usize, step: f32) {
    if let Op::Quantizer(state) = &mut program.nodes[node].op {
        state.step = Some(step);
    }
}

/// A hash map would order the metadata differently each time.
#[test]
fn files_of_one_network_are_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = || file::read(&saved(&folder, &program(BASE))).unwrap();
    let first = bytes();
    assert!((0..20).all(|_| bytes() == first));
    let (length, rest) = first.split_first_chunk::<8>().unwrap();
    let length = u64::from_le_bytes(*length) as usize;
    assert_eq!(length % 8, 0);
    let header = std::str::from_utf8(&rest[..length]).unwrap();
    let metadata = header.split_once("\"__metadata__\":{").unwrap().1.split_once('}').unwrap().0;
    let names: Vec<&str> = metadata.split("\",\"").map(|note| note.split_once("\":").unwrap().0).collect();
    assert!(names.len() > 10 && names.is_sorted(), "{names:?}");
    load(&mut program(BASE), &saved(&folder, &program(BASE))).unwrap();
}

//! What cannot be imported is named, all of it at once.

use fheqat_onnx::{ImportError, ImportOptions, Problem, import};

use crate::builder::{
    Attribute::{I, Is, S},
    Builder, Format,
};

fn problems(mut builder: Builder, output: &str) -> Vec<Problem> {
    match import(&builder.file(output), &ImportOptions::default()) {
        Err(ImportError::Unsupported(problems)) => problems,
        other => panic!("{other:?}"),
    }
}

/// Each problem as `node (op): reason`, of which the beginnings are compared.
pub(crate) fn check(builder: Builder, output: &str, expected: &[&str]) {
    let found: Vec<String> = problems(builder, output).iter().map(ToString::to_string).collect();
    let is_right = found.len() == expected.len()
        && found.iter().zip(expected).all(|(found, expected)| found.starts_with(expected));
    assert!(is_right, "{found:#?}\nis not\n{expected:#?}");
}

#[test]
fn every_node_without_a_counterpart_is_named_at_once() {
    let mut b = Builder::new(Format::Qonnx, 1, &[4]);
    let half = b.floats("half", &[], &[0.5]);
    let moved = b.op("moved", "Sub", &["x", &half], &[]);
    let moved = b.op("again", "Sub", &[&moved, &half], &[]);
    let x = b.op("scaled", "Mul", &["x", &half], &[]);
    let x = {
        let zero = b.floats("z", &[], &[3.0]);
        let width = b.floats("w", &[], &[4.0]);
        let step = b.floats("s", &[], &[0.1]);
        let _ = b.op_of(
            "qonnx.custom_op.general",
            "shifted",
            "Quant",
            &["x", &step, &zero, &width],
            &[I("signed", 1)],
        );
        let none = b.floats("none", &[], &[0.0]);
        let _ = b.op_of(
            "qonnx.custom_op.general",
            "floored",
            "Quant",
            &["x", &step, &none, &width],
            &[I("signed", 1), S("rounding_mode", "FLOOR")],
        );
        let wide = b.floats("wide", &[], &[9.0]);
        let _ = b.op_of(
            "qonnx.custom_op.general",
            "wide",
            "Quant",
            &["x", &step, &none, &wide],
            &[I("signed", 1)],
        );
        let fraction = b.floats("fraction", &[], &[2.5]);
        let _ = b.op_of(
            "qonnx.custom_op.general",
            "fraction",
            "Quant",
            &["x", &step, &none, &fraction],
            &[I("signed", 1)],
        );
        let steps = b.floats("steps", &[1, 4], &[0.1, 0.2, 0.3, 0.4]);
        let _ = b.op_of(
            "qonnx.custom_op.general",
            "steps",
            "Quant",
            &["x", &steps, &none, &width],
            &[I("signed", 1)],
        );
        let minus = b.floats("minus", &[], &[-0.1]);
        let _ = b.op_of(
            "qonnx.custom_op.general",
            "minus",
            "Quant",
            &["x", &minus, &none, &width],
            &[I("signed", 1)],
        );
        let erf = b.op("erf", "Erf", &["x"], &[]);
        let custom = b.op_of("com.example", "custom", "Relu", &["x"], &[]);
        let names = [
            &x,
            "shifted_out",
            "floored_out",
            "wide_out",
            "fraction_out",
            "steps_out",
            "minus_out",
            &erf,
            &custom,
            &moved,
        ];
        b.op("cat", "Concat", &names, &[I("axis", 1)])
    };
    let x = b.op("last", "Softmax", &[&x], &[]);
    check(
        b,
        &x,
        &[
            "`/again/Sub` (Sub): is read in front of the quantizer of the input alone",
            "`/scaled/Mul` (Mul): adds a constant to, or multiplies by one, what is no sum",
            "`/shifted/Quant` (Quant): has a zero point of 3",
            "`/floored/Quant` (Quant): rounds by `FLOOR`",
            "`/wide/Quant` (Quant): quantizes to -256..=255, but levels are two or more of 1 to 8 bits",
            "`/fraction/Quant` (Quant): quantizes to 2.5 bits",
            "`/steps/Quant` (Quant): has 4 scales",
            "`/minus/Quant` (Quant): has a scale of -0.1",
            "`/erf/Erf` (Erf): this operation has no counterpart",
            "`/custom/Relu` (Relu): this operation of `com.example` has no counterpart",
        ],
    );
}

#[test]
fn windows_that_are_none_of_ours() {
    let mut b = Builder::new(Format::Qonnx, 2, &[1, 6, 6]);
    let x = b.quant("q", "x", 3, true);
    let w = b.weights("c", &[2, 1, 2, 3], 3, true, false);
    let square = b.weights("d", &[2, 1, 3, 3], 3, true, false);
    let one = b.op("oblong", "Conv", &[&x, &w], &[]);
    let two = b.op("dilated", "Conv", &[&x, &square], &[Is("dilations", &[1, 2])]);
    let three = b.op("uneven", "Conv", &[&x, &square], &[Is("pads", &[0, 0, -1, 1])]);
    let four = b.op("same", "Conv", &[&x, &square], &[S("auto_pad", "EXPLICIT")]);
    let five = b.op("groups", "Conv", &[&x, &square], &[I("group", 2)]);
    let six = b.op("ceil", "AveragePool", &[&x], &[Is("kernel_shape", &[4, 4]), I("ceil_mode", 1)]);
    let seven =
        b.op("edges", "AveragePool", &[&x], &[Is("kernel_shape", &[2, 2]), Is("pads", &[1, 1, 1, 1])]);
    let eight = b.op("large", "MaxPool", &[&x], &[Is("kernel_shape", &[7, 7])]);
    let names: Vec<&str> =
        [&one, &two, &three, &four, &five, &six, &seven, &eight].into_iter().map(String::as_str).collect();
    let x = b.op("cat", "Concat", &names, &[I("axis", 1)]);
    check(
        b,
        &x,
        &[
            "`/oblong/Conv` (Conv): has a window of [2, 3]",
            "`/dilated/Conv` (Conv): has `dilations` of [1, 2]",
            "`/uneven/Conv` (Conv): has `pads` of [0, 0, -1, 1]",
            "`/same/Conv` (Conv): has `auto_pad` of EXPLICIT",
            "`/groups/Conv` (Conv): has 2 groups of weights [2, 1, 3, 3], but reads 1 channels",
            "`/ceil/AveragePool` (AveragePool): has `ceil_mode` of 1",
            "`/edges/AveragePool` (AveragePool): has `count_include_pad` of 0",
            "`/large/MaxPool` (MaxPool): has a window of 7",
        ],
    );
}

#[test]
fn laws_are_checked_again() {
    // Two layers without a quantizer between them, and an input that nothing quantizes.
    let mut b = Builder::new(Format::Qonnx, 3, &[4]);
    let x = b.linear("fc1", "x", 4, 4, 3);
    let x = b.linear("fc2", &x, 4, 2, 3);
    check(
        b,
        &x,
        &[
            "`fc1` (law input): ",
            "`fc2` (law quantized): `fc2` needs a quantized input, but `fc1` produces a raw accumulator",
        ],
    );

    // Sums that are too wide whatever is declared.
    let mut b = Builder::new(Format::Qonnx, 4, &[900]);
    let x = b.quant("q", "x", 8, true);
    let w = vec![1.0; 1800];
    let w = b.weights_of("fc1", &[2, 900], &w, &[1.0 / 127.0], 8, true);
    let x = b.op("fc1", "Gemm", &[&x, &w], &[I("transB", 1)]);
    let x = b.op("r", "Relu", &[&x], &[]);
    let x = b.quant("relu1", &x, 3, false);
    let x = b.linear("fc2", &x, 2, 2, 3);
    check(b, &x, &["`fc1` (law overflow): `fc1`: the accumulator needs "]);
}

#[test]
fn wires_that_lead_nowhere() {
    let mut b = Builder::new(Format::Qonnx, 5, &[4]);
    let x = b.quant("q", "x", 3, true);
    let y = b.quant("other", "x", 4, true);
    let sum = b.op("two_steps", "Add", &[&x, &y], &[]);
    let float = b.floats("float", &[2, 4], &[0.5; 8]);
    let z = b.op("floats", "Gemm", &[&x, &float], &[I("transB", 1)]);
    let absent = b.op("absent", "Relu", &["nothing"], &[]);
    let w = b.weights("fc", &[2, 5], 3, true, false);
    let misfit = b.op("misfit", "Gemm", &[&x, &w], &[I("transB", 1)]);
    let names: Vec<&str> = [&sum, &z, &absent, &misfit].into_iter().map(String::as_str).collect();
    let x = b.op("cat", "Concat", &names, &[I("axis", 1)]);
    check(
        b,
        &x,
        &[
            "`/two_steps/Add` (Add): reads levels of two scales",
            "`/floats/Gemm` (Gemm): multiplies by float weights",
            "`/absent/Relu` (Relu): reads `nothing`, which no node before it gives",
            "`/misfit/Gemm` (Gemm): has weights for 5 features, but reads samples of shape [4]",
        ],
    );

    let mut b = Builder::new(Format::Qonnx, 6, &[4]);
    let x = b.quant("q", "x", 3, true);
    let x = b.linear("fc", &x, 4, 2, 3);
    let x = b.op("end", "Sigmoid", &[&x], &[]);
    check(b, &x, &["`end_out` (output): is what `Sigmoid` gives"]);
}

#[test]
fn files_are_bounded_before_they_are_read() {
    let mut b = Builder::new(Format::Qonnx, 7, &[4]);
    let x = b.quant("q", "x", 3, true);
    let x = b.linear("fc", &x, 4, 2, 3);
    let file = b.file(&x);
    let options = ImportOptions { max_bytes: file.len() - 1, ..ImportOptions::default() };
    let error = import(&file, &options).unwrap_err();
    assert!(matches!(error, ImportError::Size { found, most } if found == most + 1), "{error}");
    // Behind the graph only the version of QONNX's operators may be missing.
    let read = (0..file.len()).filter(|&length| import(&file[..length], &ImportOptions::default()).is_ok());
    assert!(read.count() <= 1);
}

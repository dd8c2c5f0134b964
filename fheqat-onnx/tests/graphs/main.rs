//! Graphs as other models have them: what an import makes of them is what a plain interpreter of ONNX computes.
#![allow(clippy::unwrap_used, clippy::float_cmp)]

mod builder;
mod constants;
mod functions;
mod hostile;
mod parts;
mod reference;
mod refused;
mod windows;

use builder::{
    Attribute::{F, I, Is},
    Builder, Format,
};
use fheqat_onnx::{ImportOptions, Imported, import};

const FORMATS: [Format; 2] = [Format::Qonnx, Format::Qcdq];
const SAMPLES: usize = 40;

fn check(builder: Builder, output: &str) -> Imported {
    check_but(builder, output, &[])
}

/// Imports what is built and compares outputs on random samples, and levels but those of quantizers that change places with views.
fn check_but(mut builder: Builder, output: &str, moved: &[&str]) -> Imported {
    let case = format!("{:?}", builder.format);
    let file = builder.file(output);
    let imported = import(&file, &ImportOptions::default()).unwrap_or_else(|error| panic!("{case}: {error}"));
    let network = imported.network().unwrap_or_else(|error| panic!("{case}: {error}\n{}", imported.source()));
    let quantized = network.quantized().unwrap();
    let circuit = network.circuit().unwrap();
    let mut compared = 0;
    for _ in 0..SAMPLES {
        let sample = builder.sample();
        let expected = reference::run(&builder.graph, &sample, |value| value);
        let integers = quantized.integers(&sample).unwrap();
        for (index, (field, integers)) in quantized.fields.iter().zip(&integers).enumerate() {
            let tensor =
                if moved.contains(&field.name) { None } else { expected.get(&format!("{}_out", field.name)) };
            let Some(expected) = tensor else { continue };
            let (Some(step), true) = (network.step(index), is_quantizer(&imported, index)) else { continue };
            let found: Vec<f64> = integers.iter().map(|&level| level as f64 * f64::from(step)).collect();
            let is_near = |(a, b): (&f64, &f64)| (a - b).abs() < f64::from(step) / 2.0;
            assert!(
                found.iter().zip(&expected.values).all(is_near),
                "{case}: `{}`: {found:?} is not {:?}",
                field.name,
                expected.values
            );
            compared += found.len();
        }
        let outputs = quantized.run(&sample).unwrap();
        let expected = &expected[output].values;
        let scale = expected.iter().fold(1.0f64, |scale, value| scale.max(value.abs()));
        let is_near = |(a, b): (&f32, &f64)| (f64::from(*a) - b).abs() < 1e-5 * scale;
        assert!(
            outputs.len() == expected.len() && outputs.iter().zip(expected).all(is_near),
            "{case}: {outputs:?} is not {expected:?}"
        );
        assert_eq!(circuit.simulate(&sample).unwrap().values, outputs, "{case}: encrypted");
    }
    assert!(compared > 0 || !moved.is_empty(), "{case}: no levels are compared");
    imported
}

fn is_quantizer(imported: &Imported, index: usize) -> bool {
    imported.with_net(|net| matches!(net.fields[index].layer, fheqat::spec::Layer::Quantizer(_)))
}

fn has(imported: &Imported, text: &str) {
    assert!(imported.source().contains(text), "{text} is not in\n{}", imported.source());
}

#[test]
fn weights_and_levels_of_every_width() {
    for format in FORMATS {
        for bits in 2..=8 {
            // More products of eight bits are too wide for a table.
            let inputs = if bits < 7 { 5 } else { 2 };
            let mut b = Builder::new(format, u64::from(bits), &[inputs]);
            let x = b.quant("quant_inp", "x", bits, true);
            let x = b.linear("fc1", &x, inputs, 7, bits);
            let x = b.op("fc1/relu", "Relu", &[&x], &[]);
            let x = b.quant("relu1", &x, bits, false);
            let x = b.linear("fc2", &x, 7, 3, bits);
            let imported = check(b, &x);
            has(&imported, &format!("#[quant_net(bits = {bits})]"));
            assert!(imported.notes().is_empty());
        }
    }
}

#[test]
fn weights_with_a_scale_for_each_output_and_full_ranges() {
    for format in FORMATS {
        let mut b = Builder::new(format, 1, &[6]);
        let x = b.quant("quant_inp", "x", 4, true);
        let w = b.weights("fc1", &[5, 6], 3, false, true);
        let bias = b.randoms(5);
        let bias = b.floats("fc1.bias", &[5], &bias);
        let x = b.op("fc1", "Gemm", &[&x, &w, &bias], &[I("transB", 1)]);
        let x = b.op("r", "Relu", &[&x], &[]);
        let x = b.quant("relu1", &x, 2, false);
        // Without a bias: transposed weights, `MatMul`, and a bias behind it.
        let w = b.weights("fc2", &[4, 5], 4, true, true);
        let w = b.op("fc2/t", "Transpose", &[&w], &[Is("perm", &[1, 0])]);
        let x = b.op("fc2", "MatMul", &[&x, &w], &[]);
        let bias = b.floats("late", &[4], &[0.3, -0.2, 0.0, 1.5]);
        let x = b.op("fc2/add", "Add", &[&bias, &x], &[]);
        let x = b.op("s", "Sigmoid", &[&x], &[]);
        let x = b.quant("act2", &x, 3, false);
        let w = b.weights("fc3", &[3, 4], 3, true, false);
        let w = b.op("fc3/t", "Transpose", &[&w], &[Is("perm", &[1, 0])]);
        let x = b.op("fc3", "MatMul", &[&x, &w], &[]);
        let imported = check(b, &x);
        has(&imported, "narrow_range = false, per_channel, bias = free");
        has(&imported, "act2: QuantAct<Sigmoid>,");
        has(&imported, "#[layer(bias = none)]\n    fc3");
    }
}

#[test]
fn a_signed_quantizer_behind_relu_loses_its_sign() {
    for format in FORMATS {
        for bits in 2..=8 {
            let mut b = Builder::new(format, 20 + u64::from(bits), &[4]);
            let x = b.quant("quant_inp", "x", 3, true);
            let x = b.linear("fc1", &x, 4, 9, 3);
            let x = b.op("r", "Relu", &[&x], &[]);
            let x = b.quant("relu1", &x, bits, true);
            let x = b.linear("fc2", &x, 9, 2, 3);
            let imported = check(b, &x);
            imported.with_net(|net| assert_eq!(net.fields[2].layer.kind(), "QuantReLU"));
            if bits != 4 {
                has(&imported, &format!("bits = {}", bits - 1));
            }
        }
    }
}

#[test]
fn convolutions_with_groups_norms_pools_and_views() {
    for format in FORMATS {
        let mut b = Builder::new(format, 3, &[2, 6, 6]);
        let x = b.quant("quant_inp", "x", 4, true);
        let w = b.weights("conv1", &[4, 1, 3, 3], 4, true, true);
        let x = b.conv("conv1", &x, &w, None, [3, 1, 1], 2);
        let x = b.norm("bn1", &x, 4, 0.01);
        let x = b.op("r1", "Relu", &[&x], &[]);
        let x = b.quant("relu1", &x, 3, false);
        let x = b.op("max", "MaxPool", &[&x], &[Is("kernel_shape", &[2, 2]), Is("strides", &[2, 2])]);
        let w = b.weights("conv2", &[6, 4, 3, 3], 2, true, false);
        let bias = b.randoms(6);
        let bias = b.floats("conv2.bias", &[6], &bias);
        let x = b.conv("conv2", &x, &w, Some(&bias), [3, 1, 1], 1);
        let x = b.norm("bn2", &x, 6, 1e-5);
        let x = b.op("t", "Tanh", &[&x], &[]);
        let x = b.quant("act2", &x, 4, true);
        let x = b.op(
            "avg",
            "AveragePool",
            &[&x],
            &[Is("kernel_shape", &[2, 2]), Is("strides", &[1, 1]), I("count_include_pad", 1)],
        );
        let x = b.quant("quant3", &x, 4, true);
        let x = b.op("turned", "Transpose", &[&x], &[Is("perm", &[0, 2, 3, 1])]);
        let shape = b.shape("shape", &[-1, 24]);
        let x = b.op("flat", "Reshape", &[&x, &shape], &[]);
        let x = b.linear("fc", &x, 24, 3, 4);
        let imported = check(b, &x);
        has(&imported, "groups = 2");
        has(&imported, "axes = [1, 2, 0]");
        has(&imported, "flat: Flatten,");
    }
}

#[test]
fn filters_along_one_axis_and_depthwise() {
    for format in FORMATS {
        let mut b = Builder::new(format, 4, &[3, 10]);
        let x = b.quant("quant_inp", "x", 3, true);
        let w = b.weights("conv1", &[3, 1, 3], 3, true, true);
        let attributes = [Is("kernel_shape", &[3]), Is("strides", &[2]), Is("pads", &[1, 1]), I("group", 3)];
        let x = b.op("conv1", "Conv", &[&x, &w], &attributes);
        let x = b.op("l", "LeakyRelu", &[&x], &[F("alpha", 0.01)]);
        let x = b.quant("act1", &x, 4, true);
        let x = b.op("flat", "Flatten", &[&x], &[]);
        let x = b.linear("fc", &x, 15, 2, 3);
        has(&check(b, &x), "conv1: QuantConv1d<3, 3, 3>");
    }
}

#[test]
fn one_quantizer_of_both_operands_of_an_addition() {
    for format in FORMATS {
        let mut b = Builder::new(format, 5, &[6]);
        let x = b.quant("quant_inp", "x", 3, true);
        let x = b.linear("fc1", &x, 6, 6, 3);
        let x = b.op("r", "Relu", &[&x], &[]);
        let a = b.quant("relu1", &x, 3, false);
        let y = b.linear("fc2", &a, 6, 6, 3);
        let step = b.floats("shared.step", &[], &[0.217]);
        let y = b.quant_by("shared", &y, &step, 4, true, false);
        let z = b.quant_by("again", &a, &step, 4, true, true);
        let sum = b.op("add", "Add", &[&y, &z], &[]);
        // A second block whose sum is quantized without a function.
        let sum = b.quant("quant2", &sum, 4, true);
        let w = b.linear("fc3", &sum, 6, 6, 3);
        let step = b.floats("other.step", &[], &[0.31]);
        let w = b.quant_by("q3", &w, &step, 3, true, false);
        let v = b.quant_by("q4", &sum, &step, 3, true, false);
        let sum = b.op("add2", "Add", &[&w, &v], &[]);
        let r = b.op("r2", "Relu", &[&sum], &[]);
        let r = b.quant("relu3", &r, 3, false);
        let x = b.linear("fc4", &r, 6, 2, 3);
        let imported = check(b, &x);
        has(&imported, "scale_from = shared, from = relu1");
        has(&imported, "#[layer(from = [shared, again])]");
        has(&imported, "#[layer(from = [q3, q4])]");
    }
}

#[test]
fn joints_of_levels_and_of_sums() {
    for format in FORMATS {
        for is_quantized_first in [true, false] {
            let mut b = Builder::new(format, 6, &[4]);
            let x = b.quant("quant_inp", "x", 3, true);
            let mut parts = Vec::new();
            let step = b.floats("joint.step", &[], &[0.27]);
            for (index, name) in ["one", "two", "three"].into_iter().enumerate() {
                let part = b.linear(name, &x, 4, 2 + index, 3);
                let part = b.op(&format!("{name}/r"), "Relu", &[&part], &[]);
                parts.push(if is_quantized_first {
                    b.quant_by(&format!("q{index}"), &part, &step, 3, false, false)
                } else {
                    part
                });
            }
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            let mut x = b.op("cat", "Concat", &parts, &[I("axis", 1)]);
            if !is_quantized_first {
                x = b.quant_by("joined", &x, &step, 3, false, false);
            }
            let x = b.linear("fc", &x, 9, 2, 3);
            // Behind sums the quantizer becomes three, which no tensor of the graph is compared with; the outputs are.
            let imported = check(b, &x);
            has(&imported, "Concat,");
            assert_eq!(imported.source().matches("scale_from").count(), 2, "{}", imported.source());
        }
    }
}

#[test]
fn an_integer_bias_binary_weights_and_an_output_quantizer() {
    let mut b = Builder::new(Format::Qonnx, 7, &[5]);
    let x = b.quant("quant_inp", "x", 2, true);
    let w = b.randoms(30);
    let w = b.floats("fc1.weight", &[6, 5], &w);
    let scale = b.floats("fc1.scale", &[], &[0.37]);
    let w = b.op_of("qonnx.custom_op.general", "fc1/weight_quant", "BipolarQuant", &[&w, &scale], &[]);
    let bias = b.randoms(6);
    let bias = b.floats("fc1.bias", &[6], &bias);
    let bias = {
        let scale = b.floats("fc1.bias_scale", &[], &[0.0117]);
        b.quant_by("fc1/bias_quant", &bias, &scale, 32, true, false)
    };
    let x = b.op("fc1", "Gemm", &[&x, &w, &bias], &[I("transB", 1)]);
    let x = b.op("r", "Relu", &[&x], &[]);
    let x = b.quant("relu1", &x, 3, false);
    let x = b.linear("fc2", &x, 6, 3, 3);
    let x = b.quant("out", &x, 8, true);
    let imported = check(b, &x);
    has(&imported, "#[quant_net(bits = 2)]");
    has(&imported, "#[layer(bias = free)]\n    fc1");
    has(&imported, "#[layer(bits = 8)]\n    out: QuantIdentity,");
}

#[test]
fn a_global_average_and_a_filter_behind_it() {
    for format in FORMATS {
        let mut b = Builder::new(format, 8, &[2, 3, 3]);
        let x = b.quant("quant_inp", "x", 3, true);
        let w = b.weights("conv1", &[3, 2, 2, 2], 3, true, false);
        let x = b.conv("conv1", &x, &w, None, [2, 1, 0], 1);
        let x = b.op("r", "Relu", &[&x], &[]);
        let x = b.quant("relu1", &x, 3, false);
        let x = b.op("pool", "GlobalAveragePool", &[&x], &[]);
        let x = b.quant("quant2", &x, 3, false);
        let w = b.weights("conv2", &[4, 3, 1, 1], 3, true, false);
        let x = b.conv("conv2", &x, &w, None, [1, 1, 0], 1);
        let x = b.op("r2", "Relu", &[&x], &[]);
        let x = b.quant("relu2", &x, 3, false);
        let x = b.op("flat", "Flatten", &[&x], &[I("axis", 1)]);
        let x = b.linear("fc", &x, 4, 2, 3);
        has(&check(b, &x), "GlobalAvgPool2d");
    }
}

/// Whatever stands between sums and their quantizer: functions, views, maxima.
#[test]
fn a_quantizer_behind_views_and_maxima_of_sums() {
    for format in FORMATS {
        let mut b = Builder::new(format, 9, &[12]);
        let shape = b.shape("image", &[-1, 1, 4, 3]);
        let x = b.op("grid", "Reshape", &["x", &shape], &[]);
        let x = b.op("turn", "Transpose", &[&x], &[Is("perm", &[0, 1, 3, 2])]);
        let x = b.quant("quant_inp", &x, 3, true);
        let w = b.weights("conv1", &[2, 1, 2, 2], 3, true, false);
        let x = b.conv("conv1", &x, &w, None, [2, 1, 0], 1);
        let x = b.op("r", "Relu", &[&x], &[]);
        let x = b.op(
            "max",
            "MaxPool",
            &[&x],
            &[Is("kernel_shape", &[2, 2]), Is("strides", &[1, 1]), Is("pads", &[1, 1, 1, 1])],
        );
        let x = b.op("flat", "Flatten", &[&x], &[]);
        let x = b.op("same", "Identity", &[&x], &[]);
        let x = b.op("cast", "Cast", &[&x], &[I("to", 1)]);
        let x = b.quant("quant1", &x, 3, false);
        let x = b.linear("fc", &x, 24, 2, 3);
        let imported = check_but(b, &x, &["quant_inp", "quant1"]);
        has(&imported, "MaxPool2d<2>");
    }
}

#[test]
fn a_relu_of_levels_keeps_their_step() {
    for format in FORMATS {
        let mut b = Builder::new(format, 10, &[4]);
        let x = b.quant("quant_inp", "x", 4, true);
        let x = b.op("relu", "Relu", &[&x], &[]);
        let x = b.linear("fc1", &x, 4, 3, 3);
        let x = b.quant("quant1", &x, 4, true);
        let y = b.op("r", "Relu", &[&x], &[]);
        let x = b.op("add", "Add", &[&x, &y], &[]);
        let x = b.quant("quant2", &x, 4, true);
        let x = b.linear("fc2", &x, 3, 2, 3);
        has(&check(b, &x), "scale_from = quant1");
    }
}

/// `ReLU6` and `HardTanh` as floats in front of a quantizer whose range is another.
#[test]
fn floats_that_are_held_between_two_others() {
    for format in FORMATS {
        let mut b = Builder::new(format, 13, &[4]);
        let x = b.quant("quant_inp", "x", 4, true);
        let x = b.linear("fc1", &x, 4, 9, 3);
        let (zero, six) = (b.floats("zero", &[], &[0.0]), b.floats("six", &[], &[1.3]));
        let x = b.op("relu6", "Clip", &[&x, &zero, &six], &[]);
        let step = b.floats("step", &[], &[0.24]);
        let x = b.quant_by("act1", &x, &step, 4, false, false);
        let x = b.linear("fc2", &x, 9, 9, 3);
        let (low, high) = (b.floats("low", &[], &[-0.9]), b.floats("high", &[], &[0.9]));
        let x = b.op("hard", "Clip", &[&x, &low, &high], &[]);
        let x = b.quant_by("act2", &x, &step, 4, true, false);
        let x = b.linear("fc3", &x, 9, 2, 3);
        has(&check(b, &x), "#[layer(bits = 3, signed = false)]\n    act1: QuantIdentity,");
    }
}

/// `x.view(x.shape[0], -1)` of `PyTorch`, where the batch is open.
#[test]
fn shapes_that_the_graph_computes() {
    for format in FORMATS {
        let mut b = Builder::new(format, 15, &[2, 4]);
        let x = b.quant("quant_inp", "x", 4, true);
        let dims = b.op("shape", "Shape", &[&x], &[]);
        let zero = b.shape("zero", &[0]);
        let batch = b.op("batch", "Gather", &[&dims, &zero], &[I("axis", 0)]);
        let open = b.shape("open", &[-1]);
        let target = b.op("target", "Concat", &[&batch, &open], &[I("axis", 0)]);
        let x = b.op("flat", "Reshape", &[&x, &target], &[]);
        let x = b.linear("fc", &x, 8, 2, 3);
        has(&check(b, &x), "flat: Flatten,");
    }
}

/// Images are moved and divided channel by channel.
#[test]
fn features_are_standardised_in_front_of_their_quantizer() {
    for format in FORMATS {
        let mut b = Builder::new(format, 14, &[2, 3, 3]);
        let mean = b.floats("mean", &[1, 2, 1, 1], &[0.3, -0.2]);
        let deviation = b.floats("deviation", &[2, 1, 1], &[0.7, 1.3]);
        let x = b.op("less", "Sub", &["x", &mean], &[]);
        let x = b.op("over", "Div", &[&x, &deviation], &[]);
        let x = b.quant("quant_inp", &x, 4, true);
        let w = b.weights("conv", &[2, 2, 3, 3], 3, true, false);
        let x = b.conv("conv", &x, &w, None, [3, 1, 0], 1);
        check(b, &x);
    }
}

#[test]
fn sums_that_only_their_weights_keep_narrow() {
    let mut b = Builder::new(Format::Qonnx, 11, &[600]);
    let x = b.quant("quant_inp", "x", 6, true);
    let mut values = b.randoms(1200);
    for (index, value) in values.iter_mut().enumerate() {
        if index % 15 != 0 {
            *value = 0.0;
        }
    }
    let w = b.weights_of("fc1", &[2, 600], &values, &[0.03], 6, true);
    let x = b.op("fc1", "Gemm", &[&x, &w], &[I("transB", 1)]);
    let x = b.op("r", "Relu", &[&x], &[]);
    let x = b.quant("relu1", &x, 3, false);
    let x = b.linear("fc2", &x, 2, 2, 3);
    let imported = check(b, &x);
    assert_eq!(imported.notes().len(), 1);
    assert!(imported.notes()[0].text.contains("`max_l1 = "), "{}", imported.notes()[0]);
}

#[test]
fn names_with_odd_characters_become_fields() {
    let mut b = Builder::new(Format::Qonnx, 12, &[2]);
    let x = b.quant("\u{fc}ber/self", "x", 3, true);
    let x = b.linear("\"); panic!(\"", &x, 2, 3, 3);
    let x = b.quant("fn", &x, 3, true);
    let x = b.linear("\u{4f60}\u{597d}\n", &x, 3, 3, 3);
    let file = b.file(&x);
    let imported =
        import(&file, &ImportOptions { name: "9 \"lives\"".to_owned(), ..ImportOptions::default() }).unwrap();
    has(&imported, "struct Layer9Lives {");
    let fields: Vec<&str> = imported.source().leak().lines().filter(|line| line.ends_with(',')).collect();
    assert_eq!(
        fields,
        [
            "    ber_self: QuantIdentity,",
            "    panic: QuantLinear<2, 3>,",
            "    fn_: QuantIdentity,",
            "    gemm: QuantLinear<3, 3>,"
        ]
    );
    imported.network().unwrap().circuit().unwrap();
}

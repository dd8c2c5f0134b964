//! Windows that are padded unevenly, or have gaps.

use crate::{
    FORMATS,
    builder::{
        Attribute::{self, I, Is, S},
        Builder,
    },
    check, has,
};

#[test]
fn filters_with_gaps_and_zeros_of_each_side_its_own() {
    // ONNX lists the sides before all axes, then those behind.
    let cases: [(&[Attribute<'_>], &str); 6] = [
        (&[Is("pads", &[1, 0, 2, 1])], "padding = (1, 2, 0, 1)"),
        (&[Is("pads", &[2, 1, 0, 1]), Is("strides", &[2, 2])], "stride = 2, padding = (2, 0, 1, 1)"),
        (&[Is("dilations", &[2, 2]), Is("pads", &[2, 2, 2, 2])], "dilation = 2, padding = 2"),
        (&[S("auto_pad", "SAME_UPPER"), Is("strides", &[2, 2])], "padding = same"),
        (&[S("auto_pad", "SAME_LOWER"), Is("strides", &[2, 2])], "padding = (1, 1, 1, 0)"),
        (&[S("auto_pad", "SAME_UPPER"), Is("dilations", &[2, 2])], "dilation = 2, padding = same"),
    ];
    for format in FORMATS {
        for (seed, (attributes, source)) in cases.iter().enumerate() {
            let mut b = Builder::new(format, seed as u64, &[2, 5, 6]);
            let x = b.quant("quant_inp", "x", 3, true);
            let w = b.weights("conv1", &[3, 2, 3, 3], 3, true, false);
            let x = b.op("conv1", "Conv", &[&x, &w], attributes);
            let x = b.op("r", "Relu", &[&x], &[]);
            let x = b.quant("relu1", &x, 3, false);
            let w = b.weights("conv2", &[2, 3, 1, 1], 3, true, false);
            let x = b.op("conv2", "Conv", &[&x, &w], &[]);
            has(&check(b, &x), source);
        }
    }
}

#[test]
fn sequences_with_zeros_of_each_side_its_own() {
    for format in FORMATS {
        let mut b = Builder::new(format, 4, &[2, 9]);
        let x = b.quant("quant_inp", "x", 3, true);
        let w = b.weights("conv1", &[3, 2, 3], 3, true, false);
        // A causal filter.
        let x = b.op("conv1", "Conv", &[&x, &w], &[Is("pads", &[4, 0]), Is("dilations", &[2])]);
        has(&check(b, &x), "dilation = 2, padding = (4, 0)");
    }
}

#[test]
fn pools_with_zeros_and_gaps() {
    let cases: [(&str, &[Attribute<'_>], &str); 5] = [
        ("AveragePool", &[Is("pads", &[0, 1, 1, 1]), I("count_include_pad", 1)], "padding = (0, 1, 1, 1)"),
        ("AveragePool", &[S("auto_pad", "SAME_UPPER"), I("count_include_pad", 1)], "padding = same"),
        ("MaxPool", &[Is("pads", &[0, 1, 1, 0]), Is("strides", &[2, 2])], "padding = (0, 1, 1, 0)"),
        ("MaxPool", &[S("auto_pad", "SAME_UPPER"), Is("strides", &[2, 2])], "padding = same"),
        ("MaxPool", &[Is("dilations", &[2, 2])], "stride = 1, dilation = 2"),
    ];
    for format in FORMATS {
        for (seed, (op, attributes, source)) in cases.iter().enumerate() {
            for is_signed in [true, false] {
                let mut b = Builder::new(format, seed as u64, &[2, 5, 4]);
                let x = b.quant("quant_inp", "x", 3, is_signed);
                let mut all = vec![Is("kernel_shape", &[2, 2])];
                all.extend(attributes.iter().copied());
                let x = b.op("pool", op, &[&x], &all);
                let x = if *op == "AveragePool" { b.quant("quant2", &x, 4, is_signed) } else { x };
                let w = b.weights("conv2", &[2, 2, 1, 1], 3, true, false);
                let x = b.op("conv2", "Conv", &[&x, &w], &[]);
                has(&check(b, &x), source);
            }
        }
    }
}

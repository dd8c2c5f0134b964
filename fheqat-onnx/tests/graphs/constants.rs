//! Factors and constants of channels.

use crate::{
    FORMATS,
    builder::{
        Attribute::{I, Is},
        Builder, Format,
    },
    check, has, refused,
};

#[test]
fn factors_and_constants_of_channels() {
    for format in FORMATS {
        for turned in [false, true] {
            let mut b = Builder::new(format, 3, &[2, 4, 4]);
            let x = b.quant("quant_inp", "x", 3, true);
            let w = b.weights("conv", &[3, 2, 2, 2], 3, true, true);
            let bias = b.floats("conv.bias", &[3], &[0.2, -0.1, 0.0]);
            let x = b.op("conv", "Conv", &[&x, &w, &bias], &[Is("kernel_shape", &[2, 2])]);
            let factor = b.floats("factor", &[1, 3, 1, 1], &[0.7, -1.3, 0.0]);
            let x = b.op(
                "times",
                "Mul",
                &if turned { [&factor, &x] } else { [&x, &factor] }.map(String::as_str),
                &[],
            );
            let more = b.floats("more", &[3, 1, 1], &[0.3, 0.0, -0.6]);
            let x =
                b.op("plus", "Add", &if turned { [&more, &x] } else { [&x, &more] }.map(String::as_str), &[]);
            let x = b.op("t", "Tanh", &[&x], &[]);
            let x = b.quant("act", &x, 4, true);
            // Of levels too.
            let half = b.floats("half", &[], &[0.5]);
            let x = b.op("halved", "Mul", &[&x, &half], &[]);
            let x = b.op("shifted", "Add", &[&x, &half], &[]);
            let x = b.quant("again", &x, 4, true);
            let x = b.op("flat", "Flatten", &[&x], &[]);
            let x = b.linear("fc", &x, 27, 2, 3);
            let third = b.floats("third", &[], &[1.0 / 3.0]);
            let x = b.op("logits", "Mul", &[&x, &third], &[]);
            let imported = check(b, &x);
            for name in ["times", "plus", "halved", "shifted", "logits"] {
                has(&imported, &format!("    {name}: BatchNorm,"));
            }
        }
    }
}

/// A constant behind sums that something else reads too is no bias of theirs.
#[test]
fn a_constant_of_sums_with_two_readers() {
    for format in FORMATS {
        let mut b = Builder::new(format, 5, &[4]);
        let x = b.quant("quant_inp", "x", 3, true);
        let w = b.weights("fc1", &[4, 5], 3, true, false);
        let w = b.op("turned", "Transpose", &[&w], &[Is("perm", &[1, 0])]);
        let w = b.op("back", "Transpose", &[&w], &[Is("perm", &[1, 0])]);
        let sums = b.op("fc1", "MatMul", &[&x, &w], &[]);
        let more = b.floats("more", &[5], &[0.3, 0.0, -0.6, 0.1, 1.0]);
        let other = b.op("plus", "Add", &[&sums, &more], &[]);
        let step = b.floats("step", &[], &[0.37]);
        let one = b.quant_by("one", &sums, &step, 3, true, false);
        let other = b.quant_by("other", &other, &step, 3, true, false);
        let x = b.op("cat", "Concat", &[&one, &other], &[I("axis", 1)]);
        let x = b.linear("fc2", &x, 10, 2, 3);
        has(&check(b, &x), "    plus: BatchNorm,");
    }
}

#[test]
fn constants_that_are_none_of_channels_are_named() {
    let mut b = Builder::new(Format::Qonnx, 1, &[2, 2]);
    let x = b.quant("q", "x", 3, true);
    let each = b.floats("each", &[2, 2], &[0.1, 0.2, 0.3, 0.4]);
    let infinite = b.floats("infinite", &[], &[f32::INFINITY]);
    let half = b.floats("half", &[], &[0.5]);
    let relu = b.op("relu", "Relu", &[&x], &[]);
    let names = [
        b.op("each", "Mul", &[&x, &each], &[]),
        b.op("plus_each", "Add", &[&x, &each], &[]),
        b.op("infinite", "Mul", &[&x, &infinite], &[]),
        b.op("behind", "Mul", &[&relu, &half], &[]),
        b.op("constants", "Mul", &[&half, &half], &[]),
    ];
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let x = b.op("cat", "Concat", &names, &[I("axis", 1)]);
    refused::check(
        b,
        &x,
        &[
            "`/each/Mul` (Mul): has a constant of shape [2, 2] for samples of shape [2, 2]",
            "`/plus_each/Add` (Add): has a constant of shape [2, 2]",
            "`/infinite/Mul` (Mul): has a constant of inf",
            "`/behind/Mul` (Mul): adds a constant to, or multiplies by one, what is no sum",
            "`/constants/Mul` (Mul): multiplies constants",
        ],
    );
}

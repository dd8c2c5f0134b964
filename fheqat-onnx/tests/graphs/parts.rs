//! Zeros around images, parts of them, and repeated numbers.

use crate::{
    FORMATS,
    builder::{
        Attribute::{self, F, I, Is, S},
        Builder, Format,
    },
    check, check_but, has, refused,
};

/// A filter behind an image of two channels, 5 by 4, and one behind what `between` makes of its levels.
fn network(
    format: Format,
    channels: usize,
    between: impl Fn(&mut Builder, &str) -> String,
) -> (Builder, String) {
    let mut b = Builder::new(format, 7, &[2, 5, 4]);
    let x = b.quant("quant_inp", "x", 3, true);
    let x = between(&mut b, &x);
    let w = b.weights("conv", &[2, channels, 2, 2], 3, true, false);
    let x = b.op("conv", "Conv", &[&x, &w], &[]);
    (b, x)
}

#[test]
fn zeros_around_images() {
    for format in FORMATS {
        let (b, x) = network(format, 2, |b, x| {
            let pads = b.shape("pads", &[0, 0, 1, 0, 0, 0, 2, 1]);
            b.op("pad", "Pad", &[x, &pads], &[S("mode", "constant")])
        });
        has(&check(b, &x), "#[layer(padding = (1, 2, 0, 1))]\n    pad: Pad,");
        // Between a sum and its quantizer.
        let (b, x) = network(format, 2, |b, x| {
            let w = b.weights("conv0", &[2, 2, 1, 1], 3, true, false);
            let x = b.op("conv0", "Conv", &[x, &w], &[]);
            let pads = b.shape("pads", &[0, 0, 1, 1, 0, 0, 1, 1]);
            let zero = b.floats("nothing", &[], &[0.0]);
            let x = b.op("pad", "Pad", &[&x, &pads, &zero], &[]);
            let x = b.op("t", "Tanh", &[&x], &[]);
            b.quant("act", &x, 3, true)
        });
        has(&check_but(b, &x, &["act"]), "#[layer(padding = 1)]\n    pad: Pad,");
    }
}

#[test]
fn parts_of_axes() {
    for format in FORMATS {
        let (b, x) = network(format, 2, |b, x| {
            let [starts, ends] =
                [("starts", [1, -3]), ("ends", [i64::MAX, -1])].map(|(name, at)| b.shape(name, &at));
            let axes = b.shape("axes", &[2, -1]);
            b.op("cut", "Slice", &[x, &starts, &ends, &axes], &[])
        });
        let imported = check(b, &x);
        has(&imported, "#[layer(axis = 1)]\n    cut_2: Slice<1, 5>,");
        has(&imported, "#[layer(axis = 2)]\n    cut: Slice<1, 3>,");
        let (b, x) = network(format, 1, |b, x| {
            let [starts, ends] = [("starts", 1), ("ends", 2)].map(|(name, at)| b.shape(name, &[at]));
            let axes = b.shape("axes", &[1]);
            b.op("cut", "Slice", &[x, &starts, &ends, &axes], &[])
        });
        has(&check(b, &x), "cut: Slice<1, 2>,");
    }
}

#[test]
fn both_parts_of_a_split() {
    for format in FORMATS {
        for with_lengths in [false, true] {
            let (b, x) = network(format, 2, |b, x| {
                let lengths = b.shape("lengths", &[1, 1]);
                let inputs: &[&str] = if with_lengths { &[x, &lengths] } else { &[x] };
                let one = b.op("split", "Split", inputs, &[I("axis", 1)]);
                b.graph.node.last_mut().unwrap().output.push("other".to_owned());
                b.op("cat", "Concat", &["other", &one], &[I("axis", 1)])
            });
            let imported = check(b, &x);
            has(&imported, "Slice<0, 1>,");
            has(&imported, "Slice<1, 2>,");
        }
    }
}

#[test]
fn numbers_that_are_repeated() {
    let asymmetric = [S("coordinate_transformation_mode", "asymmetric"), S("nearest_mode", "floor")];
    let half: [Attribute<'_>; 2] = [S("coordinate_transformation_mode", "half_pixel"), S("mode", "nearest")];
    for format in FORMATS {
        for factor in [2usize, 3] {
            for attributes in [&asymmetric, &half] {
                let (b, x) = network(format, 2, |b, x| {
                    let scales = b.floats("scales", &[4], &[1.0, 1.0, factor as f32, factor as f32]);
                    let roi = b.floats("roi", &[0], &[]);
                    b.op("up", "Resize", &[x, &roi, &scales], attributes)
                });
                has(&check(b, &x), &format!("up: Upsample<{factor}>,"));
                let (b, x) = network(format, 2, |b, x| {
                    let sizes = b.shape("sizes", &[1, 2, 5 * factor as i64, 4 * factor as i64]);
                    b.op("up", "Resize", &[x, "", "", &sizes], attributes)
                });
                has(&check(b, &x), &format!("up: Upsample<{factor}>,"));
            }
        }
        let (b, x) = network(format, 2, |b, x| {
            let scales = b.floats("scales", &[4], &[1.0, 1.0, 2.0, 2.0]);
            b.op("up", "Upsample", &[x, &scales], &[S("mode", "nearest")])
        });
        has(&check(b, &x), "up: Upsample<2>,");
    }
}

#[test]
fn what_moves_numbers_otherwise_is_named() {
    let mut b = Builder::new(Format::Qonnx, 1, &[2, 4, 4]);
    let pads = b.shape("pads", &[0, 0, 1, 0, 0, 0, 2, 1]);
    let of_channels = b.shape("of_channels", &[0, 1, 0, 0, 0, 0, 0, 0]);
    let one = b.floats("one", &[], &[1.0]);
    let [zero, two, four] = [("zero", 0), ("two", 2), ("four", 4)].map(|(name, at)| b.shape(name, &[at]));
    let scales = b.floats("scales", &[4], &[1.0, 1.0, 2.0, 3.0]);
    let halves = b.floats("halves", &[4], &[1.0, 1.0, 0.5, 0.5]);
    let doubles = b.floats("doubles", &[4], &[1.0, 1.0, 2.0, 2.0]);
    let names = [
        b.op("reflected", "Pad", &["x", &pads], &[S("mode", "reflect")]),
        b.op("ones", "Pad", &["x", &pads, &one], &[]),
        b.op("channels", "Pad", &["x", &of_channels], &[]),
        b.op("batch", "Slice", &["x", &zero, &two, &zero], &[]),
        b.op("stepped", "Slice", &["x", &zero, &four, &two, &two], &[]),
        b.op("oblong", "Resize", &["x", "", &scales], &[]),
        b.op("halved", "Resize", &["x", "", &halves], &[]),
        b.op("linear", "Resize", &["x", "", &doubles], &[S("mode", "linear")]),
        b.op("floored", "Resize", &["x", "", &doubles], &[S("nearest_mode", "floor")]),
        b.op("uneven", "Split", &["x"], &[I("axis", 1), Is("split", &[1, 2])]),
        b.op("samples", "Split", &["x"], &[]),
    ];
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let x = b.op("cat", "Concat", &names, &[I("axis", 1)]);
    refused::check(
        b,
        &x,
        &[
            "`/reflected/Pad` (Pad): pads by `reflect`",
            "`/ones/Pad` (Pad): puts 1 around its operand",
            "`/channels/Pad` (Pad): puts zeros around channels",
            "`/batch/Slice` (Slice): takes a part of the batch",
            "`/stepped/Slice` (Slice): has a step of 2",
            "`/oblong/Resize` (Resize): resizes samples by [1, 2, 3]",
            "`/halved/Resize` (Resize): has no whole factors",
            "`/linear/Resize` (Resize): resizes by `linear`",
            "`/floored/Resize` (Resize): resizes by `nearest`, `half_pixel`, `floor`",
            "`/uneven/Split` (Split): splits 2 numbers into [1, 2] for 1 outputs",
            "`/samples/Split` (Split): takes parts of the batch",
        ],
    );
}

/// The largest of two numbers is not that of their values where a function falls, and a function of zero may be none.
#[test]
fn functions_that_do_not_change_places_are_named() {
    let layers = |b: &mut Builder| {
        let x = b.quant("q", "x", 3, true);
        let w = b.weights("conv", &[8, 1, 1, 1], 3, true, false);
        b.op("conv", "Conv", &[&x, &w], &[])
    };
    for (op, attributes) in [("HardSwish", vec![]), ("LeakyRelu", vec![F("alpha", -0.1)])] {
        let mut b = Builder::new(Format::Qonnx, 1, &[1, 4, 4]);
        let x = layers(&mut b);
        let x = b.op("max", "MaxPool", &[&x], &[Is("kernel_shape", &[2, 2])]);
        let x = b.op("f", op, &[&x], &attributes);
        let x = b.quant("act", &x, 3, true);
        refused::check(b, &x, &[&format!("`/act/Quant` (Quant): rounds `{op}` of maxima, which falls")]);
    }
    let mut b = Builder::new(Format::Qonnx, 1, &[1, 4, 4]);
    let x = layers(&mut b);
    let pads = b.shape("pads", &[0, 0, 1, 0, 0, 0, 2, 1]);
    let x = b.op("pad", "Pad", &[&x, &pads], &[]);
    let x = b.op("f", "Sigmoid", &[&x], &[]);
    let x = b.quant("act", &x, 3, false);
    refused::check(b, &x, &["`/act/Quant` (Quant): rounds `Sigmoid` of zeros of a `Pad`"]);
}

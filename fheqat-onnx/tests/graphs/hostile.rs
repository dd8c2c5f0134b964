//! Files that say two things, or something else than they seem to.

use fheqat_onnx::{
    ImportError, ImportOptions, import,
    proto::{AttributeProto, ModelProto, NodeProto, attribute_proto::AttributeType},
};
use prost::Message;

use crate::{
    builder::{
        Attribute::{F, I, S},
        Builder, Format,
    },
    check, has, refused,
};

/// A small network, and its file after a change.
fn changed(change: impl Fn(&mut ModelProto)) -> Result<fheqat_onnx::Imported, ImportError> {
    let mut b = Builder::new(Format::Qonnx, 1, &[4]);
    let x = b.quant("q", "x", 3, true);
    let x = b.linear("fc1", &x, 4, 5, 3);
    let x = b.op("act", "LeakyRelu", &[&x], &[F("alpha", 0.25)]);
    let x = b.quant("act1", &x, 3, true);
    let x = b.linear("fc2", &x, 5, 2, 3);
    let mut model = ModelProto::decode(&b.file(&x)[..]).unwrap();
    change(&mut model);
    import(&model.encode_to_vec(), &ImportOptions::default())
}

fn node<'m>(model: &'m mut ModelProto, op: &str) -> &'m mut NodeProto {
    let nodes = &mut model.graph.as_mut().unwrap().node;
    nodes.iter_mut().find(|node| node.op_type() == op).unwrap()
}

fn attribute<'m>(node: &'m mut NodeProto, name: &str) -> &'m mut AttributeProto {
    node.attribute.iter_mut().find(|attribute| attribute.name() == name).unwrap()
}

fn says(result: Result<fheqat_onnx::Imported, ImportError>, expected: &str) {
    let message = result.map(|imported| imported.source()).unwrap_err().to_string();
    assert!(message.contains(expected), "{message}");
}

/// Whichever were taken, the other would count for nothing.
#[test]
fn a_tensor_that_is_given_twice() {
    assert!(changed(|_| {}).is_ok());
    let twice = "is given twice, by nodes, constants or inputs";
    says(
        changed(|model| {
            let graph = model.graph.as_mut().unwrap();
            let again = graph.initializer[0].clone();
            graph.initializer.push(again);
        }),
        twice,
    );
    says(
        changed(|model| {
            let again = node(model, "LeakyRelu").clone();
            model.graph.as_mut().unwrap().node.push(again);
        }),
        twice,
    );
    says(
        changed(|model| {
            let name = model.graph.as_ref().unwrap().initializer[0].name().to_owned();
            node(model, "LeakyRelu").output.push(name);
        }),
        twice,
    );
    says(changed(|model| node(model, "LeakyRelu").output.push("x".to_owned())), "`x` is given twice");
    says(
        changed(|model| {
            let graph = model.graph.as_mut().unwrap();
            graph.input.push(graph.input[0].clone());
        }),
        "`x` is given twice",
    );
}

#[test]
fn attributes_that_hold_something_else() {
    says(
        changed(|model| {
            let alpha = attribute(node(model, "LeakyRelu"), "alpha");
            (alpha.f, alpha.i, alpha.r#type) = (None, Some(1), Some(AttributeType::Int as i32));
        }),
        "has `alpha` of INT, but it is FLOAT",
    );
    for lie in [AttributeType::Int, AttributeType::Tensor, AttributeType::Graph] {
        says(
            changed(|model| attribute(node(model, "LeakyRelu"), "alpha").r#type = Some(lie as i32)),
            "has `alpha` of nothing that is read, but it is FLOAT",
        );
    }
    says(
        changed(|model| attribute(node(model, "LeakyRelu"), "alpha").i = Some(3)),
        "of nothing that is read",
    );
    says(
        changed(|model| {
            let node = node(model, "LeakyRelu");
            node.attribute.push(node.attribute[0].clone());
        }),
        "has `alpha` twice",
    );
    let untyped = changed(|model| attribute(node(model, "LeakyRelu"), "alpha").r#type = None).unwrap();
    has(&untyped, "LeakyReLU<1, 4>");
}

/// Writers by the third version of protocol buffers leave out what is zero, and say of what type it is.
#[test]
fn zeros_that_are_left_out() {
    let zero = changed(|model| attribute(node(model, "LeakyRelu"), "alpha").f = None).unwrap();
    has(&zero, "act1: QuantReLU");
    let unsigned = changed(|model| {
        for node in &mut model.graph.as_mut().unwrap().node {
            if node.op_type() == "Quant" && node.name().contains("act1") {
                attribute(node, "signed").i = None;
            }
        }
    });
    has(&unsigned.unwrap(), "#[layer(signed = false)]");
}

#[test]
fn numbers_that_are_none() {
    for epsilon in [f32::NAN, f32::INFINITY, -2.0] {
        let mut b = Builder::new(Format::Qonnx, 2, &[4]);
        let x = b.quant("q", "x", 3, true);
        let x = b.linear("fc1", &x, 4, 3, 3);
        let parts: Vec<String> =
            ["w", "b", "m", "v"].map(|part| b.floats(part, &[3], &[0.5, 1.0, 1.5])).to_vec();
        let operands = [&x, &parts[0], &parts[1], &parts[2], &parts[3]].map(String::as_str);
        let x = b.op("norm", "BatchNormalization", &operands, &[F("epsilon", epsilon)]);
        refused::check(b, &x, &["`/norm/BatchNormalization` (BatchNormalization): has a variance of "]);
    }
    let mut b = Builder::new(Format::Qonnx, 3, &[4]);
    let x = b.quant("q", "x", 3, true);
    let w = b.floats("w", &[2, 4], &[1.0, -1.0, f32::NAN, 1.0, 1.0, 1.0, -1.0, 1.0]);
    let scale = b.floats("s", &[], &[0.1]);
    let w = b.op_of("qonnx.custom_op.general", "signs", "BipolarQuant", &[&w, &scale], &[]);
    let x = b.op("fc", "Gemm", &[&x, &w], &[I("transB", 1)]);
    refused::check(b, &x, &["`/signs/BipolarQuant` (BipolarQuant): takes signs of numbers that are none"]);
}

/// A bias for each sample is none for each output, though there are as many.
#[test]
fn a_bias_along_the_batch() {
    for (dims, is_read) in [(&[3][..], true), (&[1, 3], true), (&[3, 1], false)] {
        let mut b = Builder::new(Format::Qonnx, 4, &[4]);
        let x = b.quant("q", "x", 3, true);
        let w = b.weights("fc", &[3, 4], 3, true, false);
        let bias = b.floats("bias", dims, &[0.1, 0.2, 0.3]);
        let x = b.op("fc", "Gemm", &[&x, &w, &bias], &[I("transB", 1)]);
        if is_read {
            check(b, &x);
        } else {
            refused::check(b, &x, &["`/fc/Gemm` (Gemm): has a bias of shape [3, 1] for 3 outputs"]);
        }
    }
}

/// Without a zero point an attribute may say which integers there are.
#[test]
fn the_type_of_integers() {
    for (to, source) in
        [(3, "quant_inp: QuantIdentity"), (2, "#[layer(signed = false)]"), (0, "signed = false")]
    {
        let mut b = Builder::new(Format::Qonnx, 5, &[4]);
        let scale = b.floats("scale", &[], &[0.1]);
        let x = b.op("quant_inp", "QuantizeLinear", &["x", &scale], &[I("output_dtype", to)]);
        let x = b.op("levels", "DequantizeLinear", &[&x, &scale], &[]);
        let x = b.linear("fc", &x, 4, 2, 2);
        let imported = import(&b.file(&x), &ImportOptions::default()).unwrap();
        has(&imported, source);
        assert_eq!(imported.source().contains("signed = false"), to != 3, "{}", imported.source());
    }
    let mut b = Builder::new(Format::Qonnx, 6, &[4]);
    let scale = b.floats("scale", &[], &[0.1]);
    let x = b.op("q", "QuantizeLinear", &["x", &scale], &[I("output_dtype", 17)]);
    refused::check(b, &x, &["`/q/QuantizeLinear` (QuantizeLinear): quantizes to "]);
}

/// What a terminal would hide or turn around.
#[test]
fn names_that_hide() {
    let mut b = Builder::new(Format::Qonnx, 7, &[4]);
    let x = b.op("a\u{202e}b\u{200b}c\x1b[2J", "Gelu", &["x"], &[S("approximate", "\u{2066}x")]);
    refused::check(b, &x, &["`/a?b?c?[2J/Gelu` (Gelu): has `approximate` of ?x"]);
}

//! Windows keep their sides and gaps.

use fheqat::prelude::*;
use fheqat_onnx::{
    ImportOptions,
    export::{Trained, integers, qonnx},
    import,
    proto::ModelProto,
};
use prost::Message;

use crate::{images, reference, samples, share, trained};

#[quant_net(bits = 3, input = [1, 6, 6])]
struct Uneven {
    #[layer(signed = false)]
    quant_inp: QuantIdentity,
    #[layer(padding = (2, 0, 1, 0), bias = free)]
    conv1: QuantConv2d<1, 3, 3>,
    relu1: QuantReLU,
    #[layer(dilation = 2, padding = (1, 0, 0, 1), stride = 1)]
    max: MaxPool2d<2>,
    #[layer(padding = (0, 1, 1, 0))]
    mean: AvgPool2d<2>,
    #[layer(bits = 4)]
    quant2: QuantIdentity,
    #[layer(padding = same, stride = 2, bias = free)]
    conv2: QuantConv2d<3, 2, 2>,
    relu2: QuantReLU,
    flat: Flatten,
    fc: QuantLinear<4, 2>,
}

#[quant_net(bits = 3, input = [1, 6, 6])]
struct Fitted {
    #[layer(signed = false)]
    quant_inp: QuantIdentity,
    #[layer(padding = same, dilation = 2, bias = free)]
    conv1: QuantConv2d<1, 3, 2>,
    relu1: QuantReLU,
    #[layer(padding = same)]
    max: MaxPool2d<4>,
    #[layer(padding = same)]
    mean: AvgPool2d<2>,
    quant2: QuantIdentity,
    flat: Flatten,
    fc: QuantLinear<3, 2>,
}

#[quant_net(bits = 3, input = [1, 36])]
struct Causal {
    #[layer(signed = false)]
    quant_inp: QuantIdentity,
    #[layer(dilation = 4, padding = (8, 0), bias = free)]
    conv1: QuantConv1d<1, 2, 3>,
    relu1: QuantReLU,
    flat: Flatten,
    fc: QuantLinear<72, 2>,
}

#[quant_net(bits = 3, input = [1, 6, 6])]
struct Gaps {
    #[layer(signed = false)]
    quant_inp: QuantIdentity,
    #[layer(dilation = 3, stride = 1)]
    mean: AvgPool2d<2>,
    quant2: QuantIdentity,
    flat: Flatten,
    fc: QuantLinear<9, 2>,
}

#[quant_net(bits = 3, input = [1, 6, 6])]
struct Moves {
    #[layer(signed = false)]
    quant_inp: QuantIdentity,
    #[layer(padding = (1, 0, 2, 1))]
    pad: Pad,
    #[layer(stride = 2, bias = free)]
    conv1: QuantConv2d<1, 3, 3>, // [3, 3, 4]
    relu1: QuantReLU,
    up: Upsample<2>, // [3, 6, 8]
    #[layer(axis = 2)]
    part: Slice<1, 6>,
    second: Slice<1, 3>, // [2, 6, 5]
    flat: Flatten,
    fc: QuantLinear<60, 2>,
}

/// What an export computes, and what an import of it has, is the same circuit.
fn check<N: Network>() {
    let network: N = trained(&images());
    let name = N::SPEC.name;
    check_integers(&network);
    let file = qonnx(&Trained::of(&network).unwrap()).unwrap();
    let imported = import(&file, &ImportOptions::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
    let again = imported.network().unwrap().circuit().unwrap();
    let before = network.circuit().unwrap();
    assert!(before.graph == again.graph, "{name}\n{}", imported.source());
    // In floats of 64 bits the file has the network's classes, but where a sum lies on a tie.
    let model = ModelProto::decode(&file[..]).unwrap();
    let (mut right, mut all) = (0, 0);
    for sample in samples(&images()).into_iter().step_by(7) {
        let tensors = reference::run(model.graph.as_ref().unwrap(), &sample, |value| value);
        let expected = before.simulate(&sample).unwrap().values;
        let is_near = |(a, b): (&f64, &f32)| (a - f64::from(*b)).abs() < 1e-4;
        right += usize::from(tensors["logits"].values.iter().zip(&expected).all(is_near));
        all += 1;
    }
    assert!(right * 10 >= all * 8, "{name}: {right} of {all}");
}

fn check_integers<N: Network>(network: &N) {
    share(&N::SPEC.name.to_lowercase(), network, &images());
    let before = network.circuit().unwrap();
    let model = ModelProto::decode(&integers(&Trained::of(network).unwrap()).unwrap()[..]).unwrap();
    for sample in samples(&images()).into_iter().step_by(7) {
        let tensors = reference::run(model.graph.as_ref().unwrap(), &sample, |value| f64::from(value as f32));
        let found: Vec<i64> = tensors["integers"].values.iter().map(|&value| value as i64).collect();
        assert_eq!(found, before.simulate(&sample).unwrap().accumulators, "{}", N::SPEC.name);
    }
}

#[test]
fn windows_leave_and_come_back() {
    check::<Uneven>();
    check::<Fitted>();
    check::<Causal>();
    check::<Moves>();
}

/// `AveragePool` has dilations from version 19 of the operators.
#[test]
fn averages_with_gaps_are_named() {
    let network: Gaps = trained(&images());
    check_integers(&network);
    let error = qonnx(&Trained::of(&network).unwrap()).unwrap_err();
    assert!(error.to_string().starts_with("`mean` cannot be exported: averages have no dilation"), "{error}");
}

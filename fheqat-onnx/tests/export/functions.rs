//! Functions keep their numbers.

use fheqat::prelude::*;
use fheqat_onnx::{
    ImportOptions,
    export::{Trained, integers, qonnx},
    import,
    proto::{ModelProto, NodeProto},
};
use prost::Message;

use crate::{points, reference, samples, share, trained};

macro_rules! networks {
    ($($name:ident: $function:ty),* $(,)?) => {
        $(#[quant_net(bits = 3)]
        struct $name {
            quant_inp: QuantIdentity,
            fc1: QuantLinear<2, 8>,
            act1: QuantAct<$function>,
            fc2: QuantLinear<8, 2>,
        })*
    };
}

networks!(
    Leaky: LeakyReLU,
    LeakyFifth: LeakyReLU<1, 5>,
    LeakyOdd: LeakyReLU<12345, 99991>,
    Elu: ELU,
    EluHalf: ELU<1, 2>,
    Selu: SELU,
    Silu: SiLU,
    MishNet: Mish,
    Plus: Softplus,
    Sign: Softsign,
    Hard: HardSigmoid,
    HardFifth: HardSigmoid<1, 5>,
    Swish: HardSwish,
    Six: ReLU6,
    Between: Clip<-5, 15, 10>,
    ByTanh: Gelu,
    ByErf: GeluErf,
    Above: Threshold<1, 0, 10>,
    Step: Threshold<1, -2, 10>,
    Other: own::LeakyReLU<1, 5>,
);

#[quant_net(bits = 3)]
struct Constants {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 8>,
    #[layer(value = -0.5)]
    factor: Mul,
    #[layer(value = 0.25)]
    more: ConstantAdd,
    relu1: QuantReLU,
    fc2: QuantLinear<8, 2>,
    #[layer(value = 2.0)]
    last: Mul,
}

mod own {
    /// One of another module, with the name of ours.
    pub(super) struct LeakyReLU<const SLOPE: i64, const PER: i64>;

    impl<const SLOPE: i64, const PER: i64> fheqat::prelude::Activation for LeakyReLU<SLOPE, PER> {
        const SIGNED: bool = true;

        fn apply(x: f32) -> f32 {
            x.abs() - 0.5
        }
    }
}

fn written<N: Network>(network: &N) -> (Vec<u8>, Vec<NodeProto>) {
    let file = qonnx(&Trained::of(network).unwrap()).unwrap();
    let nodes = ModelProto::decode(&file[..]).unwrap().graph.unwrap().node;
    (file, nodes)
}

/// Operations between the first layer and the quantizer, and the numbers of the first.
fn check<N: Network>(ops: &[&str], numbers: &[(&str, f32)]) {
    let network: N = trained(&points());
    let name = N::SPEC.name;
    let (file, nodes) = written(&network);
    let of_function: Vec<&NodeProto> =
        nodes.iter().filter(|node| node.name().starts_with("/act1/")).collect();
    let found: Vec<&str> = of_function.iter().map(|node| node.op_type()).collect();
    assert_eq!(found[..found.len() - 1], *ops, "{name}");
    for (number, value) in numbers {
        let attribute = of_function[0].attribute.iter().find(|attribute| attribute.name() == *number);
        assert_eq!(attribute.unwrap().f(), *value, "{name}: {number}");
    }
    let imported = import(&file, &ImportOptions::default()).unwrap();
    let again = imported.network().unwrap();
    let (before, after) = (network.circuit().unwrap(), again.circuit().unwrap());
    assert!(before.graph == after.graph, "{name}");
    check_integers(&network);
}

fn check_integers<N: Network>(network: &N) {
    share(&N::SPEC.name.to_lowercase(), network, &points());
    let before = network.circuit().unwrap();
    let model = ModelProto::decode(&integers(&Trained::of(network).unwrap()).unwrap()[..]).unwrap();
    for sample in samples(&points()).into_iter().step_by(9) {
        let tensors = reference::run(model.graph.as_ref().unwrap(), &sample, |value| f64::from(value as f32));
        let found: Vec<i64> = tensors["integers"].values.iter().map(|&value| value as i64).collect();
        assert_eq!(found, before.simulate(&sample).unwrap().accumulators, "{}", N::SPEC.name);
    }
}

#[test]
fn functions_are_written_with_their_numbers() {
    check::<Leaky>(&["LeakyRelu"], &[("alpha", 0.01)]);
    check::<LeakyFifth>(&["LeakyRelu"], &[("alpha", 0.2)]);
    check::<LeakyOdd>(&["LeakyRelu"], &[("alpha", (12345.0f64 / 99991.0) as f32)]);
    check::<Elu>(&["Elu"], &[("alpha", 1.0)]);
    check::<EluHalf>(&["Elu"], &[("alpha", 0.5)]);
    check::<Selu>(&["Selu"], &[]);
    check::<Silu>(&["Sigmoid", "Mul"], &[]);
    check::<MishNet>(&["Softplus", "Tanh", "Mul"], &[]);
    check::<Plus>(&["Softplus"], &[]);
    check::<Sign>(&["Softsign"], &[]);
    check::<Hard>(&["HardSigmoid"], &[("alpha", 1.0 / 6.0), ("beta", 0.5)]);
    check::<HardFifth>(&["HardSigmoid"], &[("alpha", 0.2), ("beta", 0.5)]);
    check::<Swish>(&["HardSwish"], &[]);
    check::<Six>(&["Clip"], &[]);
    check::<Between>(&["Clip"], &[]);
    check::<ByTanh>(&["Gelu"], &[]);
    check::<ByErf>(&["Gelu"], &[]);
    check::<Above>(&["ThresholdedRelu"], &[("alpha", 0.1)]);
}

#[test]
fn functions_that_onnx_does_not_have_are_named() {
    fn refused<N: Network>(name: &str) {
        let network: N = trained(&points());
        let error = qonnx(&Trained::of(&network).unwrap()).unwrap_err();
        let expected =
            format!("`act1` cannot be exported: QONNX has no function `{name}`: export it by `integers`");
        assert_eq!(error.to_string(), expected);
    }
    refused::<Step>("Threshold<1, -2, 10>");
    refused::<Other>("LeakyReLU<1, 5>");
}

/// Staircases hold constants, and the scale of the outputs.
#[test]
fn constants_leave_as_integers() {
    let network: Constants = trained(&points());
    check_integers(&network);
    let error = qonnx(&Trained::of(&network).unwrap()).unwrap_err();
    assert!(
        error.to_string().starts_with("`factor` cannot be exported: constants are not written"),
        "{error}"
    );
}

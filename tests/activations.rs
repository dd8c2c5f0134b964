//! Every function that fheqat has, from the macro to the encrypted result: between sums and levels that a layer reads, and as the output.
#![allow(clippy::unwrap_used)]

use fheqat::{data::Dataset, prelude::*};
use ndarray::Array2;

use self::exact::check_bits;

mod exact;

/// A network with one function between two layers, and one at the end.
macro_rules! networks {
    ($($name:ident: $first:ty, $last:ty;)*) => {
        $(
            #[quant_net(bits = 3, max_l1 = 7)]
            struct $name {
                quant_inp: QuantIdentity,
                fc1: QuantLinear<3, 4>,
                act1: QuantAct<$first>,
                fc2: QuantLinear<4, 2>,
                act2: QuantAct<$last>,
            }
        )*

        #[test]
        fn evaluation_is_simulation() {
            $(check_bits(&trained::<$name>(), &samples());)*
        }

        /// A table costs the same whatever is in it: a server runs each network with the keys of its own parameters.
        #[cfg(feature = "fhe")]
        #[test]
        fn encrypted_is_simulated() {
            $(encrypted(&trained::<$name>());)*
        }
    };
}

networks! {
    Exponential: ELU, SELU;
    Steeper: ELU<7, 10>, SiLU;
    Soft: Mish, Softplus;
    Bounded: Softsign, HardTanh;
    Gates: HardSigmoid, HardSwish;
    Kinks: LeakyReLU<1, 5>, ReLU6;
    Ends: Clip<-5, 15, 10>, Threshold<1, -2, 10>;
    Old: Gelu, Sigmoid;
    Exact: GeluErf, Tanh;
}

fn samples() -> Dataset {
    let features =
        Array2::from_shape_fn((120, 3), |(sample, feature)| ((sample * 7 + feature * 5) % 23) as f32 - 11.0);
    let targets = Array2::from_shape_fn((120, 2), |(sample, output)| {
        ((sample * 7 + output * 5) % 23) as f32 / 11.0 - 0.5
    });
    Dataset::values(features, targets).unwrap()
}

fn trained<N: Network>() -> N {
    let mut net = N::new(Seed(1));
    let config = TrainConfig { epochs: Some(5), progress: false, ..TrainConfig::declared() };
    net.train(&samples(), &config).unwrap();
    net
}

#[cfg(feature = "fhe")]
fn encrypted(net: &impl Network) {
    let circuit = net.circuit().unwrap();
    assert!(!circuit.graph.accumulators.is_empty());
    let compiled = circuit.compile(&CompileOptions::default()).unwrap();
    let (client, server) = compiled.keygen().unwrap();
    for sample in samples().samples().take(2) {
        let encrypted = client.encrypt(&sample).unwrap();
        let result = client.decrypt(&server.run(&encrypted).unwrap()).unwrap();
        assert_eq!(result, circuit.simulate(&sample).unwrap());
    }
}

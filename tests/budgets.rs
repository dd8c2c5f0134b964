//! Budgets that some layers have and others have not.
#![allow(clippy::unwrap_used)]

use fheqat::{data, prelude::*};

/// Rows of two weights of up to 3 cannot sum to more than 6.
#[quant_net(bits = 3, max_nonzero = 30)]
struct Behind {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 100>,
    relu1: QuantReLU,
    #[layer(max_l1 = 8)]
    fc2: QuantLinear<100, 100>,
    relu2: QuantReLU,
    #[layer(max_l1 = 8)]
    fc3: QuantLinear<100, 2>,
}

#[test]
fn budgets_behind_a_narrow_layer_reach_the_ceiling() {
    for seed in [1, 2, 7].map(Seed) {
        let (train, _) = data::checkerboard(seed);
        let fresh = data::checkerboard_points(20_000, Seed(100 + seed.0));
        let mut net = Behind::new(seed);
        let features = FeatureMap::AsIs;
        net.train(&train, &TrainConfig { seed, features, progress: false, ..TrainConfig::declared() })
            .unwrap();
        let accuracy = net.evaluate_in(Precision::Quantized, &fresh).unwrap().accuracy.unwrap();
        assert!(accuracy >= 0.945, "{seed:?}: {accuracy}");
    }
}

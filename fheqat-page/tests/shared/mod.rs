//! Networks that tests make pages of.

#![allow(dead_code, reason = "each test takes what it needs")]

use std::sync::OnceLock;

use fheqat::{data, prelude::*, train::History};

/// A network with two features, a connection that skips a layer, and one that does so twice.
#[quant_net(bits = 2, max_l1 = 6)]
struct Squares {
    #[layer(signed = false, scale = 0.333)]
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 8>,
    relu1: QuantReLU,
    fc2: QuantLinear<8, 8>,
    #[layer(scale_from = relu1)]
    relu2: QuantReLU,
    #[layer(from = [relu1, relu2])]
    both: Concat,
    fc3: QuantLinear<16, 2>,
}

/// A network, how it was trained, and data that it was not trained on.
pub(crate) struct Trained {
    pub(crate) compiled: Compiled,
    pub(crate) history: History,
    pub(crate) test: Dataset,
}

/// Two classes of two features.
pub(crate) fn squares() -> &'static Trained {
    static TRAINED: OnceLock<Trained> = OnceLock::new();
    TRAINED.get_or_init(|| {
        let (train, test) = data::checkerboard(Seed(1));
        let mut net = Squares::new(Seed(0));
        let config = TrainConfig { epochs: Some(12), ..TrainConfig::declared() };
        let history = net.train(&train, &config).unwrap();
        let compiled = net.circuit().unwrap().compile(&CompileOptions::default()).unwrap();
        Trained { compiled, history, test }
    })
}

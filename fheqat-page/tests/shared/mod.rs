//! Networks that tests make pages of.

#![allow(dead_code, reason = "each test takes what it needs")]

use std::sync::OnceLock;

use fheqat::{
    data::{
        self,
        csv::{self, CsvOptions},
    },
    ndarray::Array2,
    page::Page,
    prelude::*,
    train::History,
};

/// Two features, and a connection that skips a layer.
#[quant_net(bits = 3, max_nonzero = 30, max_l1 = 8)]
struct Squares {
    #[layer(bits = 2, signed = false, scale = 0.333)]
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 16>,
    relu1: QuantReLU,
    fc2: QuantLinear<16, 16>,
    #[layer(scale_from = relu1)]
    relu2: QuantReLU,
    #[layer(from = [relu1, relu2])]
    both: Concat,
    #[layer(max_l1 = 32)]
    fc3: QuantLinear<32, 2>,
}

/// Features as bits, and an output that may read them past the hidden layer.
#[quant_net(bits = 3)]
struct Flowers {
    inp: Thermometer<7>,
    #[layer(max_l1 = 16)]
    fc1: QuantLinear<28, 12>,
    #[layer(scale_from = inp)]
    relu1: QuantReLU,
    #[layer(from = [inp, relu1])]
    both: Concat,
    fc2: QuantLinear<40, 3>,
}

/// A number.
#[quant_net(bits = 4, max_l1 = 32)]
struct Heights {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<3, 12>,
    relu1: QuantReLU,
    fc2: QuantLinear<12, 1>,
}

/// A network, how it was trained, and data that it was not trained on.
pub(crate) struct Trained {
    pub(crate) compiled: Compiled,
    pub(crate) history: History,
    pub(crate) test: Dataset,
}

/// A page of everything that is known of a network, but for encrypted results.
pub(crate) fn page(net: &Trained) -> Page<'_> {
    Page::new(&net.compiled.circuit().name)
        .compiled(&net.compiled)
        .history(&net.history)
        .data(&net.test, "the test samples")
}

fn trained<N: Network>([train, test]: [Dataset; 2], config: &TrainConfig) -> Trained {
    let mut net = N::new(Seed(0));
    let history = net.train(&train, config).unwrap();
    let compiled = net.circuit().unwrap().compile(&CompileOptions::default()).unwrap();
    Trained { compiled, history, test }
}

/// Two classes of two features.
pub(crate) fn squares() -> &'static Trained {
    static TRAINED: OnceLock<Trained> = OnceLock::new();
    TRAINED.get_or_init(|| {
        let (train, test) = data::checkerboard(Seed(1));
        let config = TrainConfig { epochs: Some(30), ..TrainConfig::declared() };
        trained::<Squares>([train, test], &config)
    })
}

/// Three classes of four features, found by a search.
pub(crate) fn flowers() -> &'static Trained {
    static TRAINED: OnceLock<Trained> = OnceLock::new();
    TRAINED.get_or_init(|| {
        let iris = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/iris.csv");
        let data = csv::read(iris, &CsvOptions::default()).unwrap();
        trained::<Flowers>(data.parts([0.7, 0.3], Seed(1)).unwrap(), &TrainConfig::default())
    })
}

/// A number of three features.
pub(crate) fn heights() -> &'static Trained {
    static TRAINED: OnceLock<Trained> = OnceLock::new();
    TRAINED.get_or_init(|| {
        let features = Array2::from_shape_fn((600, 3), |(row, column)| {
            ((row * (7 + 4 * column) + 13 * column) % 101) as f32 / 50.0 - 1.0
        });
        let values = Array2::from_shape_fn((600, 1), |(row, _)| {
            let x = features.row(row);
            40.0 + 8.0 * x[0] - 5.0 * x[1] * x[1] + 3.0 * x[2]
        });
        let data = Dataset::values(features, values).unwrap();
        let config = TrainConfig { epochs: Some(40), ..TrainConfig::declared() };
        trained::<Heights>(data.parts([0.75, 0.25], Seed(2)).unwrap(), &config)
    })
}

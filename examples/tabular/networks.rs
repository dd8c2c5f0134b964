//! One network for every table: a struct for each number of features and outputs, for shapes are fixed when it is compiled.

use fheqat::{
    data::FeatureKind,
    prelude::*,
    train::{History, Metrics, Validation},
};

use crate::common::timed;

/// What training on a table gives.
pub(crate) struct Trained {
    /// The network as integers.
    pub(crate) circuit: Circuit,
    /// How it was chosen.
    pub(crate) history: History,
    /// Seconds that took.
    pub(crate) seconds: f64,
    /// How well it does on samples that are held out.
    pub(crate) quantized: Metrics,
    /// How well the same network does that was trained in float.
    pub(crate) float: Metrics,
    /// How well logistic or ridge regression does, in float.
    pub(crate) linear: Metrics,
}

/// Trains on the first of two parts, and evaluates on the second.
pub(crate) type Train = fn([&Dataset; 2], Seed, Log2Probability) -> Result<Trained, MainError>;

/// The networks of one shape, trained by what it gives.
macro_rules! network {
    ($features:literal, $outputs:literal) => {{
        /// The hidden layer sees 15 bits of each feature, and the last layer sees them beside the hidden one.
        #[quant_net(bits = 3)]
        struct Table {
            inp: Thermometer<15>,
            #[layer(max_l1 = 32)]
            fc1: QuantLinear<{ 15 * $features }, 32>,
            #[layer(scale_from = inp)]
            relu1: QuantReLU,
            #[layer(from = [inp, relu1])]
            both: Concat,
            fc2: QuantLinear<{ 15 * $features + 32 }, $outputs>,
        }

        #[quant_net(bits = 8)]
        struct OfNumbers {
            inp: QuantIdentity,
            fc: QuantLinear<$features, $outputs>,
        }

        #[quant_net(bits = 8)]
        struct OfBits {
            inp: Thermometer<15>,
            fc: QuantLinear<{ 15 * $features }, $outputs>,
        }

        trained::<Table, OfNumbers, OfBits>
    }};
}

/// Those of each number of features with each number of outputs, and which there are.
macro_rules! networks {
    ([$($features:literal)*] $outputs:tt) => {
        /// Features that there are networks for.
        const FEATURES: &[usize] = &[$($features),*];
        /// Classes or numbers to predict that there are networks for.
        const OUTPUTS: &[usize] = &networks!(@list $outputs);

        fn of_shape(features: usize, outputs: usize) -> Option<Train> {
            match features {
                $($features => networks!(@outputs outputs, $features, $outputs),)*
                _ => None,
            }
        }
    };
    (@list [$($outputs:literal)*]) => {
        [$($outputs),*]
    };
    (@outputs $found:expr, $features:literal, [$($outputs:literal)*]) => {
        match $found {
            $($outputs => Some(network!($features, $outputs)),)*
            _ => None,
        }
    };
}

// A table with another number of features gets columns of zeros, up to the next number here. Of your own table you know both
// numbers, and write the struct with them.
networks!([2 3 4 5 6 7 8 9 10 12 16 20 24 32 48 64 96 128 256] [1 2 3 4 5 6 7 8 9 10]);

/// The least number of features that there is a network for with so many outputs, at least `features`, and how that is trained.
///
/// # Errors
/// When the table is too wide.
pub(crate) fn for_shape(features: usize, outputs: usize) -> Result<(usize, Train), MainError> {
    let most = |ladder: &[usize]| ladder.last().copied().unwrap_or(0);
    let width = FEATURES.iter().copied().find(|&width| width >= features);
    let found = width.and_then(|width| of_shape(width, outputs).map(|train| (width, train)));
    found.ok_or_else(|| {
        format!(
            "the table has {features} features and {outputs} classes or numbers to predict, but this example has networks for at \
             most {} and {}: add the number to `networks!` in examples/tabular/networks.rs, or `--ignore` columns",
            most(FEATURES),
            most(OUTPUTS)
        )
        .into()
    })
}

fn trained<N: Network, OfNumbers: Network, OfBits: Network>(
    [train, test]: [&Dataset; 2],
    seed: Seed,
    p_fail: Log2Probability,
) -> Result<Trained, MainError> {
    let mut net = N::new(seed);
    let search = Some(CostSearch { p_fail, ..CostSearch::default() });
    let (history, seconds) =
        timed(|| net.train(train, &TrainConfig { seed, search, ..TrainConfig::default() }));
    let mut float = N::new(seed);
    float.train(train, &TrainConfig { seed, ..TrainConfig::float() })?;
    let is_category = |kind: &FeatureKind| matches!(kind, FeatureKind::Category { .. });
    let needs_bits = train.has_missing()
        || test.has_missing()
        || train.described().iter().any(|feature| is_category(&feature.kind));
    Ok(Trained {
        circuit: net.circuit()?,
        history: history?,
        seconds,
        quantized: net.evaluate(test)?,
        float: float.evaluate_in(Precision::Float, test)?,
        linear: if needs_bits {
            linear::<OfBits>([train, test], seed)
        } else {
            linear::<OfNumbers>([train, test], seed)
        }?,
    })
}

/// Logistic or ridge regression: of numbers that are all there on these, standardised, else on their bits.
fn linear<N: Network>([train, test]: [&Dataset; 2], seed: Seed) -> Result<Metrics, MainError> {
    let mut net = N::new(seed);
    let ridge = Some(1.0 / train.len() as f32);
    net.train(train, &TrainConfig { ridge, validation: Validation::None, seed, ..TrainConfig::float() })?;
    Ok(net.evaluate_in(Precision::Float, test)?)
}

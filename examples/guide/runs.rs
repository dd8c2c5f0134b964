//! One network of one seed, from data to figures.

use std::error::Error;

use fheqat::{data, prelude::*, train::PtqConfig};
use indicatif::ProgressBar;
use rayon::prelude::*;

pub(crate) type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Fresh points that accuracy is measured on; nothing is chosen by them.
pub(crate) const POINTS: usize = 50_000;

/// What a network comes to on integers.
pub(crate) struct Integers {
    /// Fraction of the fresh points classified right.
    pub(crate) accuracy: f64,
    /// Bits of the widest sum over the training samples, as the guide measures it.
    pub(crate) observed: u32,
    /// Bits of the widest sum over all inputs.
    pub(crate) exact: u32,
    /// The distance between two levels of the input.
    pub(crate) step: f32,
}

/// A network that was quantized after training.
pub(crate) struct Ptq {
    /// Fraction of the fresh points classified right in float.
    pub(crate) float: f64,
    /// The same where only the input is rounded.
    pub(crate) rounded_input: f64,
    /// The same with everything rounded, and what it needs.
    pub(crate) integers: Integers,
}

pub(crate) fn ptq<N: Network>(seed: Seed) -> Outcome<Ptq> {
    rounded_after_training(N::new(seed), seed)
}

/// The guide's `prune(max_non_zero)` before training in float.
pub(crate) fn pruned<N: Network, const MAX_NONZERO: usize>(seed: Seed) -> Outcome<Ptq> {
    let mut net = N::new(seed);
    net.prune(MAX_NONZERO)?;
    rounded_after_training(net, seed)
}

fn rounded_after_training<N: Network>(mut net: N, seed: Seed) -> Outcome<Ptq> {
    let (train, fresh) = samples(seed);
    net.train(&train, &TrainConfig { seed, ..as_the_guide(TrainConfig::float()) })?;
    let float = accuracy(&net, Precision::Float, &fresh)?;
    net.quantize(&train, &PtqConfig::default())?;

    let quantizer = net.circuit()?.codec.encoders[0].quantizer().ok_or("the input is not rounded")?;
    let rounded = fresh.features().mapv(|feature| quantizer.round(feature) * quantizer.step);
    let rounded = Dataset::classes(rounded, fresh.labels().to_vec(), fresh.class_names().len())?;
    let rounded_input = accuracy(&net, Precision::Float, &rounded)?;
    Ok(Ptq { float, rounded_input, integers: integers(&net, &train, &fresh)? })
}

pub(crate) fn qat<N: Network>(seed: Seed) -> Outcome<Integers> {
    let (train, fresh) = samples(seed);
    let mut net = N::new(seed);
    // Rows of few weights lose cells at the default rate.
    net.train(&train, &TrainConfig { seed, rate: 0.015, ..as_the_guide(TrainConfig::declared()) })?;
    integers(&net, &train, &fresh)
}

/// Twenty epochs on features as they are.
fn as_the_guide(config: TrainConfig) -> TrainConfig {
    TrainConfig { epochs: Some(20), features: FeatureMap::AsIs, progress: false, ..config }
}

/// Every run with every seed, on all cores.
pub(crate) fn all<T: Send>(
    runs: &[fn(Seed) -> Outcome<T>],
    seeds: u64,
    bar: &ProgressBar,
) -> Result<Vec<Vec<T>>, Box<dyn Error>> {
    let counted = |run: &fn(Seed) -> Outcome<T>, seed| run(Seed(seed)).inspect(|_| bar.inc(1));
    let of_seeds = |run| (0..seeds).into_par_iter().map(|seed| counted(run, seed)).collect();
    let all: Outcome<Vec<Vec<T>>> = runs.par_iter().map(of_seeds).collect();
    all.map_err(|error| error as Box<dyn Error>)
}

fn samples(seed: Seed) -> (Dataset, Dataset) {
    let fresh = data::checkerboard_points(POINTS, Seed(seed.0.wrapping_add(1 << 32)));
    (data::checkerboard(seed).0, fresh)
}

fn accuracy<N: Network>(net: &N, precision: Precision, data: &Dataset) -> Outcome<f64> {
    Ok(net.evaluate_in(precision, data)?.accuracy.ok_or("the data has no classes")?)
}

fn integers<N: Network>(net: &N, train: &Dataset, fresh: &Dataset) -> Outcome<Integers> {
    let circuit = net.circuit()?;
    Ok(Integers {
        accuracy: accuracy(net, Precision::Quantized, fresh)?,
        observed: circuit.observe(train)?.bits(),
        exact: circuit.accumulator_bits(),
        step: circuit.codec.encoders[0].quantizer().ok_or("the input is not rounded")?.step,
    })
}

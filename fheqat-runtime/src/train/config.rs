//! What training may be told.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    class_weights::ClassWeights,
    control::TrainControl,
    error::{TrainError, within},
    loss::Loss,
    schedule::Schedule,
    select::SelectBy,
};
use crate::{
    Seed,
    data::Dataset,
    nn::Precision,
    params::{Log2Probability, search::Bounds},
    quant::Observer,
};

/// Optimizer steps, and epochs, that training takes at least where the user does not say. On eight tables held-out accuracy
/// no longer rose behind them, at any width of weights.
const STEPS: usize = 2000;
const EPOCHS: usize = 10;

/// How to train: [`TrainConfig::default`] quantized and looking for a cheap network, [`TrainConfig::declared`] quantized,
/// [`TrainConfig::float`] in plain float. A default named below is that of all three but where it says otherwise.
#[derive(Clone, Debug)]
pub struct TrainConfig {
    /// Whether weights and activations are rounded in training. Default: [`Precision::Quantized`]; of [`TrainConfig::float`]
    /// [`Precision::Float`].
    pub precision: Precision,
    /// Passes over the data, at least 1. Default: `None`, as many as make 2,000 optimizer steps, and at least 10.
    pub epochs: Option<usize>,
    /// Samples of one optimizer step, at least 1, and at least 2 where a `BatchNorm` has one number of a channel in a sample.
    /// Default: 64.
    pub batch: usize,
    /// The largest learning rate. Of quantized weights it is in integer units of three bits: weights in `-hi..=hi` train at
    /// `(hi / 3)^(2/3)` times this rate, so that all widths train alike, and less where `max_l1` is below 32, or `max_nonzero` leaves
    /// weights out and is below 128. Default: 0.05; of [`TrainConfig::float`] 0.005.
    pub rate: f32,
    /// How the rate falls. Default: [`Schedule::Cosine`].
    pub schedule: Schedule,
    /// The fraction of all optimizer steps in which the rate rises to its largest, 0 to 1. Default: 0.
    pub warmup: f32,
    /// How gradients become steps. Default: [`Optimizer::AdamW`] without decay.
    pub optimizer: Optimizer,
    /// A penalty on large weights of the layer that gives the output: half this number times the sum of their squares is added
    /// to the loss, the weights counted for half the range of what they multiply (bits: all of it). Of a network without a hidden layer it is
    /// ridge regression, or logistic regression with a penalty. 0 to 1e3; default: `None`, which chooses it on data held out where training
    /// looks for a cheap network, else 0.
    pub ridge: Option<f32>,
    /// What is minimised. Default: [`Loss::Auto`], which follows the targets.
    pub loss: Loss,
    /// What the samples of each class count for. Default: [`ClassWeights::None`], all the same.
    pub class_weights: ClassWeights,
    /// What networks and epochs are compared by, on validation data. Default: [`SelectBy::Auto`], of classes the accuracy.
    pub select_by: SelectBy,
    /// Label smoothing: the fraction of a class target that all classes share, or of a label that both answers share. It lowers the confidence in
    /// training samples that are already right, which helps with few samples. 0 to 1, default: 0.
    pub smoothing: f32,
    /// Samples held out of training, by which epochs and networks are chosen. Default: a tenth of the data; of
    /// [`TrainConfig::declared`] and [`TrainConfig::float`] nothing.
    pub validation: Validation,
    /// Stop when so many epochs in a row do not improve the result on the validation data. Default: none, which trains all epochs.
    pub patience: Option<usize>,
    /// Give back the best epoch by the validation data, not the last. Default: true.
    pub restore_best: bool,
    /// The fraction of all optimizer steps in which rows without a budget shrink to `max_nonzero` weights, 0 to 1. Default: 0.4.
    pub ramp: f32,
    /// The noise of quantized training, as a multiple of the `tolerance` that the network declares. Outputs and what quantizers
    /// read are off by it, so that training gets used to what runs. 0 to 10, default: 1.
    pub noise: f32,
    /// Whether the quantizers' steps train, where no budget and no user fixes them. Default: [`Activations::Learned`].
    pub activations: Activations,
    /// How an input quantizer without a step chooses it. Default: [`Observer::Percentile`] of 0.99.
    pub observer: Observer,
    /// Whether training looks for a network that is cheap to run encrypted. It needs validation data to choose by and layers
    /// that are fresh; without them, and in plain float, what is declared is trained. Default: it does, with the defaults of
    /// [`CostSearch`]; of [`TrainConfig::declared`] none.
    pub search: Option<CostSearch>,
    /// What features go through before they are rounded, or compared with the thresholds of a
    /// [`Thermometer`](crate::nn::layers::Thermometer). It is measured on the training samples without the validation data, and
    /// kept: from then on the network takes raw features everywhere, and the client transforms them before it encrypts. Default:
    /// [`FeatureMap::Auto`].
    pub features: FeatureMap,
    /// Orders the samples, and draws everything else that is random in training; the same seed gives the same bits. Default: 0.
    pub seed: Seed,
    /// A bar, where standard error is a terminal. Default: true.
    pub progress: bool,
    /// A handle by which another thread watches the training, and may stop it. Default: none.
    pub control: Option<TrainControl>,
}

/// How training looks for a cheap network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CostSearch {
    /// How far the fraction of the validation data classified right may fall below the best that was found in the whole search,
    /// with half the standard error of the difference to spare; where targets are numbers, by how much of itself the loss may
    /// rise. The last training may fall short by two standard errors more. Beside an output that reads the input, half of it is for a
    /// network without hidden layers, and half for fewer units and smaller budgets, without an error to spare. 0 to 1, default: 0.005.
    pub margin: f64,
    /// The most neurons or filters that each named layer keeps. More are removed until the limit holds, even if the accuracy
    /// falls below the margin. Default: no limit.
    pub max_neurons: BTreeMap<String, usize>,
    /// The most blind rotations of one inference. Neurons or filters are removed until the limit holds, even if the accuracy
    /// falls below the margin. Default: no limit.
    pub max_rotations: Option<usize>,
    /// The probability that any value of an inference is wrong, at which networks are priced: give it the value of the
    /// `CompileOptions` that the network will be compiled with. 2^-256 to 1/2, default: 2^-128, as there.
    pub p_fail: Log2Probability,
    /// The most core-seconds of one inference, by [`Price`](crate::prices::Price). Neurons or filters are removed until the limit
    /// holds, even if the accuracy falls below the margin. Default: no limit.
    pub max_core_seconds: Option<f64>,
    /// Seconds after which the search ends. Trainings that run then stop: each gives its best epoch till then, and the search the best
    /// network of all. Where none has had an epoch of the samples, it gives one that was trained on a part of them to choose how to
    /// train, and where there is none of those either [`TrainError::OutOfTime`]. Another run of the same seed may then give another
    /// network. Positive, default: 90.
    pub max_seconds: f64,
}

impl Default for CostSearch {
    fn default() -> Self {
        Self {
            margin: 0.005,
            max_neurons: BTreeMap::new(),
            max_rotations: None,
            max_core_seconds: None,
            max_seconds: 90.0,
            p_fail: Bounds::default().p_fail,
        }
    }
}

/// What features go through before they become levels. What a training has measured stays in later ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FeatureMap {
    /// A `QuantIdentity` with levels below zero and no step of the user's standardises the features of a flat input (`[features]`)
    /// whose features are all quantities. All else reads them as they are.
    Auto,
    /// Features as they are.
    AsIs,
    /// Each quantizer of the input reads, in place of each feature, its deviation from its mean, in standard deviations; missing
    /// values are not measured. A step that the user fixed is in standard deviations. Where nobody did, levels of 2 to 4 bits on
    /// both sides of zero lie alike around the mean, up to two deviations from it. A `Thermometer` reads features as they are, for
    /// its thresholds would move with them.
    Standardize,
    /// Whitening: each layer that reads the input reads principal components of standardised features, each of deviation 1, by
    /// falling variance; those whose variance is below 1e-6 of the largest are 0, and so are those behind the first quarter of as many as
    /// there are samples. It helps where features are correlated and
    /// few levels would round what tells them apart. Features must be quantities of which none is missing, at most 1024.
    Whiten,
}

/// Whether the quantizers' steps train.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Activations {
    /// By gradient, after calibration.
    Learned,
    /// Steps stay as calibration chose them.
    Calibrated,
}

/// How gradients become steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Optimizer {
    /// `AdamW` (Loshchilov and Hutter, 2019): beta 0.9 and 0.999, epsilon 1e-8.
    AdamW {
        /// Fraction of the rate by which each float weight decays in a step.
        decay: f32,
    },
    /// Gradient descent with momentum.
    Sgd {
        /// Fraction of the last step that is kept.
        momentum: f32,
    },
}

/// Samples held out of training, by which epochs and networks are chosen.
#[derive(Clone, Debug)]
pub enum Validation {
    /// Nothing.
    None,
    /// This fraction of the training data. A search for a cheap network holds out 500 samples or a third, where that is more,
    /// and trains what it found on with them in the end.
    Fraction(f32),
    /// Data of its own, which nothing is trained on.
    Set(Dataset),
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            precision: Precision::Quantized,
            epochs: None,
            batch: 64,
            rate: 0.05,
            schedule: Schedule::Cosine,
            warmup: 0.0,
            optimizer: Optimizer::AdamW { decay: 0.0 },
            ridge: None,
            loss: Loss::Auto,
            class_weights: ClassWeights::None,
            select_by: SelectBy::Auto,
            smoothing: 0.0,
            validation: Validation::Fraction(0.1),
            patience: None,
            restore_best: true,
            ramp: 0.4,
            noise: 1.0,
            activations: Activations::Learned,
            observer: Observer::Percentile(0.99),
            search: Some(CostSearch::default()),
            features: FeatureMap::Auto,
            seed: Seed(0),
            progress: true,
            control: None,
        }
    }
}

impl TrainConfig {
    /// Trains what is declared on all samples, and looks for nothing cheaper.
    #[must_use]
    pub fn declared() -> Self {
        Self { search: None, validation: Validation::None, ..Self::default() }
    }

    /// Plain float training.
    #[must_use]
    pub fn float() -> Self {
        Self { precision: Precision::Float, rate: 0.005, ..Self::declared() }
    }

    /// Passes over so many samples.
    pub(crate) fn epochs_of(&self, samples: usize) -> usize {
        let steps_an_epoch = samples.div_ceil(self.batch.min(samples).max(1)).max(1);
        self.epochs.unwrap_or_else(|| STEPS.div_ceil(steps_an_epoch).max(EPOCHS))
    }

    pub(crate) fn check(&self) -> Result<(), TrainError> {
        at_least_one("epochs", self.epochs.unwrap_or(1))?;
        at_least_one("batch", self.batch)?;
        at_least_one("patience", self.patience.unwrap_or(1))?;
        within("rate", self.rate, f32::MIN_POSITIVE..=1e3)?;
        within("warmup", self.warmup, 0.0..=1.0)?;
        within("ridge", self.ridge.unwrap_or(0.0), 0.0..=1e3)?;
        within("smoothing", self.smoothing, 0.0..=1.0)?;
        within("ramp", self.ramp, 0.0..=1.0)?;
        within("noise", self.noise, 0.0..=10.0)?;
        match self.optimizer {
            Optimizer::AdamW { decay } => within("decay", decay, 0.0..=1.0)?,
            Optimizer::Sgd { momentum } => within("momentum", momentum, 0.0..=0.9999)?,
        }
        if let Schedule::Step { every, factor } = self.schedule {
            at_least_one("every", every)?;
            within("factor", factor, 0.0..=1.0)?;
        }
        if let Some(search) = &self.search {
            within("margin", search.margin as f32, 0.0..=1.0)?;
            for &most in search.max_neurons.values() {
                at_least_one("max_neurons", most)?;
            }
            at_least_one("max_rotations", search.max_rotations.unwrap_or(1))?;
            within("p_fail", search.p_fail.0 as f32, -256.0..=-1.0)?;
            within("max_seconds", search.max_seconds as f32, 0.0..=f32::MAX)?;
            within("max_core_seconds", search.max_core_seconds.unwrap_or(1.0) as f32, 0.0..=f32::MAX)?;
        }
        if let Observer::Percentile(fraction) = self.observer {
            within("percentile", fraction, 0.0..=1.0)?;
        }
        Ok(())
    }
}

fn at_least_one(option: &'static str, value: usize) -> Result<(), TrainError> {
    if value >= 1 {
        return Ok(());
    }
    Err(TrainError::Option { option, value: value as f32, least: 1.0, most: f32::INFINITY })
}

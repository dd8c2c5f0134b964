//! What a network gives on data.

use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

use super::{
    config::TrainConfig,
    error::TrainError,
    loss::{Loss, Tally, score},
    metrics::answers::Answers,
    select::{Measure, SelectBy},
};
use crate::{
    Seed,
    circuit::{Codec, Graph},
    data::{Dataset, Feature, FeatureKind, Targets},
    error::{InputError, check_samples, check_width},
    nn::{NetworkError, Precision, matrix::head_mut, noise::Noise, program::Program, runner::Runner},
};

const BATCH: usize = 256;

/// The stream of a seed that the noise of the first sample comes from; each other has the next.
const NOISE: u64 = 1 << 32;

/// The outputs of a circuit whose sums are all off by as much as they may be, `[n * draws, outputs]`: of each sample so many
/// runs, one after the other.
///
/// # Errors
/// When the samples have another width.
pub(crate) fn noisy(
    (codec, graph): (&Codec, &Graph),
    data: &Dataset,
    seed: Seed,
    draws: usize,
) -> Result<Array2<f32>, InputError> {
    let samples: Vec<Vec<f32>> = data.samples().collect();
    let runs = samples.par_iter().enumerate().map(|(index, sample)| {
        let inputs = codec.encode(sample)?;
        let mut rng = seed.rng(NOISE + index as u64);
        Ok((0..draws).map(|_| codec.decode(graph.run_noisy(&inputs, &mut rng)).values).collect())
    });
    let runs: Vec<Vec<Vec<f32>>> = runs.collect::<Result<_, InputError>>()?;
    let runs: Vec<Vec<f32>> = runs.into_iter().flatten().collect();
    Ok(Array2::from_shape_fn((runs.len(), graph.outputs.len()), |(run, output)| runs[run][output]))
}

/// Runs a program on whole data sets, batch by batch; the batches of much work beside each other.
#[derive(Clone)]
pub(crate) struct Evaluator {
    runner: Runner,
    slopes: Array2<f32>,
}

impl Evaluator {
    /// # Errors
    /// When a quantized run meets a layer that is not calibrated.
    pub(crate) fn new(program: &Program, precision: Precision) -> Result<Self, NetworkError> {
        Ok(Self::with(Runner::decoding(program, precision, BATCH)?, program))
    }

    fn with(runner: Runner, program: &Program) -> Self {
        Self { runner, slopes: Array2::zeros((BATCH, program.outputs())) }
    }

    /// One that judges a network while it trains: quantized, with the noise that it tolerates, the same in each run.
    ///
    /// # Errors
    /// When a quantized run meets a layer that is not calibrated.
    pub(crate) fn of_training(program: &Program, config: &TrainConfig) -> Result<Self, NetworkError> {
        let mut evaluator = Self::with(Runner::new(program, config.precision, BATCH)?, program);
        if config.precision == Precision::Quantized {
            evaluator.runner.noise = Noise::new(program, Seed(config.seed.0.wrapping_add(1)), 1.0);
        }
        Ok(evaluator)
    }

    /// Reads the program again; noise is the same as in the last run.
    fn restart(&mut self, program: &Program) -> Result<(), NetworkError> {
        self.runner.refresh(program, None)?;
        if let Some(noise) = &mut self.runner.noise {
            noise.restart();
        }
        Ok(())
    }

    /// By what training selects by.
    ///
    /// # Errors
    /// When a quantized run meets a layer that is not calibrated, or the data has nothing to select by.
    pub(crate) fn judge(
        &mut self,
        program: &Program,
        data: &Dataset,
        config: &TrainConfig,
    ) -> Result<Measure, TrainError> {
        let by = config.select_by.on(data.targets(), &config.class_weights)?;
        if by == SelectBy::Accuracy || by == SelectBy::Loss {
            return Ok(Measure::of_tally(self.tally(program, data, config.loss)?, data.targets(), by));
        }
        self.restart(program)?;
        let outputs = self.predict(program, &data.features());
        Ok(Measure::of(&Answers::new(&outputs.view(), data), config.loss, by))
    }

    /// By the accuracy, else by the loss.
    ///
    /// # Errors
    /// When a quantized run meets a layer that is not calibrated.
    pub(crate) fn run(
        &mut self,
        program: &Program,
        data: &Dataset,
        loss: Loss,
    ) -> Result<Measure, NetworkError> {
        Ok(Measure::of_tally(self.tally(program, data, loss)?, data.targets(), SelectBy::Auto))
    }

    fn tally(&mut self, program: &Program, data: &Dataset, loss: Loss) -> Result<Tally, NetworkError> {
        self.restart(program)?;
        let rows: Vec<usize> = (0..data.len()).collect();
        let mut tally = Tally::default();
        let run = |evaluator: &mut Self, features: ArrayView2<'_, f32>, rows: &[usize]| {
            let outputs = evaluator.runner.run(&features);
            let slopes = head_mut(&mut evaluator.slopes, rows.len());
            score(loss.into(), &outputs, data.targets(), rows, slopes)
        };
        let features = data.features();
        let batches = features.axis_chunks_iter(Axis(0), BATCH);
        if self.is_large(data.len()) {
            let batches = batches.into_par_iter().zip(rows.par_chunks(BATCH));
            let tallies: Vec<Tally> = batches
                .map_init(|| self.clone(), |evaluator, (features, rows)| run(evaluator, features, rows))
                .collect();
            for batch in tallies {
                tally.add(batch);
            }
        } else {
            batches.zip(rows.chunks(BATCH)).for_each(|(features, rows)| tally.add(run(self, features, rows)));
        }
        Ok(tally)
    }

    /// The outputs of samples `[n, features]`, `[n, outputs]`.
    pub(crate) fn predict(&mut self, program: &Program, features: &ArrayView2<'_, f32>) -> Array2<f32> {
        let mut outputs = Array2::zeros((features.nrows(), program.outputs()));
        let is_large = self.is_large(features.nrows());
        let to = outputs.axis_chunks_iter_mut(Axis(0), BATCH);
        let batches = features.axis_chunks_iter(Axis(0), BATCH);
        if is_large {
            to.into_par_iter().zip(batches).for_each_init(
                || self.runner.clone(),
                |runner, (mut to, features)| to.assign(&runner.run(&features)),
            );
        } else {
            to.zip(batches).for_each(|(mut to, features)| to.assign(&self.runner.run(&features)));
        }
        outputs
    }

    /// Whether so many samples are worth a copy of the evaluator for each thread. Noise comes sample after sample.
    fn is_large(&self, samples: usize) -> bool {
        const MULTIPLICATIONS: usize = 1 << 27;
        self.runner.noise.is_none()
            && samples > 2 * BATCH
            && samples.saturating_mul(self.runner.multiplications()) >= MULTIPLICATIONS
    }
}

/// # Errors
/// When the data does not fit the network or the loss.
pub(crate) fn check_data(program: &Program, data: &Dataset, loss: Loss) -> Result<(), TrainError> {
    check_width(data.width(), program.features)?;
    loss.check(data.targets())?;
    let found = match data.targets() {
        Targets::Classes { classes, .. } => *classes,
        Targets::Values(values) => values.ncols(),
        Targets::Labels(labels) => labels.ncols(),
    };
    if found != program.outputs() {
        return Err(TrainError::Outputs { found, expected: program.outputs() });
    }
    check_features(program, data)
}

/// # Errors
/// When a feature is nothing that the network can read, or its categories are not those of training.
pub(crate) fn check_features(program: &Program, data: &Dataset) -> Result<(), TrainError> {
    check_described(&program.described(), program.takes_missing(), data)
}

/// The same by what the features were in training, and whether a value may be missing.
///
/// # Errors
/// As [`check_features`].
pub(super) fn check_described(
    described: &[Feature],
    takes_missing: bool,
    data: &Dataset,
) -> Result<(), TrainError> {
    for (feature, trained) in data.described().iter().zip(described) {
        if let (FeatureKind::Category { names }, FeatureKind::Category { names: trained }) =
            (&feature.kind, &trained.kind)
            && names != trained
        {
            return Err(TrainError::Categories { feature: feature.name.clone() });
        }
    }
    Ok(check_samples(&data.features(), data.described(), takes_missing)?)
}

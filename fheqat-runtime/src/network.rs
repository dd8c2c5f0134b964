//! What a user does with a network: train, evaluate, save, lower to a circuit.

use std::path::Path;

use ndarray::{Array1, Array2, ArrayView2};

use crate::{
    Seed,
    circuit::{Circuit, Task},
    data::Dataset,
    error::check_samples,
    nn::{
        LinearState, NetworkError, Precision,
        lower::{CircuitError, lower, unnamed},
        module::{Init, Layers},
        program::Program,
        prune::{PruneError, keep_largest},
        quantized::Quantized,
        tensors::WeightsError,
        weights,
    },
    train::{
        History, Loss, Metrics, PtqConfig, TrainConfig, TrainError,
        evaluate::{Evaluator, check_data, noisy},
        fit::fit,
        ptq,
        targets::check_names,
    },
    unoptimized,
};

/// What every struct of layers can do. It needs no implementation: every [`Layers`] has it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a network",
    label = "it has no `#[quant_net]`",
    note = "put `#[quant_net(bits = 3)]` on the struct"
)]
pub trait Network: Layers {
    /// A fresh network.
    #[must_use]
    fn new(seed: Seed) -> Self {
        Self::init(&mut Init::new(Self::SPEC, seed.rng(0)))
    }

    /// Trains on `data`; the network is as before when it fails.
    ///
    /// # Errors
    /// When an option is out of range, the data does not fit the network, the loss diverges, or training leaves a number with which
    /// the network cannot run.
    fn train(&mut self, data: &Dataset, config: &TrainConfig) -> Result<History, TrainError> {
        unoptimized::warn();
        let mut program = Program::of(self)?;
        let history = fit(&mut program, data, config)?;
        program.store(self);
        Ok(history)
    }

    /// Quantizes after training in float: scales of least squared error, steps by observing `data`.
    ///
    /// # Errors
    /// When the data does not fit the network, an option is out of range, or rounding leaves a number with which the network cannot
    /// run.
    fn quantize(&mut self, data: &Dataset, config: &PtqConfig) -> Result<(), TrainError> {
        let mut program = Program::of(self)?;
        ptq::quantize(&mut program, data, *config)?;
        program.store(self);
        Ok(())
    }

    /// Keeps the `max_nonzero` largest weights of each row of each layer; the others are zero and stay so.
    ///
    /// # Errors
    /// When no weight would stay.
    fn prune(&mut self, max_nonzero: usize) -> Result<(), PruneError> {
        if max_nonzero == 0 {
            return Err(PruneError::Nothing);
        }
        for layer in self.layers_mut() {
            if let Some(state) = layer.state::<LinearState>() {
                keep_largest(state, max_nonzero);
            }
        }
        Ok(())
    }

    /// Lets pruned weights train again, up to the limits that the network declares.
    fn unprune(&mut self) {
        for layer in self.layers_mut() {
            if let Some(state) = layer.state::<LinearState>() {
                state.mask = None;
            }
        }
    }

    /// What runs on integers: weights, staircases, and the floats at both ends.
    ///
    /// # Errors
    /// When the network breaks a law, or a layer is not calibrated.
    fn quantized(&self) -> Result<Quantized, NetworkError> {
        Quantized::of(self)
    }

    /// Writes weights, biases, scales and steps as safetensors.
    ///
    /// # Errors
    /// When the file cannot be written; then nothing is.
    fn save(&self, path: impl AsRef<Path>) -> Result<(), WeightsError> {
        weights::save(&Program::of(self)?, path.as_ref())
    }

    /// Reads what [`Network::save`] wrote, or safetensors of a `PyTorch` module: weights `[out, in]` under the names of the fields, behind
    /// a prefix, or under the numbers of an `nn.Sequential` where the network is a chain of as many layers with weights; quantize or train
    /// it then. The network is as before when it fails.
    ///
    /// # Errors
    /// When the file cannot be read, is not safetensors, holds another network, or numbers with which none can run. All tensors that are
    /// missing, unknown or misshapen are in one error, [`WeightsError::Tensors`].
    fn load(&mut self, path: impl AsRef<Path>) -> Result<(), WeightsError> {
        let mut program = Program::of(self)?;
        weights::load(&mut program, path.as_ref())?;
        program.store(self);
        Ok(())
    }

    /// How well it does on data as under encryption: on integers. Print it for a table, and see [`Metrics::warning`].
    ///
    /// # Errors
    /// When a layer is not calibrated, or the data does not fit the network.
    fn evaluate(&self, data: &Dataset) -> Result<Metrics, TrainError> {
        self.evaluate_in(Precision::Quantized, data)
    }

    /// How well it does on data in a precision.
    ///
    /// # Errors
    /// When a layer is not calibrated, or the data does not fit the network.
    fn evaluate_in(&self, precision: Precision, data: &Dataset) -> Result<Metrics, TrainError> {
        let program = Program::of(self)?;
        check_evaluation(&program, data)?;
        let outputs = Evaluator::new(&program, precision)?.predict(&program, &data.features());
        Ok(Metrics::of(&outputs.view(), data))
    }

    /// How well it does when every sum is off by noise as large as the network tolerates; parameters may leave less. Each sample
    /// is run once, with noise of the seed's, so it is an estimate of the encrypted result and no bound.
    ///
    /// # Errors
    /// When a layer is not calibrated, or the data does not fit the network.
    fn evaluate_noisy(&self, data: &Dataset, seed: Seed) -> Result<Metrics, TrainError> {
        let program = Program::of(self)?;
        check_evaluation(&program, data)?;
        let (codec, graph) = unnamed(&program)?;
        let outputs = noisy((&codec, &graph), data, seed, 1)?;
        Ok(Metrics::of(&outputs.view(), data))
    }

    /// The outputs of samples `[n, features]`, `[n, outputs]`: logits of classes or labels, or numbers in the units of the
    /// targets.
    ///
    /// # Errors
    /// When a layer is not calibrated, there are no samples, they have another width, or a feature is NaN or infinite.
    fn predict(
        &self,
        precision: Precision,
        features: ArrayView2<'_, f32>,
    ) -> Result<Array2<f32>, TrainError> {
        let program = Program::of(self)?;
        check_samples(&features, &program.described(), program.takes_missing())?;
        Ok(Evaluator::new(&program, precision)?.predict(&program, &features))
    }

    /// The probability of each class, which sum to 1, or of each label, for samples `[n, features]`, `[n, outputs]`.
    ///
    /// # Errors
    /// As [`predict`](Self::predict), and when the network predicts numbers.
    fn predict_proba(
        &self,
        precision: Precision,
        features: ArrayView2<'_, f32>,
    ) -> Result<Array2<f32>, TrainError> {
        let task = self.task();
        if task == Task::Numbers {
            return Err(TrainError::Probabilities);
        }
        let mut outputs = self.predict(precision, features)?;
        for mut row in outputs.rows_mut() {
            let probabilities = task.probabilities(&row.to_vec());
            row.assign(&Array1::from_vec(probabilities));
        }
        Ok(outputs)
    }

    /// What the outputs answer, with the names of classes, as its last training had them.
    fn task(&self) -> Task {
        let states = self.layers().into_iter().rev().find_map(|layer| layer.state::<LinearState>());
        states.map(|state| state.targets.task.clone()).unwrap_or_default()
    }

    /// The trained network as integers, optimised.
    ///
    /// # Errors
    /// When the network breaks a law, or a layer is not calibrated.
    fn circuit(&self) -> Result<Circuit, CircuitError> {
        lower(self)
    }
}

impl<N: Layers> Network for N {}

fn check_evaluation(program: &Program, data: &Dataset) -> Result<(), TrainError> {
    check_data(program, data, Loss::Auto)?;
    check_names(program, data)
}

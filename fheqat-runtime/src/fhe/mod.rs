//! Encrypted execution: keys and ciphertexts, no decisions. Those are in [`crate::params`].
//!
//! A circuit compiles to a [`Plan`] for parameters that the search chose; a plan generates keys; a client key encrypts
//! and decrypts; a server key runs.

mod encoding;
pub mod encrypt;
pub mod error;
pub mod execute;
pub mod keys;
mod machine;
mod measure;
pub mod plan;
pub mod predict;
mod product;
pub mod remedy;
mod rotate;
mod schedule;
mod switch;
#[cfg(test)]
mod tests;

use std::{num::NonZeroUsize, sync::Arc};

pub use encrypt::{EncryptedInput, EncryptedOutput};
pub use error::{CompileError, DecryptError, EncryptError, Mismatch, RunError, ThreadError};
pub use keys::{ClientKey, KeyId, ServerKey};
pub use plan::Plan;
pub use predict::Prediction;
pub use remedy::Change;
pub use schedule::Control;

use crate::{
    Seed,
    circuit::Circuit,
    params::{
        Bytes, Log2Probability,
        cost::Prices,
        demand::Demand,
        grid::MAX_EXTENSION,
        objective::Objective,
        search::{self, Bounds, Space},
    },
    unoptimized,
};

/// What the user chooses of the cryptography.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CompileOptions {
    /// The probability that any value of a whole inference is wrong, 2^-256 to 1/2. Default: 2^-40.
    pub p_fail: Log2Probability,
    /// The most a server key may take in memory. Default: 250 MB.
    pub max_server_key: Bytes,
    /// log2 of the most polynomials that a rotation may interleave; 0 gives the usual rotation. Default: 5, the
    /// most there is.
    pub max_extension: u32,
    /// What parameters are chosen for. Default: the least work, [`Objective::CoreSeconds`].
    pub objective: Objective,
    /// Threads of key generation and of the server; none means all cores. Default: none.
    pub threads: Option<NonZeroUsize>,
    /// What operations take: parameters are chosen and times predicted by them. Default: [`Prices::shipped`], which give
    /// the same parameters everywhere; [`Prices::of_this_machine`] predicts times here.
    pub prices: Prices,
}

impl Default for CompileOptions {
    fn default() -> Self {
        Self {
            p_fail: Log2Probability(-40.0),
            max_server_key: Bytes(250_000_000),
            max_extension: MAX_EXTENSION,
            objective: Objective::CoreSeconds,
            threads: None,
            prices: Prices::shipped(),
        }
    }
}

impl CompileOptions {
    /// Sets [`p_fail`](Self::p_fail).
    #[must_use]
    pub const fn p_fail(mut self, p_fail: Log2Probability) -> Self {
        self.p_fail = p_fail;
        self
    }

    /// Sets [`max_server_key`](Self::max_server_key).
    #[must_use]
    pub const fn max_server_key(mut self, bytes: Bytes) -> Self {
        self.max_server_key = bytes;
        self
    }

    /// Sets [`max_extension`](Self::max_extension).
    #[must_use]
    pub const fn max_extension(mut self, extension: u32) -> Self {
        self.max_extension = extension;
        self
    }

    /// Sets [`objective`](Self::objective).
    #[must_use]
    pub const fn objective(mut self, objective: Objective) -> Self {
        self.objective = objective;
        self
    }

    /// Sets [`threads`](Self::threads).
    #[must_use]
    pub const fn threads(mut self, threads: Option<NonZeroUsize>) -> Self {
        self.threads = threads;
        self
    }

    /// Sets [`prices`](Self::prices).
    #[must_use]
    pub fn prices(mut self, prices: Prices) -> Self {
        self.prices = prices;
        self
    }
}

/// A circuit with parameters, ready for keys.
#[derive(Clone, Debug)]
pub struct Compiled {
    circuit: Circuit,
    plan: Plan,
    prediction: Prediction,
    threads: Option<NonZeroUsize>,
}

impl Circuit {
    /// Finds parameters and lays out the encrypted computation.
    ///
    /// # Errors
    /// When an option is out of range, no parameters keep the promises, or the circuit is malformed.
    pub fn compile(&self, options: &CompileOptions) -> Result<Compiled, CompileError> {
        unoptimized::warn();
        if !(-256.0..=-1.0).contains(&options.p_fail.0) {
            return Err(CompileError::Probability { found: options.p_fail });
        }
        let (levels, inputs) = (self.codec.inputs(), self.graph.inputs.len());
        if levels != inputs {
            return Err(CompileError::Codec { levels, inputs });
        }
        let usual = Demand::of(&self.graph, options.p_fail)?;
        let others = Demand::alternatives(&usual, &self.graph, options.p_fail)?;
        let bounds = Bounds {
            p_fail: options.p_fail,
            server_key: options.max_server_key,
            objective: options.objective,
        };
        let space = Space { extension: options.max_extension, ..Space::default() };
        let (demand, solution) =
            search::cheapest(&usual, &others, bounds, &space, &options.prices).map_err(|reason| {
                let changes = remedy::changes(self, &reason, bounds, &space, &options.prices);
                CompileError::Infeasible { reason, changes }
            })?;
        let plan = Plan::new(self, demand, &solution);
        let prediction = Prediction::new(demand, &solution, &plan, &options.prices);
        Ok(Compiled { circuit: self.clone(), plan, prediction, threads: options.threads })
    }
}

impl Compiled {
    /// Both keys, from the operating system's entropy.
    ///
    /// # Errors
    /// When the threads cannot start.
    pub fn keygen(&self) -> Result<(ClientKey, ServerKey), ThreadError> {
        unoptimized::warn();
        let workers = self.workers()?;
        Ok(Arc::clone(&workers).install(|| keys::generate(&self.plan, workers)))
    }

    /// Both keys from a seed: the same every time, and worth nothing.
    ///
    /// # Errors
    /// When the threads cannot start.
    pub fn keygen_insecure_for_tests(&self, seed: Seed) -> Result<(ClientKey, ServerKey), ThreadError> {
        let workers = self.workers()?;
        Ok(Arc::clone(&workers).install(|| keys::generate_insecure(&self.plan, workers, seed)))
    }

    fn workers(&self) -> Result<Arc<execute::Workers>, ThreadError> {
        execute::Workers::new(self.threads, &self.plan.server).map(Arc::new)
    }

    /// What was compiled.
    #[must_use]
    pub const fn circuit(&self) -> &Circuit {
        &self.circuit
    }

    /// What will run: public.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What it will cost and how often it will fail.
    #[must_use]
    pub const fn prediction(&self) -> &Prediction {
        &self.prediction
    }
}

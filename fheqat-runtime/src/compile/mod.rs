//! Decisions: from a circuit to parameters, a plan of the encrypted computation and a prediction of what it takes.
//!
//! [`Circuit::compile`] has [`params`](crate::params) search for parameters, turns them into a [`Plan`] and a [`Prediction`], or
//! says what to change of a network that has none.

mod advice;
mod error;
mod options;
mod plan;
mod predict;

use std::{num::NonZeroUsize, sync::Arc};

pub use advice::Change;
pub use error::CompileError;
pub use options::CompileOptions;
pub use predict::{LayerPrediction, Prediction};

use crate::{
    Seed,
    circuit::Circuit,
    fhe::{ClientKey, ServerKey, ThreadError, keys, workers::Workers},
    params::{
        search::{self, Bounds, Space},
        workload::Workload,
    },
    plan::Plan,
    unoptimized,
};

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
    /// When an option is out of range, when no parameters keep every value exact or within its tolerance, or when the circuit is
    /// malformed.
    pub fn compile(&self, options: &CompileOptions) -> Result<Compiled, CompileError> {
        unoptimized::warn();
        if !(-256.0..=-1.0).contains(&options.p_fail.0) {
            return Err(CompileError::Probability { found: options.p_fail });
        }
        self.verify()?;
        let usual = Workload::of(&self.graph, options.p_fail)?;
        let others = Workload::alternatives(&usual, &self.graph, options.p_fail)?;
        let bounds = Bounds {
            p_fail: options.p_fail,
            server_key: options.max_server_key,
            objective: options.objective,
        };
        let space = Space { extension: options.max_extension, ..Space::default() };
        let (workload, solution) = search::cheapest(&usual, &others, bounds, &space, &options.prices)
            .map_err(|reason| {
                let changes = advice::changes(self, &reason, bounds, &space, &options.prices);
                CompileError::Infeasible { reason, changes }
            })?;
        let plan = Plan::new(self, workload, &solution);
        let prediction = Prediction::new(workload, &solution, &plan, &options.prices);
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

    /// Both keys from a seed: the same every time, so anybody can make them.
    ///
    /// # Errors
    /// When the threads cannot start.
    pub fn keygen_insecure_for_tests(&self, seed: Seed) -> Result<(ClientKey, ServerKey), ThreadError> {
        let workers = self.workers()?;
        Ok(Arc::clone(&workers).install(|| keys::generate_insecure(&self.plan, workers, seed)))
    }

    fn workers(&self) -> Result<Arc<Workers>, ThreadError> {
        Workers::new(self.threads, &self.plan.server).map(Arc::new)
    }

    /// The circuit that was compiled.
    #[must_use]
    pub const fn circuit(&self) -> &Circuit {
        &self.circuit
    }

    /// What will run; it is public.
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

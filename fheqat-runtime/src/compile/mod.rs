//! Decisions: from a circuit to parameters, a plan of the encrypted computation and a prediction of what it takes.
//!
//! [`Circuit::compile`] has [`params`](crate::params) search for parameters, turns them into a [`Plan`] and a [`Prediction`], or
//! says what to change of a network that has none.

mod advice;
mod error;
mod options;
mod plan;
mod predict;

use std::num::NonZeroUsize;

pub use advice::Change;
pub use error::CompileError;
pub use options::CompileOptions;
pub use predict::{LayerPrediction, Prediction};

use crate::{
    Seed,
    circuit::Circuit,
    fhe::{
        Client, ClientHalf, ClientKey, EvaluationKeys, ModelId, Server, ServerHalf, ServerKey, ThreadError,
        entropy::{SystemSeeder, new_id},
        server::workers::Workers,
    },
    params::{
        Parameters, Results,
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
    model: ModelId,
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
            results: options.results,
        };
        let small_key = options.parameters.map_or(options.small_key, |parameters| parameters.small_key);
        let space = Space { extension: options.max_extension, ..Space::of(small_key) };
        let space = match options.parameters {
            Some(parameters) => space_of(&parameters, options.results, &space, &usual, &others)?,
            None => space,
        };
        let (workload, mut solution) = search::cheapest(&usual, &others, bounds, &space, &options.prices)
            .map_err(|reason| {
                let changes = advice::changes(self, &reason, bounds, &space, &options.prices);
                CompileError::Infeasible { reason, changes }
            })?;
        // Keys may be able to do more than this circuit asks for.
        solution.parameters = options.parameters.unwrap_or(solution.parameters);
        let plan = Plan::new(self, workload, &solution, options.results);
        let prediction = Prediction::new(workload, &solution, &plan, &options.prices);
        let model = ModelId(new_id(&mut SystemSeeder));
        Ok(Compiled { circuit: self.clone(), model, plan, prediction, threads: options.threads })
    }
}

/// The part of a space that has these parameters.
///
/// # Errors
/// When they are not in it, or their keys cannot do what the circuit asks for.
fn space_of(
    parameters: &Parameters,
    results: Results,
    space: &Space,
    usual: &Workload,
    others: &[Workload],
) -> Result<Space, CompileError> {
    let refused = |reason: &str| Err(CompileError::Parameters { reason: reason.to_owned() });
    if let Err(reason) = space.check(parameters) {
        return refused(&reason);
    }
    if !parameters.rotate() && !usual.rotations.is_empty() {
        return refused("their keys have no bootstrap key, and this circuit bootstraps");
    }
    if parameters.packing.is_none() && results == Results::Packed {
        return refused("their keys have none that pack results, and `results` are to be packed");
    }
    let switches = |workload: &Workload| workload.key_switches() > 0;
    if parameters.key_switch.is_none() && switches(usual) && others.iter().all(switches) {
        return refused("their keys have no key-switching key, and this circuit switches keys");
    }
    Ok(space.only(parameters))
}

impl Compiled {
    /// The client half: what its clients hold.
    #[must_use]
    pub fn client(&self) -> ClientHalf {
        ClientHalf { model: self.model, plan: self.plan.client.clone() }
    }

    /// The server half: what the model's owner and servers hold.
    #[must_use]
    pub fn server(&self) -> ServerHalf {
        ServerHalf { model: self.model, plan: self.plan.server.clone() }
    }

    /// A client and a server with keys from the operating system's entropy, for one process that plays all parts. Between machines
    /// [`ClientHalf::keygen`] makes the keys, where there are no weights.
    ///
    /// # Errors
    /// When the threads cannot start.
    ///
    /// # Panics
    /// When the operating system has no entropy.
    pub fn keygen(&self) -> Result<(Client, Server), ThreadError> {
        unoptimized::warn();
        self.parties(ClientHalf::keygen)
    }

    /// The same with keys from a seed: the same every time, so anybody can make them.
    ///
    /// # Errors
    /// When the threads cannot start.
    pub fn keygen_insecure_for_tests(&self, seed: Seed) -> Result<(Client, Server), ThreadError> {
        self.parties(|half| half.keygen_insecure_for_tests(seed))
    }

    fn parties(
        &self,
        keygen: impl FnOnce(&ClientHalf) -> (ClientKey, EvaluationKeys) + Send,
    ) -> Result<(Client, Server), ThreadError> {
        let (client, server) = (self.client(), self.server());
        let workers = Workers::new(self.threads, &self.plan.server)?;
        let (client_key, server_key) = workers.install(|| {
            let (key, evaluation) = keygen(&client);
            (key, ServerKey::from(evaluation))
        });
        Ok((Client::of_parts(client, client_key), Server::of_parts(server, server_key, workers)))
    }

    /// The circuit that was compiled.
    #[must_use]
    pub const fn circuit(&self) -> &Circuit {
        &self.circuit
    }

    /// What client and server will do, as data: weights, but no secret key.
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

//! The report of a compiled circuit: what it costs to run encrypted, and how often it may be wrong.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{CircuitReport, table};
use crate::{
    circuit::DeclaredLayer,
    compile::{Compiled, Prediction},
    params::{Bytes, Log2Probability, Packing, Seconds, SmallKey, search::Event},
};

/// Everything that is known of a compiled circuit before it runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The layers without cryptography.
    #[serde(flatten)]
    pub circuit: CircuitReport,
    /// The layers that bootstrap.
    pub encrypted: Vec<EncryptedLayerReport>,
    /// What is promised of the results, in steps of the levels that they sum.
    pub results: Promise,
    /// Parameters of the keys.
    pub parameters: KeyParameters,
    /// The probability that any value of an inference is wrong, as predicted.
    pub p_fail: Log2Probability,
    /// The server's keys in memory.
    pub server_key: Bytes,
    /// The file of the server's keys.
    pub server_key_seeded: Bytes,
    /// The file of one encrypted sample.
    pub input: Bytes,
    /// The file of the encrypted outputs of one sample.
    pub output: Bytes,
    /// One inference on one core, as predicted.
    pub core_seconds: Seconds,
    /// Key generation on one core, as predicted.
    pub keygen_seconds: Seconds,
}

/// What is promised of encrypted values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Promise {
    /// They are those of the circuit in the clear, unless a failure happens.
    Exact,
    /// The sums that are read are off by noise, in steps of the levels behind them.
    Within {
        /// The standard deviation that is allowed.
        steps: f64,
        /// The largest that is predicted.
        noise: f64,
    },
}

/// A layer that bootstraps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EncryptedLayerReport {
    /// The quantizer's field.
    pub field: String,
    /// Steps of the torus that the wires it reads use.
    pub slots: u32,
    /// Blind rotations.
    pub rotations: usize,
    /// log2 of the interleaved polynomials of a rotation.
    pub extension: u32,
    /// External products of a rotation for each element of the small key.
    pub products: f64,
    /// What it promises.
    pub promise: Promise,
    /// The probability that any of its values is wrong.
    pub p_fail: Log2Probability,
    /// Its part of an inference, on one core, as predicted.
    pub core_seconds: Seconds,
}

/// The shapes of the keys; their noise is the least that tfhe's curve for 132 bits allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyParameters {
    /// n: dimension of the small key; 0 where nothing rotates, and there is none.
    pub lwe_dimension: usize,
    /// How its bits are drawn.
    pub small_key: SmallKey,
    /// k: mask polynomials of the big key.
    pub glwe_dimension: usize,
    /// N: coefficients of a polynomial.
    pub polynomial_size: usize,
    /// log2 of the base and levels of the bootstrap key's decomposition, where there is one.
    pub rotation: Option<(usize, usize)>,
    /// log2 of the base and levels of the key-switching key's, where there is one.
    pub key_switch: Option<(usize, usize)>,
    /// k' of packed results, of polynomials of 256 coefficients, where there are keys that pack them.
    pub packing: Option<usize>,
}

impl Compiled {
    /// Everything that is known before it runs.
    #[must_use]
    pub fn report(&self) -> Report {
        let prediction = self.prediction();
        Report {
            circuit: self.circuit().report(),
            encrypted: encrypted_layers(prediction, &self.circuit().fields),
            results: results(prediction, &self.circuit().fields),
            parameters: KeyParameters::of(prediction),
            p_fail: prediction.p_fail,
            server_key: prediction.server_key,
            server_key_seeded: prediction.server_key_seeded,
            input: prediction.input,
            output: prediction.output,
            core_seconds: prediction.run,
            keygen_seconds: prediction.keygen,
        }
    }
}

impl Report {
    /// The report as JSON, for programs and for the page of a service.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// The largest M of any rotation.
    #[must_use]
    pub fn max_slots(&self) -> u32 {
        self.encrypted.iter().map(|layer| layer.slots).max().unwrap_or(0)
    }

    /// Blind rotations of an inference.
    #[must_use]
    pub fn rotations(&self) -> usize {
        self.encrypted.iter().map(|layer| layer.rotations).sum()
    }
}

impl Promise {
    fn new(steps: f64, used: Option<f64>) -> Self {
        used.map_or(Self::Exact, |used| Self::Within { steps, noise: steps * used })
    }
}

fn results(prediction: &Prediction, fields: &[DeclaredLayer]) -> Promise {
    let used = prediction.outputs.iter().filter_map(Event::tolerance_used).reduce(f64::max);
    Promise::new(fields.last().map_or(0.0, |field| field.tolerance), used)
}

fn encrypted_layers(prediction: &Prediction, fields: &[DeclaredLayer]) -> Vec<EncryptedLayerReport> {
    let steps = |name: &str| {
        let field = fields.iter().find(|field| field.name == name);
        field.map_or(0.0, |field| field.tolerance)
    };
    prediction
        .layers
        .iter()
        .map(|layer| EncryptedLayerReport {
            field: layer.name.clone(),
            slots: layer.slots.0,
            rotations: layer.rotations,
            extension: layer.extension,
            products: layer.products,
            promise: Promise::new(steps(&layer.name), layer.tolerance_used),
            p_fail: layer.p_fail,
            core_seconds: layer.cost,
        })
        .collect()
}

impl KeyParameters {
    fn of(prediction: &Prediction) -> Self {
        let parameters = &prediction.parameters;
        Self {
            lwe_dimension: parameters.lwe_dimension.0,
            small_key: parameters.small_key,
            glwe_dimension: parameters.glwe_dimension.0,
            polynomial_size: parameters.polynomial_size.0,
            rotation: parameters
                .rotate()
                .then_some((parameters.rotation.base_log.0, parameters.rotation.levels.0)),
            key_switch: parameters.key_switch.map(|switch| (switch.base_log.0, switch.levels.0)),
            packing: parameters.packing.map(|packing| packing.glwe_dimension.0),
        }
    }
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact => f.write_str("exact"),
            Self::Within { steps, noise } => write!(f, "within {steps} steps ({noise:.3})"),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.circuit)?;
        let mut layers = table(&[
            "bootstraps",
            "promise",
            "slots",
            "rotations",
            "polynomials",
            "products",
            "p_fail",
            "core-seconds",
        ]);
        for layer in &self.encrypted {
            layers.add_row([
                layer.field.clone(),
                layer.promise.to_string(),
                layer.slots.to_string(),
                layer.rotations.to_string(),
                (1_u32 << layer.extension).to_string(),
                format!("{:.2}", layer.products),
                layer.p_fail.to_string(),
                format!("{:.3}", layer.core_seconds.0),
            ]);
        }
        writeln!(f, "{layers}\n")?;
        let KeyParameters {
            lwe_dimension,
            small_key,
            glwe_dimension,
            polynomial_size,
            rotation,
            key_switch,
            packing,
        } = self.parameters;
        if let Some((base_log, levels)) = rotation {
            write!(f, "n = {lwe_dimension}{small_key}, k = {glwe_dimension}, N = {polynomial_size}")?;
            write!(f, ", bootstrap key {base_log} x {levels}")?;
        } else {
            write!(f, "nothing rotates: k = {glwe_dimension}, N = {polynomial_size}")?;
        }
        if let Some((base_log, levels)) = key_switch {
            write!(f, ", key switch {base_log} x {levels}")?;
        }
        if let Some(dimension) = packing {
            write!(f, ", results packed with k = {dimension}, N = {}", Packing::SIZE.0)?;
        }
        writeln!(f, ", at least 128 bits of security")?;
        let wrong = match self.results {
            Promise::Exact => "is wrong",
            within @ Promise::Within { .. } => {
                writeln!(f, "results {within}")?;
                "has an error beyond its noise"
            }
        };
        writeln!(f, "probability that any value of an inference {wrong}: {}", self.p_fail)?;
        writeln!(f, "server key {} ({} sent)", self.server_key, self.server_key_seeded)?;
        writeln!(f, "encrypted sample {}, encrypted result {}", self.input, self.output)?;
        write!(
            f,
            "predicted on one core: {} an inference, {} for keys",
            self.core_seconds, self.keygen_seconds
        )
    }
}

//! What a plan is predicted to take and how often it fails, before anything has run.

use serde::{Deserialize, Serialize};
use tfhe::core_crypto::prelude::Variance;

use crate::{
    params::{
        Bytes, Log2Probability, Parameters, Seconds, Slots,
        cost::Prices,
        search::{Event, Solution},
        workload::Workload,
    },
    plan::Plan,
};

/// What a compiled circuit is predicted to take, and how often it is predicted to fail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The keys' shapes.
    pub parameters: Parameters,
    /// Layers with rotations, in the circuit's order.
    pub layers: Vec<LayerPrediction>,
    /// Outputs that are not constant.
    pub outputs: Vec<Event>,
    /// The probability that any value of an inference is wrong.
    pub p_fail: Log2Probability,
    /// The server key in memory, ready to run.
    pub server_key: Bytes,
    /// The file of the evaluation keys: seeds in place of masks, and rounded bodies.
    pub server_key_seeded: Bytes,
    /// The file of one encrypted sample: a seed and a body for each input.
    pub input: Bytes,
    /// The file of the encrypted outputs of one sample.
    pub output: Bytes,
    /// One inference on one core.
    pub run: Seconds,
    /// Key generation on one core.
    pub keygen: Seconds,
}

/// One layer of a prediction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerPrediction {
    /// Index in the circuit's layers.
    pub layer: usize,
    /// Its name.
    pub name: String,
    /// The largest M of its rotations.
    pub slots: Slots,
    /// Blind rotations.
    pub rotations: usize,
    /// The largest log2 of interleaved polynomials.
    pub extension: u32,
    /// External products of a rotation for each element of the small key, on average.
    pub products: f64,
    /// The largest variance that reaches a rotation's grid.
    pub noise: Variance,
    /// The value that a rotation reads wrong most often.
    pub worst: Event,
    /// The largest share of its tolerance that the noise of a rotation takes; none where all are exact.
    pub tolerance_used: Option<f64>,
    /// The probability that any value of the layer is wrong.
    pub p_fail: Log2Probability,
    /// Its rotations, key switches and sums of one inference, on one core.
    pub cost: Seconds,
}

impl Prediction {
    pub(crate) fn new(workload: &Workload, solution: &Solution, plan: &Plan, prices: &Prices) -> Self {
        let parameters = solution.parameters;
        let sizes = plan.client.sizes();
        Self {
            parameters,
            layers: layers(workload, solution),
            outputs: solution.outputs.iter().map(|output| output.event).collect(),
            p_fail: solution.p_fail,
            server_key: parameters.server_key_bytes(),
            server_key_seeded: sizes.evaluation_keys,
            input: sizes.input,
            output: sizes.output,
            run: solution.cost,
            keygen: prices.keygen(&parameters),
        }
    }
}

fn layers(workload: &Workload, solution: &Solution) -> Vec<LayerPrediction> {
    let mut indices: Vec<usize> = workload.rotations.iter().map(|rotation| rotation.layer).collect();
    indices.sort_unstable();
    indices.dedup();
    indices
        .into_iter()
        .filter_map(|layer| {
            let of_layer = || {
                workload
                    .rotations
                    .iter()
                    .zip(&solution.rotations)
                    .filter(move |(rotation, _)| rotation.layer == layer)
            };
            let rotations = of_layer().count();
            let events = of_layer().map(|(_, chosen)| chosen.event);
            let worst = events.max_by(|a, b| a.p_fail.0.total_cmp(&b.p_fail.0))?;
            Some(LayerPrediction {
                worst,
                layer,
                name: workload.layers.get(layer).cloned().unwrap_or_default(),
                slots: of_layer().map(|(rotation, _)| rotation.slots).max().unwrap_or(Slots(2)),
                rotations,
                extension: of_layer().map(|(_, chosen)| chosen.modulus_switch.extension).max().unwrap_or(0),
                products: of_layer().map(|(_, chosen)| chosen.products).sum::<f64>()
                    / rotations.max(1) as f64,
                noise: Variance(of_layer().map(|(_, chosen)| chosen.event.noise.0).fold(0.0, f64::max)),
                tolerance_used: of_layer()
                    .filter_map(|(_, chosen)| chosen.event.tolerance_used())
                    .reduce(f64::max),
                p_fail: Log2Probability::sum(of_layer().map(|(_, chosen)| chosen.event.p_fail)),
                cost: Seconds(of_layer().map(|(_, chosen)| chosen.cost.0).sum()),
            })
        })
        .collect()
}

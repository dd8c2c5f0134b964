//! Noise before parameters are known: how it grows from the circuit, and how much of it a value survives.

use crate::params::dimension::Variance;
use serde::{Deserialize, Serialize};

use crate::{
    circuit::ir::Tolerance,
    params::{Slots, TorusDistance, constraint::Deviations, noise::Correlation},
};

/// Noise as a function of what the parameters give: `fresh * encryption + switched * key switch + ((1 - c) * independent + c *
/// correlated) * extraction`, where c is the correlation of extractions of one rotation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NoiseForm {
    /// Sum of squared weights of fresh inputs.
    pub fresh: f64,
    /// Sum of squared weights of switched ciphertexts: one for a sum that is switched itself, since its weights are applied
    /// before the switch.
    pub switched: f64,
    /// Sum of squared weights of extractions, as if they were independent.
    pub independent: f64,
    /// The same for extractions whose correlation is 1 at distance 0 and falls by `2 d / N` with their distance d in the
    /// ring; never below `independent`.
    pub correlated: f64,
}

/// How far noise may move a value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoiseLimit {
    /// The largest distance: half a slot for an exact value; for a value with a tolerance, the distance at which the torus
    /// wraps onto the other end of its range.
    pub distance: TorusDistance,
    /// The standard deviation that it may carry; none where it is exact.
    pub tolerance: Option<TorusDistance>,
}

impl NoiseForm {
    pub(super) fn scaled(self, gain: i64) -> Self {
        let square = (gain as f64).powi(2);
        Self {
            fresh: self.fresh * square,
            switched: self.switched * square,
            independent: self.independent * square,
            correlated: self.correlated * square,
        }
    }

    /// Its variance under given parameters, without that of key switches.
    #[must_use]
    pub fn variance(
        &self,
        fresh: Variance,
        extraction: Variance,
        Correlation(shared): Correlation,
    ) -> Variance {
        let extractions = (1.0 - shared) * self.independent + shared * self.correlated;
        Variance(self.fresh * fresh.0 + extractions * extraction.0)
    }
}

impl NoiseLimit {
    /// The limit of a value out of `values` consecutive ones that are `unit` turns apart. An exact value must stay nearer
    /// than its neighbour. With noise of t units only the other end of the range, around the turn, must not be met.
    pub(super) fn new(values: Slots, tolerance: Tolerance, unit: f64) -> Self {
        if tolerance.is_exact() {
            return Self { distance: TorusDistance(unit / 2.0), tolerance: None };
        }
        let reach = f64::from(values.0) - 1.0;
        Self {
            distance: TorusDistance((1.0 - reach * unit) / 2.0),
            tolerance: Some(TorusDistance(tolerance.0 * unit)),
        }
    }

    /// The largest standard deviation that keeps it, where `lost` turns of the distance are gone and `rounding` turns count
    /// as noise.
    pub(super) fn max_deviation(self, lost: f64, rounding: f64, deviations: Deviations) -> TorusDistance {
        let tolerance = self.tolerance.map_or(f64::INFINITY, |tolerance| {
            let variance = tolerance.0.powi(2) - rounding.powi(2);
            variance.max(0.0).sqrt()
        });
        TorusDistance(((self.distance.0 - lost) / deviations.0).min(tolerance))
    }
}

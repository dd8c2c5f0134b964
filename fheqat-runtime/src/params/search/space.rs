//! What the parameters must keep, and where the search looks for them.

use std::ops::RangeInclusive;

use crate::params::dimension::{GlweDimension, LweDimension, PolynomialSize};
use serde::{Deserialize, Serialize};

use crate::params::{
    Bytes, Decomposition, Log2Probability, cost, modulus_switch::MAX_EXTENSION, objective::Objective,
};

/// What the parameters must keep.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    /// The most that the probability may be that any value of an inference is wrong. Default: 2^-40.
    pub p_fail: Log2Probability,
    /// The most a server key may take in memory. Default: 250 MB.
    pub server_key: Bytes,
    /// What is minimised. Default: the work, [`Objective::CoreSeconds`].
    pub objective: Objective,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            p_fail: Log2Probability(-40.0),
            server_key: Bytes(250_000_000),
            objective: Objective::CoreSeconds,
        }
    }
}

/// Where the search looks.
#[derive(Clone, Debug, PartialEq)]
pub struct Space {
    /// (k, N).
    pub shapes: Vec<(GlweDimension, PolynomialSize)>,
    /// The same for workloads without rotations.
    pub unrotated: Vec<(GlweDimension, PolynomialSize)>,
    /// Decompositions of external products.
    pub rotations: Vec<Decomposition>,
    /// n, rising from 550 on: from there the curve of secure noise was checked against the lattice estimator.
    pub lwe_dimensions: Vec<LweDimension>,
    /// Decompositions of key switches.
    pub key_switches: Vec<Decomposition>,
    /// log2 of the most polynomials that a rotation may interleave.
    pub extension: u32,
}

impl Space {
    /// A part of the space, faster to search: every eighth of the small key's dimensions.
    #[must_use]
    pub fn thinned(&self) -> Self {
        let lwe_dimensions = self.lwe_dimensions.iter().copied().step_by(8).collect();
        Self { lwe_dimensions, ..self.clone() }
    }
}

impl Default for Space {
    fn default() -> Self {
        let levels =
            |bases: RangeInclusive<usize>, levels| bases.map(move |base| Decomposition::new(base, levels));
        let key_switches = (1..=6)
            .flat_map(|base| (2..=20).map(move |levels| Decomposition::new(base, levels)))
            .filter(|key_switch| (10..=22).contains(&(key_switch.base_log.0 * key_switch.levels.0)))
            .collect();
        Self {
            shapes: cost::shapes(),
            unrotated: cost::unrotated_shapes(),
            rotations: levels(14..=26, 1).chain(levels(9..=18, 2)).chain(levels(8..=14, 3)).collect(),
            lwe_dimensions: (552..=1060).step_by(4).map(LweDimension).collect(),
            key_switches,
            extension: MAX_EXTENSION,
        }
    }
}

//! What the parameters must keep, and where the search looks for them.

use std::ops::RangeInclusive;

use crate::params::dimension::{GlweDimension, LweDimension, PolynomialSize};
use serde::{Deserialize, Serialize};

use crate::params::{
    Bytes, Decomposition, Log2Probability, Parameters, cost, modulus_switch::MAX_EXTENSION,
    objective::Objective,
};

/// What the parameters must keep.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    /// The most that the probability may be that any value of an inference is wrong. Default: 2^-128.
    pub p_fail: Log2Probability,
    /// The most a server key may take in memory. Default: 250 MB.
    pub server_key: Bytes,
    /// What is minimised. Default: the work, [`Objective::CoreSeconds`].
    pub objective: Objective,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            p_fail: Log2Probability(-128.0),
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

    /// The one point of the space that has these parameters, for workloads that take all or less of what their keys can do.
    #[cfg(feature = "fhe")]
    #[must_use]
    pub(crate) fn only(&self, parameters: &Parameters) -> Self {
        let shape = vec![(parameters.glwe_dimension, parameters.polynomial_size)];
        Self {
            shapes: shape.clone(),
            unrotated: shape,
            rotations: vec![parameters.rotation],
            lwe_dimensions: vec![parameters.lwe_dimension],
            key_switches: parameters.key_switch.into_iter().collect(),
            extension: self.extension,
        }
    }

    /// Whether a search could have found these parameters. Their noise is that of the curve, and what they take in memory is bounded.
    ///
    /// # Errors
    /// Says what is not among the choices.
    pub(crate) fn check(&self, parameters: &Parameters) -> Result<(), String> {
        let Parameters { lwe_dimension, glwe_dimension, polynomial_size, rotation, key_switch } = *parameters;
        let shape = (glwe_dimension, polynomial_size);
        let among = |found: bool, what: String| {
            if found { Ok(()) } else { Err(format!("{what} is none of the choices")) }
        };
        let decomposition = |of: Decomposition| format!("{} x {}", of.base_log.0, of.levels.0);
        let name = format!("k = {}, N = {}", glwe_dimension.0, polynomial_size.0);
        if !parameters.rotate() {
            among(self.unrotated.contains(&shape), name)?;
            let is_bare = *parameters == Parameters::without_rotations(glwe_dimension, polynomial_size);
            return among(is_bare, "a decomposition without a small key".to_owned());
        }
        among(self.shapes.contains(&shape), name)?;
        among(self.lwe_dimensions.contains(&lwe_dimension), format!("n = {}", lwe_dimension.0))?;
        among(self.rotations.contains(&rotation), format!("a bootstrap key of {}", decomposition(rotation)))?;
        let fits = |key_switch| {
            among(
                self.key_switches.contains(&key_switch),
                format!("a key switch of {}", decomposition(key_switch)),
            )
        };
        key_switch.map_or(Ok(()), fits)
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

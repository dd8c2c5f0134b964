//! The noise of each value of a workload, and the most that it may have.

use crate::params::dimension::Variance;

use crate::params::{
    Parameters,
    constraint::Deviations,
    modulus_switch::MAX_EXTENSION,
    noise::{Correlation, small_encryption},
    workload::{NoiseForm, Workload, WorkloadRotation},
};

/// The largest standard deviations of every rotation for one ring, by extension.
pub(super) struct MaxDeviations {
    deviations: Vec<f64>,
}

impl MaxDeviations {
    const WIDTH: usize = MAX_EXTENSION as usize + 1;

    pub(super) fn new(workload: &Workload, coarse_grid: u32, margin: Deviations) -> Self {
        let deviations = workload
            .rotations
            .iter()
            .flat_map(|rotation| {
                (0..=MAX_EXTENSION).map(move |extension| {
                    rotation.max_deviation(rotation.log_grid(coarse_grid, extension), margin).0
                })
            })
            .collect();
        Self { deviations }
    }

    pub(super) fn of(&self, rotation: usize) -> &[f64] {
        &self.deviations[rotation * Self::WIDTH..(rotation + 1) * Self::WIDTH]
    }

    pub(super) fn largest(&self, rotation: usize) -> f64 {
        self.of(rotation).iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }
}

/// Variances before the key switch for one set of parameters.
pub(super) struct Variances {
    pub(super) rotations: Vec<f64>,
    pub(super) outputs: Vec<f64>,
}

impl Variances {
    pub(super) fn new(workload: &Workload, parameters: &Parameters) -> Self {
        let fresh = if workload.inputs_under_small_key {
            small_encryption(parameters.lwe_dimension)
        } else {
            parameters.big_encryption()
        };
        let (extraction, correlation) = if parameters.rotate() {
            (parameters.extraction(), parameters.correlation())
        } else {
            (Variance(0.0), Correlation(0.0))
        };
        let variance = |form: &NoiseForm| form.variance(fresh, extraction, correlation).0;
        Self {
            rotations: workload.rotations.iter().map(|rotation| variance(&rotation.noise)).collect(),
            outputs: workload.outputs.iter().map(|output| variance(&output.noise)).collect(),
        }
    }

    /// The variance that reaches a rotation's modulus switch.
    pub(super) fn before_modulus_switch(
        &self,
        index: usize,
        rotation: &WorkloadRotation,
        key_switch: Variance,
    ) -> f64 {
        self.rotations[index] + rotation.noise.switched * key_switch.0
    }
}

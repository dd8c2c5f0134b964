//! The noise of each value of a workload, and the most that it may have.

use super::classes::Classes;
use crate::params::dimension::Variance;

use crate::params::{
    Parameters,
    constraint::Deviations,
    modulus_switch::MAX_EXTENSION,
    noise::Correlation,
    workload::{NoiseForm, Workload, WorkloadRotation},
};

/// The largest standard deviations of every class of rotations for one ring, by extension.
pub(super) struct MaxDeviations {
    deviations: Vec<f64>,
}

impl MaxDeviations {
    const WIDTH: usize = MAX_EXTENSION as usize + 1;

    pub(super) fn new(workload: &Workload, classes: &Classes, coarse_grid: u32, margin: Deviations) -> Self {
        let deviations = classes
            .all()
            .iter()
            .flat_map(|class| {
                let rotation = &workload.rotations[class.first];
                (0..=MAX_EXTENSION).map(move |extension| {
                    rotation.max_deviation(rotation.log_grid(coarse_grid, extension), margin).0
                })
            })
            .collect();
        Self { deviations }
    }

    pub(super) fn of(&self, class: usize) -> &[f64] {
        &self.deviations[class * Self::WIDTH..(class + 1) * Self::WIDTH]
    }

    pub(super) fn largest(&self, class: usize) -> f64 {
        self.of(class).iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }
}

/// Variances before the key switch for one set of parameters.
pub(super) struct Variances {
    /// By class.
    pub(super) rotations: Vec<f64>,
    pub(super) outputs: Vec<f64>,
}

impl Variances {
    pub(super) fn new(workload: &Workload, classes: &Classes, parameters: &Parameters) -> Self {
        let variance = Self::of(workload, parameters);
        Self {
            rotations: classes
                .all()
                .iter()
                .map(|class| variance(&workload.rotations[class.first].noise))
                .collect(),
            outputs: workload.outputs.iter().map(|output| variance(&output.noise)).collect(),
        }
    }

    /// The variance of a form of noise.
    pub(super) fn of(workload: &Workload, parameters: &Parameters) -> impl Fn(&NoiseForm) -> f64 + use<> {
        let fresh = if workload.inputs_under_small_key {
            parameters.small_encryption()
        } else {
            parameters.big_encryption()
        };
        let (extraction, correlation) = if parameters.rotate() {
            (parameters.extraction(), parameters.correlation())
        } else {
            (Variance(0.0), Correlation(0.0))
        };
        move |form: &NoiseForm| form.variance(fresh, extraction, correlation).0
    }

    /// The variance that reaches a rotation's modulus switch.
    pub(super) fn before_modulus_switch(
        &self,
        class: usize,
        rotation: &WorkloadRotation,
        key_switch: Variance,
    ) -> f64 {
        self.rotations[class] + rotation.noise.switched * key_switch.0
    }
}

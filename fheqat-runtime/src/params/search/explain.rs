//! Which limit of noise no parameters keep.

use crate::params::dimension::Variance;

use super::{
    cheapest::ParameterSearch,
    infeasible::{Infeasible, Location},
    workload_noise::Variances,
};
use crate::params::{
    Bytes, Parameters, Results, TorusDistance,
    constraint::failure,
    workload::{WorkloadOutput, WorkloadRotation},
};

impl ParameterSearch<'_> {
    /// The limit that is hardest to keep, at the parameters that come nearest.
    pub(super) fn explain(&self, allowed: Bytes) -> Infeasible {
        if let Some(smallest) = self.smallest_key() {
            return Infeasible::ServerKey { smallest, allowed };
        }
        if let Some(reason) = self.without_packing(allowed) {
            return reason;
        }
        let nearest = self.nearest();
        nearest.unwrap_or(Infeasible::ServerKey { smallest: Bytes(u64::MAX), allowed })
    }

    fn smallest_key(&self) -> Option<Bytes> {
        let (_, any) = self.best(Bytes(u64::MAX), f64::INFINITY)?;
        let (mut low, mut high) = (0, any.server_key_bytes().0);
        while high - low > high / 64 {
            let middle = u64::midpoint(low, high);
            match self.best(Bytes(middle), f64::INFINITY) {
                Some((_, parameters)) => high = parameters.server_key_bytes().0,
                None => low = middle,
            }
        }
        Some(Bytes(high))
    }

    /// What packing asks too much of, where its results could be sent rounded.
    fn without_packing(&self, allowed: Bytes) -> Option<Infeasible> {
        if self.results == Results::Rounded {
            return None;
        }
        self.of_rounded_results().best(allowed, f64::INFINITY)?;
        let outputs = &self.workload.outputs;
        let narrowest = outputs.iter().min_by(|one, other| {
            let deviation = |output: &WorkloadOutput| output.max_deviation(self.deviations).0;
            deviation(one).total_cmp(&deviation(other))
        })?;
        let shapes =
            if self.workload.rotations.is_empty() { &self.space.unrotated } else { &self.space.shapes };
        let noises = shapes.iter().flat_map(|&(k, size)| {
            let parameters = Parameters::without_rotations(k, size);
            self.space.packings.iter().map(move |packing| parameters.packing_noise(packing).0)
        });
        Some(Infeasible::Packing {
            output: narrowest.output,
            slots: narrowest.slots,
            allowed: narrowest.max_deviation(self.deviations),
            noise: Variance(noises.fold(f64::INFINITY, f64::min)),
        })
    }

    fn nearest(&self) -> Option<Infeasible> {
        // Of decompositions that others beat each has more noise.
        let search = self.clone();
        let search = if self.space.has_every_decomposition() { search.undominated() } else { search };
        let mut nearest: Option<(f64, Infeasible)> = None;
        for &(glwe_dimension, polynomial_size) in &self.space.shapes {
            for &rotation in search.rotations((glwe_dimension, polynomial_size)) {
                for &lwe_dimension in self.space.lwe_dimensions.iter().step_by(16) {
                    let parameters = Parameters {
                        lwe_dimension,
                        small_key: self.space.small_key,
                        glwe_dimension,
                        polynomial_size,
                        rotation,
                        key_switch: None,
                        packing: None,
                    };
                    for key_switch in search.key_switch_choices(&parameters) {
                        let (excess, value) = self.worst(&Parameters { key_switch, ..parameters })?;
                        if nearest.as_ref().is_none_or(|(best, _)| excess < *best) {
                            nearest = Some((excess, self.reason(value)));
                        }
                    }
                }
            }
        }
        nearest.map(|(_, reason)| reason)
    }

    /// The value whose noise is the largest multiple of what it may be, and that multiple.
    fn worst(&self, parameters: &Parameters) -> Option<(f64, Value)> {
        let workload = self.workload;
        let max_deviations = self.max_deviations(parameters);
        let noise = Variances::new(workload, &self.classes, parameters);
        let least = self.candidates.last()?.last()?.1;
        let added = parameters.modulus_switch_noise(least, self.candidates.len() as u32 - 1).0;
        let key_switch = parameters.key_switch_noise();
        let rotations = self.classes.by_last().map(|(class, rotation)| {
            let variance =
                noise.before_modulus_switch(class, &workload.rotations[rotation], key_switch) + added;
            Value { part: Part::Rotation(rotation), max_deviation: max_deviations.largest(class), variance }
        });
        let outputs = workload.outputs.iter().zip(&noise.outputs).enumerate();
        let outputs = outputs.map(|(index, (output, &variance))| {
            let max_deviation = output.max_deviation(self.deviations).0;
            Value { part: Part::Output(index), max_deviation, variance }
        });
        rotations
            .chain(outputs)
            .map(|value| (value.variance.sqrt() / value.max_deviation.max(f64::MIN_POSITIVE), value))
            .max_by(|one, other| one.0.total_cmp(&other.0))
    }

    fn reason(&self, Value { part, max_deviation, variance }: Value) -> Infeasible {
        let (location, slots, limit) = match part {
            Part::Rotation(index) => {
                let rotation = &self.workload.rotations[index];
                (self.location(rotation), rotation.slots, rotation.limit)
            }
            Part::Output(index) => {
                let output = &self.workload.outputs[index];
                (Location::Output(output.output), output.slots, output.limit)
            }
        };
        let noise = Variance(variance);
        match limit.tolerance {
            None => {
                let margin = TorusDistance(max_deviation * self.deviations.0);
                let (p_fail, required) = (failure(margin, noise), self.required);
                Infeasible::Noise { location, slots, margin, noise, p_fail, required }
            }
            Some(_) => {
                Infeasible::Tolerance { location, slots, allowed: TorusDistance(max_deviation), noise }
            }
        }
    }

    fn location(&self, rotation: &WorkloadRotation) -> Location {
        let name = self.workload.layers.get(rotation.layer).cloned().unwrap_or_default();
        Location::Layer { index: rotation.layer, name }
    }
}

/// A value that a circuit reads, and its noise under some parameters.
struct Value {
    part: Part,
    max_deviation: f64,
    variance: f64,
}

/// By index in the workload.
enum Part {
    Rotation(usize),
    Output(usize),
}

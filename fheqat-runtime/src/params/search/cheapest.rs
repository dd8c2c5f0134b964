//! The search: every shape of keys, and for each rotation the cheapest modulus switch.

use std::{
    cell::{Cell, OnceCell},
    rc::Rc,
};

use crate::params::dimension::{
    DecompositionLevelCount, GlweDimension, LweDimension, PolynomialSize, Variance,
};

use super::{
    buckets::{Bucket, buckets},
    classes::Classes,
    solution::{Event, OutputSolution, RotationSolution, Solution},
    space::{Bounds, Space},
    undominated::Undominated,
    workload_noise::{MaxDeviations, Variances},
};
use crate::params::{
    Bytes, Decomposition, Log2Probability, Packing, Parameters, Results, Seconds, TorusBits,
    constraint::{Deviations, deviations},
    cost::{CiphertextCounts, Prices},
    modulus_switch::{self, MAX_EXTENSION, ModulusSwitch, Rounding},
    objective::{Objective, Tally},
    workload::{NoiseForm, NoiseLimit, Workload, WorkloadOutput, WorkloadRotation},
};

/// A margin for rounding: the search rearranges inequalities that the solution checks.
const ROUNDING: f64 = 1e-9;

/// Every so many of the small key's dimensions is tried at first, for a bound that leaves out most of the others.
const EVERY: usize = 12;

/// What time depends on beside noise: a shape, levels of decomposition, a small key.
type Size = (GlweDimension, PolynomialSize, DecompositionLevelCount, LweDimension);

#[derive(Clone)]
pub(super) struct ParameterSearch<'a> {
    pub(super) workload: &'a Workload,
    pub(super) classes: Rc<Classes>,
    /// By log2 of the coarse grid.
    max_deviations: Rc<[OnceCell<MaxDeviations>; 32]>,
    buckets: Rc<[OnceCell<Vec<Bucket>>; 32]>,
    /// The class that was the last to keep parameters from being possible: the first to be asked.
    hardest: Cell<usize>,
    pub(super) space: &'a Space,
    undominated: Option<&'static Undominated>,
    prices: &'a Prices,
    operations: CiphertextCounts,
    io_operations: CiphertextCounts,
    depths: usize,
    switches_keys: bool,
    objective: Objective,
    pub(super) results: Results,
    pub(super) required: Log2Probability,
    pub(super) deviations: Deviations,
    pub(super) candidates: &'static [Vec<(ModulusSwitch, Rounding)>],
}

impl<'a> ParameterSearch<'a> {
    pub(super) fn new(workload: &'a Workload, bounds: Bounds, space: &'a Space, prices: &'a Prices) -> Self {
        let required = bounds.p_fail.share(workload.events());
        let packed_results = match bounds.results {
            Results::Rounded => 0,
            Results::Packed => workload.outputs.len(),
        };
        let io_operations = CiphertextCounts { packed_results, ..workload.io_operations };
        Self {
            workload,
            classes: Rc::new(Classes::new(workload)),
            max_deviations: Rc::default(),
            buckets: Rc::default(),
            hardest: Cell::new(0),
            space,
            undominated: None,
            prices,
            operations: CiphertextCounts { packed_results, ..workload.operations() },
            io_operations,
            depths: workload.rotations.iter().map(|rotation| rotation.depth + 1).max().unwrap_or(0),
            switches_keys: workload.key_switches() > 0,
            objective: bounds.objective,
            results: bounds.results,
            required,
            deviations: Deviations(deviations(required).0 * (1.0 + ROUNDING)),
            candidates: &modulus_switch::every_candidate(space.small_key)
                [..=space.extension.min(MAX_EXTENSION) as usize],
        }
    }

    /// The same with the decompositions that can be the best instead of those of the space.
    pub(super) fn undominated(self) -> Self {
        Self { undominated: Some(Undominated::of_whole_space(self.space.small_key)), ..self }
    }

    /// The same search for results that are not packed.
    pub(super) fn of_rounded_results(&self) -> Self {
        let rounded = |operations| CiphertextCounts { packed_results: 0, ..operations };
        Self {
            operations: rounded(self.operations),
            io_operations: rounded(self.io_operations),
            results: Results::Rounded,
            ..self.clone()
        }
    }

    pub(super) fn rotations(&self, shape: (GlweDimension, PolynomialSize)) -> &[Decomposition] {
        self.undominated.map_or(&self.space.rotations, |undominated| undominated.rotations(shape))
    }

    fn key_switches(&self, parameters: &Parameters) -> &[Decomposition] {
        self.undominated.map_or(&self.space.key_switches, |undominated| undominated.key_switches(parameters))
    }

    /// Of a workload that switches no keys, none.
    pub(super) fn key_switch_choices(&self, parameters: &Parameters) -> Vec<Option<Decomposition>> {
        if self.switches_keys {
            self.key_switches(parameters).iter().copied().map(Some).collect()
        } else {
            vec![None]
        }
    }

    /// The best whose objective has a value less than `below`.
    pub(super) fn best(&self, server_key: Bytes, below: f64) -> Option<(f64, Parameters)> {
        if self.workload.rotations.is_empty() {
            return self.best_unrotated(server_key, below);
        }
        if self.undominated.is_some() || !self.space.has_every_decomposition() {
            return self.best_of(server_key, below, |_| true);
        }
        let undominated = self.clone().undominated();
        let near = undominated.near(server_key, below);
        let least = near.iter().map(|&(value, _)| value).fold(f64::INFINITY, f64::min);
        let below = below.min(least * (1.0 + ROUNDING));
        // Which keys pack results depends on noise, and so does their time: less noise may take more.
        if self.results == Results::Packed {
            return self.best_of(server_key, below, |_| true);
        }
        let near = near.into_iter().filter(|&(value, _)| value <= below);
        let near: Vec<Size> = near.map(|(_, size)| size).collect();
        self.best_of(server_key, below, |size| near.contains(size))
    }

    /// The best of some sizes. Of parameters of equal value the first is taken.
    fn best_of(
        &self,
        server_key: Bytes,
        below: f64,
        is_among: impl Fn(&Size) -> bool,
    ) -> Option<(f64, Parameters)> {
        let mut best: Option<(f64, Parameters)> = None;
        for &(glwe_dimension, polynomial_size) in &self.space.shapes {
            for &rotation in self.rotations((glwe_dimension, polynomial_size)) {
                for &lwe_dimension in &self.space.lwe_dimensions {
                    if !is_among(&(glwe_dimension, polynomial_size, rotation.levels, lwe_dimension)) {
                        continue;
                    }
                    let parameters = Parameters {
                        lwe_dimension,
                        small_key: self.space.small_key,
                        glwe_dimension,
                        polynomial_size,
                        rotation,
                        key_switch: None,
                        packing: None,
                    };
                    let below = best.as_ref().map_or(below, |(value, _)| *value);
                    best = self.best_key_switch(parameters, server_key, below).or(best);
                }
            }
        }
        best
    }

    /// The best of the space, with no parameters left out by what stands for others.
    #[cfg(test)]
    pub(super) fn by_asking_everything(&self, server_key: Bytes) -> Option<(f64, Parameters)> {
        let search = Self { buckets: Rc::default(), ..self.clone() };
        for buckets in &*search.buckets {
            buckets.get_or_init(Vec::new);
        }
        search.best_of(server_key, f64::INFINITY, |_| true)
    }

    /// Sizes with the values that their best decompositions have, the best size of all among them: what another decomposition of the same
    /// size has is no less, as it has more noise.
    fn near(&self, server_key: Bytes, below: f64) -> Vec<(f64, Size)> {
        let (mut near, mut least) = (Vec::new(), below);
        let dimensions = self.space.lwe_dimensions.iter().enumerate();
        let (some, others): (Vec<_>, Vec<_>) = dimensions.partition(|(index, _)| index % EVERY == 0);
        for dimensions in [some, others] {
            for &(glwe_dimension, polynomial_size) in &self.space.shapes {
                for &rotation in self.rotations((glwe_dimension, polynomial_size)) {
                    for &(_, &lwe_dimension) in &dimensions {
                        let parameters = Parameters {
                            lwe_dimension,
                            small_key: self.space.small_key,
                            glwe_dimension,
                            polynomial_size,
                            rotation,
                            key_switch: None,
                            packing: None,
                        };
                        let bound = least * (1.0 + ROUNDING);
                        if let Some((value, _)) = self.best_key_switch(parameters, server_key, bound) {
                            least = least.min(value);
                            let size = (glwe_dimension, polynomial_size, rotation.levels, lwe_dimension);
                            near.push((value, size));
                        }
                    }
                }
            }
        }
        near
    }

    /// The same for a workload of sums of inputs: one key, and none of a server but those that pack results.
    fn best_unrotated(&self, server_key: Bytes, below: f64) -> Option<(f64, Parameters)> {
        let shapes = self.space.unrotated.iter();
        let keys = shapes.map(|&(dimension, size)| Parameters::without_rotations(dimension, size));
        let fitting = |parameters: Parameters| {
            let noise = Variances::new(self.workload, &self.classes, &parameters);
            let parameters = self.with_results(parameters, &noise)?;
            (parameters.server_key_bytes() <= server_key).then_some(parameters)
        };
        let value = |parameters: Parameters| {
            let operations = self.prices.ciphertext_operations(&parameters, self.operations);
            (Tally::new(self.objective, &parameters, operations, 0).value(), parameters)
        };
        keys.filter_map(fitting)
            .map(value)
            .filter(|(value, _)| *value < below)
            .min_by(|a, b| a.0.total_cmp(&b.0))
    }

    /// The variances of each output: its noise before it is packed, and what it is allowed.
    fn outputs<'n>(&'n self, noise: &'n Variances) -> impl Iterator<Item = (Variance, Variance)> + 'n {
        let outputs = noise.outputs.iter().zip(&self.workload.outputs);
        outputs.map(|(&noise, output)| (Variance(noise), self.allowed(output)))
    }

    fn allowed(&self, output: &WorkloadOutput) -> Variance {
        Variance(output.max_deviation(self.deviations).0.powi(2))
    }

    /// The parameters, with the keys that pack the results to the fewest bytes where they are packed; none where an output has too much
    /// noise.
    fn with_results(&self, parameters: Parameters, noise: &Variances) -> Option<Parameters> {
        if self.results == Results::Rounded {
            return self.outputs(noise).all(|(noise, allowed)| noise.0 <= allowed.0).then_some(parameters);
        }
        let results = self.workload.outputs.len();
        let bytes = |&packing: &Packing| {
            let added = parameters.packing_noise(&packing);
            let fits = |(noise, allowed): (Variance, Variance)| noise.0 + added.0 < allowed.0;
            let parameters = Parameters { packing: Some(packing), ..parameters };
            self.outputs(noise).all(fits).then(|| {
                let bits = self.packed_bits(&packing, added, noise);
                (packing.result_bytes(bits, results), parameters)
            })
        };
        let choices = self.space.packings.iter().filter_map(bytes);
        choices.min_by_key(|(bytes, _)| *bytes).map(|(_, parameters)| parameters)
    }

    /// The bits of packed results: those of the output that has the least room, as they share a mask.
    fn packed_bits(&self, packing: &Packing, Variance(added): Variance, noise: &Variances) -> TorusBits {
        let bits = self
            .outputs(noise)
            .map(|(noise, allowed)| packing.result_bits(Variance(noise.0 + added), allowed));
        bits.max().unwrap_or(TorusBits(1))
    }

    /// The best key switch for the rest, if its value is less than `below`.
    fn best_key_switch(
        &self,
        parameters: Parameters,
        server_key: Bytes,
        mut below: f64,
    ) -> Option<(f64, Parameters)> {
        if parameters.bootstrap_key_bytes() > server_key || self.lower_bound(&parameters) >= below {
            return None;
        }
        let variance = Variances::of(self.workload, &parameters);
        if !self.may_be_less(&parameters, &variance, below) {
            return None;
        }
        let noise = Variances::new(self.workload, &self.classes, &parameters);
        let max_deviations = self.max_deviations(&parameters);
        if !self.possible_without_key_switch(&noise, max_deviations) {
            return None;
        }
        let parameters = self.with_results(parameters, &noise)?;
        let mut found = None;
        for key_switch in self.key_switch_choices(&parameters) {
            let parameters = Parameters { key_switch, ..parameters };
            if parameters.server_key_bytes() > server_key || !self.may_be_less(&parameters, &variance, below)
            {
                continue;
            }
            if let Some(value) = self.value(&parameters, &noise, max_deviations, below) {
                below = value;
                found = Some((below, parameters));
            }
        }
        found
    }

    /// At least so large is the objective's value, whatever the key switch and the modulus switches.
    fn lower_bound(&self, parameters: &Parameters) -> f64 {
        let rotations = self.workload.rotations.len();
        let n = parameters.steps() as f64;
        let step = self.prices.step(parameters);
        let operations = self.prices.ciphertext_operations(parameters, self.operations);
        let least = Seconds(operations.0 + n * step.of(1.0, 0.0).0 * rotations as f64);
        self.objective.lower_bound(parameters, least)
    }

    /// The largest standard deviations for the ring of these parameters.
    pub(super) fn max_deviations(&self, parameters: &Parameters) -> &MaxDeviations {
        let grid = parameters.coarse_grid();
        self.max_deviations[grid as usize]
            .get_or_init(|| MaxDeviations::new(self.workload, &self.classes, grid, self.deviations))
    }

    /// Whether the value may be less than `below`, by what a few rotations take that stand for all; `variance` is that of a form of noise.
    /// Without a key switch, whatever it may be.
    fn may_be_less(&self, parameters: &Parameters, variance: impl Fn(&NoiseForm) -> f64, below: f64) -> bool {
        let new = || buckets(self.workload, &self.classes, self.max_deviations(parameters));
        let buckets = self.buckets[parameters.coarse_grid() as usize].get_or_init(new);
        if buckets.is_empty() {
            return true;
        }
        let n = parameters.steps() as f64;
        let step = self.prices.step(parameters);
        let key_switch_noise = parameters.key_switch_noise().0;
        let mut least = self.prices.ciphertext_operations(parameters, self.operations).0;
        for bucket in buckets {
            let before = variance(&bucket.noise) + bucket.noise.switched * key_switch_noise;
            let Some((_, rounding)) =
                self.cheapest_modulus_switch(parameters, &bucket.max_deviations, before)
            else {
                return false;
            };
            let key_switch = self.prices.key_switch(parameters, bucket.key_pass_share).0;
            let time = n * step.of(rounding.products, bucket.key_pass_share).0
                + bucket.key_switches as f64 * key_switch;
            least += bucket.count as f64 * time;
        }
        self.objective.lower_bound(parameters, Seconds(least)) < below * (1.0 + ROUNDING)
    }

    /// All classes, the hardest first.
    fn by_hardness(&self) -> impl Iterator<Item = usize> + use<> {
        let hardest = self.hardest.get();
        let others = (0..self.classes.all().len()).filter(move |&class| class != hardest);
        std::iter::once(hardest).chain(others)
    }

    fn possible_without_key_switch(&self, noise: &Variances, max_deviations: &MaxDeviations) -> bool {
        let fits = |variance: f64, deviation: f64| variance <= deviation * deviation;
        self.by_hardness().all(|class| {
            let fits = fits(noise.rotations[class], max_deviations.largest(class));
            if !fits {
                self.hardest.set(class);
            }
            fits
        })
    }

    /// The objective's value, if every rotation can keep its limit and the value is less than `below`.
    fn value(
        &self,
        parameters: &Parameters,
        noise: &Variances,
        max_deviations: &MaxDeviations,
        below: f64,
    ) -> Option<f64> {
        let operations = self.prices.ciphertext_operations(parameters, self.operations);
        let times = self.times(parameters, noise, max_deviations, (operations, below))?;
        let mut tally = Tally::new(self.objective, parameters, operations, self.depths);
        for (index, rotation) in self.workload.rotations.iter().enumerate() {
            tally.add(rotation.depth, times[self.classes.of(index)]);
            if tally.value() >= below {
                return None;
            }
        }
        (tally.value() < below).then(|| tally.value())
    }

    /// What a rotation of each class takes; none where one cannot keep its limit, or where all together take so long that the value is
    /// not less than `below`.
    fn times(
        &self,
        parameters: &Parameters,
        noise: &Variances,
        max_deviations: &MaxDeviations,
        (operations, below): (Seconds, f64),
    ) -> Option<Vec<Seconds>> {
        let n = parameters.steps() as f64;
        let step = self.prices.step(parameters);
        let key_switch_noise = parameters.key_switch_noise();
        let mut times = vec![Seconds(0.0); self.classes.all().len()];
        let mut together = operations.0;
        for index in self.by_hardness() {
            let class = self.classes.all()[index];
            let rotation = &self.workload.rotations[class.first];
            let before = noise.before_modulus_switch(index, rotation, key_switch_noise);
            let Some((_, rounding)) =
                self.cheapest_modulus_switch(parameters, max_deviations.of(index), before)
            else {
                self.hardest.set(index);
                return None;
            };
            let steps = n * step.of(rounding.products, rotation.key_pass_share).0;
            let time = self.time_of_key_switches(parameters, rotation).0 + steps;
            times[index] = Seconds(time);
            together += class.count as f64 * time;
            if self.objective.lower_bound(parameters, Seconds(together)) >= below * (1.0 + ROUNDING) {
                return None;
            }
        }
        Some(times)
    }

    fn time_of_key_switches(&self, parameters: &Parameters, rotation: &WorkloadRotation) -> Seconds {
        match rotation.key_switches.count() {
            0 => Seconds(0.0),
            count => Seconds(count as f64 * self.prices.key_switch(parameters, rotation.key_pass_share).0),
        }
    }

    /// The modulus switch with the fewest external products whose noise on top of `before` keeps the rotation's limit.
    fn cheapest_modulus_switch(
        &self,
        parameters: &Parameters,
        max_deviations: &[f64],
        before: f64,
    ) -> Option<(ModulusSwitch, Rounding)> {
        let coarse = f64::from(1_u32 << parameters.coarse_grid());
        let error_weight = parameters.error_weight();
        let mut best: Option<(ModulusSwitch, Rounding)> = None;
        for (extension, candidates) in self.candidates.iter().enumerate() {
            let least = candidates.first().map_or(f64::INFINITY, |(_, rounding)| rounding.products);
            if best.is_some_and(|(_, best)| best.products <= least) {
                continue;
            }
            let allowed = max_deviations[extension].powi(2) - before;
            if max_deviations[extension] <= 0.0 || allowed <= 0.0 {
                continue;
            }
            let body = (-2.0 * extension as f64).exp2() / 12.0;
            let error = (allowed * coarse * coarse - body) / error_weight;
            let first = candidates.partition_point(|(_, rounding)| rounding.error > error);
            if let Some(&(modulus_switch, rounding)) = candidates.get(first)
                && best.is_none_or(|(_, best)| rounding.products < best.products)
            {
                best = Some((modulus_switch, rounding));
            }
        }
        best
    }

    pub(super) fn solution(&self, parameters: Parameters) -> Solution {
        let workload = self.workload;
        let max_deviations = self.max_deviations(&parameters);
        let noise = Variances::new(workload, &self.classes, &parameters);
        let rotations: Vec<RotationSolution> = (0..workload.rotations.len())
            .map(|index| self.rotation(index, &parameters, &noise, max_deviations))
            .collect();
        let outputs = self.output_solutions(&parameters, &noise);
        let events = rotations.iter().map(|rotation| &rotation.event);
        let events = events.chain(outputs.iter().map(|output| &output.event));
        let ends = self.prices.ciphertext_operations(&parameters, self.io_operations).0;
        Solution {
            p_fail: Log2Probability::sum(events.map(|event| event.p_fail)),
            cost: Seconds(rotations.iter().map(|rotation| rotation.cost.0).sum::<f64>() + ends),
            parameters,
            rotations,
            outputs,
        }
    }

    fn output_solutions(&self, parameters: &Parameters, noise: &Variances) -> Vec<OutputSolution> {
        let packed = parameters.packing.filter(|_| self.results == Results::Packed).map(|packing| {
            let added = parameters.packing_noise(&packing);
            let bits = self.packed_bits(&packing, added, noise);
            (bits, Variance(added.0 + packing.rounding(bits).0))
        });
        let one = |(output, (noise, allowed)): (&WorkloadOutput, (Variance, Variance))| {
            let (bits, added) = packed.unwrap_or_else(|| {
                let bits = parameters.result_bits(noise, allowed);
                (bits, parameters.result_rounding(bits))
            });
            let NoiseLimit { distance, tolerance } = output.limit;
            OutputSolution { bits, event: Event::new(distance, tolerance, Variance(noise.0 + added.0)) }
        };
        self.workload.outputs.iter().zip(self.outputs(noise)).map(one).collect()
    }

    fn rotation(
        &self,
        index: usize,
        parameters: &Parameters,
        noise: &Variances,
        max_deviations: &MaxDeviations,
    ) -> RotationSolution {
        let rotation = &self.workload.rotations[index];
        let class = self.classes.of(index);
        let before = noise.before_modulus_switch(class, rotation, parameters.key_switch_noise());
        let (modulus_switch, rounding) = self
            .cheapest_modulus_switch(parameters, max_deviations.of(class), before)
            .unwrap_or(self.candidates[0][0]);
        let log_grid = rotation.log_grid(parameters.coarse_grid(), modulus_switch.extension);
        let added = parameters.modulus_switch_noise(rounding, modulus_switch.extension);
        let key_switches = self.time_of_key_switches(parameters, rotation).0;
        let operations = self.prices.ciphertext_operations(parameters, rotation.operations).0;
        let steps = self.prices.rotation(parameters, rounding, rotation.key_pass_share).0;
        RotationSolution {
            modulus_switch,
            products: rounding.products,
            cost: Seconds(steps + key_switches + operations),
            event: Event::new(
                rotation.margin(log_grid),
                rotation.limit.tolerance,
                Variance(before + added.0),
            ),
        }
    }
}

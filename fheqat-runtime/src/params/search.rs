//! The cheapest parameters that keep a demand's promises, or which promise none can keep.

use std::{
    fmt::{self, Display, Formatter},
    ops::RangeInclusive,
};

use serde::{Deserialize, Serialize};
use tfhe::core_crypto::prelude::{GlweDimension, LweDimension, PolynomialSize, Variance};
use thiserror::Error;

use super::{
    Bytes, Decomposition, Log2Probability, Parameters, Seconds, Slots, TorusDistance,
    constraint::{Deviations, deviations, failure},
    cost::{self, Prices},
    demand::{Demand, Moves, NoiseForm, Promise, Rotation},
    grid::{self, MAX_EXTENSION, Rounding, Switching},
    noise::{Correlation, small_encryption},
    objective::{Objective, Tally},
};

/// What the parameters must keep. Every bound is given; [`CompileOptions`](crate::fhe::CompileOptions) has defaults for them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    /// The most that the probability may be that any value of an inference is wrong. Default of `CompileOptions`: 2^-40.
    pub p_fail: Log2Probability,
    /// The most a server key may take in memory. Default of `CompileOptions`: 250 MB.
    pub server_key: Bytes,
    /// What is to be small. Default of `CompileOptions`: the work, [`Objective::CoreSeconds`].
    pub objective: Objective,
}

/// Where the search looks.
#[derive(Clone, Debug, PartialEq)]
pub struct Space {
    /// (k, N).
    pub shapes: Vec<(GlweDimension, PolynomialSize)>,
    /// Of external products.
    pub rotations: Vec<Decomposition>,
    /// n, rising: the curve of secure noise was checked against the lattice estimator from 550 on.
    pub lwe_dimensions: Vec<LweDimension>,
    /// Of key switches.
    pub key_switches: Vec<Decomposition>,
    /// The most log2 of interleaved polynomials.
    pub extension: u32,
}

/// Parameters, and what they are predicted to give.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Solution {
    /// The keys' shapes.
    pub parameters: Parameters,
    /// By rotation of the demand.
    pub rotations: Vec<Chosen>,
    /// By output of the demand.
    pub outputs: Vec<Event>,
    /// Of a whole inference.
    pub p_fail: Log2Probability,
    /// One core, one inference.
    pub cost: Seconds,
}

/// One rotation's share of a solution.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chosen {
    /// Its grid.
    pub switching: Switching,
    /// External products for each element of the small key.
    pub products: f64,
    /// One core, with its sum, key switch and extractions.
    pub cost: Seconds,
    /// Its noise against its margin.
    pub event: Event,
}

/// A value that may be read wrong.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// How far the value may move.
    pub margin: TorusDistance,
    /// The standard deviation that it may have; none where it is exact.
    pub tolerance: Option<TorusDistance>,
    /// Variance of what moves it.
    pub noise: Variance,
    /// The probability that it moves too far.
    pub p_fail: Log2Probability,
}

/// Where a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In front of a table.
    Layer {
        /// Index in the circuit's layers.
        index: usize,
        /// Its name.
        name: String,
    },
    /// By index in the circuit's outputs.
    Output(usize),
}

impl Display for Place {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layer { name, .. } => write!(formatter, "`{name}`"),
            Self::Output(index) => write!(formatter, "output {index}"),
        }
    }
}

/// Why there are no parameters.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum Infeasible {
    /// A layer's accumulator is too wide for any noise.
    #[error(
        "no parameters keep {place} exact: it has {slots} slots, so its margin is {margin}, and the least noise any \
         parameters leave is 2^{:.2}, which fails with probability {p_fail} where {required} is allowed: lower \
         `max_l1` or `bits` of the layer, or ask for a larger `p_fail`",
        .noise.0.log2() / 2.0
    )]
    Noise {
        /// The layer or output.
        place: Place,
        /// Its slots.
        slots: Slots,
        /// Half a slot, less rounding.
        margin: TorusDistance,
        /// The least variance.
        noise: Variance,
        /// With it.
        p_fail: Log2Probability,
        /// The event's share of the whole inference's.
        required: Log2Probability,
    },
    /// A layer's noise is above what it may carry, whatever the parameters.
    #[error(
        "no parameters keep the noise of {place} within its tolerance: of its {slots} slots a standard deviation of \
         {allowed} is allowed, and the least that any parameters leave is 2^{:.2} turns: raise `tolerance`, or lower \
         `max_l1` or `bits` of the layer",
        .noise.0.log2() / 2.0
    )]
    Tolerance {
        /// The layer or output.
        place: Place,
        /// Its slots.
        slots: Slots,
        /// The standard deviation it may carry.
        allowed: TorusDistance,
        /// The least variance.
        noise: Variance,
    },
    /// Parameters exist, but their keys are too large.
    #[error(
        "the smallest server key that works takes {smallest}, and `max_server_key` is {allowed}: raise it, lower \
         `max_l1` or `bits`, or ask for a larger `p_fail`"
    )]
    ServerKey {
        /// Of all parameters that keep the promises.
        smallest: Bytes,
        /// The bound.
        allowed: Bytes,
    },
}

/// The best parameters at given prices.
///
/// # Errors
/// Names the layer and the inequality that no parameters keep.
pub fn search(
    demand: &Demand,
    bounds: Bounds,
    space: &Space,
    prices: &Prices,
) -> Result<Solution, Infeasible> {
    let search = Search::new(demand, bounds, space, prices);
    match search.best(bounds.server_key, f64::INFINITY) {
        Some((_, parameters)) => Ok(search.solution(parameters)),
        None => Err(search.explain(bounds.server_key)),
    }
}

/// Whether any parameters keep the promises.
#[must_use]
pub fn exists(demand: &Demand, bounds: Bounds, space: &Space, prices: &Prices) -> bool {
    Search::new(demand, bounds, space, prices).best(bounds.server_key, f64::INFINITY).is_some()
}

/// The cheaper of a usual layout and others, with its cheapest parameters.
///
/// # Errors
/// As [`search`], of the usual layout, when none has parameters.
pub fn cheapest<'a>(
    usual: &'a Demand,
    others: &'a [Demand],
    bounds: Bounds,
    space: &Space,
    prices: &Prices,
) -> Result<(&'a Demand, Solution), Infeasible> {
    let mut best: Option<(&Demand, f64, Solution)> = None;
    for demand in std::iter::once(usual).chain(others) {
        let search = Search::new(demand, bounds, space, prices);
        let below = best.as_ref().map_or(f64::INFINITY, |(_, value, _)| *value);
        if let Some((value, parameters)) = search.best(bounds.server_key, below) {
            best = Some((demand, value, search.solution(parameters)));
        }
    }
    best.map(|(demand, _, solution)| (demand, solution))
        .ok_or_else(|| Search::new(usual, bounds, space, prices).explain(bounds.server_key))
}

impl Event {
    fn new(margin: TorusDistance, tolerance: Option<TorusDistance>, noise: Variance) -> Self {
        Self { margin, tolerance, noise, p_fail: failure(margin, noise) }
    }

    /// Its noise in parts of its tolerance; none where it is exact.
    #[must_use]
    pub fn used(&self) -> Option<f64> {
        self.tolerance.map(|tolerance| self.noise.0.sqrt() / tolerance.0)
    }
}

impl Space {
    /// Every eighth of the small key's dimensions: what has parameters here has them.
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
            rotations: levels(14..=26, 1).chain(levels(9..=18, 2)).chain(levels(8..=14, 3)).collect(),
            lwe_dimensions: (552..=1060).step_by(4).map(LweDimension).collect(),
            key_switches,
            extension: MAX_EXTENSION,
        }
    }
}

impl NoiseForm {
    /// Its variance under given parameters, but for key switches.
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

/// Keeps an inequality that is rearranged from coming out the other way.
const ROUNDING: f64 = 1e-9;

struct Search<'a> {
    demand: &'a Demand,
    space: &'a Space,
    prices: &'a Prices,
    moves: Moves,
    depths: usize,
    objective: Objective,
    required: Log2Probability,
    deviations: Deviations,
    candidates: Vec<Vec<(Switching, Rounding)>>,
}

impl<'a> Search<'a> {
    fn new(demand: &'a Demand, bounds: Bounds, space: &'a Space, prices: &'a Prices) -> Self {
        let required = bounds.p_fail.share(demand.events());
        Self {
            demand,
            space,
            prices,
            moves: demand.moves(),
            depths: demand.rotations.iter().map(|rotation| rotation.depth + 1).max().unwrap_or(0),
            objective: bounds.objective,
            required,
            deviations: Deviations(deviations(required).0 * (1.0 + ROUNDING)),
            candidates: (0..=space.extension.min(MAX_EXTENSION)).map(grid::candidates).collect(),
        }
    }

    /// The best whose objective has a value less than `below`.
    fn best(&self, server_key: Bytes, below: f64) -> Option<(f64, Parameters)> {
        let mut best: Option<(f64, Parameters)> = None;
        for &(glwe_dimension, polynomial_size) in &self.space.shapes {
            let spreads = Spreads::new(self.demand, polynomial_size.0.ilog2() + 1, self.deviations);
            for &rotation in &self.space.rotations {
                for &lwe_dimension in &self.space.lwe_dimensions {
                    let parameters = Parameters {
                        lwe_dimension,
                        glwe_dimension,
                        polynomial_size,
                        rotation,
                        key_switch: None,
                    };
                    let below = best.as_ref().map_or(below, |(value, _)| *value);
                    best = self.with(parameters, &spreads, server_key, below).or(best);
                }
            }
        }
        best
    }

    /// The best key switch for the rest, if its value is less than `below`.
    fn with(
        &self,
        parameters: Parameters,
        spreads: &Spreads,
        server_key: Bytes,
        mut below: f64,
    ) -> Option<(f64, Parameters)> {
        if parameters.bootstrap_key_bytes() > server_key {
            return None;
        }
        let n = parameters.lwe_dimension.0 as f64;
        let step = self.prices.shape(&parameters).step(parameters.rotation.levels);
        let moves = self.prices.moves(&parameters, self.moves);
        let rotations = self.demand.rotations.len();
        let least = Seconds(moves.0 + n * step.of(1.0, 0.0).0 * rotations as f64);
        if rotations > 0 && self.objective.at_least(&parameters, least) >= below {
            return None;
        }
        let noise = Noises::new(self.demand, &parameters);
        let fails = |variance: f64, spread: f64| variance > spread * spread;
        if noise
            .outputs
            .iter()
            .zip(&self.demand.outputs)
            .any(|(noise, output)| fails(*noise, output.spread(self.deviations).0))
        {
            return None;
        }
        let hopeless = |index: usize| fails(noise.rotations[index], spreads.largest(index));
        if (0..self.demand.rotations.len()).any(hopeless) {
            return None;
        }
        let key_switches = if self.demand.key_switches() == 0 {
            vec![None]
        } else {
            self.space.key_switches.iter().copied().map(Some).collect()
        };
        let mut found = None;
        for key_switch in key_switches {
            let parameters = Parameters { key_switch, ..parameters };
            if parameters.server_key_bytes() > server_key {
                continue;
            }
            let key_switch_noise = parameters.key_switch_noise();
            let mut tally = Tally::new(self.objective, &parameters, moves, self.depths);
            let possible = self.demand.rotations.iter().enumerate().all(|(index, rotation)| {
                let before = noise.before(index, rotation, key_switch_noise);
                let Some((_, rounding)) = self.switching(&parameters, spreads.of(index), before) else {
                    return false;
                };
                let turn = n * step.of(rounding.products, rotation.share).0;
                let switches = self.switches(&parameters, rotation);
                tally.add(rotation.depth, Seconds(switches.0 + turn));
                tally.value() < below
            });
            if possible && tally.value() < below {
                below = tally.value();
                found = Some((below, parameters));
            }
        }
        found
    }

    fn switches(&self, parameters: &Parameters, rotation: &Rotation) -> Seconds {
        match rotation.switches.count() {
            0 => Seconds(0.0),
            count => Seconds(count as f64 * self.prices.key_switch(parameters, rotation.share).0),
        }
    }

    /// The switching with the fewest external products whose noise on top of `before` keeps the event's share.
    fn switching(
        &self,
        parameters: &Parameters,
        spreads: &[f64],
        before: f64,
    ) -> Option<(Switching, Rounding)> {
        let coarse = f64::from(1_u32 << parameters.coarse_grid());
        let n = parameters.lwe_dimension.0 as f64;
        let mut best: Option<(Switching, Rounding)> = None;
        for (extension, candidates) in self.candidates.iter().enumerate() {
            let allowed = spreads[extension].powi(2) - before;
            if spreads[extension] <= 0.0 || allowed <= 0.0 {
                continue;
            }
            let body = (-2.0 * extension as f64).exp2() / 12.0;
            let error = 4.0 * (allowed * coarse * coarse - body) / n;
            let first = candidates.partition_point(|(_, rounding)| rounding.error > error);
            if let Some(&(switching, rounding)) = candidates.get(first)
                && best.is_none_or(|(_, best)| rounding.products < best.products)
            {
                best = Some((switching, rounding));
            }
        }
        best
    }

    fn solution(&self, parameters: Parameters) -> Solution {
        let demand = self.demand;
        let spreads = Spreads::new(demand, parameters.coarse_grid(), self.deviations);
        let noise = Noises::new(demand, &parameters);
        let rotations: Vec<Chosen> = (0..demand.rotations.len())
            .map(|index| {
                let rotation = &demand.rotations[index];
                let before = noise.before(index, rotation, parameters.key_switch_noise());
                let (switching, rounding) = self
                    .switching(&parameters, spreads.of(index), before)
                    .unwrap_or((Switching::PLAIN, Switching::PLAIN.rounding()));
                let log_grid = rotation.log_grid(parameters.coarse_grid(), switching.extension);
                let added = parameters.modulus_switch_noise(rounding, switching.extension);
                let key_switches = self.switches(&parameters, rotation).0;
                let moves = self.prices.moves(&parameters, rotation.moves).0;
                let turns = self.prices.rotation(&parameters, rounding, rotation.share).0;
                let noise = Variance(before + added.0);
                Chosen {
                    switching,
                    products: rounding.products,
                    cost: Seconds(turns + key_switches + moves),
                    event: Event::new(rotation.margin(log_grid), rotation.promise.tolerance, noise),
                }
            })
            .collect();
        let outputs: Vec<Event> = demand
            .outputs
            .iter()
            .zip(&noise.outputs)
            .map(|(output, &noise)| {
                let Promise { room, tolerance } = output.promise;
                Event::new(room, tolerance, Variance(noise))
            })
            .collect();
        let events = rotations.iter().map(|chosen| &chosen.event).chain(&outputs);
        let ends = self.prices.moves(&parameters, demand.ends).0;
        Solution {
            p_fail: Log2Probability::sum(events.map(|event| event.p_fail)),
            cost: Seconds(rotations.iter().map(|chosen| chosen.cost.0).sum::<f64>() + ends),
            parameters,
            rotations,
            outputs,
        }
    }

    /// Whichever promise is hardest to keep, at the parameters that come nearest.
    fn explain(&self, allowed: Bytes) -> Infeasible {
        if let Some(smallest) = self.smallest_key() {
            return Infeasible::ServerKey { smallest, allowed };
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

    fn nearest(&self) -> Option<Infeasible> {
        let mut nearest: Option<(f64, Infeasible)> = None;
        for &(glwe_dimension, polynomial_size) in &self.space.shapes {
            for &rotation in &self.space.rotations {
                for &lwe_dimension in self.space.lwe_dimensions.iter().step_by(16) {
                    for &key_switch in &self.space.key_switches {
                        let parameters = Parameters {
                            lwe_dimension,
                            glwe_dimension,
                            polynomial_size,
                            rotation,
                            key_switch: (self.demand.key_switches() > 0).then_some(key_switch),
                        };
                        let (log2, reason) = self.worst(&parameters)?;
                        if nearest.as_ref().is_none_or(|(best, _)| log2 < *best) {
                            nearest = Some((log2, reason));
                        }
                    }
                }
            }
        }
        nearest.map(|(_, reason)| reason)
    }

    /// The event that is furthest from its promise, by the deviations that are missing.
    fn worst(&self, parameters: &Parameters) -> Option<(f64, Infeasible)> {
        let demand = self.demand;
        let spreads = Spreads::new(demand, parameters.coarse_grid(), self.deviations);
        let noise = Noises::new(demand, parameters);
        let least = self.candidates.last()?.last()?.1;
        let rotations = demand.rotations.iter().enumerate().map(|(index, rotation)| {
            let added = parameters.modulus_switch_noise(least, self.candidates.len() as u32 - 1).0;
            let variance = noise.before(index, rotation, parameters.key_switch_noise()) + added;
            (self.place(rotation), rotation.slots, rotation.promise, spreads.largest(index), variance)
        });
        let outputs = demand.outputs.iter().zip(&noise.outputs).map(|(output, &noise)| {
            let spread = output.spread(self.deviations).0;
            (Place::Output(output.output), output.slots, output.promise, spread, noise)
        });
        rotations
            .chain(outputs)
            .map(|(place, slots, promise, spread, variance)| {
                let noise = Variance(variance);
                let missing = variance.sqrt() / spread.max(f64::MIN_POSITIVE);
                let reason = match promise.tolerance {
                    None => {
                        let margin = TorusDistance(spread * self.deviations.0);
                        let (p_fail, required) = (failure(margin, noise), self.required);
                        Infeasible::Noise { place, slots, margin, noise, p_fail, required }
                    }
                    Some(_) => Infeasible::Tolerance { place, slots, allowed: TorusDistance(spread), noise },
                };
                (missing, reason)
            })
            .max_by(|one, other| one.0.total_cmp(&other.0))
    }

    fn place(&self, rotation: &Rotation) -> Place {
        let name = self.demand.layers.get(rotation.layer).cloned().unwrap_or_default();
        Place::Layer { index: rotation.layer, name }
    }
}

/// The largest standard deviations of every rotation for one ring, by extension.
struct Spreads {
    spreads: Vec<f64>,
}

impl Spreads {
    const WIDTH: usize = MAX_EXTENSION as usize + 1;

    fn new(demand: &Demand, coarse_grid: u32, deviations: Deviations) -> Self {
        let spreads = demand
            .rotations
            .iter()
            .flat_map(|rotation| {
                (0..=MAX_EXTENSION).map(move |extension| {
                    rotation.spread(rotation.log_grid(coarse_grid, extension), deviations).0
                })
            })
            .collect();
        Self { spreads }
    }

    fn of(&self, rotation: usize) -> &[f64] {
        &self.spreads[rotation * Self::WIDTH..(rotation + 1) * Self::WIDTH]
    }

    fn largest(&self, rotation: usize) -> f64 {
        self.of(rotation).iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }
}

/// Variances before the key switch for one set of parameters.
struct Noises {
    rotations: Vec<f64>,
    outputs: Vec<f64>,
}

impl Noises {
    fn new(demand: &Demand, parameters: &Parameters) -> Self {
        let fresh = if demand.direct {
            small_encryption(parameters.lwe_dimension)
        } else {
            parameters.big_encryption()
        };
        let (extraction, correlation) = (parameters.extraction(), parameters.correlation());
        let variance = |form: &NoiseForm| form.variance(fresh, extraction, correlation).0;
        Self {
            rotations: demand.rotations.iter().map(|rotation| variance(&rotation.noise)).collect(),
            outputs: demand.outputs.iter().map(|output| variance(&output.noise)).collect(),
        }
    }

    /// What a rotation's modulus switch adds to.
    fn before(&self, index: usize, rotation: &Rotation, key_switch: Variance) -> f64 {
        self.rotations[index] + rotation.noise.switches * key_switch.0
    }
}

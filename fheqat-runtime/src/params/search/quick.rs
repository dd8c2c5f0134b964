//! The search in milliseconds. Only decompositions that [no other beats](super::undominated), which loses nothing; a few of the
//! small key's dimensions for every layout and shape; then, for the layouts that are near the best, every dimension near the one
//! found.

use std::sync::LazyLock;

use super::{Bounds, Solution, Space, cheapest::ParameterSearch};
use crate::params::{Parameters, SmallKey, cost::Prices, workload::Workload};

/// Every so many of the small key's dimensions is tried at first: 48 apart, a time of rotations that differs by 5 to 9 %.
const EVERY: usize = 12;

/// A layout may be so far above the best at these dimensions and be the cheapest at those between.
const SLACK: f64 = 1.1;

/// Parameters that cost at most a few hundredths more than the cheapest of the [whole space](Space::default), by the same law; none
/// where the whole space has none. With small keys of the default kind.
#[must_use]
pub fn quick<'a>(
    usual: &'a Workload,
    others: &'a [Workload],
    bounds: Bounds,
    prices: &Prices,
) -> Option<Solution> {
    static SOME: LazyLock<Space> = LazyLock::new(|| some_dimensions(SmallKey::default()));
    let layouts: Vec<&Workload> = std::iter::once(usual).chain(others).collect();
    let mut near = each(&layouts, bounds, &SOME, prices);
    if near.is_empty() {
        near = each(&layouts, bounds, Space::whole(SmallKey::default()), prices);
    }
    near.sort_by(|a, b| a.value.total_cmp(&b.value));
    let mut best: Option<Found<'_>> = None;
    for Found { workload, parameters, .. } in near {
        let below = best.as_ref().map_or(f64::INFINITY, |best| best.value);
        best = found(workload, bounds, &around(&parameters), prices, below).or(best);
    }
    let best = best?;
    Some(
        ParameterSearch::new(best.workload, bounds, Space::whole(SmallKey::default()), prices)
            .solution(best.parameters),
    )
}

struct Found<'a> {
    workload: &'a Workload,
    value: f64,
    parameters: Parameters,
}

/// What a space has for each layout that is near the best.
fn each<'a>(layouts: &[&'a Workload], bounds: Bounds, space: &Space, prices: &Prices) -> Vec<Found<'a>> {
    let (mut every, mut best) = (Vec::new(), f64::INFINITY);
    for workload in layouts {
        if let Some(found) = found(workload, bounds, space, prices, SLACK * best) {
            best = found.value.min(best);
            every.push(found);
        }
    }
    every.retain(|found| found.value <= SLACK * best);
    every
}

/// The best of a space, where it is less than `below`.
fn found<'a>(
    workload: &'a Workload,
    bounds: Bounds,
    space: &Space,
    prices: &Prices,
    below: f64,
) -> Option<Found<'a>> {
    let search = ParameterSearch::new(workload, bounds, space, prices).undominated();
    let (value, parameters) = search.best(bounds.server_key, below)?;
    Some(Found { workload, value, parameters })
}

fn some_dimensions(small_key: SmallKey) -> Space {
    let whole = Space::of(small_key);
    Space { lwe_dimensions: whole.lwe_dimensions.iter().copied().step_by(EVERY).collect(), ..whole }
}

/// The same shape, and every small key between the dimensions that were tried beside this one's.
fn around(parameters: &Parameters) -> Space {
    let mut whole = Space::of(parameters.small_key);
    let of = |dimension| whole.lwe_dimensions.iter().position(|&other| other == dimension);
    let index = of(parameters.lwe_dimension).unwrap_or(0);
    let last = whole.lwe_dimensions.len().min(index + EVERY);
    whole.lwe_dimensions = whole.lwe_dimensions[index.saturating_sub(EVERY - 1)..last].to_vec();
    Space { shapes: vec![(parameters.glwe_dimension, parameters.polynomial_size)], ..whole }
}

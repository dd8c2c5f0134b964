//! The search in milliseconds: a sketch of the space for every layout, a coarse space for the best of them, and what is near the best
//! parameters found.

use std::sync::LazyLock;

use super::{Bounds, Solution, Space, cheapest::ParameterSearch};
use crate::params::{Decomposition, Parameters, cost::Prices, workload::Workload};

/// Parameters that cost at most a few hundredths more than the cheapest of the [whole space](Space::default), by the same law; none
/// where none are found.
#[must_use]
pub fn quick<'a>(
    usual: &'a Workload,
    others: &'a [Workload],
    bounds: Bounds,
    prices: &Prices,
) -> Option<Solution> {
    static SKETCH: LazyLock<Space> = LazyLock::new(sketch);
    static COARSE: LazyLock<Space> = LazyLock::new(coarse);
    let layouts: Vec<&Workload> = std::iter::once(usual).chain(others).collect();
    let sketched = each(&layouts, bounds, &SKETCH, prices, SLACK);
    let near: Vec<&Workload> = sketched.iter().map(|found| found.workload).collect();
    let mut candidates = each(if near.is_empty() { &layouts } else { &near }, bounds, &COARSE, prices, 1.0);
    candidates.extend(sketched);
    let best = candidates.into_iter().min_by(|a, b| a.value.total_cmp(&b.value))?;
    let best = found(best.workload, bounds, &around(&best.parameters), prices, best.value).unwrap_or(best);
    let space = Space::default();
    Some(ParameterSearch::new(best.workload, bounds, &space, prices).solution(best.parameters))
}

struct Found<'a> {
    workload: &'a Workload,
    value: f64,
    parameters: Parameters,
}

/// So far above the best may a layout be in a sketch and turn out the cheapest.
const SLACK: f64 = 1.15;

/// What a space has for each layout that is at most `slack` times the best.
fn each<'a>(
    layouts: &[&'a Workload],
    bounds: Bounds,
    space: &Space,
    prices: &Prices,
    slack: f64,
) -> Vec<Found<'a>> {
    let (mut every, mut best) = (Vec::new(), f64::INFINITY);
    for workload in layouts {
        if let Some(found) = found(workload, bounds, space, prices, slack * best) {
            best = found.value.min(best);
            every.push(found);
        }
    }
    every.retain(|found| found.value <= slack * best);
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
    let search = ParameterSearch::new(workload, bounds, space, prices);
    let (value, parameters) = search.best(bounds.server_key, below)?;
    Some(Found { workload, value, parameters })
}

fn retained(
    every: usize,
    rotations: impl Fn(&Decomposition) -> bool,
    key_switches: impl Fn(&Decomposition) -> bool,
) -> Space {
    let whole = Space::default();
    Space {
        lwe_dimensions: whole.lwe_dimensions.iter().copied().step_by(every).collect(),
        rotations: whole.rotations.iter().copied().filter(rotations).collect(),
        key_switches: whole.key_switches.iter().copied().filter(key_switches).collect(),
        ..whole
    }
}

/// A point here and there, to tell layouts apart.
fn sketch() -> Space {
    let is = |decomposition: &Decomposition, base_log: usize, levels: usize| {
        *decomposition == Decomposition::new(base_log, levels)
    };
    retained(
        12,
        |rotation| is(rotation, 22, 1) || is(rotation, 15, 2) || is(rotation, 11, 3),
        |switch| is(switch, 2, 7) || is(switch, 3, 5) || is(switch, 2, 9) || is(switch, 4, 4),
    )
}

fn coarse() -> Space {
    retained(
        6,
        |rotation| match rotation.levels.0 {
            1 => (21..=24).contains(&rotation.base_log.0),
            2 => [13, 15, 17].contains(&rotation.base_log.0),
            _ => [10, 12].contains(&rotation.base_log.0),
        },
        |switch| {
            (2..=4).contains(&switch.base_log.0) && (12..=18).contains(&(switch.base_log.0 * switch.levels.0))
        },
    )
}

/// The same shape, and decompositions and a small key that are a little smaller or larger.
fn around(parameters: &Parameters) -> Space {
    let near = |one: Decomposition, other: &Decomposition| {
        one.base_log.0.abs_diff(other.base_log.0) <= 1 && one.levels.0.abs_diff(other.levels.0) <= 1
    };
    let whole = retained(
        1,
        |rotation| rotation.levels == parameters.rotation.levels && near(parameters.rotation, rotation),
        |key_switch| parameters.key_switch.is_none_or(|switch| near(switch, key_switch)),
    );
    let dimension = parameters.lwe_dimension.0;
    let is_near = |near: &usize| near.abs_diff(dimension) < 24;
    Space {
        shapes: vec![(parameters.glwe_dimension, parameters.polynomial_size)],
        lwe_dimensions: whole.lwe_dimensions.iter().copied().filter(|near| is_near(&near.0)).collect(),
        ..whole
    }
}

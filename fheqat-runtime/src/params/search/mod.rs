//! The cheapest parameters that keep a workload's limits of noise, or which limit none can keep.

mod buckets;
mod cheapest;
mod classes;
mod explain;
mod infeasible;
mod quick;
mod solution;
mod space;
#[cfg(test)]
mod tests;
mod undominated;
mod workload_noise;

pub use infeasible::{Infeasible, Location};
pub use quick::quick;
pub use solution::{Event, OutputSolution, RotationSolution, Solution};
pub use space::{Bounds, Space};

use self::cheapest::ParameterSearch;
use super::{cost::Prices, workload::Workload};

/// The best parameters at given prices.
///
/// # Errors
/// Names the layer and the inequality that no parameters keep.
pub fn search(
    workload: &Workload,
    bounds: Bounds,
    space: &Space,
    prices: &Prices,
) -> Result<Solution, Infeasible> {
    let search = ParameterSearch::new(workload, bounds, space, prices);
    match search.best(bounds.server_key, f64::INFINITY) {
        Some((_, parameters)) => Ok(search.solution(parameters)),
        None => Err(search.explain(bounds.server_key)),
    }
}

/// Whether any parameters keep the limits.
#[must_use]
pub fn exists(workload: &Workload, bounds: Bounds, space: &Space, prices: &Prices) -> bool {
    ParameterSearch::new(workload, bounds, space, prices).best(bounds.server_key, f64::INFINITY).is_some()
}

/// The cheapest of a usual layout and others, with its parameters.
///
/// # Errors
/// As [`search`], of the usual layout, when none has parameters.
pub fn cheapest<'a>(
    usual: &'a Workload,
    others: &'a [Workload],
    bounds: Bounds,
    space: &Space,
    prices: &Prices,
) -> Result<(&'a Workload, Solution), Infeasible> {
    let mut best: Option<(&Workload, f64, Solution)> = None;
    for workload in std::iter::once(usual).chain(others) {
        let search = ParameterSearch::new(workload, bounds, space, prices);
        let below = best.as_ref().map_or(f64::INFINITY, |(_, value, _)| *value);
        if let Some((value, parameters)) = search.best(bounds.server_key, below) {
            best = Some((workload, value, search.solution(parameters)));
        }
    }
    best.map(|(workload, _, solution)| (workload, solution))
        .ok_or_else(|| ParameterSearch::new(usual, bounds, space, prices).explain(bounds.server_key))
}

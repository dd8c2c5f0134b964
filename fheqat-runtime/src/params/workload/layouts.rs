//! The ways a circuit can lie on the torus, of which the search takes the cheapest.

use super::{
    GraphError, Workload,
    build::{Layout, WorkloadBuilder},
};
use crate::{circuit::ir::Graph, params::Log2Probability};

/// The largest multiple of the slots that are needed which is tried.
const MAX_SLOT_MULTIPLE: u32 = 3;

impl Workload {
    /// Reads a graph, laid out as usual: inputs under the small key where they can be, and no slots but those that the
    /// widest reader needs.
    ///
    /// A sum that may carry noise of t units needs `reach + 2 z t` slots, z the deviations that leave `p_fail` to each
    /// event: then noise and wrong wraps set the same limit. A sum with `t <= 1 / 2z` is exact: that takes fewer slots.
    ///
    /// # Errors
    /// When a term names a wire that does not come before it, or a range has more values than a torus has steps.
    pub fn of(graph: &Graph, p_fail: Log2Probability) -> Result<Self, GraphError> {
        let usual = Layout { inputs_under_small_key: true, slot_multiple: 1, switch_wires: false };
        WorkloadBuilder::new(graph, p_fail, usual)?.build()
    }

    /// The other ways to lay a graph out that differ from `usual`.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn alternatives(
        usual: &Self,
        graph: &Graph,
        p_fail: Log2Probability,
    ) -> Result<Vec<Self>, GraphError> {
        let mut others: Vec<Self> = Vec::new();
        for (inputs_under_small_key, switch_wires) in [(true, false), (false, false), (true, true)] {
            for slot_multiple in 1..=MAX_SLOT_MULTIPLE {
                let layout = Layout { inputs_under_small_key, slot_multiple, switch_wires };
                let workload = WorkloadBuilder::new(graph, p_fail, layout)?.build()?;
                let same = |other: &Self| {
                    other.inputs_under_small_key == workload.inputs_under_small_key
                        && other.units() == workload.units()
                        && other.key_switches() <= workload.key_switches()
                };
                let known = std::iter::once(usual).chain(&others).any(same);
                if !known && workload.inputs_under_small_key == inputs_under_small_key {
                    others.push(workload);
                }
            }
        }
        Ok(others)
    }
}

//! Why a circuit does not compile, and what to do about it.

use thiserror::Error;

use super::advice::Change;
use crate::{
    circuit::CircuitError,
    params::{Log2Probability, search::Infeasible, workload::GraphError},
};

/// Why a circuit has no encrypted form.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum CompileError {
    /// No parameters keep the promises.
    #[error("{reason}{}", listed(.changes))]
    Infeasible {
        /// Which promise is the hardest to keep.
        reason: Infeasible,
        /// For each option that helps, the smallest change that suffices. The network has to be trained again with it.
        changes: Vec<Change>,
    },
    /// The circuit breaks a law.
    #[error("the circuit is malformed ({0}): lower the network again")]
    Malformed(#[from] CircuitError),
    /// A number or a range that no torus holds.
    #[error("the circuit has no encrypted form: {0}")]
    Graph(#[from] GraphError),
    /// Parameters that the circuit cannot run under.
    #[error(
        "the circuit cannot run under the `parameters` that were asked for: {reason}; take those of a client half or of evaluation keys, or compile without, and have clients make new keys"
    )]
    Parameters {
        /// What is wrong with them.
        reason: String,
    },
    /// An option out of range.
    #[error("`p_fail` is {found}, but must be from 2^-256 to 2^-1: ask for a probability such as 2^-128")]
    Probability {
        /// The value.
        found: Log2Probability,
    },
}

fn listed(changes: &[Change]) -> String {
    let changes: Vec<String> = changes.iter().map(Change::to_string).collect();
    if changes.is_empty() {
        String::new()
    } else {
        format!("; any one of these changes is enough: {}", changes.join(", or "))
    }
}

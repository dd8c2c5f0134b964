//! Rewrites that keep what a circuit computes and make it cheaper to run encrypted.

mod canonical;
mod collapse;
mod constant;
mod dead;
mod range;
mod rebuild;
mod share;

use super::{ir::Graph, verify};
use crate::circuit::verify::VerifyError;

pub(super) type Pass = fn(&Graph) -> Graph;

pub(super) const PASSES: [(&str, Pass); 6] = [
    ("range", range::tighten),
    ("constant", constant::fold),
    ("canonical", canonical::orient),
    ("share", share::merge),
    ("collapse", collapse::compose),
    ("dead", dead::remove),
];

/// Runs every pass until none changes the circuit; the circuit is verified after each. A pass is left out where it hides a maximum
/// from what bounds sums, so that a sum can no longer be shown to keep the bound of its layer.
///
/// # Errors
/// When a pass leaves a circuit that breaks a law: a defect of the pass, named with the law.
pub fn optimise(graph: Graph) -> Result<Graph, VerifyError> {
    let mut graph = graph;
    let (mut is_verified, mut in_vain) = (false, 0);
    for (name, pass) in PASSES.into_iter().cycle() {
        if in_vain == PASSES.len() {
            break;
        }
        let next = pass(&graph);
        let is_same = next == graph;
        if !(is_same && is_verified) {
            match verify::verify(&next) {
                Ok(()) => is_verified = true,
                Err(error) if error.is_of_a_bound() => {
                    in_vain += 1;
                    continue;
                }
                Err(error) => return Err(error.after(name)),
            }
        }
        in_vain = if is_same { in_vain + 1 } else { 0 };
        graph = next;
    }
    Ok(graph)
}

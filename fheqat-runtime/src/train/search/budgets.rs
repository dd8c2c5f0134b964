//! Budgets of layers that are smaller than what is declared.

use crate::nn::{ops::Op, program::Program};

/// Budgets that are tried where they are smaller than what a layer declares, from the loosest.
pub(super) const BUDGETS: [usize; 4] = [32, 16, 8, 4];
/// The last layer's sums are decrypted, not bootstrapped: a smaller budget loses accuracy and saves no rotation.
const LAST_BUDGET: usize = 32;
/// The same where the last layer reads the encoded input beside hidden layers: many more of its weights count.
const WIDE_BUDGET: usize = 64;

impl Program {
    /// The fresh network with no layer's budget above `budget`, but of the last layer's.
    pub(super) fn with_budget(&self, budget: usize) -> Self {
        let mut program = self.clone();
        for index in 0..program.nodes.len() {
            let is_last = !program.is_bootstrapped(index);
            let least = if program.sees_input(index) { WIDE_BUDGET } else { LAST_BUDGET };
            if let Op::Linear(state) = &mut program.nodes[index].op {
                let budget = if is_last { budget.max(least) } else { budget };
                let declared = state.limits.max_l1.unwrap_or(usize::MAX);
                if budget < declared.min(state.limits.reach()) {
                    state.limits.max_l1 = Some(budget);
                }
            }
        }
        program
    }
}

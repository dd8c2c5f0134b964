//! The circuit in the clear: what the encrypted run must give, bit for bit.

use super::ir::{Graph, Term, Wire};

impl Graph {
    /// The outputs for one sample of input levels.
    ///
    /// # Panics
    /// When there are not as many levels as inputs.
    #[must_use]
    pub fn simulate(&self, inputs: &[i64]) -> Vec<i64> {
        let levels = self.levels(inputs);
        self.outputs
            .iter()
            .map(|output| weighted_sum(&output.terms, inputs, &levels) + output.constant)
            .collect()
    }

    /// The value of every accumulator for one sample of input levels.
    ///
    /// # Panics
    /// When there are not as many levels as inputs.
    #[must_use]
    pub fn sums(&self, inputs: &[i64]) -> Vec<i64> {
        let levels = self.levels(inputs);
        self.accumulators
            .iter()
            .map(|accumulator| weighted_sum(&accumulator.terms, inputs, &levels))
            .collect()
    }

    /// The level of every table for one sample of input levels, by accumulator.
    ///
    /// # Panics
    /// When there are not as many levels as inputs.
    #[must_use]
    pub fn levels(&self, inputs: &[i64]) -> Vec<Vec<i64>> {
        assert_eq!(inputs.len(), self.inputs.len(), "one level for each input");
        let mut levels: Vec<Vec<i64>> = Vec::with_capacity(self.accumulators.len());
        for accumulator in &self.accumulators {
            let sum = weighted_sum(&accumulator.terms, inputs, &levels);
            levels.push(accumulator.tables.iter().map(|table| table.level(sum)).collect());
        }
        levels
    }
}

pub(super) fn weighted_sum(terms: &[Term], inputs: &[i64], levels: &[Vec<i64>]) -> i64 {
    terms
        .iter()
        .map(|term| {
            term.weight
                * match term.wire {
                    Wire::Input(index) => inputs[index],
                    Wire::Table { accumulator, table } => levels[accumulator][table],
                }
        })
        .sum()
}

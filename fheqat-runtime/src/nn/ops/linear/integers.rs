//! Integer weights, exactly: what runs encrypted.

use std::sync::Arc;

use fheqat_spec::Range;
use ndarray::{Array2, ArrayView1, Axis};

use crate::{
    circuit::build::{OutsideBound, Values, weighted_sum},
    nn::ops::{
        operation::{Exact, Lowering},
        window::{Filters, pairs},
    },
};

/// Integer weights, `[out, in]`, or `[filters, fan_in]`, and the levels of what they multiply.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Integers {
    pub(crate) weights: Array2<i32>,
    /// What each row sees, where the rows are filters.
    pub(crate) filters: Option<Arc<Filters>>,
    pub(crate) inputs: Range,
}

impl Exact for Integers {
    fn run(&self, _: &[f32], _: &[Vec<i64>], operand: &[i64]) -> Vec<i64> {
        let Self { weights, filters, .. } = self;
        match filters {
            None => {
                let dot = |row: ArrayView1<'_, i32>| {
                    row.iter().zip(operand).map(|(&weight, level)| i64::from(weight) * level).sum()
                };
                weights.rows().into_iter().map(dot).collect()
            }
            Some(filters) => {
                let dot = |(filter, position)| {
                    let seen = filters.at(filter, position);
                    seen.map(|(weight, level)| i64::from(weights[[filter, weight]]) * operand[level]).sum()
                };
                pairs(filters.count, filters.windows.positions).map(dot).collect()
            }
        }
    }

    fn lower(&self, lowering: Lowering<'_>) -> Result<Values, OutsideBound> {
        let Self { weights, filters, .. } = self;
        let levels = lowering.operand;
        Ok(match filters {
            None => {
                let row = |row: ArrayView1<'_, i32>| weighted_sum(levels.iter().zip(row.iter().copied()));
                weights.rows().into_iter().map(row).collect()
            }
            Some(filters) => {
                let window = |(filter, position)| {
                    let seen = filters.at(filter, position);
                    weighted_sum(seen.map(|(weight, level)| (&levels[level], weights[[filter, weight]])))
                };
                pairs(filters.count, filters.windows.positions).map(window).collect()
            }
        })
    }

    fn row_sum(&self) -> Option<i64> {
        let sum = |row: ArrayView1<'_, i32>| row.iter().map(|weight| i64::from(weight.abs())).sum();
        self.weights.rows().into_iter().map(sum).max()
    }
}

/// The sum of the squares of each row of integer weights.
pub(crate) fn squares(weights: &Array2<i32>) -> Vec<f64> {
    let square = |weight: &i32| f64::from(*weight).powi(2);
    weights.map_axis(Axis(1), |row| row.iter().map(square).sum()).to_vec()
}

/// The sum of each row of integer weights.
pub(crate) fn row_sums(weights: &Array2<i32>) -> Vec<f32> {
    weights.map_axis(Axis(1), |row| row.sum() as f32).to_vec()
}

//! Which weights stay.

use ndarray::Array2;
use thiserror::Error;

use super::{matrix::slice_mut, ops::linear::LinearState};

/// Pruning that would leave nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PruneError {
    /// No weight would stay.
    #[error("`max_nonzero` is 0, which leaves no weight: keep at least 1 for each output")]
    Nothing,
}

/// Keeps the `count` largest weights of each row and sets the others to zero, for as long as the mask stays.
pub(crate) fn keep_largest(state: &mut LinearState, count: usize) {
    let width = state.weight.ncols();
    if count >= width {
        return;
    }
    let before = state.mask.take();
    let mut mask = Array2::from_elem(state.weight.dim(), false);
    let mut order: Vec<usize> = (0..width).collect();
    let rows = slice_mut(&mut state.weight).chunks_exact_mut(width);
    let Some(masks) = mask.as_slice_mut() else { return };
    for (row, mask) in rows.zip(masks.chunks_exact_mut(width)) {
        order.sort_by(|&a, &b| row[b].abs().total_cmp(&row[a].abs()).then(a.cmp(&b)));
        for &index in &order[..count] {
            mask[index] = true;
        }
        for &index in &order[count..] {
            row[index] = 0.0;
        }
    }
    if let Some(before) = before {
        mask.zip_mut_with(&before, |kept, &before| *kept &= before);
    }
    state.mask = Some(mask);
}

//! Matrices that this crate allocates, by rows.

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis};

/// The elements of a matrix that this crate allocated, by rows.
pub(crate) fn slice(array: &Array2<f32>) -> &[f32] {
    array.as_slice().expect("every matrix this crate allocates is in standard layout")
}

/// The elements of a matrix that this crate allocated, by rows, to change.
pub(crate) fn slice_mut(array: &mut Array2<f32>) -> &mut [f32] {
    array.as_slice_mut().expect("every matrix this crate allocates is in standard layout")
}

/// The first numbers as a matrix of this shape.
pub(crate) fn matrix(numbers: &[f32], shape: [usize; 2]) -> ArrayView2<'_, f32> {
    ArrayView2::from_shape(shape, &numbers[..shape[0] * shape[1]]).expect("as many as the shape has")
}

/// The first numbers as a matrix of this shape, to change.
pub(crate) fn matrix_mut(numbers: &mut [f32], shape: [usize; 2]) -> ArrayViewMut2<'_, f32> {
    ArrayViewMut2::from_shape(shape, &mut numbers[..shape[0] * shape[1]]).expect("as many as the shape has")
}

/// The first `count` rows.
pub(crate) fn head(array: &Array2<f32>, count: usize) -> ArrayView2<'_, f32> {
    array.slice_axis(Axis(0), (..count).into())
}

/// The first `count` rows, to change.
pub(crate) fn head_mut(array: &mut Array2<f32>, count: usize) -> ArrayViewMut2<'_, f32> {
    array.slice_axis_mut(Axis(0), (..count).into())
}

//! Products of matrices, large ones on several threads.
//!
//! A product falls into parts by its shape alone, and each number of it is summed by one thread in one order, so results
//! have the same bits on any number of threads of rayon's current pool.

use ndarray::{ArrayView2, ArrayViewMut2, Axis, linalg::general_mat_mul};
use rayon::prelude::*;

/// Multiplications that are worth a part of their own: some thirty microseconds.
const PART: usize = 1 << 20;
/// Rows that are worth the packing of the matrix they are multiplied with.
const ROWS: usize = 32;
const PARTS: usize = 16;

/// How many parts so many rows fall into, of so many multiplications each.
pub(crate) fn parts(rows: usize, multiplications: usize) -> usize {
    (rows * multiplications / PART).clamp(1, PARTS.min(rows.max(1)))
}

/// `to = a b + beta to`.
pub(crate) fn multiply(
    a: &ArrayView2<'_, f32>,
    b: &ArrayView2<'_, f32>,
    beta: f32,
    to: &mut ArrayViewMut2<'_, f32>,
) {
    let rows = a.nrows();
    let parts = parts(rows, b.len()).min((rows / ROWS).max(1));
    if parts == 1 {
        return general_mat_mul(1.0, a, b, beta, to);
    }
    let rows = rows.div_ceil(parts);
    to.axis_chunks_iter_mut(Axis(0), rows)
        .into_par_iter()
        .zip(a.axis_chunks_iter(Axis(0), rows))
        .for_each(|(mut to, a)| general_mat_mul(1.0, &a, b, beta, &mut to));
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    #[test]
    fn products_in_parts_are_products() {
        let numbers = |rows, columns| {
            Array2::from_shape_fn((rows, columns), |(row, column)| ((row * 7 + column * 5) % 13) as f32 - 6.0)
        };
        let (a, b) = (numbers(300, 130), numbers(130, 90));
        assert!(parts(300, b.len()) > 1);
        let mut to = numbers(300, 90);
        let expected = a.dot(&b) + 2.0 * &to;
        multiply(&a.view(), &b.view(), 2.0, &mut to.view_mut());
        assert_eq!(to, expected);
    }
}

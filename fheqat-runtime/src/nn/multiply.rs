//! Products of matrices, large ones on several threads.
//!
//! A product falls into parts by its shape alone, and each number of it is summed by one thread in one order, so results
//! have the same bits on any number of threads of rayon's current pool.

use ndarray::{ArrayView2, ArrayViewMut2, Axis, linalg::general_mat_mul};
use rayon::prelude::*;

/// Multiplications that are worth a part of their own: some thirty microseconds.
const PART: usize = 1 << 20;
/// Rows or columns that are worth packing once more the matrix they are multiplied with.
const SIDE: usize = 64;
const PARTS: usize = 8;

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
    let (rows, columns) = to.dim();
    if a.is_empty() || b.is_empty() {
        return to.map_inplace(|sum| *sum = if beta == 0.0 { 0.0 } else { beta * *sum });
    }
    let longer = rows.max(columns);
    let parts = parts(rows, b.len()).min((longer / SIDE).max(1));
    let part = longer.div_ceil(parts);
    if parts == 1 {
        general_mat_mul(1.0, a, b, beta, to);
    } else if rows >= columns {
        let rows = to.axis_chunks_iter_mut(Axis(0), part).into_par_iter();
        rows.zip(a.axis_chunks_iter(Axis(0), part))
            .for_each(|(mut to, a)| general_mat_mul(1.0, &a, b, beta, &mut to));
    } else {
        let columns = to.axis_chunks_iter_mut(Axis(1), part).into_par_iter();
        columns
            .zip(b.axis_chunks_iter(Axis(1), part))
            .for_each(|(mut to, b)| general_mat_mul(1.0, a, &b, beta, &mut to));
    }
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
        for (rows, columns) in [(300, 90), (90, 300), (5, 7)] {
            let (a, b) = (numbers(rows, 130), numbers(130, columns));
            let mut to = numbers(rows, columns);
            let expected = a.dot(&b) + 2.0 * &to;
            multiply(&a.view(), &b.view(), 2.0, &mut to.view_mut());
            assert_eq!(to, expected);
        }
        let mut to = numbers(3, 4);
        let (a, b) = (numbers(3, 0), numbers(0, 4));
        multiply(&a.view(), &b.view(), 1.0, &mut to.view_mut());
        assert_eq!(to, numbers(3, 4));
        multiply(&a.view(), &b.view(), 0.0, &mut to.view_mut());
        assert_eq!(to, Array2::<f32>::zeros((3, 4)));
        assert!(parts(300, 130 * 90) > 1 && parts(5, 130 * 7) == 1);
    }
}

//! Images moved by a pixel or two, which are images of the same thing.

use ndarray::Array2;
use rand::seq::index;

use super::{DataError, Dataset};
use crate::Seed;

const SHIFTS: u64 = 6;

/// How far an image moves, down and to the right.
type Shift = (isize, isize);

impl Dataset {
    /// The samples, and behind each group of them so many copies, each image moved by up to `reach` pixels along both axes;
    /// what moves in is zero. The copies of one image move differently, as the seed says. Samples are images of `shape`,
    /// `[channels, height, width]`.
    ///
    /// Hold out validation data first, or copies of what is held out are trained on.
    ///
    /// # Errors
    /// When a sample is no image of that shape, the reach is not smaller than the image, or there are not as many shifts.
    pub fn with_shifted(
        &self,
        shape: [usize; 3],
        reach: usize,
        copies: usize,
        seed: Seed,
    ) -> Result<Self, DataError> {
        let [channels, height, width] = shape;
        if channels.checked_mul(height).and_then(|rows| rows.checked_mul(width)) != Some(self.width()) {
            return Err(DataError::Image { width: self.width(), shape });
        }
        let most = height.min(width) - 1;
        if reach > most {
            return Err(DataError::Reach { reach, shape, most });
        }
        let shifts = shifts(reach);
        if copies > shifts.len() {
            return Err(DataError::Copies { copies, reach, most: shifts.len() });
        }
        let mut rng = seed.rng(SHIFTS);
        let chosen: Vec<Vec<usize>> =
            (0..self.len()).map(|_| index::sample(&mut rng, shifts.len(), copies).into_vec()).collect();
        let rows: Vec<usize> = (0..=copies).flat_map(|_| 0..self.len()).collect();
        let mut data = self.pick(&rows);
        for copy in 0..copies {
            for (row, chosen) in chosen.iter().enumerate() {
                let place = (copy + 1) * self.len() + row;
                shift_into(&mut data.features, place, &self.features, row, shape, shifts[chosen[copy]]);
            }
        }
        Ok(data)
    }
}

/// Every shift but none at all.
fn shifts(reach: usize) -> Vec<Shift> {
    let reach = reach as isize;
    let all = (-reach..=reach).flat_map(|down| (-reach..=reach).map(move |right| (down, right)));
    all.filter(|shift| *shift != (0, 0)).collect()
}

fn shift_into(
    to: &mut Array2<f32>,
    place: usize,
    from: &Array2<f32>,
    row: usize,
    [channels, height, width]: [usize; 3],
    (down, right): Shift,
) {
    let mut pixels = (0..channels)
        .flat_map(|channel| (0..height).map(move |y| (channel, y)))
        .flat_map(|(channel, y)| (0..width).map(move |x| (channel, y, x)));
    to.row_mut(place).mapv_inplace(|_| {
        let Some((channel, y, x)) = pixels.next() else { return 0.0 };
        let source = y.checked_add_signed(-down).zip(x.checked_add_signed(-right));
        match source.filter(|&(y, x)| y < height && x < width) {
            Some((y, x)) => from[[row, (channel * height + y) * width + x]],
            None => 0.0,
        }
    });
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ndarray::{Array2, array};

    use super::*;

    fn images() -> Dataset {
        let features = array![[1., 2., 3., 4., 5., 6., 7., 8.], [11., 12., 13., 14., 15., 16., 17., 18.]];
        Dataset::classes(features, vec![0, 1], 2).unwrap()
    }

    #[test]
    fn every_shift_of_a_pixel_once() {
        let data = images().with_shifted([2, 2, 2], 1, 8, Seed(3)).unwrap();
        assert_eq!(data.len(), 18);
        assert_eq!(data.features().row(1), images().features().row(1));
        let of_first: BTreeSet<String> =
            (0..9).map(|copy| data.features().row(2 * copy).to_string()).collect();
        // Two channels of two rows, the first image moved down, right, up, left and along both diagonals.
        let expected = [
            "[1, 2, 3, 4, 5, 6, 7, 8]",
            "[0, 0, 1, 2, 0, 0, 5, 6]",
            "[0, 1, 0, 3, 0, 5, 0, 7]",
            "[3, 4, 0, 0, 7, 8, 0, 0]",
            "[2, 0, 4, 0, 6, 0, 8, 0]",
            "[0, 0, 0, 1, 0, 0, 0, 5]",
            "[4, 0, 0, 0, 8, 0, 0, 0]",
            "[0, 0, 2, 0, 0, 0, 6, 0]",
            "[0, 3, 0, 0, 0, 7, 0, 0]",
        ];
        assert_eq!(of_first, expected.map(str::to_owned).into());
        assert!((0..18).all(|row| data.labels()[row] == row % 2));
    }

    #[test]
    fn copies_follow_the_seed() {
        let pixels = Array2::from_shape_fn((20, 36), |(row, pixel)| (row * 36 + pixel + 1) as f32);
        let data = Dataset::classes(pixels, vec![0; 20], 1).unwrap();
        let copy = |seed| data.with_shifted([1, 6, 6], 2, 3, Seed(seed)).unwrap();
        assert_eq!(copy(1), copy(1));
        assert_ne!(copy(1), copy(2));
        let copies = copy(1);
        for row in 0..20 {
            let different: BTreeSet<String> =
                (0..4).map(|copy| copies.features().row(copy * 20 + row).to_string()).collect();
            assert_eq!(different.len(), 4);
        }
    }

    #[test]
    fn what_cannot_be_shifted_is_refused() {
        let shifted = |shape, reach, copies| images().with_shifted(shape, reach, copies, Seed(1));
        assert_eq!(
            shifted([1, 3, 3], 1, 1).unwrap_err().to_string(),
            "samples have 8 features, but an image of [1, 3, 3] has another number: give the shape of one sample, channels first"
        );
        assert!(matches!(shifted([1, usize::MAX, 2], 1, 1), Err(DataError::Image { .. })));
        assert_eq!(shifted([1, 2, 4], 2, 1), Err(DataError::Reach { reach: 2, shape: [1, 2, 4], most: 1 }));
        assert_eq!(shifted([2, 2, 2], 1, 9), Err(DataError::Copies { copies: 9, reach: 1, most: 8 }));
        assert_eq!(shifted([2, 2, 2], 0, 0).unwrap(), images());
    }
}

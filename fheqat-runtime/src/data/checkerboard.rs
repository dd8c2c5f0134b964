//! The guide's task.

use ndarray::Array2;
use rand::{Rng, RngExt, seq::SliceRandom};
use rand_distr::{Distribution, StandardNormal};

use super::{Dataset, Feature, Targets};
use crate::Seed;

const SIDE: usize = 100;
const CLUSTERS: f32 = 3.0;
const NOISE: f32 = 0.01;
const TEST: usize = 500;

/// The guide's data: a grid of 100 x 100 points over the unit square in a checkerboard pattern, three clusters a side,
/// shuffled: 9,500 samples to train and 500 to test.
///
/// Labels are made before noise of standard deviation 0.01 moves the points, so no classifier beats 95.57 %.
#[must_use]
pub fn checkerboard(seed: Seed) -> (Dataset, Dataset) {
    let mut rng = seed.rng(GRID);
    let mut cells: Vec<usize> = (0..SIDE * SIDE).collect();
    cells.shuffle(&mut rng);
    let (test, train) = cells.split_at(TEST);
    (noisy(train, &mut rng), noisy(test, &mut rng))
}

/// `count` fresh points of the guide's task, at least one, from grid points chosen at random.
#[must_use]
pub fn checkerboard_points(count: usize, seed: Seed) -> Dataset {
    let mut rng = seed.rng(POINTS);
    let cells: Vec<usize> = (0..count.max(1)).map(|_| rng.random_range(0..SIDE * SIDE)).collect();
    noisy(&cells, &mut rng)
}

const GRID: u64 = 2;
const POINTS: u64 = 3;

fn noisy(cells: &[usize], rng: &mut impl Rng) -> Dataset {
    let coordinate = |index: usize| index as f32 / (SIDE - 1) as f32;
    let mut features = Array2::zeros((cells.len(), 2));
    let mut labels = Vec::with_capacity(cells.len());
    for (&cell, mut point) in cells.iter().zip(features.rows_mut()) {
        let (x, y) = (coordinate(cell % SIDE), coordinate(cell / SIDE));
        labels.push(class(x, y));
        let mut moved = |at: f32| {
            let noise: f32 = StandardNormal.sample(rng);
            at + NOISE * noise
        };
        (point[0], point[1]) = (moved(x), moved(y));
    }
    Dataset {
        features,
        targets: Targets::Classes { labels, classes: 2 },
        class_names: ["0", "1"].map(str::to_owned).into(),
        described: Feature::numbered(2),
    }
}

/// Rounding to the nearest third gives four cells a side.
fn class(x: f32, y: f32) -> usize {
    let cell = (CLUSTERS * x).round() + (CLUSTERS * y).round();
    usize::from(cell % 2.0 != 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_classifier_beats_the_ceiling() {
        let points = checkerboard_points(200_000, Seed(17));
        let Targets::Classes { labels, .. } = points.targets() else { unreachable!() };
        let right = points
            .features()
            .rows()
            .into_iter()
            .zip(labels)
            .filter(|(point, label)| class(point[0], point[1]) == **label)
            .count();
        let accuracy = right as f64 / 200_000.0;
        assert!((accuracy - 0.9557).abs() < 0.002, "{accuracy}");
    }

    #[test]
    fn the_grid_is_shared_out() {
        let (train, test) = checkerboard(Seed(3));
        assert_eq!((train.len(), test.len()), (9500, 500));
        assert_eq!(checkerboard(Seed(3)), (train.clone(), test));
        assert_ne!(checkerboard(Seed(4)).0, train);
    }
}

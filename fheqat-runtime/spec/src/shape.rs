//! Shapes of one sample's tensors; the batch is not part of them.

use crate::{Known, limits::MAX_RANK};

/// Up to [`MAX_RANK`] dimensions, channels first: `[features]`, `[channels, length]`, `[channels, height, width]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    rank: usize,
    dims: [Known<i64>; MAX_RANK],
}

impl Shape {
    /// A shape from its dimensions.
    ///
    /// # Panics
    /// When there are none, or more than [`MAX_RANK`].
    #[must_use]
    pub const fn new(dims: &[Known<i64>]) -> Self {
        assert!(!dims.is_empty() && dims.len() <= MAX_RANK, "a shape has one to four dimensions");
        let mut shape = Self { rank: dims.len(), dims: [Known::Later; MAX_RANK] };
        let mut axis = 0;
        while axis < dims.len() {
            shape.dims[axis] = dims[axis];
            axis += 1;
        }
        shape
    }

    /// The shape `[features]`.
    #[must_use]
    pub const fn flat(features: Known<i64>) -> Self {
        Self::new(&[features])
    }

    /// How many dimensions it has.
    #[must_use]
    pub const fn rank(&self) -> usize {
        self.rank
    }

    /// Its dimensions.
    #[must_use]
    pub const fn dims(&self) -> &[Known<i64>] {
        self.dims.split_at(self.rank).0
    }

    /// How many numbers a tensor of it holds.
    #[must_use]
    pub const fn elements(&self) -> Known<i64> {
        self.elements_from(0)
    }

    /// How many numbers each channel of it holds.
    #[must_use]
    pub const fn without_channels(&self) -> Known<i64> {
        self.elements_from(1)
    }

    const fn elements_from(&self, mut axis: usize) -> Known<i64> {
        let mut product: i64 = 1;
        while axis < self.rank {
            match self.dims[axis] {
                Known::Now(dim) => product = product.saturating_mul(dim),
                Known::Later => return Known::Later,
            }
            axis += 1;
        }
        Known::Now(product)
    }
}

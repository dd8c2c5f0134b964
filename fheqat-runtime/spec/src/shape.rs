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

    /// This shape where both agree as far as they are known, with what either knows.
    #[must_use]
    pub(crate) const fn unify(mut self, other: &Self) -> Option<Self> {
        if self.rank != other.rank {
            return None;
        }
        let mut axis = 0;
        while axis < self.rank {
            match (self.dims[axis], other.dims[axis]) {
                (Known::Now(here), Known::Now(there)) if here != there => return None,
                (Known::Later, known) => self.dims[axis] = known,
                _ => {}
            }
            axis += 1;
        }
        Some(self)
    }

    /// This shape and `other` behind it along axis 0, where the other axes agree as far as they are known.
    #[must_use]
    pub(crate) const fn join(self, other: &Self) -> Option<Self> {
        let first = match (self.dims[0], other.dims[0]) {
            (Known::Now(here), Known::Now(there)) => Known::Now(here + there),
            _ => Known::Later,
        };
        let (mut here, mut there) = (self, *other);
        (here.dims[0], there.dims[0]) = (first, first);
        here.unify(&there)
    }
}

/// An order of axes: axis `k` of the output is axis `axes[k]` of the operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axes {
    rank: usize,
    axes: [Known<i64>; MAX_RANK],
}

impl Axes {
    /// An order from its axes.
    ///
    /// # Panics
    /// When there are none, or more than [`MAX_RANK`].
    #[must_use]
    pub const fn new(axes: &[Known<i64>]) -> Self {
        let Shape { rank, dims } = Shape::new(axes);
        Self { rank, axes: dims }
    }

    /// Its axes.
    #[must_use]
    pub const fn get(&self) -> &[Known<i64>] {
        self.axes.split_at(self.rank).0
    }

    /// Whether each axis is there once, as far as they are known.
    #[must_use]
    pub const fn is_permutation(&self) -> bool {
        let mut seen = [false; MAX_RANK];
        let mut axis = 0;
        while axis < self.rank {
            if let Known::Now(from) = self.axes[axis] {
                if from < 0 || from >= self.rank as i64 || seen[from as usize] {
                    return false;
                }
                seen[from as usize] = true;
            }
            axis += 1;
        }
        true
    }

    /// The shape of what a tensor of `shape` becomes; `None` where they do not go together.
    #[must_use]
    pub const fn apply(&self, shape: &Shape) -> Option<Shape> {
        if shape.rank != self.rank || !self.is_permutation() {
            return None;
        }
        let mut permuted = *shape;
        let mut axis = 0;
        while axis < self.rank {
            permuted.dims[axis] = match self.axes[axis] {
                Known::Now(from) => shape.dims[from as usize],
                Known::Later => Known::Later,
            };
            axis += 1;
        }
        Some(permuted)
    }
}

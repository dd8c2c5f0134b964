//! Shapes of one sample's tensors; the batch is not part of them.

use crate::{
    Known, Text,
    limits::MAX_RANK,
    numbers::{Convert, Numbers, Part, Readable, Writer},
};

/// Up to [`MAX_RANK`] dimensions, channels first: `[features]`, `[channels, length]`, `[channels, height, width]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape<N: Numbers = Readable> {
    rank: usize,
    dims: [N::Of<i64>; MAX_RANK],
}

impl Copy for Shape {}
impl Eq for Shape {}

impl<N: Numbers> Shape<N> {
    /// A shape from its dimensions; `rest` stands in the places that it does not use.
    ///
    /// # Panics
    /// When there are none, or more than [`MAX_RANK`].
    #[must_use]
    pub fn of(dims: &[N::Of<i64>], rest: &N::Of<i64>) -> Self {
        assert!(!dims.is_empty() && dims.len() <= MAX_RANK, "a shape has one to four dimensions");
        let dim = |axis| dims.get(axis).unwrap_or(rest).clone();
        Self { rank: dims.len(), dims: core::array::from_fn(dim) }
    }

    /// How many dimensions it has.
    #[must_use]
    pub const fn rank(&self) -> usize {
        self.rank
    }

    /// Its dimensions.
    #[must_use]
    pub const fn dims(&self) -> &[N::Of<i64>] {
        self.dims.split_at(self.rank).0
    }

    /// The call of `new` that makes it, or an [`Axes`](crate::Axes) of the same numbers.
    pub(crate) fn write_as<W: Writer<N>>(&self, new: &str, to: &W) -> W::Expr {
        to.call(new, to.list(self.dims().iter().map(|dim| to.value(dim))))
    }
}

impl<N: Numbers> Part<N> for Shape<N> {
    type With<M: Numbers> = Shape<M>;

    fn convert<M: Numbers>(&self, to: &impl Convert<N, M>) -> Shape<M> {
        Shape { rank: self.rank, dims: self.dims.each_ref().map(|dim| to.value(dim)) }
    }

    fn write<W: Writer<N>>(&self, to: &W) -> W::Expr {
        self.write_as("Shape::new", to)
    }
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

    /// The shape that a layer with a window takes: channels, then `axes` that may be anything.
    #[must_use]
    pub const fn image(channels: Known<i64>, axes: usize) -> Self {
        let mut shape = Self::flat(channels);
        shape.rank = axes + 1;
        shape
    }

    /// Its channels.
    #[must_use]
    pub const fn channels(&self) -> Known<i64> {
        self.dims[0]
    }

    /// The same with another length of one of its axes.
    pub(crate) const fn with(mut self, axis: usize, length: Known<i64>) -> Self {
        self.dims[axis] = length;
        self
    }

    /// The same with another number of channels.
    pub(crate) const fn with_channels(mut self, channels: Known<i64>) -> Self {
        self.dims[0] = channels;
        self
    }

    /// The same with its axes in another order, as far as it is known; each of `axes` must be one of its own.
    pub(crate) const fn permuted(&self, axes: &[Known<i64>]) -> Self {
        let mut permuted = *self;
        let mut axis = 0;
        while axis < self.rank {
            permuted.dims[axis] = match axes[axis] {
                Known::Now(from) => self.dims[from as usize],
                Known::Later => Known::Later,
            };
            axis += 1;
        }
        permuted
    }

    /// How many numbers a tensor of it holds, or `i64::MAX` where that is less.
    #[must_use]
    pub const fn elements(&self) -> Known<i64> {
        self.elements_from(0)
    }

    /// How many numbers each channel of it holds, or `i64::MAX` where that is less.
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
                (Known::Now(_), _) => {}
            }
            axis += 1;
        }
        Some(self)
    }

    /// This shape and `other` behind it along axis 0, where the other axes agree as far as they are known.
    #[must_use]
    pub(crate) const fn join(self, other: &Self) -> Option<Self> {
        let first = match (self.dims[0], other.dims[0]) {
            (Known::Now(here), Known::Now(there)) => Known::Now(here.saturating_add(there)),
            _ => Known::Later,
        };
        let (mut here, mut there) = (self, *other);
        (here.dims[0], there.dims[0]) = (first, first);
        here.unify(&there)
    }
}

/// An order of axes: axis `k` of the output is axis `axes[k]` of the operand.
#[derive(Clone, Debug, PartialEq)]
pub struct Axes<N: Numbers = Readable> {
    axes: Shape<N>,
}

impl Copy for Axes {}
impl Eq for Axes {}

impl<N: Numbers> Axes<N> {
    /// An order from its axes; `rest` stands in the places that it does not use.
    ///
    /// # Panics
    /// When there are none, or more than [`MAX_RANK`].
    #[must_use]
    pub fn of(axes: &[N::Of<i64>], rest: &N::Of<i64>) -> Self {
        Self { axes: Shape::of(axes, rest) }
    }

    /// Its axes.
    #[must_use]
    pub const fn get(&self) -> &[N::Of<i64>] {
        self.axes.dims()
    }
}

impl<N: Numbers> Part<N> for Axes<N> {
    type With<M: Numbers> = Axes<M>;

    fn convert<M: Numbers>(&self, to: &impl Convert<N, M>) -> Axes<M> {
        Axes { axes: self.axes.convert(to) }
    }

    fn write<W: Writer<N>>(&self, to: &W) -> W::Expr {
        self.axes.write_as("Axes::new", to)
    }
}

impl Axes {
    /// An order from its axes.
    ///
    /// # Panics
    /// When there are none, or more than [`MAX_RANK`].
    #[must_use]
    pub const fn new(axes: &[Known<i64>]) -> Self {
        Self { axes: Shape::new(axes) }
    }

    /// Whether each axis is there once, as far as they are known.
    #[must_use]
    pub const fn is_permutation(&self) -> bool {
        let mut seen = [false; MAX_RANK];
        let mut axis = 0;
        while axis < self.get().len() {
            if let Known::Now(from) = self.get()[axis] {
                if from < 0 || from >= self.get().len() as i64 || seen[from as usize] {
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
        if shape.rank() != self.axes.rank() || !self.is_permutation() {
            return None;
        }
        Some(shape.permuted(self.get()))
    }
}

impl Text {
    /// Appends `[a, b, c]`; a dimension that is not known reads `_`.
    pub(crate) const fn shape(self, shape: &Shape) -> Self {
        self.numbers(shape.dims())
    }

    /// Appends `[1, 0]`; an axis that is not known reads `_`.
    pub(crate) const fn axes(self, axes: &Axes) -> Self {
        self.numbers(axes.get())
    }

    const fn numbers(mut self, dims: &[Known<i64>]) -> Self {
        self = self.text("[");
        let mut axis = 0;
        while axis < dims.len() {
            if axis > 0 {
                self = self.text(", ");
            }
            self = match dims[axis] {
                Known::Now(dim) => self.number(dim as i128),
                Known::Later => self.text("_"),
            };
            axis += 1;
        }
        self.text("]")
    }
}

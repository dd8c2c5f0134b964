//! Windows that slide over channels.

use crate::{
    Known, Shape,
    numbers::{Numbers, Readable, structure},
};

/// A window and how it slides, alike along every axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window<N: Numbers = Readable> {
    /// Axes it slides along, one or two.
    pub axes: usize,
    /// Its length along each axis.
    pub kernel: N::Of<i64>,
    /// The distance between two positions.
    pub stride: N::Of<i64>,
    /// Zeros put before and behind each axis: levels that are zero exactly, and add nothing to a sum.
    pub padding: N::Of<i64>,
}

structure!(Window { axes: part, kernel: number, stride: number, padding: number });

impl Window {
    /// How many numbers of a channel it sees.
    #[must_use]
    pub const fn elements(&self) -> Known<i64> {
        match self.kernel {
            Known::Now(kernel) => Known::Now(kernel.pow(self.axes as u32)),
            Known::Later => Known::Later,
        }
    }

    /// How many positions it takes along an axis: `(length + 2 padding - kernel) / stride + 1`, rounded down.
    #[must_use]
    pub const fn positions(&self, length: Known<i64>) -> Known<i64> {
        match (length, self.kernel, self.stride, self.padding) {
            (Known::Now(length), Known::Now(kernel), Known::Now(stride), Known::Now(padding))
                if length + 2 * padding >= kernel =>
            {
                Known::Now((length + 2 * padding - kernel) / stride + 1)
            }
            _ => Known::Later,
        }
    }

    /// The shape of `channels` behind it, as far as the shape in front of it tells.
    #[must_use]
    pub const fn slide(&self, channels: Known<i64>, over: Known<Shape>) -> Shape {
        let mut dims = [channels, Known::Later, Known::Later];
        if let Known::Now(over) = over
            && over.rank() == self.axes + 1
        {
            let mut axis = 1;
            while axis <= self.axes {
                dims[axis] = self.positions(over.dims()[axis]);
                axis += 1;
            }
        }
        Shape::new(dims.split_at(self.axes + 1).0)
    }
}

//! Windows that slide over channels.

use crate::{
    Known, Shape, Text,
    numbers::{Convert, Numbers, Part, Readable, Writer, structure},
};

/// A window and how it slides: alike along every axis, but for what is put around the axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Window<N: Numbers = Readable> {
    /// Axes it slides along, one or two.
    pub axes: usize,
    /// How many numbers it sees along each axis.
    pub kernel: N::Of<i64>,
    /// The distance between two positions.
    pub stride: N::Of<i64>,
    /// The distance between two numbers that it sees along an axis; one where they lie side by side.
    pub dilation: N::Of<i64>,
    /// Zeros put around the axes: levels that are zero exactly, and add nothing to a sum.
    pub padding: Padding<N>,
}

impl Eq for Window {}

structure!(Window { axes: part, kernel: number, stride: number, dilation: number, padding: part });

/// How many zeros are put around axes.
#[derive(Clone, Debug, PartialEq)]
pub enum Padding<N: Numbers = Readable> {
    /// As many before and behind each axis.
    Equal(N::Of<i64>),
    /// Of each side its own.
    Sides(Sides<N>),
    /// As few as give `length / stride` positions, rounded up; where they are odd, the one more stands behind. Keras calls it `same`,
    /// ONNX `SAME_UPPER`.
    Same,
}

impl Copy for Padding {}
impl Eq for Padding {}

impl<N: Numbers> Part<N> for Padding<N> {
    type With<M: Numbers> = Padding<M>;

    fn convert<M: Numbers>(&self, to: &impl Convert<N, M>) -> Padding<M> {
        match self {
            Self::Equal(padding) => Padding::Equal(to.value(padding)),
            Self::Sides(sides) => Padding::Sides(sides.convert(to)),
            Self::Same => Padding::Same,
        }
    }

    fn write<W: Writer<N>>(&self, to: &W) -> W::Expr {
        match self {
            Self::Equal(padding) => to.call("Padding::Equal", to.value(padding)),
            Self::Sides(sides) => to.call("Padding::Sides", sides.write(to)),
            Self::Same => to.word("Padding::Same"),
        }
    }
}

impl Padding {
    /// No zeros.
    pub const NONE: Self = Self::Equal(Known::Now(0));

    /// What is put before and behind the axis at `axis`, counted without the channels. [`Padding::Same`] depends on a window, and is
    /// not known here.
    #[must_use]
    pub const fn around(&self, axis: usize) -> Known<[i64; 2]> {
        match self {
            Self::Equal(Known::Now(padding)) => Known::Now([*padding, *padding]),
            Self::Sides(sides) => sides.around(axis),
            Self::Equal(Known::Later) | Self::Same => Known::Later,
        }
    }
}

/// Numbers of zeros before and behind each axis: `(left, right)` of a sequence, `(top, bottom, left, right)` of an image.
#[derive(Clone, Debug, PartialEq)]
pub struct Sides<N: Numbers = Readable> {
    sides: Shape<N>,
}

impl Copy for Sides {}
impl Eq for Sides {}

impl<N: Numbers> Sides<N> {
    /// Sides from their numbers; `rest` stands in the places that they do not use.
    ///
    /// # Panics
    /// When there are none, or more than four.
    #[must_use]
    pub fn of(sides: &[N::Of<i64>], rest: &N::Of<i64>) -> Self {
        Self { sides: Shape::of(sides, rest) }
    }

    /// The numbers.
    #[must_use]
    pub const fn get(&self) -> &[N::Of<i64>] {
        self.sides.dims()
    }

    /// How many axes they are around.
    #[must_use]
    pub const fn axes(&self) -> usize {
        self.sides.rank() / 2
    }
}

impl Sides {
    /// Sides from their numbers.
    ///
    /// # Panics
    /// When there are none, or more than four.
    #[must_use]
    pub const fn new(sides: &[Known<i64>]) -> Self {
        Self { sides: Shape::new(sides) }
    }

    const fn around(&self, axis: usize) -> Known<[i64; 2]> {
        if axis >= self.axes() {
            return Known::Later;
        }
        match (self.get()[2 * axis], self.get()[2 * axis + 1]) {
            (Known::Now(before), Known::Now(behind)) => Known::Now([before, behind]),
            (Known::Later, _) | (_, Known::Later) => Known::Later,
        }
    }
}

impl<N: Numbers> Part<N> for Sides<N> {
    type With<M: Numbers> = Sides<M>;

    fn convert<M: Numbers>(&self, to: &impl Convert<N, M>) -> Sides<M> {
        Sides { sides: self.sides.convert(to) }
    }

    fn write<W: Writer<N>>(&self, to: &W) -> W::Expr {
        self.sides.write_as("Sides::new", to)
    }
}

impl Window {
    /// How many numbers of a channel it sees.
    #[must_use]
    pub const fn elements(&self) -> Known<i64> {
        match self.kernel {
            Known::Now(kernel) => Known::Now(kernel.pow(self.axes as u32)),
            Known::Later => Known::Later,
        }
    }

    /// From the first number that it sees along an axis to the last: `(kernel - 1) * dilation + 1`.
    #[must_use]
    pub const fn span(&self) -> Known<i64> {
        match (self.kernel, self.dilation) {
            (Known::Now(kernel), Known::Now(dilation)) => Known::Now((kernel - 1) * dilation + 1),
            (Known::Later, _) | (_, Known::Later) => Known::Later,
        }
    }

    /// Zeros before and behind the axis at `axis`, counted without the channels, which has so many numbers.
    #[must_use]
    pub const fn around(&self, axis: usize, length: Known<i64>) -> Known<[i64; 2]> {
        match (self.padding, length, self.span(), self.stride) {
            (Padding::Same, Known::Now(length), Known::Now(span), Known::Now(stride)) => {
                let last = (length - 1) / stride * stride;
                let missing = last + span - length;
                let missing = if missing > 0 { missing } else { 0 };
                Known::Now([missing / 2, missing - missing / 2])
            }
            (padding, ..) => padding.around(axis),
        }
    }

    /// How many positions it takes along the axis at `axis`, counted without the channels:
    /// `(before + length + behind - span) / stride + 1`, rounded down.
    #[must_use]
    pub const fn positions(&self, axis: usize, length: Known<i64>) -> Known<i64> {
        match (length, self.span(), self.stride, self.around(axis, length)) {
            (Known::Now(length), Known::Now(span), Known::Now(stride), Known::Now([before, behind]))
                if before + length + behind >= span =>
            {
                Known::Now((before + length + behind - span) / stride + 1)
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
            let mut axis = 0;
            while axis < self.axes {
                dims[axis + 1] = self.positions(axis, over.dims()[axis + 1]);
                axis += 1;
            }
        }
        Shape::new(dims.split_at(self.axes + 1).0)
    }

    /// Whether it sees nothing but zeros at some position along an axis of `length`. It does where more zeros than it is long are on
    /// one side, or where it steps over the whole axis.
    pub(crate) const fn is_blind(&self, axis: usize, length: i64) -> bool {
        let (Known::Now(kernel), Known::Now(dilation), Known::Now(stride)) =
            (self.kernel, self.dilation, self.stride)
        else {
            return false;
        };
        let (Known::Now(positions), Known::Now([before, _])) =
            (self.positions(axis, Known::Now(length)), self.around(axis, Known::Now(length)))
        else {
            return false;
        };
        // A window whose numbers are at most as far apart as the axis is long cannot step over it.
        let mut position = if dilation > length { 0 } else { positions };
        while position < positions {
            let first = position * stride - before;
            let element = if first < 0 { (-first + dilation - 1) / dilation } else { 0 };
            if element >= kernel || first + element * dilation >= length {
                return true;
            }
            position += 1;
        }
        false
    }
}

impl Text {
    /// Appends ` a window of 3`, and its dilation where it has one.
    pub(crate) const fn window(self, kernel: i64, dilation: i64) -> Self {
        let text = self.text(" a window of ").number(kernel as i128);
        if dilation > 1 { text.text(" at a dilation of ").number(dilation as i128) } else { text }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn window(kernel: i64, stride: i64, dilation: i64, padding: Padding) -> Window {
        let known = Known::Now;
        Window { axes: 1, kernel: known(kernel), stride: known(stride), dilation: known(dilation), padding }
    }

    /// Lengths as Keras 3 and onnxruntime pad them: `tf.nn` and `SAME_UPPER` put the odd zero behind.
    #[test]
    fn same_is_that_of_keras_and_onnx() {
        for (length, kernel, stride, dilation, expected) in [
            (5, 3, 1, 1, ([1, 1], 5)),
            (5, 2, 1, 1, ([0, 1], 5)),
            (6, 3, 2, 1, ([0, 1], 3)),
            (5, 3, 2, 1, ([1, 1], 3)),
            (7, 4, 3, 1, ([1, 2], 3)),
            (5, 1, 3, 1, ([0, 0], 2)),
            (8, 3, 1, 2, ([2, 2], 8)),
        ] {
            let window = window(kernel, stride, dilation, Padding::Same);
            let length = Known::Now(length);
            let found = (window.around(0, length), window.positions(0, length));
            assert_eq!(found, (Known::Now(expected.0), Known::Now(expected.1)), "{window:?}");
        }
    }

    proptest! {
        #[test]
        fn same_gives_the_length_over_the_stride(
            length in 1..40i64, kernel in 1..9i64, stride in 1..6i64, dilation in 1..5i64,
        ) {
            let window = window(kernel, stride, dilation, Padding::Same);
            let known = Known::Now(length);
            prop_assert_eq!(window.positions(0, known), Known::Now((length + stride - 1) / stride));
            let Known::Now([before, behind]) = window.around(0, known) else { panic!("it is known") };
            prop_assert!(before == behind || before + 1 == behind);
        }

        #[test]
        fn a_blind_position_is_found(
            length in 1..9i64, kernel in 1..5i64, stride in 1..4i64, dilation in 1..9i64,
            before in 0..12i64, behind in 0..12i64,
        ) {
            let sides = Sides::new(&[Known::Now(before), Known::Now(behind)]);
            let span = (kernel - 1) * dilation;
            prop_assume!(before <= span && behind <= span);
            let window = window(kernel, stride, dilation, Padding::Sides(sides));
            let sees = |position: i64| (0..kernel).any(|element| {
                (0..length).contains(&(position * stride - before + element * dilation))
            });
            let positions = window.positions(0, Known::Now(length)).or(0);
            prop_assert_eq!(window.is_blind(0, length), !(0..positions).all(sees));
        }
    }
}

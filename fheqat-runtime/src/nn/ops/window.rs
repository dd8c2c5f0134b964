//! Which numbers of a tensor a window sees at each of its positions.

use fheqat_spec as spec;

use crate::nn::tensors::{TensorReader, TensorWriter, WeightsError};

/// A window over `[channels, length]` or `[channels, height, width]`, as a table of indices that every channel shares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Windows {
    /// Channels it slides over.
    pub(crate) channels: usize,
    /// Numbers in a channel.
    pub(crate) area: usize,
    /// Rows of the window; one along a single axis.
    pub(crate) rows: usize,
    /// Numbers it sees of a channel.
    pub(crate) elements: usize,
    /// Positions it takes.
    pub(crate) positions: usize,
    /// The index in a channel of each element at each position, `[elements, positions]`; `None` in the padding.
    seen: Vec<Option<usize>>,
}

/// Filters that see the windows of the channels of their own group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filters {
    /// What a filter sees.
    pub(crate) windows: Windows,
    /// How many there are.
    pub(crate) count: usize,
    /// Parts that channels and filters fall into.
    pub(crate) groups: usize,
    /// The distance between two positions.
    stride: usize,
    /// The distance between two numbers of a window.
    dilation: usize,
    /// Zeros before and behind each axis.
    padding: Vec<[usize; 2]>,
}

const STRIDE: &str = "stride";
const DILATION: &str = "dilation";
const PADDING: &str = "padding";
const GROUPS: &str = "groups";

/// Along one axis: the index of element `k` at position `p`.
struct Axis {
    length: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    /// Zeros before and behind.
    around: [usize; 2],
    positions: usize,
}

impl Axis {
    fn of(window: &spec::Window, axis: usize, length: usize) -> Option<Self> {
        let known = spec::Known::Now(i64::try_from(length).ok()?);
        let [before, behind] = window.around(axis, known).get()?;
        Some(Self {
            length,
            kernel: number(window.kernel)?,
            stride: number(window.stride)?,
            dilation: number(window.dilation)?,
            around: [usize::try_from(before).ok()?, usize::try_from(behind).ok()?],
            positions: number(window.positions(axis, known))?,
        })
    }

    const fn whole(length: usize) -> Self {
        Self { length, kernel: length, stride: 1, dilation: 1, around: [0, 0], positions: 1 }
    }

    fn at(&self, element: usize, position: usize) -> Option<usize> {
        let index = (position * self.stride + element * self.dilation).checked_sub(self.around[0])?;
        (index < self.length).then_some(index)
    }
}

/// `window` along each axis of a tensor of `shape`, channels first.
fn axes(window: &spec::Window, shape: &[usize]) -> Option<Vec<Axis>> {
    let lengths = shape.get(1..)?.iter().enumerate();
    lengths.map(|(axis, &length)| Axis::of(window, axis, length)).collect()
}

/// A number that is known.
fn number(known: spec::Known<i64>) -> Option<usize> {
    known.get().and_then(|value| usize::try_from(value).ok())
}

impl Windows {
    /// `window` over a tensor of `shape`, channels first; `None` where it does not fit.
    pub(crate) fn new(window: &spec::Window, shape: &[usize]) -> Option<Self> {
        Self::along(*shape.first()?, &axes(window, shape)?)
    }

    /// One window over the whole of each channel.
    pub(crate) fn whole(shape: &[usize]) -> Option<Self> {
        let axes: Vec<_> = shape.get(1..)?.iter().map(|&length| Axis::whole(length)).collect();
        Self::along(shape[0], &axes)
    }

    fn along(channels: usize, axes: &[Axis]) -> Option<Self> {
        let unit = Axis::whole(1);
        let (rows, columns) = match axes {
            [columns] => (&unit, columns),
            [rows, columns] => (rows, columns),
            _ => return None,
        };
        let mut seen = Vec::new();
        for (k, l) in pairs(rows.kernel, columns.kernel) {
            seen.extend(
                pairs(rows.positions, columns.positions)
                    .map(|(p, q)| Some(rows.at(k, p)? * columns.length + columns.at(l, q)?)),
            );
        }
        Some(Self {
            channels,
            area: rows.length * columns.length,
            rows: rows.kernel,
            elements: rows.kernel * columns.kernel,
            positions: rows.positions * columns.positions,
            seen,
        })
    }

    /// The index in a channel of each element at each position, `[elements, positions]`; `None` in the padding.
    pub(crate) fn seen(&self) -> &[Option<usize>] {
        &self.seen
    }

    /// The index in a channel of an element at a position; `None` in the padding.
    pub(crate) fn index(&self, element: usize, position: usize) -> Option<usize> {
        self.seen[element * self.positions + position]
    }

    /// The indices in the tensor of what the window sees of a channel at a position.
    pub(crate) fn at(&self, channel: usize, position: usize) -> impl Iterator<Item = usize> {
        self.indices(channel, position, 0..self.elements)
    }

    /// The same of one row of the window.
    pub(crate) fn row(&self, channel: usize, position: usize, row: usize) -> impl Iterator<Item = usize> {
        let columns = self.elements / self.rows;
        self.indices(channel, position, row * columns..(row + 1) * columns)
    }

    fn indices(
        &self,
        channel: usize,
        position: usize,
        elements: std::ops::Range<usize>,
    ) -> impl Iterator<Item = usize> {
        elements.filter_map(move |element| Some(channel * self.area + self.index(element, position)?))
    }

    /// Of each position in each channel whether all that the window sees is marked.
    pub(crate) fn all(&self, marked: &[bool]) -> Vec<bool> {
        pairs(self.channels, self.positions)
            .map(|(channel, position)| self.at(channel, position).all(|number| marked[number]))
            .collect()
    }

    /// Writes what the window sees of the channels of so many samples, `[channels, area, samples]`, as
    /// `[channels * elements, positions, samples]`.
    pub(crate) fn gather(&self, channels: &[f32], samples: usize, columns: &mut [f32]) {
        let parts = columns.chunks_exact_mut(self.seen.len() * samples);
        for (channel, columns) in channels.chunks_exact(self.area * samples).zip(parts) {
            for (to, seen) in columns.chunks_exact_mut(samples).zip(&self.seen) {
                match seen {
                    Some(index) => to.copy_from_slice(&channel[index * samples..(index + 1) * samples]),
                    None => to.fill(0.0),
                }
            }
        }
    }

    /// Adds to the channels what [`Windows::gather`] would read from them.
    pub(crate) fn scatter(&self, columns: &[f32], samples: usize, channels: &mut [f32]) {
        let parts = columns.chunks_exact(self.seen.len() * samples);
        for (channel, columns) in channels.chunks_exact_mut(self.area * samples).zip(parts) {
            for (from, seen) in columns.chunks_exact(samples).zip(&self.seen) {
                let Some(index) = seen else { continue };
                for (to, from) in channel[index * samples..(index + 1) * samples].iter_mut().zip(from) {
                    *to += from;
                }
            }
        }
    }

    /// Sums each window of each channel, `[channels, positions]`, times `unit`.
    pub(crate) fn sum(&self, channels: &[f32], unit: f32, sums: &mut [f32]) {
        let parts = sums.chunks_exact_mut(self.positions);
        for (channel, sums) in channels.chunks_exact(self.area).zip(parts) {
            sums.fill(0.0);
            for row in self.seen.chunks_exact(self.positions) {
                for (sum, seen) in sums.iter_mut().zip(row) {
                    *sum += seen.map_or(0.0, |index| channel[index]);
                }
            }
            for sum in sums {
                *sum *= unit;
            }
        }
    }

    /// Adds `unit` times the slope of each sum to everything that was summed.
    pub(crate) fn spread(&self, slopes: &[f32], unit: f32, channels: &mut [f32]) {
        let parts = slopes.chunks_exact(self.positions);
        for (channel, slopes) in channels.chunks_exact_mut(self.area).zip(parts) {
            for row in self.seen.chunks_exact(self.positions) {
                for (slope, seen) in slopes.iter().zip(row) {
                    if let Some(index) = seen {
                        channel[*index] += slope * unit;
                    }
                }
            }
        }
    }
}

impl Filters {
    /// So many filters, in so many groups, over a tensor of `shape`, channels first; `None` where the window does not fit.
    pub(crate) fn new(
        window: &spec::Window,
        shape: &[usize],
        [count, groups]: [spec::Known<i64>; 2],
    ) -> Option<Self> {
        Some(Self {
            windows: Windows::new(window, shape)?,
            count: number(count)?,
            groups: number(groups)?,
            stride: number(window.stride)?,
            dilation: number(window.dilation)?,
            padding: axes(window, shape)?.iter().map(|axis| axis.around).collect(),
        })
    }

    /// The shapes that other libraries give their weights: `[filters, channels of a group, ...]` and the window.
    pub(super) fn shapes(&self) -> impl Iterator<Item = Vec<usize>> {
        let (rows, elements) = (self.windows.rows, self.windows.elements);
        let windows = match (rows, elements) {
            (1, 1) => vec![vec![1, 1], vec![1]],
            (1, _) => vec![vec![elements]],
            _ => vec![vec![rows, elements / rows]],
        };
        let ends = [self.count, self.windows.channels / self.groups];
        windows.into_iter().map(move |window| [&ends[..], &window].concat())
    }

    /// Notes how they slide, beside their weights. A dilation is noted where there is one.
    pub(super) fn save(&self, to: &mut TensorWriter) {
        to.note(STRIDE, &self.stride.to_string());
        to.note(PADDING, &self.padding());
        to.note(GROUPS, &self.groups.to_string());
        if self.dilation > 1 {
            to.note(DILATION, &self.dilation.to_string());
        }
    }

    /// Refuses a file whose filters slid otherwise; files of old, and of other libraries, say nothing.
    ///
    /// # Errors
    /// When they did.
    pub(super) fn agrees(&self, from: &TensorReader<'_>) -> Result<(), WeightsError> {
        from.agrees(STRIDE, "`stride`", &self.stride.to_string())?;
        from.agrees(PADDING, "`padding`", &self.padding())?;
        from.agrees(GROUPS, "`groups`", &self.groups.to_string())?;
        if from.noted(STRIDE).is_some() && from.noted(DILATION).is_none() {
            return from.is_declared("`dilation`", "1", &self.dilation.to_string());
        }
        from.agrees(DILATION, "`dilation`", &self.dilation.to_string())
    }

    /// One number where all sides have it, else the sides in the order of the option.
    fn padding(&self) -> String {
        let sides: Vec<usize> = self.padding.iter().flatten().copied().collect();
        match sides.split_first() {
            Some((first, rest)) if rest.iter().all(|side| side == first) => first.to_string(),
            _ => {
                let sides: Vec<_> = sides.iter().map(usize::to_string).collect();
                format!("({})", sides.join(", "))
            }
        }
    }

    /// Numbers of a sample.
    pub(crate) const fn inputs(&self) -> usize {
        self.windows.channels * self.windows.area
    }

    /// Numbers that are seen of a sample, over all positions.
    pub(crate) const fn columns(&self) -> usize {
        self.windows.channels * self.windows.elements * self.windows.positions
    }

    /// Sums of a sample.
    pub(crate) const fn outputs(&self) -> usize {
        self.count * self.windows.positions
    }

    /// Weights of a filter.
    pub(crate) const fn fan_in(&self) -> usize {
        self.windows.channels / self.groups * self.windows.elements
    }

    /// What a filter sees at a position: of each number the index of its weight and its own in the tensor.
    pub(crate) fn at(&self, filter: usize, position: usize) -> impl Iterator<Item = (usize, usize)> {
        let channels = self.windows.channels / self.groups;
        let first = filter / (self.count / self.groups) * channels;
        pairs(channels, self.windows.elements).filter_map(move |(channel, element)| {
            let index = self.windows.index(element, position)?;
            Some((channel * self.windows.elements + element, (first + channel) * self.windows.area + index))
        })
    }

    /// Which weights of a filter see nothing but numbers that are gone, or padding, at every position.
    pub(crate) fn unseen(&self, filter: usize, gone: &[bool]) -> Vec<bool> {
        let mut unseen = vec![true; self.fan_in()];
        for position in 0..self.windows.positions {
            for (weight, number) in self.at(filter, position) {
                unseen[weight] &= gone[number];
            }
        }
        unseen
    }
}

/// Every pair of indices, the second moving first.
pub(crate) fn pairs(outer: usize, inner: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..outer).flat_map(move |a| (0..inner).map(move |b| (a, b)))
}

#[cfg(test)]
mod tests {
    use fheqat_spec::Known;

    use super::*;

    fn window(axes: usize, kernel: i64, stride: i64, padding: i64) -> spec::Window {
        let known = Known::Now;
        let padding = spec::Padding::Equal(known(padding));
        spec::Window { axes, kernel: known(kernel), stride: known(stride), dilation: known(1), padding }
    }

    /// `torch.nn.functional.unfold` of a tensor of 4 by 4 that is padded by one row above: the corners of a square of three.
    #[test]
    fn a_window_may_have_gaps_and_sides_of_its_own() {
        let known = Known::Now;
        let sides = spec::Sides::new(&[known(1), known(0), known(0), known(0)]);
        let padding = spec::Padding::Sides(sides);
        let window = spec::Window { dilation: known(2), padding, ..window(2, 2, 1, 0) };
        let windows = Windows::new(&window, &[1, 4, 4]).unwrap();
        assert_eq!((windows.elements, windows.positions), (4, 6));
        assert_eq!(windows.at(0, 0).collect::<Vec<_>>(), [4, 6]);
        assert_eq!(windows.at(0, 3).collect::<Vec<_>>(), [1, 3, 9, 11]);
    }

    #[test]
    fn same_is_padding_by_length() {
        let window = spec::Window { padding: spec::Padding::Same, ..window(2, 3, 2, 0) };
        let filters = Filters::new(&window, &[1, 6, 5], [Known::Now(1), Known::Now(1)]).unwrap();
        assert_eq!((filters.windows.positions, filters.padding()), (9, "(0, 1, 1, 1)".to_owned()));
    }

    #[test]
    fn padding_is_seen_as_nothing() {
        let windows = Windows::new(&window(2, 3, 2, 1), &[1, 3, 4]).unwrap();
        assert_eq!((windows.elements, windows.positions), (9, 4));
        assert_eq!(windows.at(0, 0).collect::<Vec<_>>(), [0, 1, 4, 5]);
        assert_eq!(windows.at(0, 3).collect::<Vec<_>>(), [5, 6, 7, 9, 10, 11]);
    }

    #[test]
    fn one_axis_is_a_row() {
        let windows = Windows::new(&window(1, 2, 1, 0), &[2, 4]).unwrap();
        assert_eq!((windows.channels, windows.area, windows.positions), (2, 4, 3));
        assert_eq!(windows.at(1, 2).collect::<Vec<_>>(), [6, 7]);
    }

    #[test]
    fn a_filter_reads_its_own_group() {
        let filters = Filters::new(&window(1, 1, 1, 0), &[4, 2], [Known::Now(6), Known::Now(2)]).unwrap();
        assert_eq!(filters.at(2, 1).collect::<Vec<_>>(), [(0, 1), (1, 3)]);
        assert_eq!(filters.at(3, 1).collect::<Vec<_>>(), [(0, 5), (1, 7)]);
    }

    #[test]
    fn a_window_over_everything_has_one_position() {
        let windows = Windows::whole(&[3, 2, 2]).unwrap();
        assert_eq!((windows.elements, windows.positions), (4, 1));
        assert_eq!(windows.at(2, 0).collect::<Vec<_>>(), [8, 9, 10, 11]);
        assert!(Windows::new(&window(2, 5, 1, 0), &[3, 4, 4]).is_none());
    }

    #[test]
    fn what_is_spread_is_the_gradient_of_what_is_summed() {
        let windows = Windows::new(&window(2, 2, 1, 1), &[2, 2, 3]).unwrap();
        let mut columns = vec![0.0; windows.channels * windows.elements * windows.positions];
        let channels: Vec<f32> = (1..=12u8).map(f32::from).collect();
        windows.gather(&channels, 1, &mut columns);
        let mut sums = vec![0.0; 2 * windows.positions];
        windows.sum(&channels, 0.5, &mut sums);
        let (mut scattered, mut spread) = (vec![0.0; 12], vec![0.0; 12]);
        windows.scatter(&vec![0.5; columns.len()], 1, &mut scattered);
        windows.spread(&vec![1.0; sums.len()], 0.5, &mut spread);
        assert_eq!(scattered, spread);
        assert!((sums.iter().sum::<f32>() * 2.0 - columns.iter().sum::<f32>()).abs() < 1e-6);
    }
}

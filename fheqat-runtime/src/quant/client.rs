//! Layers that the client runs in float before it encodes, with their weights.
//!
//! Training at rest, exact integers, simulation and the client run a sample through the one `ClientLayer::apply`, each sum in one
//! order, so that they agree to the last bit.

use serde::{Deserialize, Serialize};

use crate::vectors::on_vectors;

/// The most numbers that a layer gives, as for any tensor.
const MOST: usize = fheqat_spec::limits::MAX_ELEMENTS as usize;

/// A layer of the client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ClientLayer {
    /// `Linear`.
    Dense(ClientDense),
    /// `Conv1d` or `Conv2d`.
    Filters(ClientFilters),
    /// `BatchNorm`: a factor and an offset for each channel.
    Affine(ClientAffine),
    /// `ReLU`.
    Rectify,
    /// `Flatten` and `Reshape`, which leave the order of numbers as it is.
    Same,
}

/// Sums of products of all numbers, and a bias each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClientDense {
    /// `[in, out]`.
    pub(crate) weights: Vec<f32>,
    /// `[out]`.
    pub(crate) bias: Vec<f32>,
}

/// Sums of products of what a window sees at each position, and a bias for each filter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClientFilters {
    /// `[filters, channels / groups * elements]`.
    pub(crate) weights: Vec<f32>,
    /// `[filters]`.
    pub(crate) bias: Vec<f32>,
    pub(crate) groups: usize,
    /// Channels it reads.
    pub(crate) channels: usize,
    /// Numbers of a channel.
    pub(crate) area: usize,
    pub(crate) positions: usize,
    /// The index in a channel of each element of the window at each position, `[elements, positions]`; `None` in the padding.
    pub(crate) seen: Vec<Option<usize>>,
}

/// `number * factor + offset`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClientAffine {
    /// `[channels]`.
    pub(crate) factors: Vec<f32>,
    /// `[channels]`.
    pub(crate) offsets: Vec<f32>,
}

impl ClientLayer {
    /// How many numbers it gives for so many; those that fit.
    #[must_use]
    pub const fn outputs(&self, inputs: usize) -> usize {
        match self {
            Self::Dense(dense) => dense.bias.len(),
            Self::Filters(filters) => filters.bias.len().saturating_mul(filters.positions),
            Self::Affine(_) | Self::Rectify | Self::Same => inputs,
        }
    }

    /// How many numbers it takes to give so many; those that fit.
    pub(crate) const fn inputs(&self, outputs: usize) -> usize {
        match self {
            Self::Dense(dense) => dense.weights.len() / dense.bias.len(),
            Self::Filters(filters) => filters.channels * filters.area,
            Self::Affine(_) | Self::Rectify | Self::Same => outputs,
        }
    }

    /// How many numbers it was given by training: weights, biases, factors and offsets.
    #[must_use]
    pub const fn parameters(&self) -> usize {
        match self {
            Self::Dense(ClientDense { weights, bias })
            | Self::Filters(ClientFilters { weights, bias, .. }) => weights.len() + bias.len(),
            Self::Affine(ClientAffine { factors, offsets }) => factors.len() + offsets.len(),
            Self::Rectify | Self::Same => 0,
        }
    }

    /// Writes what becomes of the numbers of a sample. What overflows is held at the largest float, so that every sample of finite
    /// features has levels.
    pub(crate) fn apply(&self, from: &[f32], to: &mut [f32]) {
        match self {
            Self::Dense(dense) => on_vectors(|| dense.apply(from, to)),
            Self::Filters(filters) => filters.apply(from, to),
            Self::Affine(affine) => affine.apply(from, to),
            Self::Rectify => {
                for (to, from) in to.iter_mut().zip(from) {
                    *to = from.max(0.0);
                }
            }
            Self::Same => to.copy_from_slice(from),
        }
        for number in to {
            *number = held(*number);
        }
    }

    /// How many numbers it gives for so many; `None` where it takes another number of them, gives too many, or has a weight that
    /// is not finite.
    pub(crate) fn fits(&self, inputs: usize) -> Option<usize> {
        let is_finite = |numbers: &[f32]| numbers.iter().all(|number| number.is_finite());
        let fits = match self {
            Self::Dense(ClientDense { weights, bias }) => {
                inputs.checked_mul(bias.len()) == Some(weights.len()) && is_finite(weights) && is_finite(bias)
            }
            Self::Filters(filters) => {
                filters.is_sound(inputs) && is_finite(&filters.weights) && is_finite(&filters.bias)
            }
            Self::Affine(ClientAffine { factors, offsets }) => {
                factors.len() == offsets.len()
                    && !factors.is_empty()
                    && inputs.is_multiple_of(factors.len())
                    && is_finite(factors)
                    && is_finite(offsets)
            }
            Self::Rectify | Self::Same => true,
        };
        Some(self.outputs(inputs)).filter(|outputs| fits && (1..=MOST).contains(outputs))
    }
}

/// The number, or the nearest that is finite; zero where it is none.
fn held(number: f32) -> f32 {
    if number.is_nan() { 0.0 } else { number.clamp(f32::MIN, f32::MAX) }
}

impl ClientDense {
    #[expect(
        clippy::inline_always,
        reason = "only what is inlined into a dispatch is compiled for its instructions"
    )]
    #[inline(always)]
    fn apply(&self, from: &[f32], to: &mut [f32]) {
        to.copy_from_slice(&self.bias);
        for (number, weights) in from.iter().zip(self.weights.chunks_exact(self.bias.len())) {
            for (sum, weight) in to.iter_mut().zip(weights) {
                *sum += number * weight;
            }
        }
    }
}

impl ClientFilters {
    pub(crate) const fn elements(&self) -> usize {
        self.seen.len() / self.positions
    }

    /// For each product of a weight with what it sees at all positions: the filter, the index of the weight, the channel, and where
    /// in the channel each position sees its number.
    pub(crate) fn products(&self) -> impl Iterator<Item = (usize, usize, usize, &[Option<usize>])> {
        let (elements, filters) = (self.elements(), self.bias.len());
        let channels = self.channels / self.groups;
        (0..filters).flat_map(move |filter| {
            let first = filter / (filters / self.groups) * channels;
            (0..channels * elements).map(move |weight| {
                let (channel, element) = (first + weight / elements, weight % elements);
                let seen = &self.seen[element * self.positions..(element + 1) * self.positions];
                (filter, filter * channels * elements + weight, channel, seen)
            })
        })
    }

    fn apply(&self, from: &[f32], to: &mut [f32]) {
        for (sums, bias) in to.chunks_exact_mut(self.positions).zip(&self.bias) {
            sums.fill(*bias);
        }
        for (filter, weight, channel, seen) in self.products() {
            let weight = self.weights[weight];
            let channel = &from[channel * self.area..(channel + 1) * self.area];
            let sums = &mut to[filter * self.positions..(filter + 1) * self.positions];
            for (sum, seen) in sums.iter_mut().zip(seen) {
                if let Some(index) = seen {
                    *sum += channel[*index] * weight;
                }
            }
        }
    }

    fn is_sound(&self, inputs: usize) -> bool {
        let Self { weights, bias, groups, channels, area, positions, seen } = self;
        let is_split = |number: usize| *groups > 0 && number > 0 && number.is_multiple_of(*groups);
        is_split(*channels)
            && is_split(bias.len())
            && *positions > 0
            && !seen.is_empty()
            && seen.len().is_multiple_of(*positions)
            && channels.checked_mul(*area) == Some(inputs)
            && seen.iter().flatten().all(|index| index < area)
            && (channels / groups).checked_mul(self.elements()).and_then(|row| row.checked_mul(bias.len()))
                == Some(weights.len())
    }
}

impl ClientAffine {
    fn apply(&self, from: &[f32], to: &mut [f32]) {
        let positions = from.len() / self.factors.len();
        let channels = self.factors.iter().zip(&self.offsets);
        let numbers = to.chunks_exact_mut(positions).zip(from.chunks_exact(positions));
        for ((factor, offset), (to, from)) in channels.zip(numbers) {
            for (to, from) in to.iter_mut().zip(from) {
                *to = from * factor + offset;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dense(weights: &[f32], bias: &[f32]) -> ClientLayer {
        ClientLayer::Dense(ClientDense { weights: weights.to_vec(), bias: bias.to_vec() })
    }

    fn filters(seen: Vec<Option<usize>>, groups: usize) -> ClientFilters {
        ClientFilters {
            weights: vec![1.0, 2.0, 3.0, 4.0],
            bias: vec![0.5, -0.5],
            groups,
            channels: 2,
            area: 3,
            positions: 2,
            seen,
        }
    }

    #[test]
    fn layers_compute_what_their_names_say() {
        let run = |layer: &ClientLayer, from: &[f32]| {
            let mut to = vec![7.0; layer.fits(from.len()).unwrap()];
            layer.apply(from, &mut to);
            assert_eq!(layer.inputs(to.len()), from.len());
            to
        };
        assert_eq!(run(&dense(&[1.0, 2.0, 3.0, 4.0], &[0.5, -1.0]), &[10.0, 100.0]), [310.5, 419.0]);
        assert_eq!(run(&ClientLayer::Rectify, &[-1.0, 2.0]), [0.0, 2.0]);
        let affine = ClientAffine { factors: vec![2.0, -1.0], offsets: vec![1.0, 0.0] };
        assert_eq!(run(&ClientLayer::Affine(affine), &[1.0, 2.0, 3.0, 4.0]), [3.0, 5.0, -3.0, -4.0]);
        // Two groups; at the first position the first element is in the padding.
        let seen = vec![None, Some(1), Some(0), Some(2)];
        let of_groups = ClientLayer::Filters(filters(seen, 2));
        let sums = run(&of_groups, &[1.0, 10.0, 100.0, 2.0, 20.0, 200.0]);
        assert_eq!(sums, [0.5 + 2.0, 0.5 + 10.0 + 200.0, -0.5 + 8.0, -0.5 + 60.0 + 800.0]);
    }

    #[test]
    fn what_overflows_is_held() {
        let mut to = [0.0; 2];
        dense(&[2.0, 1e38, -2.0, -1e38], &[0.0, 1.0]).apply(&[f32::MAX, f32::MAX], &mut to);
        assert!(to.iter().all(|number| number.is_finite()), "{to:?}");
        dense(&[2.0, 3.0], &[0.0, 0.0]).apply(&[f32::MAX], &mut to);
        assert_eq!(to.map(f32::to_bits), [f32::MAX.to_bits(); 2]);
    }

    #[test]
    fn layers_that_cannot_be_fit_nothing() {
        assert_eq!(dense(&[1.0, 2.0], &[0.0]).fits(2), Some(1));
        assert_eq!(dense(&[1.0, 2.0], &[0.0]).fits(1), None);
        assert_eq!(dense(&[], &[]).fits(2), None);
        assert_eq!(dense(&[1.0, f32::NAN], &[0.0]).fits(2), None);
        assert_eq!(dense(&[1.0, 1.0], &[f32::INFINITY]).fits(2), None);
        let affine = |factors: &[f32]| {
            ClientLayer::Affine(ClientAffine { factors: factors.to_vec(), offsets: vec![0.0; 2] })
        };
        assert_eq!((affine(&[1.0, 1.0]).fits(4), affine(&[1.0, 1.0]).fits(3)), (Some(4), None));
        assert_eq!((affine(&[1.0]).fits(4), affine(&[1.0, f32::NAN]).fits(4)), (None, None));
        let fits = |filters: ClientFilters| ClientLayer::Filters(filters).fits(6);
        let seen = vec![None, Some(1), Some(0), Some(2)];
        let sound = filters(seen.clone(), 2);
        assert_eq!(fits(sound.clone()), Some(4));
        for broken in [
            filters(vec![None, Some(1), Some(0), Some(3)], 2),
            filters(seen.clone(), 0),
            filters(seen.clone(), 1),
            ClientFilters { positions: 0, ..sound.clone() },
            ClientFilters { positions: 3, ..sound.clone() },
            ClientFilters { area: usize::MAX, ..sound.clone() },
            ClientFilters { channels: usize::MAX, ..sound.clone() },
            ClientFilters { bias: vec![0.0; 3], ..sound.clone() },
            ClientFilters { seen: Vec::new(), ..sound },
        ] {
            assert_eq!(fits(broken.clone()), None, "{broken:?}");
        }
    }
}

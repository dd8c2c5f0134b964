//! A factor and an offset for each number.

use crate::quant::transition::{Dequantize, decode};

/// `number * unit + bias`.
#[derive(Clone, Debug)]
pub(crate) struct Affine {
    /// One for each number.
    pub(crate) units: Vec<f32>,
    /// One for each number.
    pub(crate) biases: Vec<f32>,
}

impl Affine {
    pub(crate) fn new(width: usize) -> Self {
        Self { units: vec![1.0; width], biases: vec![0.0; width] }
    }

    /// Takes the factor and offset of each channel for all its numbers.
    pub(crate) fn set(&mut self, channels: impl ExactSizeIterator<Item = Dequantize>) {
        let positions = self.units.len() / channels.len().max(1);
        let numbers = self.units.chunks_exact_mut(positions).zip(self.biases.chunks_exact_mut(positions));
        for ((units, biases), channel) in numbers.zip(channels) {
            units.fill(channel.share());
            biases.fill(channel.bias());
        }
    }

    /// Of rows of numbers, where they are.
    pub(crate) fn run(&self, rows: &mut [f32]) {
        let Self { units, biases } = self;
        for row in rows.chunks_exact_mut(units.len()) {
            for ((value, unit), bias) in row.iter_mut().zip(units).zip(biases) {
                *value = decode(*value, *unit, *bias);
            }
        }
    }
}

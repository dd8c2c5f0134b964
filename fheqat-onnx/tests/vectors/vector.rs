//! What Brevitas computed.

use std::{
    fs,
    path::{Path, PathBuf},
};

use safetensors::{Dtype, SafeTensors};

pub(crate) fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/interop"))
}

/// The samples of a model.
pub(crate) struct Vector {
    bytes: Vec<u8>,
    input: Vec<f32>,
    logits: Vec<f32>,
    pub(crate) samples: usize,
}

impl Vector {
    pub(crate) fn read(model: &str) -> Self {
        Self::read_in(&folder(), model)
    }

    pub(crate) fn read_in(folder: &Path, model: &str) -> Self {
        let bytes = fs::read(folder.join(format!("{model}.safetensors"))).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let floats = |name: &str| -> Vec<f32> {
            let (words, _) = tensors.tensor(name).unwrap().data().as_chunks::<4>();
            words.iter().map(|&word| f32::from_le_bytes(word)).collect()
        };
        let samples = tensors.tensor("logits").unwrap().shape()[0];
        let (input, logits) = (floats("input"), floats("logits"));
        Self { bytes, input, logits, samples }
    }

    fn row<'a, T>(&self, values: &'a [T], sample: usize) -> &'a [T] {
        let width = values.len() / self.samples;
        &values[sample * width..(sample + 1) * width]
    }

    pub(crate) fn input(&self, sample: usize) -> &[f32] {
        self.row(&self.input, sample)
    }

    pub(crate) fn logits(&self, sample: usize) -> &[f32] {
        self.row(&self.logits, sample)
    }

    /// The integers of a tensor for one sample.
    fn integers(&self, name: &str, sample: usize) -> Option<Vec<i64>> {
        let tensors = SafeTensors::deserialize(&self.bytes).unwrap();
        let view = tensors.tensor(name).ok()?;
        let data = view.data();
        Some(match view.dtype() {
            Dtype::I8 => self.row(data, sample).iter().map(|&byte| i64::from(byte as i8)).collect(),
            Dtype::I16 => {
                let (words, _) = data.as_chunks::<2>();
                self.row(words, sample).iter().map(|&word| i64::from(i16::from_le_bytes(word))).collect()
            }
            Dtype::I32 => {
                let (words, _) = data.as_chunks::<4>();
                self.row(words, sample).iter().map(|&word| i64::from(i32::from_le_bytes(word))).collect()
            }
            other => panic!("{name} is {other:?}"),
        })
    }

    /// The levels of a quantizer by the name of the field: a second use of a shared one is `shared_2`, and `shared.1` here; a `Trunc`
    /// behind `pool` is `pool_2`, and `pool` here.
    pub(crate) fn levels(&self, field: &str, sample: usize) -> Option<Vec<i64>> {
        let second = field.strip_suffix("_2");
        self.integers(&format!("level.{field}"), sample)
            .or_else(|| self.integers(&format!("level.{field}.0"), sample))
            .or_else(|| self.integers(&format!("level.{}.1", second?), sample))
            .or_else(|| self.integers(&format!("level.{}", second?), sample))
    }

    /// Levels that are rounded half to even, where Brevitas's are not.
    pub(crate) fn exact(&self, field: &str, sample: usize) -> Option<Vec<i64>> {
        self.integers(&format!("exact.{field}"), sample)
    }

    pub(crate) fn sums(&self, sample: usize) -> Option<Vec<i64>> {
        self.integers("sums", sample)
    }

    /// How many quantizers there are levels of.
    pub(crate) fn quantizers(&self) -> usize {
        let tensors = SafeTensors::deserialize(&self.bytes).unwrap();
        tensors.names().iter().filter(|name| name.starts_with("level.")).count()
    }
}

/// The class of the largest output.
pub(crate) fn class(outputs: &[f32]) -> usize {
    let largest = outputs.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    outputs.iter().position(|output| *output == largest).unwrap()
}

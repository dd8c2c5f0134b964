//! Files of tensors named `field.part`, and notes of the same names beside them.

use std::{
    collections::{BTreeMap, HashMap},
    ops::RangeInclusive,
};

use fheqat_spec::Range;
use ndarray::Array2;
use safetensors::{Dtype, SafeTensorError, SafeTensors, tensor::TensorView};
use thiserror::Error;

use super::error::{NetworkError, Unusable};
use crate::file::FileError;

/// A file of weights that cannot be written, read or used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The network cannot run.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The file.
    #[error(transparent)]
    File(#[from] FileError),
    /// Not safetensors.
    #[error("the file is not safetensors: {0}")]
    Format(#[from] SafeTensorError),
    /// A tensor that the network needs.
    #[error("the file has no tensor `{tensor}`: load the weights of a network with the same fields")]
    Missing {
        /// Its name.
        tensor: String,
    },
    /// A tensor that the network does not know.
    #[error(
        "the file has a tensor `{tensor}`, which the network does not: load the weights of a network with the same fields"
    )]
    Unknown {
        /// Its name.
        tensor: String,
    },
    /// A tensor of another shape or element type.
    #[error(
        "tensor `{tensor}` has shape {found:?} of {dtype}, but the network needs {expected:?} of F32: load the weights of a network with the same layers"
    )]
    Shape {
        /// Its name.
        tensor: String,
        /// Its shape.
        found: Vec<usize>,
        /// Its element type.
        dtype: Dtype,
        /// The shape needed.
        expected: Vec<usize>,
    },
    /// Another encoder of the input than the network has.
    #[error(
        "the file has `{field}` as a {found}, but the network has a {expected}: load the weights of a network with the same fields"
    )]
    Encoder {
        /// The field.
        field: String,
        /// The encoder in the file.
        found: String,
        /// The encoder of the network.
        expected: &'static str,
    },
    /// An element that no weight, scale or step can be.
    #[error("element {index} of tensor `{tensor}` is {value}: the file is damaged, or its training diverged")]
    Value {
        /// The tensor.
        tensor: String,
        /// Index of the element.
        index: usize,
        /// The element.
        value: f32,
    },
    /// A note that says nothing about this network.
    #[error(
        "the note `{note}` of the file is of no use ({reason}): load the weights of a network with the same layers"
    )]
    Note {
        /// Its name.
        note: String,
        /// What is wrong.
        reason: String,
    },
    /// A layer of a file that was trained as something else than the network declares.
    #[error(
        "the file was trained with {option} {found} of `{field}`, but the network declares {declared}: load it into a network that declares the same, or train this one"
    )]
    Declared {
        /// The field.
        field: String,
        /// What differs.
        option: &'static str,
        /// That of the file.
        found: String,
        /// That of the network.
        declared: String,
    },
    /// Numbers that are finite each, but not together.
    #[error("{0}: the file is damaged, or its training diverged")]
    Unusable(#[from] Unusable),
}

struct Tensor {
    name: String,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

/// Collects the tensors of one field after the other.
#[derive(Default)]
pub(crate) struct TensorWriter {
    field: &'static str,
    tensors: Vec<Tensor>,
    notes: BTreeMap<String, String>,
}

impl TensorWriter {
    /// What follows belongs to this field.
    pub(super) fn start(&mut self, field: &'static str) {
        self.field = field;
    }

    /// Whether what follows belongs to the field of this name.
    pub(super) fn is(&self, field: Option<&str>) -> bool {
        field == Some(self.field)
    }

    pub(super) fn tensor<'a>(
        &mut self,
        part: &str,
        shape: &[usize],
        values: impl IntoIterator<Item = &'a f32>,
    ) {
        let bytes = values.into_iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensors.push(Tensor { name: format!("{}.{part}", self.field), shape: shape.to_vec(), bytes });
    }

    pub(crate) fn note(&mut self, part: &str, value: &str) {
        self.notes.insert(format!("{}.{part}", self.field), value.to_owned());
    }

    /// The file.
    ///
    /// # Errors
    /// When safetensors cannot hold the tensors.
    pub(super) fn finish(self) -> Result<Vec<u8>, SafeTensorError> {
        let views = self
            .tensors
            .iter()
            .map(|tensor| {
                Ok((&tensor.name, TensorView::new(Dtype::F32, tensor.shape.clone(), &tensor.bytes)?))
            })
            .collect::<Result<Vec<_>, SafeTensorError>>()?;
        Ok(with_notes(safetensors::serialize(views, None)?, &self.notes))
    }
}

/// A file of tensors with notes in the order of their names: `safetensors` writes them in the order of a hash map, which is another
/// in each process.
fn with_notes(file: Vec<u8>, notes: &BTreeMap<String, String>) -> Vec<u8> {
    const ALIGNMENT: usize = 8;
    let Some((length, rest)) = file.split_first_chunk::<ALIGNMENT>() else { return file };
    let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
    let (Some((header, data)), Ok(notes)) = (rest.split_at_checked(length), serde_json::to_vec(notes)) else {
        return file;
    };
    let tensors = header.trim_ascii().strip_prefix(b"{").unwrap_or_default();
    let comma: &[u8] = if tensors == b"}" { b"" } else { b"," };
    let mut header = [b"{\"__metadata__\":", &notes[..], comma, tensors].concat();
    header.resize(header.len().next_multiple_of(ALIGNMENT), b' ');
    [&(header.len() as u64).to_le_bytes(), &header[..], data].concat()
}

/// Hands out the tensors of one field after the other.
pub(crate) struct TensorReader<'a> {
    field: &'static str,
    tensors: SafeTensors<'a>,
    notes: HashMap<String, String>,
    seen: Vec<String>,
}

impl<'a> TensorReader<'a> {
    /// Reads a file.
    ///
    /// # Errors
    /// When it is not safetensors.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, SafeTensorError> {
        let tensors = SafeTensors::deserialize(bytes)?;
        let (_, metadata) = SafeTensors::read_metadata(bytes)?;
        let notes = metadata.metadata().clone().unwrap_or_default();
        Ok(Self { field: "", tensors, notes, seen: Vec::new() })
    }

    /// What follows belongs to this field.
    pub(super) fn start(&mut self, field: &'static str) {
        self.field = field;
    }

    fn name(&self, part: &str) -> String {
        format!("{}.{part}", self.field)
    }

    pub(super) fn noted(&self, part: &str) -> Option<&str> {
        self.notes.get(&self.name(part)).map(String::as_str)
    }

    /// The error of a note that cannot be.
    pub(super) fn bad_note(&self, part: &str, reason: String) -> WeightsError {
        WeightsError::Note { note: self.name(part), reason }
    }

    /// Refuses a file whose layer was trained as something else than is declared; files of old say nothing.
    pub(crate) fn agrees(
        &self,
        part: &str,
        option: &'static str,
        declared: &str,
    ) -> Result<(), WeightsError> {
        self.noted(part).map_or(Ok(()), |found| self.is_declared(option, found, declared))
    }

    /// Refuses what was `found` where it is not what is declared.
    pub(crate) fn is_declared(
        &self,
        option: &'static str,
        found: &str,
        declared: &str,
    ) -> Result<(), WeightsError> {
        if found == declared { Ok(()) } else { Err(self.other(option, found, declared)) }
    }

    /// The error of a layer that is declared otherwise.
    pub(super) fn other(&self, option: &'static str, found: &str, declared: &str) -> WeightsError {
        let (found, declared) = (found.to_owned(), declared.to_owned());
        WeightsError::Declared { field: self.field.to_owned(), option, found, declared }
    }

    /// The error of an element that cannot be.
    pub(super) fn bad_value(&self, part: &str, index: usize, value: f32) -> WeightsError {
        WeightsError::Value { tensor: self.name(part), index, value }
    }

    /// The error of an encoder of another kind.
    pub(super) fn other_encoder(&self, found: String, expected: &'static str) -> WeightsError {
        WeightsError::Encoder { field: self.field.to_owned(), found, expected }
    }

    /// The error of a note that does not fit what else is there.
    pub(super) fn stray_note(&self, part: &str) -> WeightsError {
        self.bad_note(part, "it does not fit the tensors beside it".to_owned())
    }

    /// The numbers of a tensor with so many rows of any length.
    pub(super) fn matrix(&mut self, part: &str, rows: usize) -> Result<Vec<f32>, WeightsError> {
        let columns = match self.tensors.tensor(&self.name(part)) {
            Ok(view) => view.shape().get(1).copied().unwrap_or_default(),
            Err(_) => 0,
        };
        self.required(part, &[rows, columns])
    }

    /// As many numbers above zero, where the tensor is there.
    pub(super) fn positive(&mut self, part: &str, count: usize) -> Result<Option<Vec<f32>>, WeightsError> {
        let Some(values) = self.optional(part, &[count])? else { return Ok(None) };
        match values.iter().position(|value| *value <= 0.0) {
            None => Ok(Some(values)),
            Some(index) => Err(self.bad_value(part, index, values[index])),
        }
    }

    /// The least and the greatest level, within those declared and with zero among them; those declared where there are none.
    pub(super) fn levels(&mut self, part: &str, declared: Range) -> Result<Range, WeightsError> {
        let Some(ends) = self.optional(part, &[2])? else { return Ok(declared) };
        let allowed = [declared.lo as f32..=0.0, 0.0..=declared.hi as f32];
        let is_right =
            |(end, allowed): (&f32, &RangeInclusive<f32>)| end.fract() == 0.0 && allowed.contains(end);
        match ends.iter().zip(&allowed).position(|end| !is_right(end)) {
            Some(index) => Err(self.bad_value(part, index, ends[index])),
            None => Ok(Range::new(ends[0] as i64, ends[1] as i64)),
        }
    }

    pub(super) fn required(&mut self, part: &str, shape: &[usize]) -> Result<Vec<f32>, WeightsError> {
        match self.optional(part, shape)? {
            Some(values) => Ok(values),
            None => Err(WeightsError::Missing { tensor: self.name(part) }),
        }
    }

    pub(super) fn optional(&mut self, part: &str, shape: &[usize]) -> Result<Option<Vec<f32>>, WeightsError> {
        let name = self.name(part);
        let Ok(view) = self.tensors.tensor(&name) else { return Ok(None) };
        if view.dtype() != Dtype::F32 || view.shape() != shape {
            return Err(WeightsError::Shape {
                tensor: name,
                found: view.shape().to_vec(),
                dtype: view.dtype(),
                expected: shape.to_vec(),
            });
        }
        let (words, _) = view.data().as_chunks::<4>();
        let values: Vec<f32> = words.iter().map(|&word| f32::from_le_bytes(word)).collect();
        if let Some(index) = values.iter().position(|value| !value.is_finite()) {
            return Err(self.bad_value(part, index, values[index]));
        }
        self.seen.push(name);
        Ok(Some(values))
    }

    /// # Errors
    /// When the file has a tensor that nothing has read.
    pub(super) fn finish(self) -> Result<(), WeightsError> {
        match self.tensors.names().into_iter().find(|name| !self.seen.iter().any(|seen| seen == name)) {
            Some(tensor) => Err(WeightsError::Unknown { tensor: tensor.to_owned() }),
            None => Ok(()),
        }
    }
}

/// A range as notes have it.
pub(super) fn noted_range(range: Range) -> String {
    format!("{}..={}", range.lo, range.hi)
}

/// Numbers by rows as a matrix.
pub(super) fn shaped(values: Vec<f32>, (rows, columns): (usize, usize)) -> Array2<f32> {
    let mut values = values.into_iter();
    Array2::from_shape_simple_fn((rows, columns), || values.next().unwrap_or_default())
}

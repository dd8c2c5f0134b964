//! Files of tensors named `field.part`, and notes of the same names beside them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::RangeInclusive,
};

use fheqat_spec::Range;
use ndarray::Array2;
use safetensors::{Dtype, SafeTensorError, SafeTensors, tensor::TensorView};
use thiserror::Error;

pub use super::misfit::Misfit;
use super::{
    error::{NetworkError, Unusable},
    misfit,
    pytorch::{self, Holder, Stored},
};
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
    /// Tensors that the network lacks or does not know, or of another shape or element type: all of them.
    #[error("{}", misfit::listed(.misfits))]
    Tensors {
        /// What is wrong, a tensor each.
        misfits: Vec<Misfit>,
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

impl WeightsError {
    /// Whether a note of the file says what is wrong.
    pub(super) const fn is_of_a_note(&self) -> bool {
        matches!(self, Self::Encoder { .. } | Self::Note { .. } | Self::Declared { .. })
    }
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

/// Hands out the tensors of one field after the other. Tensors that do not fit are collected: zeros stand for them until
/// [`TensorReader::finish`] refuses the file.
pub(crate) struct TensorReader<'a> {
    field: &'static str,
    tensors: BTreeMap<String, Stored<'a>>,
    notes: HashMap<String, String>,
    is_own: bool,
    asked: Vec<String>,
    seen: BTreeSet<String>,
    misfits: Vec<Misfit>,
    /// The first tensor with an element that is not finite.
    damaged: Option<WeightsError>,
}

impl<'a> TensorReader<'a> {
    /// Reads a file for a network with the layers `holders`, whose fields read one another in order if `is_chain`.
    ///
    /// # Errors
    /// When it is not safetensors, or numbers its layers and the network has not as many.
    pub(super) fn new(bytes: &'a [u8], holders: &[Holder], is_chain: bool) -> Result<Self, WeightsError> {
        let tensors = SafeTensors::deserialize(bytes)?;
        let (_, metadata) = SafeTensors::read_metadata(bytes)?;
        let notes = metadata.metadata().clone().unwrap_or_default();
        let is_own = notes.keys().any(|note| {
            note.split_once('.').is_some_and(|(field, _)| holders.iter().any(|holder| holder.name == field))
        });
        let mut misfits = Vec::new();
        let tensors = if is_own {
            pytorch::as_they_are(tensors.tensors())
        } else {
            pytorch::named(tensors.tensors(), holders, is_chain, &mut misfits)
                .map_err(|misfit| WeightsError::Tensors { misfits: vec![misfit] })?
        };
        let (asked, seen) = (Vec::new(), BTreeSet::new());
        Ok(Self { field: "", tensors, notes, is_own, asked, seen, misfits, damaged: None })
    }

    /// Whether fheqat wrote the file.
    pub(super) const fn is_own(&self) -> bool {
        self.is_own
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
    pub(super) fn matrix(&mut self, part: &str, rows: usize) -> Vec<f32> {
        let stored = self.tensors.get(&self.name(part));
        let columns = stored.and_then(|stored| stored.shape().get(1).copied()).unwrap_or_default();
        self.needed(part, &[vec![rows, columns]]).unwrap_or_default()
    }

    /// As many numbers above zero, where the tensor is there.
    pub(super) fn positive(&mut self, part: &str, count: usize) -> Result<Option<Vec<f32>>, WeightsError> {
        let Some(values) = self.optional(part, &[count]) else { return Ok(None) };
        match values.iter().position(|value| *value <= 0.0) {
            None => Ok(Some(values)),
            Some(index) => Err(self.bad_value(part, index, values[index])),
        }
    }

    /// The least and the greatest level, within those declared and with zero among them; those declared where there are none.
    pub(super) fn levels(&mut self, part: &str, declared: Range) -> Result<Range, WeightsError> {
        let Some(ends) = self.optional(part, &[2]) else { return Ok(declared) };
        let allowed = [declared.lo as f32..=0.0, 0.0..=declared.hi as f32];
        let is_right =
            |(end, allowed): (&f32, &RangeInclusive<f32>)| end.fract() == 0.0 && allowed.contains(end);
        match ends.iter().zip(&allowed).position(|end| !is_right(end)) {
            Some(index) => Err(self.bad_value(part, index, ends[index])),
            None => Ok(Range::new(ends[0] as i64, ends[1] as i64)),
        }
    }

    pub(super) fn required(&mut self, part: &str, shape: &[usize]) -> Vec<f32> {
        self.required_in(part, &[shape.to_vec()])
    }

    /// A tensor of one of several shapes of as many numbers.
    pub(super) fn required_in(&mut self, part: &str, shapes: &[Vec<usize>]) -> Vec<f32> {
        let count = shapes.last().map_or(0, |shape| shape.iter().product());
        self.needed(part, shapes).unwrap_or_else(|| vec![0.0; count])
    }

    /// A tensor that is a misfit where it is not there.
    fn needed(&mut self, part: &str, shapes: &[Vec<usize>]) -> Option<Vec<f32>> {
        let before = self.misfits.len();
        let values = self.optional_in(part, shapes);
        if values.is_none() && self.misfits.len() == before {
            let expected = shapes.last().cloned().unwrap_or_default();
            self.misfits.push(Misfit::Missing { tensor: self.name(part), expected, nearest: None });
        }
        values
    }

    pub(super) fn optional(&mut self, part: &str, shape: &[usize]) -> Option<Vec<f32>> {
        self.optional_in(part, &[shape.to_vec()])
    }

    /// A tensor of one of several shapes of as many numbers, where it is there.
    pub(super) fn optional_in(&mut self, part: &str, shapes: &[Vec<usize>]) -> Option<Vec<f32>> {
        let name = self.name(part);
        let expected = shapes.last().cloned().unwrap_or_default();
        self.asked.push(name.clone());
        let stored = self.tensors.get(&name)?;
        self.seen.insert(name);
        let (tensor, found) = (stored.name.clone(), stored.shape().to_vec());
        if !shapes.contains(&found) {
            self.misfits.push(Misfit::Shape { tensor, read_as: self.name(part), found, expected });
            return None;
        }
        let values = match stored.values() {
            Ok(values) => values,
            Err(dtype) => {
                self.misfits.push(Misfit::Type { tensor, dtype });
                return None;
            }
        };
        if let Some(index) = values.iter().position(|value| !value.is_finite()) {
            let value = values[index];
            self.damaged.get_or_insert(WeightsError::Value { tensor, index, value });
        }
        Some(values)
    }

    /// Whether all tensors so far fit.
    pub(super) const fn fits(&self) -> bool {
        self.misfits.is_empty()
    }

    /// Notes what else does not fit.
    pub(super) fn refuse(&mut self, misfit: Misfit) {
        self.misfits.push(misfit);
    }

    /// # Errors
    /// When a tensor does not fit, the file has one that nothing has read, or an element is not finite.
    pub(super) fn finish(self) -> Result<(), WeightsError> {
        let unread: Vec<(&str, &[usize])> = self
            .tensors
            .iter()
            .filter(|(name, _)| !self.seen.contains(*name))
            .map(|(_, stored)| (&*stored.name, stored.shape()))
            .collect();
        let misfits = misfit::with_unread(self.misfits, &unread, &self.asked);
        match self.damaged {
            _ if !misfits.is_empty() => Err(WeightsError::Tensors { misfits }),
            Some(damaged) => Err(damaged),
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

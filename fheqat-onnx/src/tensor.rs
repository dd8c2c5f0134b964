//! Constants of a graph.

use crate::proto::{TensorProto, tensor_proto::DataLocation, tensor_proto::DataType};

/// The most axes of a constant.
const MOST_AXES: usize = 8;

/// Numbers of a shape, in the order of rows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tensor {
    pub(crate) dims: Vec<usize>,
    pub(crate) numbers: Numbers,
}

/// Floats or integers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Numbers {
    Floats(Vec<f32>),
    /// Integers, with the least and the greatest of their type.
    Integers(Vec<i64>, (i64, i64)),
}

impl Tensor {
    pub(crate) fn float(value: f32) -> Self {
        Self { dims: Vec::new(), numbers: Numbers::Floats(vec![value]) }
    }

    pub(crate) fn floats(values: Vec<f32>) -> Self {
        Self { dims: vec![values.len()], numbers: Numbers::Floats(values) }
    }

    pub(crate) fn integers(values: Vec<i64>) -> Self {
        Self { dims: vec![values.len()], numbers: Numbers::Integers(values, (i64::MIN, i64::MAX)) }
    }

    /// What a file has.
    ///
    /// # Errors
    /// When the numbers are elsewhere, of a type that is not read, or not as many as the shape says.
    pub(crate) fn read(proto: &TensorProto) -> Result<Self, String> {
        let name = crate::node::printable(proto.name.as_deref().unwrap_or_default());
        if !proto.external_data.is_empty() || proto.data_location == Some(DataLocation::External as i32) {
            return Err(format!(
                "the numbers of `{name}` are in another file: save the model with all of its data in one file"
            ));
        }
        if proto.dims.len() > MOST_AXES {
            return Err(format!("`{name}` has {} axes, but at most {MOST_AXES} are read", proto.dims.len()));
        }
        let dims: Option<Vec<usize>> = proto.dims.iter().map(|&dim| usize::try_from(dim).ok()).collect();
        let count =
            dims.as_ref().and_then(|dims| dims.iter().try_fold(1usize, |all, &dim| all.checked_mul(dim)));
        let (Some(dims), Some(count)) = (dims, count) else {
            return Err(format!("the shape {:?} of `{name}` cannot be", proto.dims));
        };
        let numbers = numbers(proto).ok_or_else(|| {
            let found = DataType::try_from(proto.data_type.unwrap_or_default());
            let found = found.map_or("an unknown type", |found| found.as_str_name());
            format!("the numbers of `{name}` are {found}, or cut off: FLOAT, DOUBLE, BOOL and integers of 8 to 64 bits are read")
        })?;
        if numbers.len() != count {
            return Err(format!("`{name}` has the shape {dims:?}, but {} numbers", numbers.len()));
        }
        Ok(Self { dims, numbers })
    }

    /// As floats.
    pub(crate) fn to_floats(&self) -> Vec<f32> {
        match &self.numbers {
            Numbers::Floats(values) => values.clone(),
            Numbers::Integers(values, _) => values.iter().map(|&value| value as f32).collect(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Its axes in another order.
    pub(crate) fn transposed(&self, order: &[usize]) -> Option<Self> {
        let dims = permuted(&self.dims, order)?;
        let places = places(&self.dims, order)?;
        let numbers = match &self.numbers {
            Numbers::Floats(values) => Numbers::Floats(places.iter().map(|&place| values[place]).collect()),
            Numbers::Integers(values, ends) => {
                Numbers::Integers(places.iter().map(|&place| values[place]).collect(), *ends)
            }
        };
        Some(Self { dims, numbers })
    }
}

impl Numbers {
    fn len(&self) -> usize {
        match self {
            Self::Floats(values) => values.len(),
            Self::Integers(values, _) => values.len(),
        }
    }
}

/// Dimensions in another order; `None` where it is none of them.
pub(crate) fn permuted(dims: &[usize], order: &[usize]) -> Option<Vec<usize>> {
    let is_each_once = (0..dims.len()).all(|axis| order.contains(&axis)) && order.len() == dims.len();
    is_each_once.then(|| order.iter().map(|&axis| dims[axis]).collect())
}

/// Where each number of a transposed tensor was.
pub(crate) fn places(dims: &[usize], order: &[usize]) -> Option<Vec<usize>> {
    let new = permuted(dims, order)?;
    let mut strides = vec![1; dims.len()];
    for axis in (1..dims.len()).rev() {
        strides[axis - 1] = strides[axis] * dims[axis];
    }
    let count: usize = dims.iter().product();
    let place = |mut number: usize| {
        let mut place = 0;
        for (&axis, &dim) in order.iter().zip(&new).rev() {
            place += number % dim * strides[axis];
            number /= dim;
        }
        place
    };
    Some((0..count).map(place).collect())
}

/// Whole words only.
fn words<const BYTES: usize, T>(bytes: &[u8], read: fn([u8; BYTES]) -> T) -> Option<Vec<T>> {
    let (words, rest) = bytes.as_chunks::<BYTES>();
    rest.is_empty().then(|| words.iter().map(|&word| read(word)).collect())
}

fn numbers(proto: &TensorProto) -> Option<Numbers> {
    let of_type = DataType::try_from(proto.data_type?).ok()?;
    let raw = proto.raw_data.as_deref().filter(|raw| !raw.is_empty());
    let narrow = || proto.int32_data.iter().map(|&value| i64::from(value)).collect::<Vec<_>>();
    let (values, ends): (Vec<i64>, (i64, i64)) = match (of_type, raw) {
        (DataType::Float, Some(raw)) => return words(raw, f32::from_le_bytes).map(Numbers::Floats),
        (DataType::Float, None) => return Some(Numbers::Floats(proto.float_data.clone())),
        (DataType::Double, raw) => {
            let values = match raw {
                Some(raw) => words(raw, f64::from_le_bytes)?,
                None => proto.double_data.clone(),
            };
            return Some(Numbers::Floats(values.into_iter().map(|value| value as f32).collect()));
        }
        (DataType::Int64, raw) => {
            let values = match raw {
                Some(raw) => words(raw, i64::from_le_bytes)?,
                None => proto.int64_data.clone(),
            };
            (values, (i64::MIN, i64::MAX))
        }
        (DataType::Int8, Some(raw)) => (words(raw, |[byte]| i64::from(byte as i8))?, (-128, 127)),
        (DataType::Int8, None) => (narrow(), (-128, 127)),
        (DataType::Uint8 | DataType::Bool, Some(raw)) => (words(raw, |[byte]| i64::from(byte))?, (0, 255)),
        (DataType::Uint8 | DataType::Bool, None) => (narrow(), (0, 255)),
        (DataType::Int16, Some(raw)) => {
            (words(raw, |word| i64::from(i16::from_le_bytes(word)))?, (-(1 << 15), (1 << 15) - 1))
        }
        (DataType::Int16, None) => (narrow(), (-(1 << 15), (1 << 15) - 1)),
        (DataType::Uint16, Some(raw)) => {
            (words(raw, |word| i64::from(u16::from_le_bytes(word)))?, (0, 65_535))
        }
        (DataType::Uint16, None) => (narrow(), (0, 65_535)),
        (DataType::Int32, raw) => {
            let ends = (i64::from(i32::MIN), i64::from(i32::MAX));
            (
                raw.map_or_else(
                    || Some(narrow()),
                    |raw| words(raw, |word| i64::from(i32::from_le_bytes(word))),
                )?,
                ends,
            )
        }
        _ => return None,
    };
    values.iter().all(|value| (ends.0..=ends.1).contains(value)).then_some(Numbers::Integers(values, ends))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_change_places() {
        let tensor = Tensor { dims: vec![2, 3], numbers: Numbers::Integers((0..6).collect(), (0, 9)) };
        let turned = tensor.transposed(&[1, 0]).unwrap();
        assert_eq!(
            (turned.dims.as_slice(), &turned.numbers),
            (&[3, 2][..], &Numbers::Integers(vec![0, 3, 1, 4, 2, 5], (0, 9)))
        );
        assert_eq!(turned.transposed(&[1, 0]).unwrap(), tensor);
        assert!(tensor.transposed(&[0, 0]).is_none() && tensor.transposed(&[0]).is_none());
    }

    #[test]
    fn lengths_that_lie_are_found() {
        let proto = |dims: &[i64], bytes: usize| TensorProto {
            dims: dims.to_vec(),
            data_type: Some(DataType::Float as i32),
            raw_data: Some(vec![0; bytes]),
            ..TensorProto::default()
        };
        assert!(Tensor::read(&proto(&[2, 2], 16)).is_ok());
        for (dims, bytes) in [
            (&[2, 2][..], 15),
            (&[2, 3], 16),
            (&[-2, -2], 16),
            (&[i64::MAX, i64::MAX], 16),
            (&[1 << 32, 1 << 32], 0),
        ] {
            assert!(Tensor::read(&proto(dims, bytes)).is_err(), "{dims:?} {bytes}");
        }
    }
}

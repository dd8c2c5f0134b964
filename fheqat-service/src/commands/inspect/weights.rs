//! Files of weights, which `Network::save` writes as safetensors.

use fheqat::params::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Fact, Facts};

/// The longest header that is read, in bytes.
const LONGEST: usize = 1 << 24;

#[derive(Deserialize)]
struct Tensor {
    dtype: String,
    shape: Vec<u64>,
}

/// What the header of a file of weights says; `None` of any other file.
pub(super) fn facts(bytes: &[u8]) -> Option<Facts> {
    let (length, rest) = bytes.split_first_chunk()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok().filter(|length| *length <= LONGEST)?;
    let header: Map<String, Value> = serde_json::from_slice(rest.get(..length)?).ok()?;
    let mut tensors = Vec::new();
    let mut numbers: u64 = 0;
    for (name, tensor) in header.into_iter().filter(|(name, _)| name != "__metadata__") {
        let Tensor { dtype, shape } = serde_json::from_value(tensor).ok()?;
        numbers =
            numbers.saturating_add(shape.iter().fold(1, |product: u64, side| product.saturating_mul(*side)));
        let line = format!("{name} {shape:?} {dtype}");
        tensors.push((json!({ "name": name, "type": dtype, "shape": shape }), line));
    }
    Some(vec![
        Fact::new("kind", "weights"),
        Fact::new("format", "safetensors"),
        Fact::size("size", Bytes(bytes.len() as u64)),
        Fact::new("numbers", numbers),
        Fact::list("tensors", tensors),
    ])
}

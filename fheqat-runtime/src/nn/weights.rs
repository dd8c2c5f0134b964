//! What a network has learned, as a file of tensors named `field.part`.
//!
//! A layer has `weight` `[out, in]` in units of its `scale` `[1]`, or `[out]` where each row has its own, `bias` `[out]` and,
//! pruned, `mask` `[out, in]` of ones and zeros, where `in` of a convolution is the fan-in of a filter; a quantizer has `step`
//! `[1]` unless it has that of another, `levels` `[2]`, the least and the greatest, where training left some of them out, and
//! where it standardises the network's input `mean` and `deviation` `[features]`; a batch normalisation has `weight`, `bias`,
//! `running_mean` and `running_var`, `[channels]` each. A scale or step that nothing has chosen yet is left out. The metadata say
//! which biases are held centred, and which budget each layer has.

use std::{collections::HashMap, ops::RangeInclusive, path::Path};

use fheqat_spec::{Bias, Range};
use ndarray::{Array1, Array2};
use safetensors::{Dtype, SafeTensorError, SafeTensors, tensor::TensorView};
use thiserror::Error;

use super::{
    NetworkError,
    layer::{LinearState, NormState},
    program::{Node, Op, Program},
};
use crate::{
    file::{self, FileError},
    quant::Standardization,
};

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
}

const CENTRED: &str = "centred";
const FREE: &str = "free";
const LEVELS: &str = "levels";
const MEAN: &str = "mean";
const DEVIATION: &str = "deviation";

struct Tensor {
    name: String,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Tensor {
    fn new<'a>(field: &str, part: &str, shape: &[usize], values: impl IntoIterator<Item = &'a f32>) -> Self {
        let bytes = values.into_iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { name: format!("{field}.{part}"), shape: shape.to_vec(), bytes }
    }
}

pub(super) fn save(program: &Program, path: &Path) -> Result<(), WeightsError> {
    let mut tensors = Vec::new();
    let mut metadata = HashMap::new();
    for (index, Node { name, op, .. }) in program.nodes.iter().enumerate() {
        match op {
            Op::Quantizer(state) => {
                let step = state.step.iter().filter(|_| program.owner(index) == Some(index));
                tensors.extend(step.map(|step| Tensor::new(name, "step", &[1], [step])));
                let ends = [state.levels.lo as f32, state.levels.hi as f32];
                let levels = Some(ends).filter(|_| state.levels != state.declared);
                tensors.extend(levels.map(|ends| Tensor::new(name, LEVELS, &[2], &ends)));
                tensors.extend(state.standardization.iter().flat_map(|standardization| {
                    let (mean, deviation) = (standardization.mean(), standardization.deviation());
                    [(MEAN, mean), (DEVIATION, deviation)]
                        .map(|(part, values)| Tensor::new(name, part, &[values.len()], values))
                }));
            }
            Op::Linear(state) => {
                tensors.push(Tensor::new(name, "weight", state.weight.shape(), &state.weight));
                tensors.push(Tensor::new(name, "bias", state.bias.shape(), &state.bias));
                let scale = state.scale.iter();
                tensors.extend(scale.map(|scale| Tensor::new(name, "scale", scale.shape(), scale)));
                tensors.extend(state.mask.iter().map(|mask| {
                    let ones = mask.mapv(|kept| f32::from(u8::from(kept)));
                    Tensor::new(name, "mask", mask.shape(), &ones)
                }));
                let held = if state.hold == Bias::Centred { CENTRED } else { FREE };
                metadata.insert(format!("{name}.bias"), held.to_owned());
                if let Some(budget) = state.limits.max_l1 {
                    metadata.insert(format!("{name}.max_l1"), budget.to_string());
                }
            }
            Op::Norm(state) => {
                for (part, values) in [
                    ("weight", &state.gamma),
                    ("bias", &state.beta),
                    ("running_mean", &state.mean),
                    ("running_var", &state.variance),
                ] {
                    tensors.push(Tensor::new(name, part, values.shape(), values));
                }
            }
            Op::Sum(_) | Op::Join(_) | Op::Permute(_) | Op::Pool(_) => {}
        }
    }
    let views = tensors
        .iter()
        .map(|tensor| Ok((&tensor.name, TensorView::new(Dtype::F32, tensor.shape.clone(), &tensor.bytes)?)))
        .collect::<Result<Vec<_>, SafeTensorError>>()?;
    let bytes = safetensors::serialize(views, Some(metadata))?;
    Ok(file::write(path, |to| to.write_all(&bytes))?)
}

pub(super) fn load(program: &mut Program, path: &Path) -> Result<(), WeightsError> {
    let bytes = file::read(path)?;
    let tensors = SafeTensors::deserialize(&bytes)?;
    let (_, metadata) = SafeTensors::read_metadata(&bytes)?;
    let held = metadata.metadata().clone().unwrap_or_default();
    let mut reader = Reader { tensors, seen: Vec::new() };
    let owns: Vec<bool> = (0..program.nodes.len()).map(|index| program.owner(index) == Some(index)).collect();
    let features = program.features;
    for (Node { name, from, op, .. }, owns) in program.nodes.iter_mut().zip(owns) {
        match op {
            Op::Quantizer(state) => {
                let step = if owns { reader.positive(name, "step", 1)? } else { None };
                state.step = step.and_then(|step| step.first().copied());
                state.levels = reader.levels(name, state.declared)?;
                state.standardization = match from {
                    None => reader.standardization(name, features)?,
                    Some(_) => None,
                };
            }
            Op::Linear(state) => {
                reader.linear(name, state)?;
                state.hold = match held.get(&format!("{name}.bias")).map(String::as_str) {
                    Some(FREE) if state.declared != Bias::None => Bias::Free,
                    _ => state.declared,
                };
                let budget = held.get(&format!("{name}.max_l1")).and_then(|budget| budget.parse().ok());
                state.limits.max_l1 = match (budget, state.declared_l1) {
                    (Some(chosen), Some(declared)) => Some(declared.min(chosen)),
                    (chosen, declared) => chosen.or(declared),
                };
            }
            Op::Norm(state) => reader.norm(name, state)?,
            Op::Sum(_) | Op::Join(_) | Op::Permute(_) | Op::Pool(_) => {}
        }
    }
    reader.finish()
}

struct Reader<'a> {
    tensors: SafeTensors<'a>,
    seen: Vec<String>,
}

impl Reader<'_> {
    fn linear(&mut self, field: &str, state: &mut LinearState) -> Result<(), WeightsError> {
        let (rows, columns) = state.weight.dim();
        let weight = self.required(field, "weight", &[rows, columns])?;
        state.weight = shaped(weight, (rows, columns));
        state.bias = Array1::from_vec(self.required(field, "bias", &[rows])?);
        state.scale = self.positive(field, "scale", state.scales())?.map(Array1::from_vec);
        let mask = self.optional(field, "mask", &[rows, columns])?;
        state.mask = mask.map(|mask| shaped(mask, (rows, columns)).mapv(|one: f32| one != 0.0));
        if let Some(mask) = &state.mask {
            state.weight.zip_mut_with(mask, |weight, &kept| {
                if !kept {
                    *weight = 0.0;
                }
            });
        }
        Ok(())
    }

    fn norm(&mut self, field: &str, state: &mut NormState) -> Result<(), WeightsError> {
        let shape = [state.gamma.len()];
        for (part, values) in [
            ("weight", &mut state.gamma),
            ("bias", &mut state.beta),
            ("running_mean", &mut state.mean),
            ("running_var", &mut state.variance),
        ] {
            *values = Array1::from_vec(self.required(field, part, &shape)?);
        }
        match state.variance.iter().position(|value| *value < 0.0) {
            None => Ok(()),
            Some(index) => Err(WeightsError::Value {
                tensor: format!("{field}.running_var"),
                index,
                value: state.variance[index],
            }),
        }
    }

    fn positive(&mut self, field: &str, part: &str, count: usize) -> Result<Option<Vec<f32>>, WeightsError> {
        let Some(values) = self.optional(field, part, &[count])? else { return Ok(None) };
        match values.iter().position(|value| *value <= 0.0) {
            None => Ok(Some(values)),
            Some(index) => {
                Err(WeightsError::Value { tensor: format!("{field}.{part}"), index, value: values[index] })
            }
        }
    }

    fn levels(&mut self, field: &str, declared: Range) -> Result<Range, WeightsError> {
        let Some(ends) = self.optional(field, LEVELS, &[2])? else { return Ok(declared) };
        let allowed = [declared.lo as f32..=0.0, 0.0..=declared.hi as f32];
        let is_right =
            |(end, allowed): (&f32, &RangeInclusive<f32>)| end.fract() == 0.0 && allowed.contains(end);
        match ends.iter().zip(&allowed).position(|end| !is_right(end)) {
            Some(index) => {
                Err(WeightsError::Value { tensor: format!("{field}.{LEVELS}"), index, value: ends[index] })
            }
            None => Ok(Range::new(ends[0] as i64, ends[1] as i64)),
        }
    }

    fn standardization(
        &mut self,
        field: &str,
        features: usize,
    ) -> Result<Option<Standardization>, WeightsError> {
        let Some(mean) = self.optional(field, MEAN, &[features])? else { return Ok(None) };
        let deviation = self.required(field, DEVIATION, &[features])?;
        if let Some(index) = deviation.iter().position(|deviation| *deviation <= 0.0) {
            let tensor = format!("{field}.{DEVIATION}");
            return Err(WeightsError::Value { tensor, index, value: deviation[index] });
        }
        Ok(Standardization::checked(mean, deviation, features))
    }

    fn required(&mut self, field: &str, part: &str, shape: &[usize]) -> Result<Vec<f32>, WeightsError> {
        let missing = || WeightsError::Missing { tensor: format!("{field}.{part}") };
        self.optional(field, part, shape)?.ok_or_else(missing)
    }

    fn optional(
        &mut self,
        field: &str,
        part: &str,
        shape: &[usize],
    ) -> Result<Option<Vec<f32>>, WeightsError> {
        let name = format!("{field}.{part}");
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
            return Err(WeightsError::Value { tensor: name, index, value: values[index] });
        }
        self.seen.push(name);
        Ok(Some(values))
    }

    fn finish(self) -> Result<(), WeightsError> {
        match self.tensors.names().into_iter().find(|name| !self.seen.iter().any(|seen| seen == name)) {
            Some(tensor) => Err(WeightsError::Unknown { tensor: tensor.to_owned() }),
            None => Ok(()),
        }
    }
}

fn shaped(values: Vec<f32>, (rows, columns): (usize, usize)) -> Array2<f32> {
    let mut values = values.into_iter();
    Array2::from_shape_simple_fn((rows, columns), || values.next().unwrap_or_default())
}

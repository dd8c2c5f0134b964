//! The network that an import puts together: fields in the order they run, with what each has learned.

use fheqat_runtime::spec::{Field, Known, Layer, Net, Range, Shape, Source};

pub(crate) use crate::curve::Curve;

/// A field of the struct.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Planned {
    pub(crate) name: String,
    pub(crate) layer: Layer,
    pub(crate) from: Vec<Source>,
    pub(crate) curve: Option<Curve>,
    pub(crate) learned: Learned,
    /// The shape of what it gives, without the batch.
    pub(crate) shape: Vec<usize>,
    /// Where it gives levels: the quantizer whose step they have.
    pub(crate) quantizer: Option<usize>,
}

/// What a layer has learned.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Learned {
    Nothing,
    /// Integer weights `[out, in]` by rows, scales `[1]` or `[out]`, and the bias `[out]`.
    Weights {
        integers: Vec<i32>,
        scales: Vec<f32>,
        bias: Option<Vec<f32>>,
    },
    /// `[channels]` each, for an epsilon of 1e-5.
    Norm {
        gamma: Vec<f32>,
        beta: Vec<f32>,
        mean: Vec<f32>,
        variance: Vec<f32>,
    },
    /// The step, the levels that it gives of those declared, and how features are standardised in front of it.
    Step {
        step: f32,
        levels: Range,
        standardization: Option<Standardization>,
    },
}

/// What each feature is moved and divided by.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Standardization {
    pub(crate) mean: Vec<f32>,
    pub(crate) deviation: Vec<f32>,
}

impl Planned {
    /// Width of what it gives.
    pub(crate) fn width(&self) -> usize {
        self.shape.iter().product()
    }

    /// Its step, where it is a quantizer.
    pub(crate) fn step(&self) -> Option<f32> {
        match self.learned {
            Learned::Step { step, .. } => Some(step),
            _ => None,
        }
    }

    /// Numbers of each row of its weights.
    pub(crate) fn fan_in(&self) -> Option<usize> {
        let row = match &self.layer {
            Layer::Linear(linear) => *linear,
            Layer::Conv(conv) => conv.row(),
            _ => return None,
        };
        usize::try_from(row.inputs.get()?).ok()
    }
}

/// The description of the network for the laws.
pub(crate) fn with_net<T>(
    name: &str,
    input: Option<&[usize]>,
    fields: &[Planned],
    then: impl FnOnce(&Net<'_>) -> T,
) -> T {
    let described: Vec<Field<'_>> = fields
        .iter()
        .map(|field| Field { name: &field.name, layer: field.layer, from: &field.from })
        .collect();
    let input = input.map(shape);
    then(&Net { name, input, max_bootstraps: None, tolerance: None, fields: &described })
}

/// A shape as the laws have it; one of no or too many axes is cut.
pub(crate) fn shape(dims: &[usize]) -> Shape {
    let dims: Vec<Known<i64>> = dims.iter().map(|&dim| number(dim)).collect();
    let most = fheqat_runtime::spec::limits::MAX_RANK;
    if dims.is_empty() { Shape::new(&[Known::Now(1)]) } else { Shape::new(&dims[..dims.len().min(most)]) }
}

/// A number as the laws have it.
pub(crate) fn number(value: usize) -> Known<i64> {
    Known::Now(i64::try_from(value).unwrap_or(i64::MAX))
}

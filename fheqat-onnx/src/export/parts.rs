//! What an export reads of a network.

use fheqat_runtime::{
    nn::{
        Assembled, LinearState, NetworkError, NormState, QuantizerState,
        module::{LayerRef, Layers},
        quantized::Quantized,
    },
    quant::{Code, Encoder, Transform, transition::Channel},
    spec::{Fact, Layer, Net, Range, Shape, Source, judge_each},
};

use super::ExportError;

/// A trained network as an export reads it.
#[derive(Clone, Debug)]
pub struct Trained {
    pub(super) net: Net<'static>,
    pub(super) quantized: Quantized,
    pub(super) facts: Vec<Fact>,
    pub(super) learned: Vec<Part>,
}

/// What a field has learned.
#[derive(Clone, Debug)]
pub(super) enum Part {
    Nothing,
    Step(f32),
    Weights { scales: Vec<f32>, bias: Vec<f32> },
    Norm(Vec<Channel>),
}

impl Trained {
    /// Reads a struct with `#[quant_net]`.
    ///
    /// # Errors
    /// When it breaks a law, or a layer is not calibrated.
    pub fn of<N: Layers>(network: &N) -> Result<Self, ExportError> {
        Self::new(N::SPEC, network.layers(), Quantized::of(network)?)
    }

    /// Reads a network that was put together at run time.
    ///
    /// # Errors
    /// When a layer has learned nothing.
    pub fn assembled(network: &Assembled) -> Result<Self, ExportError> {
        Self::new(*network.net(), network.layers(), network.quantized()?)
    }

    fn new(net: Net<'static>, layers: Vec<LayerRef<'_>>, quantized: Quantized) -> Result<Self, ExportError> {
        let facts: Vec<Fact> = judge_each(&net).iter().map(|verdict| verdict.fact).collect();
        let mut learned = Vec::with_capacity(layers.len());
        for (field, layer) in net.fields.iter().zip(layers) {
            let not_calibrated = || NetworkError::NotCalibrated { field: field.name.to_owned() };
            learned.push(if let Some(state) = layer.state::<QuantizerState>() {
                Part::Step(state.quantizer().ok_or_else(not_calibrated)?.step)
            } else if let Some(state) = layer.state::<LinearState>() {
                let scales = state.scale().ok_or_else(not_calibrated)?;
                Part::Weights { scales: scales.to_vec(), bias: state.bias().to_vec() }
            } else if let Some(state) = layer.state::<NormState>() {
                Part::Norm(state.channels().collect())
            } else {
                Part::Nothing
            });
        }
        Ok(Self { net, quantized, facts, learned })
    }

    /// The error of a field.
    pub(super) fn failed(&self, index: usize, reason: &str) -> ExportError {
        ExportError::Layer { field: self.net.fields[index].name.to_owned(), reason: reason.to_owned() }
    }

    /// Dimensions of what a field gives, without the batch.
    pub(super) fn dims(&self, index: usize) -> Vec<i64> {
        let shape = self.facts[index].shape.get();
        shape.iter().flat_map(Shape::dims).filter_map(|dim| dim.get()).collect()
    }

    /// The axes behind the channels of what a field reads.
    pub(super) fn over(&self, index: usize) -> Vec<i64> {
        let dims = match self.net.fields[index].from.first() {
            Some(&Source::Field(from)) => self.dims(from),
            _ => self.input_dims(),
        };
        dims.get(1..).unwrap_or_default().to_vec()
    }

    /// Dimensions of the input.
    pub(super) fn input_dims(&self) -> Vec<i64> {
        let shape = self.net.input_shape().get();
        shape.iter().flat_map(Shape::dims).filter_map(|dim| dim.get()).collect()
    }

    /// The range of what a field gives.
    pub(super) fn range(&self, index: usize) -> Range {
        self.facts[index].range.or(Range::new(0, 0))
    }

    /// The step of a quantizer.
    pub(super) fn step(&self, index: usize) -> Option<f32> {
        match self.learned[index] {
            Part::Step(step) => Some(step),
            _ => None,
        }
    }

    /// The step of the levels that a field gives.
    pub(super) fn step_of_levels(&self, index: usize) -> Option<f32> {
        match (self.step(index), self.net.fields[index].from.first()) {
            (Some(step), _) => Some(step),
            (None, Some(&Source::Field(from))) => self.step_of_levels(from),
            _ => None,
        }
    }

    /// The quantizers that read the sums of a field, or what a normalisation makes of them.
    pub(super) fn quantizers_of(&self, index: usize) -> Vec<usize> {
        let readers = (index + 1..self.net.fields.len())
            .filter(|&reader| self.net.fields[reader].from.contains(&Source::Field(index)));
        readers
            .flat_map(|reader| match self.net.fields[reader].layer {
                Layer::Quantizer(_) => vec![reader],
                Layer::BatchNorm => self.quantizers_of(reader),
                _ => Vec::new(),
            })
            .collect()
    }

    /// The tensors that a field reads, of those that each field gives.
    pub(super) fn operands(&self, index: usize, values: &[String]) -> Vec<String> {
        let name = |source: &Source| match source {
            Source::Field(index) => values[*index].clone(),
            Source::Input | Source::Broken => "input".to_owned(),
        };
        self.net.fields[index].from.iter().map(name).collect()
    }

    /// Whether the client reads a field's sums, or what a normalisation makes of them.
    pub(super) fn is_output(&self, index: usize) -> bool {
        let last = self.net.fields.len() - 1;
        let mut at = last;
        while let (Layer::BatchNorm, Some(&Source::Field(from))) =
            (&self.net.fields[at].layer, self.net.fields[at].from.first())
        {
            if at == index {
                return true;
            }
            at = from;
        }
        at == index
    }

    /// A plain rounding of features: its step and levels, and mean and deviation of each feature where they are standardised.
    ///
    /// # Errors
    /// When the client does more before it encrypts.
    pub(super) fn rounding(&self, index: usize) -> Result<Features<'_>, ExportError> {
        let encoder: Option<&Encoder> = self.quantized.fields[index].encoder();
        match encoder {
            Some(Encoder { transform, layers, code: Code::Round(quantizer) }) if layers.is_empty() => {
                let standardized = match transform {
                    Transform::AsIs => None,
                    Transform::Standardize(standardization) => Some((standardization.mean(), standardization.deviation())),
                    Transform::Whiten(_) => {
                        return Err(self.failed(index, "features are whitened before they are rounded, which has no operation here: train with another `FeatureMap`"));
                    }
                };
                Ok(Features { step: quantizer.step, levels: quantizer.levels, standardized })
            }
            _ => Err(self.failed(
                index,
                "the client makes bits of features or runs layers on them, which stays with the client: only a `QuantIdentity` that reads the input is exported",
            )),
        }
    }
}

/// How features become levels.
pub(super) struct Features<'a> {
    pub(super) step: f32,
    pub(super) levels: Range,
    pub(super) standardized: Option<(&'a [f32], &'a [f32])>,
}

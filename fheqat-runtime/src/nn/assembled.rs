//! A network whose layers are known at run time only, such as one read from a file of another library.

use std::{
    any::Any,
    sync::{Mutex, PoisonError},
};

use fheqat_spec::{self as spec, Fact, Field, Known, Layer, Net, Verdict, judge_each};
use ndarray::{Array2, ArrayView2};
use rand_chacha::ChaCha8Rng;

use super::{
    error::NetworkError,
    lower::{CircuitError, optimised},
    module::LayerRef,
    ops::{
        Op,
        linear::LinearState,
        norm::NormState,
        operation::Context,
        quantizer::{Curve, QuantizerState},
    },
    precision::Precision,
    program::{Node, Program},
    quantized::Quantized,
    tensors::WeightsError,
    weights,
};
use crate::{
    Seed,
    circuit::Circuit,
    error::check_samples,
    quant::activation::Function,
    train::{TrainError, evaluate::Evaluator},
};

/// A network that was put together at run time. It runs and becomes a circuit as a struct with `#[quant_net]` does; it does not
/// train. Layers of the client and thermometers are none of its layers.
#[derive(Clone, Debug, PartialEq)]
pub struct Assembled {
    net: Net<'static>,
    program: Program,
}

impl Assembled {
    /// A network as described, with nothing learned yet; `functions` has that of each field that is a `QuantAct`. The process
    /// keeps the description until it ends, equal ones once.
    ///
    /// # Errors
    /// When the description breaks a law, has a layer that learns otherwise, or a `QuantAct` without a function.
    pub fn new(net: &Net<'_>, functions: &[Option<Function>]) -> Result<Self, NetworkError> {
        if let Some(issue) = judge_each(net).iter().flat_map(Verdict::issues).next() {
            return Err(NetworkError::Law { message: issue.to_string() });
        }
        let net = kept(net);
        let mut rng = Seed(0).rng(0);
        let mut states = Vec::with_capacity(net.fields.len());
        for (index, (field, verdict)) in net.fields.iter().zip(judge_each(&net)).enumerate() {
            let function = functions.get(index).copied().flatten();
            let state = fresh(&field.layer, &verdict.fact, function, &mut rng);
            let mismatch = || NetworkError::Mismatch { field: field.name.to_owned() };
            states.push((field.layer.kind(), state.ok_or_else(mismatch)?));
        }
        let layers = states.iter().map(|(kind, state)| match state {
            Some(state) => LayerRef::new(kind, state.as_ref()),
            None => LayerRef::stateless(kind),
        });
        Ok(Self { program: Program::new(&net, layers.collect())?, net })
    }

    /// Reads what [`Network::save`](crate::network::Network::save) of the same network writes; the network is as before when it
    /// fails.
    ///
    /// # Errors
    /// When the bytes are not safetensors, hold another network, or numbers with which none can run.
    pub fn load(&mut self, bytes: &[u8]) -> Result<(), WeightsError> {
        let mut program = self.program.clone();
        weights::load_bytes(&mut program, bytes)?;
        program.copy_steps();
        self.program = program;
        Ok(())
    }

    /// The description.
    #[must_use]
    pub const fn net(&self) -> &Net<'static> {
        &self.net
    }

    /// The layers in order.
    #[must_use]
    pub fn layers(&self) -> Vec<LayerRef<'_>> {
        fn layer<'a>((node, field): (&'a Node, &Field<'static>)) -> LayerRef<'a> {
            let kind = field.layer.kind();
            match &node.op {
                Op::Quantizer(state) => LayerRef::new(kind, state),
                Op::Linear(state) => LayerRef::new(kind, state),
                Op::Norm(state) => LayerRef::new(kind, state),
                _ => LayerRef::stateless(kind),
            }
        }
        self.program.nodes.iter().zip(self.net.fields).map(layer).collect()
    }

    /// The step between two of the levels that the field at `index` gives, where it gives levels.
    #[must_use]
    pub fn step(&self, index: usize) -> Option<f32> {
        (index < self.net.fields.len()).then(|| self.program.levels(index).ok())?.map(|(step, _)| step)
    }

    /// What runs on integers.
    ///
    /// # Errors
    /// When a layer has learned nothing.
    pub fn quantized(&self) -> Result<Quantized, NetworkError> {
        self.program.quantized()
    }

    /// The network as integers, optimised.
    ///
    /// # Errors
    /// When a layer has learned nothing.
    pub fn circuit(&self) -> Result<Circuit, CircuitError> {
        optimised(&self.net, &self.program)
    }

    /// The outputs of samples `[n, features]`, `[n, outputs]`.
    ///
    /// # Errors
    /// When a layer has learned nothing, there are no samples, they have another width, or a feature is NaN or infinite.
    pub fn predict(
        &self,
        precision: Precision,
        features: &ArrayView2<'_, f32>,
    ) -> Result<Array2<f32>, TrainError> {
        let program = &self.program;
        check_samples(features, &program.described(), program.takes_missing())?;
        Ok(Evaluator::new(program, precision)?.predict(program, features))
    }
}

/// A layer that has learned nothing; `Some(None)` where it never learns, `None` where it is no layer of these.
#[expect(clippy::option_option, reason = "both are answers")]
fn fresh(
    layer: &Layer,
    fact: &Fact,
    function: Option<Function>,
    rng: &mut ChaCha8Rng,
) -> Option<Option<Box<dyn Any>>> {
    let count = |number: Known<i64>| usize::try_from(number.get()?).ok();
    let state: Box<dyn Any> = match layer {
        Layer::Quantizer(quantizer) => {
            let curve = match quantizer.transfer {
                spec::Transfer::Signed | spec::Transfer::Unsigned => Curve::Identity,
                spec::Transfer::ReLU => Curve::Rectify,
                spec::Transfer::Function { .. } => Curve::Function(function?),
            };
            Box::new(QuantizerState::new(layer, curve))
        }
        Layer::Linear(linear) => {
            Box::new(LinearState::new(layer, [count(linear.outputs)?, count(linear.inputs)?], rng))
        }
        Layer::Conv(conv) => {
            Box::new(LinearState::new(layer, [count(conv.filters.outputs)?, count(conv.row().inputs)?], rng))
        }
        Layer::BatchNorm => Box::new(NormState::new(fact)),
        Layer::Thermometer(_) | Layer::Client(_) | Layer::Unknown => return None,
        _ => return Some(None),
    };
    Some(Some(state))
}

/// An equal description that lives as long as the process.
fn kept(net: &Net<'_>) -> Net<'static> {
    static KEPT: Mutex<Vec<Net<'static>>> = Mutex::new(Vec::new());
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(equal) = kept.iter().find(|other| *other == net) {
        return *equal;
    }
    let fields: Vec<Field<'static>> = net
        .fields
        .iter()
        .map(|field| Field {
            name: field.name.to_owned().leak(),
            layer: field.layer,
            from: field.from.to_vec().leak(),
        })
        .collect();
    let net = Net {
        name: net.name.to_owned().leak(),
        input: net.input,
        max_bootstraps: net.max_bootstraps,
        tolerance: net.tolerance,
        fields: fields.leak(),
    };
    kept.push(net);
    net
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        data,
        fixture::Branch,
        network::Network,
        nn::module::Layers,
        quant::activation::{LeakyReLU, Tanh},
        train::PtqConfig,
    };

    #[test]
    fn it_is_the_struct_of_the_same_description() {
        let (train, _) = data::checkerboard(Seed(1));
        let mut network = Branch::new(Seed(3));
        network.quantize(&train, &PtqConfig::default()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights");
        network.save(&path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let functions = |function| vec![Some(function); Branch::SPEC.fields.len()];
        let mut assembled = Assembled::new(&Branch::SPEC, &functions(Function::of::<Tanh>())).unwrap();
        assert!(assembled.circuit().is_err(), "nothing is learned");
        assembled.load(&bytes).unwrap();
        assert_eq!(assembled.quantized().unwrap(), network.quantized().unwrap());
        assert_eq!(assembled.circuit().unwrap(), network.circuit().unwrap());
        assert!(assembled.load(&bytes[..bytes.len() - 4]).is_err());
        assert_eq!(assembled.circuit().unwrap(), network.circuit().unwrap());
        let mut other = Assembled::new(&Branch::SPEC, &functions(Function::of::<LeakyReLU>())).unwrap();
        assert!(std::ptr::eq(other.net().fields, assembled.net().fields), "equal descriptions are kept once");
        let has_function = |field: &Field<'_>| matches!(field.layer, Layer::Quantizer(quantizer) if matches!(quantizer.transfer, spec::Transfer::Function { .. }));
        assert_eq!(other.load(&bytes).is_err(), Branch::SPEC.fields.iter().any(has_function));
    }
}

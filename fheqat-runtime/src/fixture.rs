//! A network for tests, with its numbers as parameters.

use fheqat_spec::{Bias, Field, Known, Layer, Linear, Net, Quantizer, Scale, Source, Transfer, WeightRange};

use crate::nn::{
    layer::{LayerMut, LayerRef, Module, QuantIdentity, QuantLinear, QuantReLU},
    network::{Init, Network},
};

/// Two bits of input, three bits everywhere else; `L1` of 0 is no budget.
#[derive(Clone, Debug)]
pub(crate) struct Chain<
    const IN: usize,
    const HIDDEN: usize,
    const OUT: usize,
    const NONZERO: i64,
    const L1: i64,
    const CENTRED: bool,
> {
    pub(crate) quant_inp: QuantIdentity,
    pub(crate) fc1: QuantLinear<IN, HIDDEN>,
    pub(crate) relu1: QuantReLU,
    pub(crate) fc2: QuantLinear<HIDDEN, HIDDEN>,
    pub(crate) relu2: QuantReLU,
    pub(crate) fc3: QuantLinear<HIDDEN, OUT>,
}

const fn linear(inputs: usize, outputs: usize, nonzero: i64, l1: i64, is_centred: bool) -> Layer {
    Layer::Linear(Linear {
        inputs: Known::Now(inputs as i64),
        outputs: Known::Now(outputs as i64),
        weight_bits: Known::Now(3),
        weight_range: WeightRange::Narrow,
        max_nonzero: Some(Known::Now(nonzero)),
        max_l1: if l1 == 0 { None } else { Some(Known::Now(l1)) },
        acc_bits: Known::Now(16),
        bias: if is_centred { Bias::Centred } else { Bias::Free },
    })
}

const fn quantizer(transfer: Transfer, bits: i64) -> Layer {
    Layer::Quantizer(Quantizer { transfer, bits: Known::Now(bits), scale: Scale::Learned })
}

impl<
    const IN: usize,
    const HIDDEN: usize,
    const OUT: usize,
    const NONZERO: i64,
    const L1: i64,
    const CENTRED: bool,
> Network for Chain<IN, HIDDEN, OUT, NONZERO, L1, CENTRED>
{
    const SPEC: Net<'static> = Net {
        name: "Chain",
        input: None,
        fields: &[
            Field { name: "quant_inp", layer: quantizer(Transfer::Unsigned, 2), from: &[Source::Input] },
            Field { name: "fc1", layer: linear(IN, HIDDEN, NONZERO, L1, CENTRED), from: &[Source::Field(0)] },
            Field { name: "relu1", layer: quantizer(Transfer::ReLU, 3), from: &[Source::Field(1)] },
            Field {
                name: "fc2",
                layer: linear(HIDDEN, HIDDEN, NONZERO, L1, CENTRED),
                from: &[Source::Field(2)],
            },
            Field { name: "relu2", layer: quantizer(Transfer::ReLU, 3), from: &[Source::Field(3)] },
            Field { name: "fc3", layer: linear(HIDDEN, OUT, NONZERO, L1, false), from: &[Source::Field(4)] },
        ],
    };

    fn init(init: &mut Init) -> Self {
        Self {
            quant_inp: init.layer(),
            fc1: init.layer(),
            relu1: init.layer(),
            fc2: init.layer(),
            relu2: init.layer(),
            fc3: init.layer(),
        }
    }

    fn layers(&self) -> Vec<LayerRef<'_>> {
        vec![
            self.quant_inp.layer(),
            self.fc1.layer(),
            self.relu1.layer(),
            self.fc2.layer(),
            self.relu2.layer(),
            self.fc3.layer(),
        ]
    }

    fn layers_mut(&mut self) -> Vec<LayerMut<'_>> {
        vec![
            self.quant_inp.layer_mut(),
            self.fc1.layer_mut(),
            self.relu1.layer_mut(),
            self.fc2.layer_mut(),
            self.relu2.layer_mut(),
            self.fc3.layer_mut(),
        ]
    }
}

/// A quantizer behind a quantizer, a step the user fixed behind a layer with a budget, and levels as the output.
#[derive(Clone, Debug)]
pub(crate) struct Stairs {
    pub(crate) fine: QuantIdentity,
    pub(crate) coarse: QuantIdentity,
    pub(crate) fc1: QuantLinear<2, 12>,
    pub(crate) relu1: QuantReLU,
    pub(crate) fc2: QuantLinear<12, 2>,
    pub(crate) out: QuantIdentity,
}

const fn fixed(transfer: Transfer, bits: i64, step: f64) -> Layer {
    Layer::Quantizer(Quantizer { transfer, bits: Known::Now(bits), scale: Scale::Fixed(Known::Now(step)) })
}

impl Network for Stairs {
    const SPEC: Net<'static> = Net {
        name: "Stairs",
        input: None,
        fields: &[
            Field { name: "fine", layer: quantizer(Transfer::Unsigned, 6), from: &[Source::Input] },
            Field { name: "coarse", layer: fixed(Transfer::Unsigned, 2, 0.333), from: &[Source::Field(0)] },
            Field { name: "fc1", layer: linear(2, 12, 2, 8, true), from: &[Source::Field(1)] },
            Field { name: "relu1", layer: fixed(Transfer::ReLU, 3, 0.7), from: &[Source::Field(2)] },
            Field { name: "fc2", layer: linear(12, 2, 12, 0, false), from: &[Source::Field(3)] },
            Field { name: "out", layer: quantizer(Transfer::Signed, 6), from: &[Source::Field(4)] },
        ],
    };

    fn init(init: &mut Init) -> Self {
        Self {
            fine: init.layer(),
            coarse: init.layer(),
            fc1: init.layer(),
            relu1: init.layer(),
            fc2: init.layer(),
            out: init.layer(),
        }
    }

    fn layers(&self) -> Vec<LayerRef<'_>> {
        vec![
            self.fine.layer(),
            self.coarse.layer(),
            self.fc1.layer(),
            self.relu1.layer(),
            self.fc2.layer(),
            self.out.layer(),
        ]
    }

    fn layers_mut(&mut self) -> Vec<LayerMut<'_>> {
        vec![
            self.fine.layer_mut(),
            self.coarse.layer_mut(),
            self.fc1.layer_mut(),
            self.relu1.layer_mut(),
            self.fc2.layer_mut(),
            self.out.layer_mut(),
        ]
    }
}

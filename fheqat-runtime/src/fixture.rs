//! A network for tests, with its numbers as parameters.

pub(crate) mod drawn;

use fheqat_spec::{
    Axes, Bias, Conv, Field, Known, Layer, Linear, Net, Pool, Quantizer, Scale, Shape, Source, Transfer,
    WeightRange, WeightScale, Window,
};

use crate::nn::{
    layer::{
        Add, AvgPool2d, Concat, Flatten, LayerMut, LayerRef, Module, QuantConv2d, QuantIdentity, QuantLinear,
        QuantReLU, Reshape, Transpose,
    },
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
    Layer::Linear(row(inputs, outputs, nonzero, l1, is_centred))
}

const fn row(inputs: usize, outputs: usize, nonzero: i64, l1: i64, is_centred: bool) -> Linear {
    Linear {
        inputs: Known::Now(inputs as i64),
        outputs: Known::Now(outputs as i64),
        weight_bits: Known::Now(3),
        weight_range: WeightRange::Narrow,
        weight_scale: WeightScale::PerTensor,
        max_nonzero: Some(Known::Now(nonzero)),
        max_l1: if l1 == 0 { None } else { Some(Known::Now(l1)) },
        acc_bits: Known::Now(16),
        bias: if is_centred { Bias::Centred } else { Bias::Free },
    }
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
        max_bootstraps: None,
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
        max_bootstraps: None,
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

/// A strided, padded convolution in two groups, and windows of a pool that overlap.
#[derive(Clone, Debug)]
pub(crate) struct Image<const CENTRED: bool> {
    pub(crate) quant_inp: QuantIdentity,
    pub(crate) conv: QuantConv2d<4, 6, 3>,
    pub(crate) relu: QuantReLU,
    pub(crate) pool: AvgPool2d<2>,
    pub(crate) quant_pool: QuantIdentity,
    pub(crate) flatten: Flatten,
    pub(crate) fc: QuantLinear<24, 2>,
}

const fn window(kernel: i64, stride: i64, padding: i64) -> Window {
    Window { axes: 2, kernel: Known::Now(kernel), stride: Known::Now(stride), padding: Known::Now(padding) }
}

impl<const CENTRED: bool> Network for Image<CENTRED> {
    const SPEC: Net<'static> = Net {
        name: "Image",
        max_bootstraps: None,
        input: Some(Shape::new(&[Known::Now(4), Known::Now(5), Known::Now(6)])),
        fields: &[
            Field { name: "quant_inp", layer: quantizer(Transfer::Unsigned, 3), from: &[Source::Input] },
            Field {
                name: "conv",
                layer: Layer::Conv(Conv {
                    filters: row(4, 6, 18, 0, CENTRED),
                    window: window(3, 2, 1),
                    groups: Known::Now(2),
                }),
                from: &[Source::Field(0)],
            },
            Field { name: "relu", layer: quantizer(Transfer::ReLU, 3), from: &[Source::Field(1)] },
            Field {
                name: "pool",
                layer: Layer::Pool(Pool { window: Some(window(2, 1, 0)), acc_bits: Known::Now(16) }),
                from: &[Source::Field(2)],
            },
            Field { name: "quant_pool", layer: quantizer(Transfer::Unsigned, 3), from: &[Source::Field(3)] },
            Field { name: "flatten", layer: Layer::Flatten, from: &[Source::Field(4)] },
            Field { name: "fc", layer: linear(24, 2, 24, 0, false), from: &[Source::Field(5)] },
        ],
    };

    fn init(init: &mut Init) -> Self {
        Self {
            quant_inp: init.layer(),
            conv: init.layer(),
            relu: init.layer(),
            pool: init.layer(),
            quant_pool: init.layer(),
            flatten: init.layer(),
            fc: init.layer(),
        }
    }

    fn layers(&self) -> Vec<LayerRef<'_>> {
        vec![
            self.quant_inp.layer(),
            self.conv.layer(),
            self.relu.layer(),
            self.pool.layer(),
            self.quant_pool.layer(),
            self.flatten.layer(),
            self.fc.layer(),
        ]
    }

    fn layers_mut(&mut self) -> Vec<LayerMut<'_>> {
        vec![
            self.quant_inp.layer_mut(),
            self.conv.layer_mut(),
            self.relu.layer_mut(),
            self.pool.layer_mut(),
            self.quant_pool.layer_mut(),
            self.flatten.layer_mut(),
            self.fc.layer_mut(),
        ]
    }
}

/// An operand that comes twice, axes in another order, three quantizers of one scale, and fields with several readers.
#[derive(Clone, Debug)]
pub(crate) struct Branch {
    pub(crate) quant_inp: QuantIdentity,
    pub(crate) fc1: QuantLinear<2, 6>,
    pub(crate) relu1: QuantReLU,
    pub(crate) grid: Reshape,
    pub(crate) turned: Transpose,
    pub(crate) flat: Reshape,
    pub(crate) fc2: QuantLinear<6, 6>,
    pub(crate) quant2: QuantIdentity,
    pub(crate) add: Add,
    pub(crate) relu2: QuantReLU,
    pub(crate) cat: Concat,
    pub(crate) fc3: QuantLinear<18, 2>,
}

/// A quantizer of three bits with the scale of the field at `owner`.
const fn sharing(transfer: Transfer, owner: usize) -> Layer {
    Layer::Quantizer(Quantizer { transfer, bits: Known::Now(3), scale: Scale::From(Source::Field(owner)) })
}

impl Network for Branch {
    const SPEC: Net<'static> = Net {
        name: "Branch",
        input: None,
        max_bootstraps: None,
        fields: &[
            Field { name: "quant_inp", layer: quantizer(Transfer::Unsigned, 2), from: &[Source::Input] },
            Field { name: "fc1", layer: linear(2, 6, 2, 0, true), from: &[Source::Field(0)] },
            Field { name: "relu1", layer: quantizer(Transfer::ReLU, 3), from: &[Source::Field(1)] },
            Field {
                name: "grid",
                layer: Layer::Reshape(Shape::new(&[Known::Now(2), Known::Now(3)])),
                from: &[Source::Field(2)],
            },
            Field {
                name: "turned",
                layer: Layer::Transpose(Axes::new(&[Known::Now(1), Known::Now(0)])),
                from: &[Source::Field(3)],
            },
            Field {
                name: "flat",
                layer: Layer::Reshape(Shape::flat(Known::Now(6))),
                from: &[Source::Field(4)],
            },
            Field { name: "fc2", layer: linear(6, 6, 6, 0, true), from: &[Source::Field(5)] },
            Field { name: "quant2", layer: sharing(Transfer::Signed, 2), from: &[Source::Field(6)] },
            Field {
                name: "add",
                layer: Layer::Add { acc_bits: Known::Now(16) },
                from: &[Source::Field(7), Source::Field(2), Source::Field(5), Source::Field(7)],
            },
            Field { name: "relu2", layer: sharing(Transfer::ReLU, 2), from: &[Source::Field(8)] },
            Field {
                name: "cat",
                layer: Layer::Concat,
                from: &[Source::Field(9), Source::Field(7), Source::Field(2)],
            },
            Field { name: "fc3", layer: linear(18, 2, 18, 0, false), from: &[Source::Field(10)] },
        ],
    };

    fn init(init: &mut Init) -> Self {
        Self {
            quant_inp: init.layer(),
            fc1: init.layer(),
            relu1: init.layer(),
            grid: init.layer(),
            turned: init.layer(),
            flat: init.layer(),
            fc2: init.layer(),
            quant2: init.layer(),
            add: init.layer(),
            relu2: init.layer(),
            cat: init.layer(),
            fc3: init.layer(),
        }
    }

    fn layers(&self) -> Vec<LayerRef<'_>> {
        vec![
            self.quant_inp.layer(),
            self.fc1.layer(),
            self.relu1.layer(),
            self.grid.layer(),
            self.turned.layer(),
            self.flat.layer(),
            self.fc2.layer(),
            self.quant2.layer(),
            self.add.layer(),
            self.relu2.layer(),
            self.cat.layer(),
            self.fc3.layer(),
        ]
    }

    fn layers_mut(&mut self) -> Vec<LayerMut<'_>> {
        vec![
            self.quant_inp.layer_mut(),
            self.fc1.layer_mut(),
            self.relu1.layer_mut(),
            self.grid.layer_mut(),
            self.turned.layer_mut(),
            self.flat.layer_mut(),
            self.fc2.layer_mut(),
            self.quant2.layer_mut(),
            self.add.layer_mut(),
            self.relu2.layer_mut(),
            self.cat.layer_mut(),
            self.fc3.layer_mut(),
        ]
    }
}

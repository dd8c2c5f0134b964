//! Networks for tests, written down as `#[quant_net]` would.

use fheqat_spec::{
    self as spec, Axes, Bias, Field, Known, Layer, Linear, Net, Quantizer, Scale, Shape, Source, Transfer,
    WeightRange, WeightScale,
};

use crate::{
    nn::{
        layers::{
            Add, BatchNorm, Concat, QuantAct, QuantIdentity, QuantLinear, QuantReLU, Reshape, Thermometer,
            Transpose,
        },
        module::{Init, LayerMut, LayerRef, Layers, Module},
        ops::{Op, operation::Context},
        program::Program,
    },
    quant::activation::{Activation, Tanh},
};

/// The functions of `Layers` for fields of these names.
macro_rules! layers {
    ($($field:ident),* $(,)?) => {
        fn init(init: &mut Init) -> Self {
            Self { $($field: init.layer()),* }
        }

        fn layers(&self) -> Vec<LayerRef<'_>> {
            vec![$(self.$field.layer()),*]
        }

        fn layers_mut(&mut self) -> Vec<LayerMut<'_>> {
            vec![$(self.$field.layer_mut()),*]
        }
    };
}

pub(crate) mod client;
pub(crate) mod drawn;
pub(crate) mod images;

pub(crate) use self::images::{Image, MaxPooled, NormedImage, Padded};

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
        acc_bits: None,
        bias: if is_centred { Bias::Centred } else { Bias::Free },
        tolerance: None,
    }
}

const fn quantizer(transfer: Transfer, bits: i64) -> Layer {
    Layer::Quantizer(Quantizer { transfer, bits: Known::Now(bits), scale: Scale::Learned, tolerance: None })
}

impl<
    const IN: usize,
    const HIDDEN: usize,
    const OUT: usize,
    const NONZERO: i64,
    const L1: i64,
    const CENTRED: bool,
> Layers for Chain<IN, HIDDEN, OUT, NONZERO, L1, CENTRED>
{
    const SPEC: Net<'static> = Net {
        name: "Chain",
        input: None,
        max_bootstraps: None,
        tolerance: None,
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

    layers!(quant_inp, fc1, relu1, fc2, relu2, fc3);
}

/// Three bits of each of two features, which the last layer reads too.
#[derive(Clone, Debug)]
pub(crate) struct Encoded {
    pub(crate) bits: Thermometer<3>,
    pub(crate) fc1: QuantLinear<6, 8>,
    pub(crate) relu1: QuantReLU,
    pub(crate) cat: Concat,
    pub(crate) fc2: QuantLinear<14, 2>,
}

impl Layers for Encoded {
    const SPEC: Net<'static> = Net {
        name: "Encoded",
        input: None,
        max_bootstraps: None,
        tolerance: None,
        fields: &[
            Field {
                name: "bits",
                layer: Layer::Thermometer(spec::Thermometer {
                    bits: Known::Now(3),
                    thresholds: spec::Thresholds::ByShape,
                }),
                from: &[Source::Input],
            },
            Field { name: "fc1", layer: linear(6, 8, 6, 6, true), from: &[Source::Field(0)] },
            Field { name: "relu1", layer: sharing(Transfer::ReLU, 0), from: &[Source::Field(1)] },
            Field { name: "cat", layer: Layer::Concat, from: &[Source::Field(2), Source::Field(0)] },
            Field { name: "fc2", layer: linear(14, 2, 14, 0, false), from: &[Source::Field(3)] },
        ],
    };

    layers!(bits, fc1, relu1, cat, fc2);
}

/// [`Chain`] with a function in place of each `QuantReLU`.
#[derive(Clone, Debug)]
pub(crate) struct Curved<F, const HIDDEN: usize, const NONZERO: i64, const L1: i64, const CENTRED: bool> {
    pub(crate) quant_inp: QuantIdentity,
    pub(crate) fc1: QuantLinear<2, HIDDEN>,
    pub(crate) act1: QuantAct<F>,
    pub(crate) fc2: QuantLinear<HIDDEN, HIDDEN>,
    pub(crate) act2: QuantAct<F>,
    pub(crate) fc3: QuantLinear<HIDDEN, 2>,
}

const fn function<F: Activation>(bits: i64) -> Layer {
    quantizer(Transfer::Function { signed: Known::Now(F::SIGNED) }, bits)
}

impl<F: Activation, const HIDDEN: usize, const NONZERO: i64, const L1: i64, const CENTRED: bool> Layers
    for Curved<F, HIDDEN, NONZERO, L1, CENTRED>
{
    const SPEC: Net<'static> = Net {
        name: "Curved",
        input: None,
        max_bootstraps: None,
        tolerance: None,
        fields: &[
            Field { name: "quant_inp", layer: quantizer(Transfer::Unsigned, 2), from: &[Source::Input] },
            Field { name: "fc1", layer: linear(2, HIDDEN, NONZERO, L1, CENTRED), from: &[Source::Field(0)] },
            Field { name: "act1", layer: function::<F>(3), from: &[Source::Field(1)] },
            Field {
                name: "fc2",
                layer: linear(HIDDEN, HIDDEN, NONZERO, L1, CENTRED),
                from: &[Source::Field(2)],
            },
            Field { name: "act2", layer: function::<F>(3), from: &[Source::Field(3)] },
            Field { name: "fc3", layer: linear(HIDDEN, 2, NONZERO, L1, false), from: &[Source::Field(4)] },
        ],
    };

    layers!(quant_inp, fc1, act1, fc2, act2, fc3);
}

/// [`Chain`] with a scale for each row, and a fixed step behind the first layer.
#[derive(Clone, Debug)]
pub(crate) struct Rows<const HIDDEN: usize, const L1: i64, const CENTRED: bool> {
    pub(crate) quant_inp: QuantIdentity,
    pub(crate) fc1: QuantLinear<2, HIDDEN>,
    pub(crate) relu1: QuantReLU,
    pub(crate) fc2: QuantLinear<HIDDEN, HIDDEN>,
    pub(crate) relu2: QuantReLU,
    pub(crate) fc3: QuantLinear<HIDDEN, 2>,
}

const fn by_row(inputs: usize, outputs: usize, l1: i64, is_centred: bool) -> Layer {
    let shared = row(inputs, outputs, inputs as i64, l1, is_centred);
    Layer::Linear(Linear { weight_scale: WeightScale::PerChannel, ..shared })
}

impl<const HIDDEN: usize, const L1: i64, const CENTRED: bool> Layers for Rows<HIDDEN, L1, CENTRED> {
    const SPEC: Net<'static> = Net {
        name: "Rows",
        input: None,
        max_bootstraps: None,
        tolerance: None,
        fields: &[
            Field { name: "quant_inp", layer: quantizer(Transfer::Unsigned, 2), from: &[Source::Input] },
            Field { name: "fc1", layer: by_row(2, HIDDEN, L1, CENTRED), from: &[Source::Field(0)] },
            Field { name: "relu1", layer: fixed(Transfer::ReLU, 3, 0.2), from: &[Source::Field(1)] },
            Field { name: "fc2", layer: by_row(HIDDEN, HIDDEN, L1, CENTRED), from: &[Source::Field(2)] },
            Field { name: "relu2", layer: quantizer(Transfer::ReLU, 3), from: &[Source::Field(3)] },
            Field { name: "fc3", layer: by_row(HIDDEN, 2, L1, false), from: &[Source::Field(4)] },
        ],
    };

    layers!(quant_inp, fc1, relu1, fc2, relu2, fc3);
}

/// Batch normalisation in front of a quantizer, of another that shares its step, of a function, behind a sum, twice, and as
/// the output. `BIAS` of the layers in front is 0 for none, 1 for free, 2 for centred.
#[derive(Clone, Debug)]
pub(crate) struct Normed<const BIAS: u8, const L1: i64> {
    pub(crate) quant_inp: QuantIdentity,
    pub(crate) fc1: QuantLinear<2, 10>,
    pub(crate) norm1: BatchNorm,
    pub(crate) relu1: QuantReLU,
    pub(crate) fc2: QuantLinear<10, 10>,
    pub(crate) norm2: BatchNorm,
    pub(crate) quant2: QuantIdentity,
    pub(crate) add: Add,
    pub(crate) norm3: BatchNorm,
    pub(crate) again3: BatchNorm,
    pub(crate) act3: QuantAct<Tanh>,
    pub(crate) fc4: QuantLinear<10, 10>,
    pub(crate) norm4: BatchNorm,
    pub(crate) act4: QuantAct<Tanh>,
    pub(crate) fc5: QuantLinear<10, 2>,
    pub(crate) norm5: BatchNorm,
}

const fn biased(inputs: usize, outputs: usize, l1: i64, bias: u8, weight_scale: WeightScale) -> Linear {
    let bias = match bias {
        0 => Bias::None,
        1 => Bias::Free,
        _ => Bias::Centred,
    };
    Linear { bias, weight_scale, ..row(inputs, outputs, inputs as i64, l1, true) }
}

impl<const BIAS: u8, const L1: i64> Layers for Normed<BIAS, L1> {
    const SPEC: Net<'static> = Net {
        name: "Normed",
        input: None,
        max_bootstraps: None,
        tolerance: None,
        fields: &[
            Field { name: "quant_inp", layer: quantizer(Transfer::Unsigned, 2), from: &[Source::Input] },
            Field {
                name: "fc1",
                layer: Layer::Linear(biased(2, 10, L1, BIAS, WeightScale::PerTensor)),
                from: &[Source::Field(0)],
            },
            Field { name: "norm1", layer: Layer::BatchNorm, from: &[Source::Field(1)] },
            Field { name: "relu1", layer: quantizer(Transfer::ReLU, 3), from: &[Source::Field(2)] },
            Field {
                name: "fc2",
                layer: Layer::Linear(biased(10, 10, L1, BIAS, WeightScale::PerChannel)),
                from: &[Source::Field(3)],
            },
            Field { name: "norm2", layer: Layer::BatchNorm, from: &[Source::Field(4)] },
            Field { name: "quant2", layer: sharing(Transfer::Signed, 3), from: &[Source::Field(5)] },
            Field {
                name: "add",
                layer: Layer::Add(fheqat_spec::Add { acc_bits: None }),
                from: &[Source::Field(6), Source::Field(3)],
            },
            Field { name: "norm3", layer: Layer::BatchNorm, from: &[Source::Field(7)] },
            Field { name: "again3", layer: Layer::BatchNorm, from: &[Source::Field(8)] },
            Field { name: "act3", layer: function::<Tanh>(3), from: &[Source::Field(9)] },
            Field {
                name: "fc4",
                layer: Layer::Linear(biased(10, 10, L1, BIAS, WeightScale::PerTensor)),
                from: &[Source::Field(10)],
            },
            Field { name: "norm4", layer: Layer::BatchNorm, from: &[Source::Field(11)] },
            Field { name: "act4", layer: function::<Tanh>(3), from: &[Source::Field(12)] },
            Field {
                name: "fc5",
                layer: Layer::Linear(biased(10, 2, 0, BIAS, WeightScale::PerChannel)),
                from: &[Source::Field(13)],
            },
            Field { name: "norm5", layer: Layer::BatchNorm, from: &[Source::Field(14)] },
        ],
    };

    layers!(
        quant_inp, fc1, norm1, relu1, fc2, norm2, quant2, add, norm3, again3, act3, fc4, norm4, act4, fc5,
        norm5
    );
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
    Layer::Quantizer(Quantizer {
        transfer,
        bits: Known::Now(bits),
        scale: Scale::Fixed(Known::Now(step)),
        tolerance: None,
    })
}

impl Layers for Stairs {
    const SPEC: Net<'static> = Net {
        name: "Stairs",
        input: None,
        max_bootstraps: None,
        tolerance: None,
        fields: &[
            Field { name: "fine", layer: quantizer(Transfer::Unsigned, 6), from: &[Source::Input] },
            Field { name: "coarse", layer: fixed(Transfer::Unsigned, 2, 0.333), from: &[Source::Field(0)] },
            Field { name: "fc1", layer: linear(2, 12, 2, 8, true), from: &[Source::Field(1)] },
            Field { name: "relu1", layer: fixed(Transfer::ReLU, 3, 0.7), from: &[Source::Field(2)] },
            Field { name: "fc2", layer: linear(12, 2, 12, 0, false), from: &[Source::Field(3)] },
            Field { name: "out", layer: quantizer(Transfer::Signed, 6), from: &[Source::Field(4)] },
        ],
    };

    layers!(fine, coarse, fc1, relu1, fc2, out);
}

/// Levels from zero as the network's output, with a step that is fixed or not.
#[derive(Clone, Debug)]
pub(crate) struct Positive<const FIXED: bool> {
    pub(crate) quant_inp: QuantIdentity,
    pub(crate) fc1: QuantLinear<3, 24>,
    pub(crate) relu1: QuantReLU,
    pub(crate) fc2: QuantLinear<24, 2>,
    pub(crate) relu2: QuantReLU,
}

impl<const FIXED: bool> Layers for Positive<FIXED> {
    const SPEC: Net<'static> = Net {
        name: "Positive",
        input: None,
        max_bootstraps: None,
        tolerance: None,
        fields: &[
            Field { name: "quant_inp", layer: quantizer(Transfer::Unsigned, 3), from: &[Source::Input] },
            Field { name: "fc1", layer: linear(3, 24, 3, 0, false), from: &[Source::Field(0)] },
            Field { name: "relu1", layer: quantizer(Transfer::ReLU, 3), from: &[Source::Field(1)] },
            Field { name: "fc2", layer: linear(24, 2, 24, 0, false), from: &[Source::Field(2)] },
            Field {
                name: "relu2",
                layer: if FIXED { fixed(Transfer::ReLU, 4, 0.5) } else { quantizer(Transfer::ReLU, 6) },
                from: &[Source::Field(3)],
            },
        ],
    };

    layers!(quant_inp, fc1, relu1, fc2, relu2);
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
    Layer::Quantizer(Quantizer {
        transfer,
        bits: Known::Now(3),
        scale: Scale::From(Source::Field(owner)),
        tolerance: None,
    })
}

impl Layers for Branch {
    const SPEC: Net<'static> = Net {
        name: "Branch",
        input: None,
        max_bootstraps: None,
        tolerance: None,
        fields: &[
            Field { name: "quant_inp", layer: quantizer(Transfer::Unsigned, 2), from: &[Source::Input] },
            Field { name: "fc1", layer: linear(2, 6, 2, 0, true), from: &[Source::Field(0)] },
            Field { name: "relu1", layer: quantizer(Transfer::ReLU, 3), from: &[Source::Field(1)] },
            Field {
                name: "grid",
                layer: Layer::Reshape(fheqat_spec::Reshape {
                    shape: Shape::new(&[Known::Now(2), Known::Now(3)]),
                }),
                from: &[Source::Field(2)],
            },
            Field {
                name: "turned",
                layer: Layer::Transpose(fheqat_spec::Transpose {
                    axes: Axes::new(&[Known::Now(1), Known::Now(0)]),
                }),
                from: &[Source::Field(3)],
            },
            Field {
                name: "flat",
                layer: Layer::Reshape(fheqat_spec::Reshape { shape: Shape::flat(Known::Now(6)) }),
                from: &[Source::Field(4)],
            },
            Field { name: "fc2", layer: linear(6, 6, 6, 0, true), from: &[Source::Field(5)] },
            Field { name: "quant2", layer: sharing(Transfer::Signed, 2), from: &[Source::Field(6)] },
            Field {
                name: "add",
                layer: Layer::Add(fheqat_spec::Add { acc_bits: None }),
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

    layers!(quant_inp, fc1, relu1, grid, turned, flat, fc2, quant2, add, relu2, cat, fc3);
}

/// The output reads four bits of input beside a hidden layer of them, with one step for both.
#[derive(Clone, Debug)]
pub(crate) struct WideAndDeep {
    pub(crate) inp: QuantIdentity,
    pub(crate) fc1: QuantLinear<4, 6>,
    pub(crate) relu1: QuantReLU,
    pub(crate) both: Concat,
    pub(crate) fc2: QuantLinear<10, 2>,
}

impl Layers for WideAndDeep {
    const SPEC: Net<'static> = Net {
        name: "WideAndDeep",
        input: None,
        max_bootstraps: None,
        tolerance: None,
        fields: &[
            Field { name: "inp", layer: fixed(Transfer::Unsigned, 1, 1.0), from: &[Source::Input] },
            Field { name: "fc1", layer: linear(4, 6, 4, 0, true), from: &[Source::Field(0)] },
            Field { name: "relu1", layer: sharing(Transfer::ReLU, 0), from: &[Source::Field(1)] },
            Field { name: "both", layer: Layer::Concat, from: &[Source::Field(0), Source::Field(2)] },
            Field { name: "fc2", layer: linear(10, 2, 10, 0, false), from: &[Source::Field(3)] },
        ],
    };

    layers!(inp, fc1, relu1, both, fc2);
}

/// A network whose sums may all be off by so many tenths of a step.
#[derive(Clone, Debug)]
pub(crate) struct Tolerant<N, const TENTHS: u8>(pub(crate) N);

impl<N: Layers, const TENTHS: u8> Layers for Tolerant<N, TENTHS> {
    const SPEC: Net<'static> = Net { tolerance: Some(Known::Now(TENTHS as f64 / 10.0)), ..N::SPEC };

    fn init(init: &mut Init) -> Self {
        Self(N::init(init))
    }

    fn layers(&self) -> Vec<LayerRef<'_>> {
        self.0.layers()
    }

    fn layers_mut(&mut self) -> Vec<LayerMut<'_>> {
        self.0.layers_mut()
    }
}

/// Makes the weights of the output as large as they may be: training starts them so small that they round to nothing.
pub(crate) fn fill_output(program: &mut Program) {
    for index in 0..program.nodes.len() {
        let is_last = program.is_last(index);
        if let Op::Linear(state) = &mut program.nodes[index].op
            && is_last
        {
            let widest = state.weight.fold(f32::MIN_POSITIVE, |most, weight| most.max(weight.abs()));
            state.weight *= state.limits.weights.hi as f32 / widest;
        }
    }
}

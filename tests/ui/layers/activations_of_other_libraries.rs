use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 2>,
    sigmoid: Sigmoid,
    fc2: QuantLinear<2, 2>,
    tanh: burn::nn::Tanh,
    fc3: QuantLinear<2, 2>,
    gelu: GELU,
    fc4: QuantLinear<2, 2>,
    leaky: LeakyReLU,
    fc5: QuantLinear<2, 2>,
    silu: SiLU,
    fc6: QuantLinear<2, 2>,
    elu: ELU<1>,
    fc7: QuantLinear<2, 2>,
    relu6: ReLU6,
    fc8: QuantLinear<2, 2>,
    hard: Hardtanh,
    fc9: QuantLinear<2, 2>,
    shrink: Hardshrink,
    fc10: QuantLinear<2, 2>,
    softmax: Softmax,
    log: LogSoftmax<1>,
}

fn main() {}

use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Levels {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 4>,
    relu1: QuantReLU,
    #[layer(value = 0.5)]
    offset: ConstantAdd,
    fc2: QuantLinear<4, 4>,
}

#[quant_net(bits = 3)]
struct Features {
    factor: Mul,
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 4>,
}

fn main() {}

use fheqat::prelude::*;

const LARGE: f64 = 1e300;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 4>,
    #[layer(value = half)]
    mul1: Mul,
    #[layer(value = 1e300)]
    mul2: Mul,
    relu1: QuantReLU,
    #[layer(value = 0.5)]
    fc2: QuantLinear<4, 4>,
    #[layer(value = "1")]
    add1: ConstantAdd,
    relu2: QuantReLU,
    fc3: QuantLinear<4, 4>,
}

#[quant_net(bits = 3)]
struct Constant {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 4>,
    #[layer(value = LARGE)]
    mul1: Mul,
}

fn main() {}

use fheqat::prelude::*;

const BITS: i64 = 20;

#[quant_net(bits = 4, acc_bits = 20)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<784, 784>,
    relu1: QuantReLU,
    fc2: QuantLinear<784, 784>,
    relu2: QuantReLU,
    fc3: QuantLinear<784, 10>,
}

#[quant_net(bits = 4)]
struct ByAConstant {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<784, 784>,
    relu1: QuantReLU,
    #[layer(acc_bits = BITS)]
    fc2: QuantLinear<784, 784>,
    relu2: QuantReLU,
    fc3: QuantLinear<784, 10>,
}

fn main() {}

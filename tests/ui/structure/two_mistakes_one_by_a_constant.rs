use fheqat::prelude::*;

const HIDDEN: usize = 784;

#[quant_net(bits = 4, max_nonzero = 0)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, HIDDEN>,
    relu1: QuantReLU,
    #[layer(max_nonzero = HIDDEN)]
    fc2: QuantLinear<{ HIDDEN }, 2>,
    relu2: QuantReLU,
}

fn main() {}

use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLiner<2, 100>,
    relu1: QuantRelu,
    fc2: fheqat::prelude::QuantLinea<100, 2>,
}

fn main() {}

use fheqat::prelude::*;

#[quant_net(bits = 3, input = [1, 8, 8])]
struct Net {
    quant_inp: QuantIdentity,
    fc: QuantLinear<64>,
    relu: QuantReLU,
    conv: QuantConv2d<1, 2, 3>,
}

fn main() {}

use fheqat::prelude::*;

#[quant_net(bits = 3, acc_bits = 25)]
struct Net {
    quant_inp: QuantIdentity,
    fc: QuantLinear<2, 3>,
}

fn main() {}

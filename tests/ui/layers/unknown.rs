use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    attention: MultiHeadAttention<8>,
    fc: QuantLinear<100, 2>,
}

fn main() {}

use fheqat::prelude::*;

#[quant_net(bits = 3, dropout = 0.5)]
struct Net {
    quant_inp: QuantIdentity,
    #[layer(activation = gelu)]
    fc: QuantLinear<2, 3>,
}

fn main() {}

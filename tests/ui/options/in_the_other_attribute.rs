use fheqat::prelude::*;

#[quant_net(bits = 3, scale = 0.5)]
struct Net {
    #[layer(input = [2])]
    quant_inp: QuantIdentity,
    fc: QuantLinear<2, 3>,
}

fn main() {}

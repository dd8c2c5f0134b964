use fheqat::prelude::*;

#[quant_net(bit_width = 3, bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    #[layer(weight_bit_width = 4)]
    fc: QuantLinear<2, 3>,
}

fn main() {}

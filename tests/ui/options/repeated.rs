use fheqat::prelude::*;

#[quant_net(bits = 3, max_l1 = 8, bits = 4)]
struct Net {
    quant_inp: QuantIdentity,
    #[layer(weight_bits = 2)]
    #[layer(weight_bits = 3)]
    fc: QuantLinear<2, 3>,
}

fn main() {}

use fheqat::prelude::*;

#[quant_net(bits = 3, max_non_zero = 30)]
struct Net {
    quant_inp: QuantIdentity,
    #[layer(wieght_bits = 4)]
    fc: QuantLinear<2, 3>,
}

fn main() {}

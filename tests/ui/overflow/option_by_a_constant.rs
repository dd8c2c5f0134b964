use fheqat::prelude::*;

const NONZERO: usize = 784;

#[quant_net(bits = 4, max_nonzero = NONZERO)]
struct Net {
    #[layer(signed = false)]
    quant_inp: QuantIdentity,
    fc: QuantLinear<1000, 10>,
    relu: QuantReLU,
}

fn main() {}

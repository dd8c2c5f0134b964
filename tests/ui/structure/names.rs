use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    input: QuantIdentity,
    fc: QuantLinear<2, 3>,
    relu: QuantReLU,
    fc: QuantLinear<3, 3>,
}

fn main() {}

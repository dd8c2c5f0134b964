use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    relu: QuantReLU,
    fc: QuantLinear<2, 3>,
}

fn main() {}

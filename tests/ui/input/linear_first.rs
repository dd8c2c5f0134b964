use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    fc: QuantLinear<2, 3>,
}

fn main() {}

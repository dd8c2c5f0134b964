use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 3>,
    quant1: QuantIdentity,
    #[layer(from = input)]
    fc2: QuantLinear<2, 3>,
}

fn main() {}

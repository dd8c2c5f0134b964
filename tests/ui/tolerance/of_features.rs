use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    #[layer(tolerance = 0.2)]
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 3>,
    relu1: QuantReLU,
    fc2: QuantLinear<3, 3>,
}

#[quant_net(bits = 3)]
struct Straight {
    #[layer(tolerance = 0.2)]
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 3>,
}

fn main() {}

use fheqat::prelude::*;

#[quant_net(bits = 3, max_bootstraps = -1)]
struct Negative {
    quant_inp: QuantIdentity,
    #[layer(max_bootstraps = 3)]
    fc1: QuantLinear<2, 3>,
    relu1: QuantReLU,
}

const MOST: f32 = 30.0;

#[quant_net(bits = 3, max_bootstraps = MOST)]
struct Float {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 3>,
    relu1: QuantReLU,
}

fn main() {}

use fheqat::prelude::*;

const MUCH: f32 = 4.5;

#[quant_net(bits = 3, tolerance = -0.1)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 3>,
    #[layer(tolerance = 5)]
    relu1: QuantReLU,
    fc2: QuantLinear<3, 3>,
    #[layer(tolerance = MUCH)]
    quant2: QuantIdentity,
}

fn main() {}

use fheqat::prelude::*;

const NEVER: f32 = 0.0 / 0.0;

#[quant_net(bits = 3)]
struct Net {
    #[layer(scale = 0.0)]
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 3>,
    #[layer(scale = -0.5)]
    relu1: QuantReLU,
    fc2: QuantLinear<3, 3>,
    #[layer(scale = NEVER)]
    quant2: QuantIdentity,
}

fn main() {}

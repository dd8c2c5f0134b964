use fheqat::prelude::*;

const STEPS: &str = "1";

#[quant_net(bits = 3, tolerance = true)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 3>,
    #[layer(tolerance = 0.1 + 0.1)]
    relu1: QuantReLU,
    #[layer(tolerance = STEPS)]
    fc2: QuantLinear<3, 3>,
}

fn main() {}

use fheqat::prelude::*;

const STEPS: f64 = 0.2;

#[quant_net(bits = 3, input = [1, 8, 8])]
struct Net {
    quant_inp: QuantIdentity,
    #[layer(tolerance = 0.2)]
    conv1: QuantConv2d<1, 4, 3>,
    norm1: BatchNorm,
    relu1: QuantReLU,
    flatten: Flatten,
    #[layer(max_nonzero = 30, tolerance = STEPS)]
    fc2: QuantLinear<144, 3>,
    relu2: QuantReLU,
    fc3: QuantLinear<3, 3>,
}

fn main() {}

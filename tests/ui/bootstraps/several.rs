use fheqat::prelude::*;

#[quant_net(bits = 3, max_bootstraps = 30)]
struct Deep {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 12>,
    relu1: QuantReLU,
    fc2: QuantLinear<12, 14>,
    relu2: QuantReLU,
    fc3: QuantLinear<14, 13>,
    relu3: QuantReLU,
    fc4: QuantLinear<13, 11>,
    relu4: QuantReLU,
    fc5: QuantLinear<11, 5>,
    relu5: QuantReLU,
}

fn main() {}

use fheqat::prelude::*;

#[quant_net(bits = 8)]
struct Wide {
    quant_inp: QuantIdentity,
    fc: QuantLinear<600, 2>,
}

#[quant_net(bits = 8, input = [600])]
struct Normalized {
    quant_inp: QuantIdentity,
    fc: QuantLinear<600, 2>,
    norm: BatchNorm,
}

#[quant_net(bits = 8)]
struct Limited {
    quant_inp: QuantIdentity,
    #[layer(acc_bits = 16)]
    fc: QuantLinear<30, 2>,
}

fn main() {}

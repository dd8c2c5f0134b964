use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    #[layer(scale_from = input)]
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 8>,
    #[layer(scale_from = relu1)]
    relu1: QuantReLU,
}

fn main() {}

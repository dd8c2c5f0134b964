use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    #[layer(max_nonzero = 3)]
    quant_inp: QuantIdentity,
    #[layer(bits = 4, scale = 0.5)]
    fc1: QuantLinear<2, 3>,
    #[layer(signed = true)]
    relu1: QuantReLU,
    fc2: QuantLinear<3, 3>,
}

fn main() {}

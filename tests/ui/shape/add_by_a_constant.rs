use fheqat::prelude::*;

const WIDTH: usize = 6;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 8>,
    relu1: QuantReLU,
    fc2: QuantLinear<8, WIDTH>,
    #[layer(scale_from = relu1)]
    quant2: QuantIdentity,
    #[layer(from = [quant2, relu1])]
    add: Add,
}

fn main() {}

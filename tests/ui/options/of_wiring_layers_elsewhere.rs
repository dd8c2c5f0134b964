use fheqat::prelude::*;

#[quant_net(bits = 3, scale_from = relu1)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 8>,
    relu1: QuantReLU,
    #[layer(scale_from = relu1, shape = [8])]
    fc2: QuantLinear<8, 8>,
    #[layer(scale_frm = relu1)]
    quant2: QuantIdentity,
    #[layer(from = [quant2, relu1], bits = 3)]
    add: Add,
}

fn main() {}

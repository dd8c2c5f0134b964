use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 8>,
    relu1: QuantReLU,
    fc2: QuantLinear<8, 8>,
    #[layer(scale_from = relu1)]
    quant2: QuantIdentity,
    fc3: QuantLinear<8, 8>,
    quant3: QuantIdentity,
    #[layer(from = [quant2, relu1, quant3])]
    add: Add,
}

fn main() {}

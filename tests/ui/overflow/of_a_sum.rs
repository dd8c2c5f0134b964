use fheqat::prelude::*;

#[quant_net(bits = 3, acc_bits = 11)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 8>,
    relu1: QuantReLU,
    #[layer(from = [relu1, relu1, relu1], acc_bits = 4)]
    add: Add,
}

fn main() {}

use fheqat::prelude::*;

#[quant_net(bits = 3, acc_bits = 8)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 10>,
    relu1: QuantReLU,
    #[layer(from = [relu1, relu1])]
    cat: Concat,
    fc2: QuantLinear<20, 2>,
}

fn main() {}

use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 8>,
    relu1: QuantReLU,
    fc2: QuantLinear<8, 8>,
    #[layer(from = [fc2, relu1])]
    cat: Concat,
}

fn main() {}

use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 8>,
    relu1: QuantReLU,
    fc2: QuantLinear<8, 8>,
    relu2: QuantReLU,
    #[layer(from = [relu1, relu2])]
    cat: Concat,
    fc3: QuantLinear<16, 2>,
}

fn main() {}

use fheqat::prelude::*;

#[quant_net(bits = 3, input = [1, 8, 8])]
struct Net {
    flatten: Flatten,
    quant: QuantIdentity,
    fc: QuantLinear<64, 10>,
}

fn main() {}

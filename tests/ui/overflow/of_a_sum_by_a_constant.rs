use fheqat::prelude::*;

const NARROW: u32 = 3;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 8>,
    relu1: QuantReLU,
    #[layer(from = [relu1, relu1], acc_bits = NARROW)]
    add: Add,
}

fn main() {}

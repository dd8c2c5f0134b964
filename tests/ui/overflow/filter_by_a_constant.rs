use fheqat::prelude::*;

const K: usize = 3;

#[quant_net(bits = 4, acc_bits = 12, input = [16, 8, 8])]
struct Net {
    quant_inp: QuantIdentity,
    conv1: QuantConv2d<16, 8, K>,
}

fn main() {}

use fheqat::prelude::*;

#[quant_net(bits = 3, input = [16, 40])]
struct Net {
    quant_inp: QuantIdentity,
    #[layer(max_l1 = 30, acc_bits = 7)]
    conv1: QuantConv1d<16, 8, 9>,
}

fn main() {}

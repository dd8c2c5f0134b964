use fheqat::prelude::*;

#[quant_net(bits = 3, acc_bits = 12, input = [64, 8, 8])]
struct Net {
    quant_inp: QuantIdentity,
    conv1: QuantConv2d<64, 8, 3>,
    relu1: QuantReLU,
    #[layer(groups = 8)]
    fits: QuantConv2d<8, 8, 3>,
}

fn main() {}

use fheqat::prelude::*;

#[quant_net(bits = 3, input = [1, 8, 8])]
struct Net {
    conv1: QuantConv2d<1, 8, 3>,
}

fn main() {}

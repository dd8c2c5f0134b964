use fheqat::prelude::*;

const STRIDE: usize = 0;

#[quant_net(bits = 3, input = [1, 8, 8])]
struct Net {
    quant_inp: QuantIdentity,
    #[layer(stride = STRIDE, padding = 2.5)]
    conv1: QuantConv2d<1, 8, 3>,
}

fn main() {}

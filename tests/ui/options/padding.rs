use fheqat::prelude::*;

#[quant_net(bits = 3, input = [1, 8, 8])]
struct Net {
    quant_inp: QuantIdentity,
    #[layer(padding = (1, 1))]
    conv1: QuantConv2d<1, 8, 3>,
    relu1: QuantReLU,
    #[layer(padding = (1, 1, 1))]
    conv2: QuantConv2d<8, 8, 3>,
    relu2: QuantReLU,
    #[layer(padding = valid)]
    conv3: QuantConv2d<8, 8, 3>,
    relu3: QuantReLU,
    #[layer(padding = same)]
    pad: Pad,
    none: Pad,
    #[layer(padding = (1, -1, 0, 0))]
    below_zero: Pad,
    #[layer(dilation = 0)]
    conv4: QuantConv2d<8, 8, 3>,
}

#[quant_net(bits = 3, input = [1, 8])]
struct Sequence {
    quant_inp: QuantIdentity,
    #[layer(padding = (1, 1, 1, 1))]
    conv1: QuantConv1d<1, 8, 3>,
}

fn main() {}

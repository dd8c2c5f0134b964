use fheqat::prelude::*;

#[quant_net(bits = 3, input = [16])]
struct Flat {
    quant_inp: QuantIdentity,
    upsample: Upsample<2>,
}

#[quant_net(bits = 3, input = [1, 8, 8])]
struct Zero {
    quant_inp: QuantIdentity,
    upsample: Upsample<0>,
}

#[quant_net(bits = 3, input = [1, 512, 512])]
struct TooLarge {
    quant_inp: QuantIdentity,
    upsample: Upsample<16>,
}

#[quant_net(bits = 3)]
struct NoInput {
    quant_inp: QuantIdentity,
    upsample: Upsample<2>,
}

#[quant_net(bits = 3, input = [1, 8, 8])]
struct Raw {
    quant_inp: QuantIdentity,
    conv1: QuantConv2d<1, 8, 3>,
    upsample: Upsample<2>,
}

fn main() {}

use fheqat::prelude::*;

#[quant_net(bits = 3, per_channel = 1)]
struct Net {
    #[layer(per_channel)]
    quant_inp: QuantIdentity,
    #[layer(per_channel, per_channel = false)]
    fc1: QuantLinear<2, 3>,
    #[layer(signed)]
    relu1: QuantReLU,
    #[layer(per_channel = all)]
    fc2: QuantLinear<3, 3>,
}

fn main() {}

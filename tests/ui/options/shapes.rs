use fheqat::prelude::*;

#[quant_net(bits = 3, input = [])]
struct Empty {
    quant_inp: QuantIdentity,
    fc: QuantLinear<2, 3>,
}

#[quant_net(bits = 3, input = [1, 2, 3, 4, 5])]
struct Deep {
    quant_inp: QuantIdentity,
    fc: QuantLinear<2, 3>,
}

#[quant_net(bits = 3, input = [0])]
struct Zero {
    quant_inp: QuantIdentity,
    fc: QuantLinear<2, 3>,
}

fn main() {}

use fheqat::prelude::*;

struct Cosine;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 3>,
    act1: QuantAct<Cosine>,
    fc2: QuantLinear<3, 3>,
}

#[quant_net(bits = 3)]
struct Signed {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 3>,
    #[layer(signed = true)]
    act1: QuantAct<Cosine>,
    fc2: QuantLinear<3, 3>,
}

fn main() {}

use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    act: QuantAct<Tanh>,
    fc: QuantLinear<2, 3>,
}

fn main() {}

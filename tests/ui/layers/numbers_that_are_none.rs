use fheqat::prelude::*;

mod widths {
    pub const HIDDEN: usize = 100;
}

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, widths::HIDDEN>,
    relu1: QuantReLU,
    fc2: QuantLinear<-1, "two">,
    relu2: QuantReLU,
    fc3: QuantLinear<'static, 2>,
}

fn main() {}

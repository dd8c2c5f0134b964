use fheqat::prelude::*;

macro_rules! network {
    ($name:ident, $bits:expr, $hidden:literal) => {
        #[quant_net(bits = $bits)]
        struct $name {
            quant_inp: QuantIdentity,
            fc1: QuantLinear<2, $hidden>,
            relu1: QuantReLU,
            fc2: QuantLinear<3, 2>,
        }
    };
}

network!(Net, 12, 4);

fn main() {}

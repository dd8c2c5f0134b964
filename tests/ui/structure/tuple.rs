use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net(QuantIdentity, #[layer(weight_bits = 4)] QuantLinear<2, 3>);

fn main() {}

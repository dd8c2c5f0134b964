use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Unit;

#[quant_net(bits = 3)]
struct Empty {}

fn main() {}

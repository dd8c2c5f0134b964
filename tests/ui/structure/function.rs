use fheqat::prelude::*;

#[quant_net(bits = 3)]
fn net() {}

fn main() {}

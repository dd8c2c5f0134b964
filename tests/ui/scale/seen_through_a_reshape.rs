use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 8>,
    relu1: QuantReLU,
    fc2: QuantLinear<8, 8>,
    quant2: QuantIdentity,
    #[layer(shape = [2, 4])]
    grid2: Reshape,
    #[layer(from = relu1, shape = [2, 4])]
    grid1: Reshape,
    #[layer(from = [grid1, grid2])]
    add: Add,
}

fn main() {}

use fheqat::prelude::*;

#[quant_net(bits = 3, input = [4])]
struct Net {
    #[cfg_attr(target_pointer_width = "64", layer(bits = 4))]
    quant_inp: QuantIdentity,
    #[cfg_attr(any(), layer(shape = [2, 2]))]
    grid: Reshape,
    #[cfg_attr(all(), doc = "flat", layer(shape = [4]), cfg_attr(true, layer(from = grid)))]
    flat: Reshape,
    #[cfg_attr(all(), cfg(any()))]
    fc1: QuantLinear<4, { 1 + 1 }>,
    #[cfg_attr(all(), doc = "the last layer")]
    relu1: QuantReLU,
}

#[quant_net(bits = 3)]
struct Tuple(#[cfg_attr(all(), layer(bits = 4))] QuantIdentity);

fn main() {}

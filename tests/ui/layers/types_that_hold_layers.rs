use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    blocks: [QuantLinear<2, 2>; 3],
    pair: (QuantLinear<2, 2>, QuantReLU),
    list: Vec<QuantLinear<2, 2>>,
    boxed: Box<QuantReLU>,
    shared: std::sync::Arc<Box<QuantLinear<2, 2>>>,
    borrowed: &'static QuantReLU,
    unnamed: &QuantReLU,
    maybe: Option<QuantReLU>,
    pointer: *const QuantReLU,
    last: QuantLinear<2, 2>,
}

fn main() {}

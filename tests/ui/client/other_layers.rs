use fheqat::prelude::*;

#[quant_net(bits = 3, input = [1, 8, 8])]
struct Net {
    #[layer(client)]
    conv0: QuantConv2d<1, 4, 3>,
    #[layer(client)]
    pool0: AvgPool2d<2>,
    #[layer(client)]
    act0: QuantAct<Tanh>,
    #[layer(client)]
    bits: Thermometer<2>,
    flatten: Flatten,
    fc1: QuantLinear<72, 2>,
}

fn main() {
    let _ = Net::new(Seed(0));
}

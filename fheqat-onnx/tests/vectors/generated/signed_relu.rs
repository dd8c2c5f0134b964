#[quant_net(bits = 3)]
struct SignedRelu {
    quant_inp: QuantIdentity,
    #[layer(bias = free)]
    fc1: QuantLinear<6, 12>,
    relu1: QuantReLU,
    #[layer(per_channel, bias = free)]
    fc2: QuantLinear<12, 8>,
    #[layer(bits = 2)]
    relu2: QuantReLU,
    fc3: QuantLinear<8, 4>,
}

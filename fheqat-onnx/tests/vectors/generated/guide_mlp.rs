#[quant_net(bits = 3)]
struct GuideMlp {
    quant_inp: QuantIdentity,
    #[layer(bias = free)]
    fc1: QuantLinear<2, 24>,
    relu1: QuantReLU,
    #[layer(bias = free)]
    fc2: QuantLinear<24, 24>,
    relu2: QuantReLU,
    fc3: QuantLinear<24, 2>,
}

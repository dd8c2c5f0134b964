#[quant_net(bits = 3)]
struct Residual {
    quant_inp: QuantIdentity,
    #[layer(bias = free)]
    fc1: QuantLinear<64, 24>,
    relu1: QuantReLU,
    #[layer(bias = free)]
    fc2: QuantLinear<24, 24>,
    #[layer(bits = 4)]
    shared: QuantIdentity,
    #[layer(bits = 4, scale_from = shared, from = relu1)]
    shared_2: QuantIdentity,
    #[layer(from = [shared, shared_2])]
    add: Add,
    relu2: QuantReLU,
    fc3: QuantLinear<24, 10>,
}

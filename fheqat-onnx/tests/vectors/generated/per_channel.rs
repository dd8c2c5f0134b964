#[quant_net(weight_bits = 3, act_bits = 4)]
struct PerChannel {
    quant_inp: QuantIdentity,
    #[layer(per_channel, bias = none)]
    fc1: QuantLinear<6, 12>,
    relu1: QuantReLU,
    #[layer(per_channel, bias = none)]
    fc2: QuantLinear<12, 8>,
    relu2: QuantReLU,
    #[layer(per_channel, bias = none)]
    fc3: QuantLinear<8, 4>,
}

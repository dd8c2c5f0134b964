#[quant_net(weight_bits = 4, act_bits = 3, input = [4, 8, 8])]
struct Groups {
    #[layer(signed = false)]
    quant_inp: QuantIdentity,
    #[layer(weight_bits = 3, bias = none, padding = 1, groups = 4)]
    conv1: QuantConv2d<4, 8, 3>,
    norm1: BatchNorm,
    relu1: QuantReLU,
    #[layer(per_channel, bias = free, stride = 2, groups = 2)]
    conv2: QuantConv2d<8, 6, 3>,
    norm2: BatchNorm,
    #[layer(bits = 4)]
    relu2: QuantReLU,
    pool: GlobalAvgPool2d,
    #[layer(bits = 4, signed = false)]
    quant3: QuantIdentity,
    fc: QuantLinear<6, 5>,
}

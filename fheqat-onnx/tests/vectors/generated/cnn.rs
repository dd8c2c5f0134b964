#[quant_net(bits = 3, input = [1, 8, 8])]
struct Cnn {
    #[layer(signed = false)]
    quant_inp: QuantIdentity,
    #[layer(per_channel, bias = none, padding = 1)]
    conv1: QuantConv2d<1, 6, 3>,
    bn1: BatchNorm,
    relu1: QuantReLU,
    pool: AvgPool2d<2>,
    #[layer(signed = false)]
    quant2: QuantIdentity,
    #[layer(per_channel, bias = free, stride = 2, padding = 1)]
    conv2: QuantConv2d<6, 8, 3>,
    bn2: BatchNorm,
    relu2: QuantReLU,
    flat: Flatten,
    fc: QuantLinear<32, 10>,
}

#[quant_net(weight_bits = 3, act_bits = 4, input = [1, 12, 12])]
struct MaxPool {
    quant_inp: QuantIdentity,
    #[layer(weight_bits = 4, bias = free)]
    conv1: QuantConv2d<1, 4, 3>,
    hard: QuantIdentity,
    #[layer(stride = 2, padding = 1)]
    pool1: MaxPool2d<3>,
    #[layer(bias = free, stride = 2)]
    conv2: QuantConv2d<4, 6, 3>,
    #[layer(bits = 3)]
    relu2: QuantReLU,
    flat: Flatten,
    fc: QuantLinear<24, 4>,
}

#[quant_net(weight_bits = 3, act_bits = 4, input = [2, 8, 8])]
struct Branches {
    quant_inp: QuantIdentity,
    #[layer(weight_bits = 4, bias = free, padding = 1)]
    left: QuantConv2d<2, 3, 3>,
    joint: QuantReLU,
    #[layer(bias = none, from = quant_inp)]
    right: QuantConv2d<2, 3, 1>,
    #[layer(scale_from = joint)]
    joint_2: QuantReLU,
    #[layer(from = [joint, joint_2])]
    concat: Concat,
    pool: MaxPool2d<2>,
    #[layer(per_channel, bias = free)]
    tail: QuantConv2d<6, 8, 4>,
    #[layer(bits = 3)]
    tail_act: QuantReLU,
    flat: Flatten,
    #[layer(weight_bits = 4)]
    fc: QuantLinear<8, 4>,
}

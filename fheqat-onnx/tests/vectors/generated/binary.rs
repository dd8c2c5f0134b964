#[quant_net(weight_bits = 2, act_bits = 3)]
struct Binary {
    #[layer(bits = 2)]
    quant_inp: QuantIdentity,
    #[layer(bias = free)]
    fc1: QuantLinear<6, 12>,
    norm1: BatchNorm,
    tanh1: QuantAct<Tanh>,
    #[layer(bias = free)]
    fc2: QuantLinear<12, 8>,
    sigmoid2: QuantAct<Sigmoid>,
    #[layer(weight_bits = 3, bias = none)]
    fc3: QuantLinear<8, 4>,
}

use fheqat::prelude::*;

#[quant_net(bits = 3)]
pub struct GuideMlp {
    pub quant_inp: QuantIdentity,
    pub fc: QuantLinear<2, 2>,
}

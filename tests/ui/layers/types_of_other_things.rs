use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    any: impl Activation,
    object: dyn Activation,
    inferred: _,
    function: fn(f32) -> f32,
    nothing: (),
    name: &'static str,
    names: Vec<String>,
    epoch: Option<usize>,
    step: f32,
    written: layer!(),
    projected: <Net as Clone>::Layer,
    fc: QuantLinear<2, 2>,
}

fn main() {}

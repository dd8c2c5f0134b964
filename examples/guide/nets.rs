//! The guide's networks. A network's numbers are constants of its type, so each row of a table is a struct of its own.

use fheqat::prelude::*;

macro_rules! nets {
    ($($name:ident: $hidden:tt, [$($option:tt)*], [$($input:tt)*];)*) => {$(
        #[quant_net(bits = 3, $($option)*)]
        pub(crate) struct $name {
            $($input)*
            quant_inp: QuantIdentity,
            fc1: QuantLinear<2, $hidden>,
            relu1: QuantReLU,
            fc2: QuantLinear<$hidden, $hidden>,
            relu2: QuantReLU,
            fc3: QuantLinear<$hidden, 2>,
        }
    )*};
}

nets! {
    // One weight scale a layer, as the guide quantizes after training.
    Tensor10: 10, [], [];
    Tensor30: 30, [], [];
    Tensor100: 100, [], [];
    Channel10: 10, [per_channel], [];
    Channel30: 30, [per_channel], [];
    Channel100: 100, [per_channel], [];
    // The input's cells a third wide, the notebook's `rint(3 x)`.
    Cells10: 10, [], [#[layer(scale = 0.333)]];
    Cells30: 30, [], [#[layer(scale = 0.333)]];
    Cells100: 100, [], [#[layer(scale = 0.333)]];
    // At most so many weights a neuron, from the first step of training to the last.
    Pruned10: 100, [max_nonzero = 10], [];
    Pruned20: 100, [max_nonzero = 20], [];
    Pruned30: 100, [max_nonzero = 30], [];
    // The same on cells, and on unsigned cells with a budget.
    PrunedCells: 100, [max_nonzero = 30], [#[layer(scale = 0.333)]];
    PrunedBudget: 100, [max_nonzero = 30, max_l1 = 8], [#[layer(bits = 2, signed = false, scale = 0.333)]];
}

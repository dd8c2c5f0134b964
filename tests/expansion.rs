//! What the expansion of `#[quant_net]` may meet in a user's crate: macros, lints, names.
#![deny(warnings, clippy::pedantic, missing_docs, unused_qualifications)]

use fheqat::prelude::*;

/// The layers of a network.
fn layers<N: Network>() -> usize {
    N::new(Seed(0)).layers().len()
}

mod written_by_macros {
    use super::*;

    const WIDTH: usize = 4;

    macro_rules! body {
        ($name:ident { $($body:tt)* }) => {
            #[quant_net(bits = 3)]
            struct $name { $($body)* }
        };
    }

    body!(Body {
        quant_inp: QuantIdentity,
        #[layer(max_nonzero = 2)]
        fc1: QuantLinear<{ WIDTH / 2 }, WIDTH>,
        act1: QuantAct<Tanh>,
        fc2: QuantLinear<WIDTH, 2>,
    });

    macro_rules! item {
        ($item:item) => {
            #[quant_net(bits = 3)]
            $item
        };
    }

    item! {
        #[derive(Clone)]
        struct Item {
            quant_inp: QuantIdentity,
            #[layer(max_nonzero = WIDTH)]
            fc1: QuantLinear<2, WIDTH>,
            act1: QuantAct<Gelu>,
            fc2: QuantLinear<{ WIDTH }, 2>,
        }
    }

    macro_rules! whole {
        ($($item:tt)*) => { $($item)* };
    }

    whole! {
        #[quant_net(bits = 3, input = [WIDTH])]
        struct Whole {
            quant_inp: QuantIdentity,
            fc1: QuantLinear<WIDTH, 2>,
        }
    }

    macro_rules! idents {
        ($name:ident: $first:ident $second:ident<$inputs:ident, $outputs:ident> $act:ident<$function:ident>, $($field:ident)*) => {
            idents!(@ $name: $first $second<$inputs, $outputs> $act<$function>, [$($field)*]);
        };
        (@ $name:ident: $first:ident $second:ident<$inputs:ident, $outputs:ident> $act:ident<$function:ident>,
            [$one:ident $two:ident $three:ident]) => {
            #[quant_net(bits = 3)]
            struct $name {
                $one: $first,
                #[layer(from = $one)]
                $two: $second<$inputs, $outputs>,
                #[layer(scale_from = $one)]
                $three: $act<$function>,
            }
        };
    }

    idents!(Idents: QuantIdentity QuantLinear<WIDTH, WIDTH> QuantAct<Sigmoid>, quant_inp fc1 act1);

    macro_rules! types {
        ($name:ident, $($field:ident: $ty:ty),*) => {
            #[quant_net(bits = 3)]
            struct $name { $($field: $ty),* }
        };
    }

    types!(Types, quant_inp: QuantIdentity, fc1: QuantLinear<2, WIDTH>, act1: QuantAct<Tanh>, fc2: QuantLinear<{ WIDTH }, 3>);

    macro_rules! paths {
        ($name:ident, $($field:ident: $path:path),*) => {
            #[quant_net(bits = 3)]
            struct $name { $($field: $path),* }
        };
    }

    paths!(Paths, quant_inp: QuantIdentity, fc1: QuantLinear<2, WIDTH>, act1: QuantAct<Tanh>);

    macro_rules! numbers {
        ($name:ident, $literal:literal, $expr:expr, $tree:tt, $block:block, $path:path) => {
            #[quant_net(bits = $literal, max_nonzero = $expr, acc_bits = 16, max_l1 = $block, input = [$path])]
            struct $name {
                #[layer(bits = $tree)]
                quant_inp: QuantIdentity,
                fc1: QuantLinear<$literal, $tree>,
                act1: QuantAct<Tanh>,
                fc2: QuantLinear<{ $expr }, $literal>,
                relu2: QuantReLU,
                fc3: QuantLinear<$literal, $block>,
            }
        };
    }

    numbers!(Numbers, 4, 4, 4, { WIDTH }, WIDTH);

    #[allow(unused_macros)]
    macro_rules! options {
        ($name:ident, $bits:expr, $step:expr, $input:expr, $flag:expr, $bias:expr, $from:expr, $shape:expr, $axes:expr, $fheqat:path) => {
            #[quant_net(bits = $bits, tolerance = $step, input = $input, narrow_range = $flag, crate = $fheqat)]
            struct $name {
                #[layer(scale = $step)]
                quant_inp: QuantIdentity,
                #[layer(shape = $shape)]
                grid: Reshape,
                #[layer(axes = $axes)]
                turned: Transpose,
                #[layer(shape = $input)]
                flat: Reshape,
                #[layer(bias = $bias)]
                fc1: QuantLinear<4, 4>,
                #[layer(scale_from = quant_inp, bits = $bits)]
                relu1: QuantReLU,
                #[layer(from = $from)]
                add: Add,
            }
        };
    }

    macro_rules! metas {
        ($name:ident, $($net:meta),*; $($layer:meta),*) => {
            #[quant_net($($net),*)]
            struct $name {
                #[layer($($layer),*)]
                quant_inp: QuantIdentity,
                fc1: QuantLinear<4, 2>,
            }
        };
    }

    metas!(Metas, bits = 3, per_channel; scale = 0.5, signed = false);

    macro_rules! inner_constants {
        ($name:ident, $visibility:vis, $width:expr, $($quantizer:tt)*) => {
            const INNER: usize = $width;

            #[quant_net(bits = 3, max_nonzero = INNER)]
            $visibility struct $name {
                $visibility quant_inp: $($quantizer)*,
                fc1: QuantLinear<INNER, { INNER + 1 }>,
                act1: $($quantizer)*,
            }
        };
    }

    inner_constants!(InnerConstants, pub(super), 5, QuantIdentity);

    #[test]
    fn a_macro_may_write_any_part_of_a_network() {
        assert_eq!(layers::<Body>(), 4);
        assert_eq!(layers::<Item>(), 4);
        assert_eq!(layers::<Whole>(), 2);
        assert_eq!(layers::<Idents>(), 3);
        assert_eq!(layers::<Types>(), 4);
        assert_eq!(layers::<Paths>(), 3);
        assert_eq!(layers::<Numbers>(), 6);
        assert_eq!(layers::<Metas>(), 2);
        assert_eq!(layers::<InnerConstants>(), 3);
    }
}

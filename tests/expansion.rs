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
                relu3: QuantReLU,
                fc4: QuantLinear<$path, $expr>,
            }
        };
    }

    numbers!(Numbers, 4, 4, 4, { WIDTH }, WIDTH);

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

    options!(Options, 3, 0.5, [WIDTH], false, centred, [relu1, flat], [2, { WIDTH / 2 }], [1, 0], ::fheqat);

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
        assert_eq!(layers::<Numbers>(), 8);
        assert_eq!(layers::<Options>(), 7);
        assert_eq!(layers::<Metas>(), 2);
        assert_eq!(layers::<InnerConstants>(), 3);
    }
}

mod lints {
    use super::*;

    #[deprecated = "narrower ones do as well"]
    const BITS: u8 = 3;

    #[deprecated]
    struct Wave;

    #[allow(deprecated)]
    impl Activation for Wave {
        const SIGNED: bool = true;

        fn apply(x: f32) -> f32 {
            x.sin()
        }
    }

    /// A network.
    #[deprecated(since = "1.0.0", note = "for tests")]
    #[must_use]
    #[doc(hidden)]
    #[non_exhaustive]
    #[allow(clippy::module_name_repetitions)]
    #[quant_net(bits = 3)]
    #[derive(Clone, Debug)]
    pub(crate) struct Old {
        /// Reads the input.
        #[deprecated]
        pub quant_inp: QuantIdentity,
        #[doc(hidden)]
        fc1: QuantLinear<2, { 1 + 3 }>,
        act1: QuantAct<Tanh>,
    }

    #[quant_net(bits = 3)]
    struct OldFields {
        #[cfg_attr(all(), deprecated)]
        quant_inp: QuantIdentity,
        #[cfg_attr(any(), deprecated)]
        #[cfg_attr(all(), allow(dead_code), doc = "A layer.")]
        fc1: QuantLinear<2, { 1 + 3 }>,
        #[deprecated]
        act1: QuantAct<Tanh>,
        #[deprecated(note = "use the one before it")]
        fc2: QuantLinear<4, { 2 + 1 }>,
    }

    #[allow(deprecated)]
    #[quant_net(bits = BITS)]
    struct OldConstants {
        quant_inp: QuantIdentity,
        fc1: QuantLinear<2, { BITS as usize }>,
        act1: QuantAct<Wave>,
    }

    #[quant_net(bits = BITS)]
    #[expect(deprecated, reason = "it is that of a field")]
    struct Expected {
        quant_inp: QuantIdentity,
        fc1: QuantLinear<2, { BITS as usize }>,
    }

    #[test]
    #[allow(deprecated)]
    fn nothing_is_said_about_what_the_struct_deprecates() {
        assert_eq!(layers::<Old>(), 3);
        assert_eq!(layers::<OldFields>(), 4);
        assert_eq!(layers::<OldConstants>(), 3);
        assert_eq!(layers::<Expected>(), 2);
    }
}

/// Names of primitive types and of crates, taken.
#[allow(non_camel_case_types, non_upper_case_globals, dead_code, unused_macros)]
mod shadowed {
    use fheqat::prelude::*;

    macro_rules! types {
        ($($name:ident)*) => { $(pub(super) struct $name;)* };
    }
    types!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize f32 f64 bool char str);
    types!(Option Vec Box String Result Init Parts LayerRef LayerMut Module Known Limit);

    macro_rules! modules {
        ($($name:ident)*) => { $(pub(super) mod $name {})* };
    }
    modules!(std core alloc spec limits __private);

    macro_rules! vec {
        () => {};
    }
    pub(super) const None: () = ();
    pub(super) fn dimension() {}
    pub(super) fn is_signed() {}

    mod numbers {
        pub(super) const WIDTH: usize = 4;
        pub(super) const BITS: u8 = 3;
        pub(super) const STEP: f32 = 0.5;
    }
    use numbers::{BITS, STEP, WIDTH};

    #[quant_net(bits = BITS, max_nonzero = WIDTH, input = [WIDTH], tolerance = STEP, max_bootstraps = { 2 * WIDTH })]
    pub(super) struct Net {
        #[layer(scale = STEP, signed = true)]
        quant_inp: QuantIdentity,
        fc1: QuantLinear<WIDTH, { WIDTH }>,
        act1: QuantAct<Tanh>,
        #[layer(shape = [2, { WIDTH / 2 }])]
        grid: Reshape,
    }
}

#[test]
fn no_type_or_module_of_the_users_is_in_the_way() {
    assert_eq!(layers::<shadowed::Net>(), 4);
}

mod numbers {
    use super::*;
    use fheqat::spec::{Known, Layer, Quantizer, Scale};

    const WHOLE: u64 = 1;
    const WIDE: u128 = 3;
    const HALF: f32 = 0.5;

    fn quantizer<N: Network>(field: usize) -> Quantizer {
        match N::SPEC.fields[field].layer {
            Layer::Quantizer(quantizer) => quantizer,
            other => panic!("{other:?}"),
        }
    }

    #[quant_net(bits = (3), input = ([4]), tolerance = 0x1)]
    struct Literals {
        #[layer(scale = (0.5), bits = 0b11)]
        a: QuantIdentity,
        #[layer(scale = 1, bits = 3_usize)]
        b: QuantIdentity,
        #[layer(scale = 0x1, bits = (((0x3))))]
        c: QuantIdentity,
        #[layer(scale = 1u8, bits = -(-3))]
        d: QuantIdentity,
        #[layer(scale = -(-1f32), bits = 0_3)]
        e: QuantIdentity,
        #[layer(scale = 0.1f32, signed = (true))]
        f: QuantIdentity,
        #[layer(scale = 1e0_f64, from = (f))]
        g: QuantIdentity,
    }

    #[quant_net(bits = (WIDE), tolerance = WHOLE, input = [4])]
    struct Constants {
        #[layer(scale = (HALF), bits = 'width: { break 'width WIDE })]
        a: QuantIdentity,
        #[layer(scale = WHOLE, bits = (WIDE))]
        b: QuantIdentity,
        #[layer(scale = { WHOLE }, bits = ({ WIDE }))]
        c: QuantIdentity,
        #[layer(scale = { WHOLE * WHOLE })]
        d: QuantIdentity,
        #[layer(scale = 'one: {
            if HALF > 0.0 {
                break 'one 1.0;
            }
            f64::NAN
        })]
        e: QuantIdentity,
        #[layer(scale = { 0.1f32 })]
        f: QuantIdentity,
        #[layer(scale = { 1 })]
        g: QuantIdentity,
    }

    #[test]
    fn every_form_of_a_number_is_one() {
        let steps = [0.5, 1.0, 1.0, 1.0, 1.0, f64::from(0.1f32), 1.0];
        for (field, step) in steps.into_iter().enumerate() {
            for quantizer in [quantizer::<Literals>(field), quantizer::<Constants>(field)] {
                assert_eq!(quantizer.scale, Scale::Fixed(Known::Now(step)), "{field}");
                assert_eq!(quantizer.bits, Known::Now(3), "{field}");
            }
        }
        assert_eq!([Literals::SPEC, Constants::SPEC].map(|spec| spec.tolerance), [Some(Known::Now(1.0)); 2]);
        assert_eq!(Literals::SPEC.input, Constants::SPEC.input);
    }
}

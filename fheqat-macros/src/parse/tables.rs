//! The options, a line each: of a network, and of a layer.

use fheqat_spec::{Bias, Thresholds, limits};
use syn::Path;

use super::{
    kind::{
        CLIENT, CONSTANT, CONVOLUTIONS, DROPPING, ENCODERS, PADDED, QUANTIZERS, RESHAPED, SIGNED, SLICED,
        SLIDING, SUMMING, TOLERANT, TRANSPOSED, WEIGHTED,
    },
    number::Amount,
    option::options,
    value::{
        PaddingAst, Wire, axes, bias, constant, count, flag, owner, padding, path, probability, shape, step,
        thresholds, tolerance, wire,
    },
};

options! {
    /// The options of a network.
    NetOptions {
        "bits" => bits: Amount<i64> = count(limits::BITS);
        "weight_bits" => weight_bits: Amount<i64> = count(limits::WEIGHT_BITS);
        "act_bits" => act_bits: Amount<i64> = count(limits::ACT_BITS);
        "max_nonzero" => max_nonzero: Amount<i64> = count(limits::MAX_NONZERO);
        "max_l1" => max_l1: Amount<i64> = count(limits::MAX_L1);
        "acc_bits" => acc_bits: Amount<i64> = count(limits::ACC_BITS);
        "narrow_range" => narrow_range: bool = flag;
        "per_channel" => per_channel: bool = flag;
        "max_bootstraps" => max_bootstraps: Amount<i64> = count(limits::MAX_BOOTSTRAPS);
        "tolerance" => tolerance: Amount<f64> = tolerance;
        "input" => input: Vec<Amount<i64>> = shape(limits::INPUT);
        "crate" => krate: Path = path;
    }
}

options! {
    /// The options of a layer.
    LayerOptions {
        "from" => from: Wire = wire;
        "client" => client: bool = flag, on CLIENT;
        "bits" => bits: Amount<i64> = count(limits::QUANTIZER_BITS), on QUANTIZERS;
        "signed" => signed: bool = flag, on SIGNED;
        "scale" => scale: Amount<f64> = step, on QUANTIZERS;
        "scale_from" => scale_from: Wire = owner, on QUANTIZERS;
        "thresholds" => thresholds: Thresholds = thresholds, on ENCODERS;
        "weight_bits" => weight_bits: Amount<i64> = count(limits::WEIGHT_BITS), on WEIGHTED;
        "narrow_range" => narrow_range: bool = flag, on WEIGHTED;
        "per_channel" => per_channel: bool = flag, on WEIGHTED;
        "max_nonzero" => max_nonzero: Amount<i64> = count(limits::MAX_NONZERO), on WEIGHTED;
        "max_l1" => max_l1: Amount<i64> = count(limits::MAX_L1), on WEIGHTED;
        "acc_bits" => acc_bits: Amount<i64> = count(limits::ACC_BITS), on SUMMING;
        "tolerance" => tolerance: Amount<f64> = tolerance, on TOLERANT;
        "bias" => bias: Bias = bias, on WEIGHTED;
        "shape" => shape: Vec<Amount<i64>> = shape(limits::SHAPE), on RESHAPED;
        "axes" => axes: Vec<Amount<i64>> = axes, on TRANSPOSED;
        "axis" => axis: Amount<i64> = count(limits::AXIS), on SLICED;
        "stride" => stride: Amount<i64> = count(limits::STRIDE), on SLIDING;
        "padding" => padding: PaddingAst = padding, on PADDED;
        "dilation" => dilation: Amount<i64> = count(limits::DILATION), on SLIDING;
        "value" => value: Amount<f64> = constant, on CONSTANT;
        "p" => p: Amount<f64> = probability, on DROPPING;
        "groups" => groups: Amount<i64> = count(limits::GROUPS), on CONVOLUTIONS;
    }
}

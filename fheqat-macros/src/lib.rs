//! The `quant_net` attribute of fheqat.
//!
//! The macro generates data, the library holds the logic: the struct as written, one `impl Layers`, and the const
//! assertions that ask the laws of `fheqat-spec` again once every number is known.

use proc_macro::TokenStream;

#[cfg(test)]
mod agreement;
mod checks;
mod codegen;
mod diag;
mod expand;
mod local;
mod model;
mod parse;

/// Turns a struct of layers into a quantized network that runs under TFHE.
///
/// The fields are layers in order; each takes the output of the field before it. What the weights are is said by const
/// generics, how a layer is applied by `#[layer(...)]`.
///
/// Every number is a literal, the path of a constant, or a `{ block }`.
///
/// | layer | reads | gives |
/// |---|---|---|
/// | `QuantIdentity`, `QuantReLU`, `QuantAct<F>` | levels or sums; `QuantIdentity` also the input | levels, of the same shape |
/// | `Thermometer<K>` | the input | `K` levels 0 and 1 for each feature |
/// | `QuantLinear<IN, OUT>`, `QuantConv1d<IN, OUT, K>`, `QuantConv2d<IN, OUT, K>` | levels | sums |
/// | `AvgPool2d<K>`, `GlobalAvgPool2d`, `Add` | levels | sums |
/// | `MaxPool2d<K>` | levels | levels |
/// | `BatchNorm`, `Mul`, `ConstantAdd` | levels or sums | what they read with a factor and a constant, which a quantizer has to read, or the client |
/// | `Concat`, `Reshape`, `Flatten`, `Transpose`, `Pad`, `Upsample<FACTOR>`, `Slice<START, END>`, `Dropout` | levels | the same levels, some of them elsewhere, not at all or several times |
/// | `Linear<IN, OUT>`, `Conv1d<IN, OUT, K>`, `Conv2d<IN, OUT, K>`, `ReLU` | the input | floats, by the client |
///
/// | `#[quant_net(...)]` | meaning | default |
/// |---|---|---|
/// | `bits = 3` | weight and activation bits | required |
/// | `weight_bits`, `act_bits` | one of the two alone | `bits` |
/// | `max_nonzero = 30` | non-zero weights per output neuron or filter | fan-in |
/// | `max_l1 = 8` | sum of absolute integer weights per output neuron or filter | none |
/// | `acc_bits = 16` | widest accumulator allowed; of sums that a table reads never more than 16 | 16; 24 for sums that only the client reads |
/// | `per_channel` | a weight scale for each output neuron or filter | one a layer |
/// | `narrow_range = true` | weights in `-(2^(b-1)-1)..=2^(b-1)-1`, else `-2^(b-1)..=2^(b-1)-1` | `true` |
/// | `input = [1, 8, 8]` | shape of one sample, channels first; required before convolutions, pools, `Pad`, `Upsample`, `Slice`, `Reshape` and `Transpose` | `[IN]` of the first `QuantLinear`, `[IN / K]` behind a `Thermometer<K>` |
/// | `max_bootstraps = 200` | refuse a network that could need more for one sample | none |
/// | `tolerance = 0.2` | the standard deviation, in steps of the activation, of the noise that encrypted sums may carry and training sees | exact |
/// | `crate = path` | where fheqat lives | `::fheqat` |
///
/// | `#[layer(...)]` | on | meaning | default |
/// |---|---|---|---|
/// | `from = a`, `from = [a, b]` | any layer; `Add`, `Concat` | reads earlier fields, or `input` | the field before; required |
/// | `client` | `Linear`, `Conv1d`, `Conv2d`, `ReLU`, which need it; `BatchNorm`, `Flatten`, `Reshape` | the client runs it in float, before what encodes the features, and sees its weights | it runs encrypted |
/// | `bits` | `QuantIdentity`, `QuantReLU`, `QuantAct` | width of its levels | `act_bits` of the struct |
/// | `thresholds = uniform`, `quantiles` | `Thermometer` | where the thresholds of its bits lie, chosen on the training samples: equal steps between the least and the largest value, or as many samples between any two | `uniform` where the input has channels and axes, else `quantiles` |
/// | `signed = false` | `QuantIdentity`, `QuantAct` | levels `0..=2^b-1` instead of `-2^(b-1)..=2^(b-1)-1`; a function says by itself | `true` |
/// | `scale = 0.25`, `scale_from = a` | `QuantIdentity`, `QuantReLU`, `QuantAct` | fixes the step between two levels; takes that of an earlier field | calibrated and trained |
/// | `weight_bits`, `per_channel`, `narrow_range`, `max_nonzero`, `max_l1` | `QuantLinear`, `QuantConv1d`, `QuantConv2d` | as on the struct | the struct's |
/// | `acc_bits` | these, pools and `Add` | as on the struct | the struct's |
/// | `tolerance` | `QuantIdentity`, `QuantReLU`, `QuantAct` behind sums; the layer with weights that gives the output | as on the struct; 0 is exact | the struct's |
/// | `stride`, `dilation` | `QuantConv1d`, `QuantConv2d`, `Conv1d`, `Conv2d`, `AvgPool2d`, `MaxPool2d` | steps of the window; the distance between two numbers that it sees | 1, of a pool its window; 1 |
/// | `padding = 1`, `same`, `(top, bottom, left, right)`, `(left, right)` | these, and `Pad` without `same` | zeros around the input, which a maximum leaves out; `same` gives as many positions as the length over the stride, the odd zero behind, as Keras and ONNX's `SAME_UPPER` do | 0; required |
/// | `axis = 1` | `Slice` | the axis that it takes a part of | 0, the channels |
/// | `value = 0.5` | `Mul`, `ConstantAdd` | the constant of each channel where no weights are loaded; constants do not train | 1; 0 |
/// | `p = 0.1` | `Dropout` | the probability that a level is set to zero while the network trains | 0.5 |
/// | `groups` | `QuantConv1d`, `QuantConv2d`, `Conv1d`, `Conv2d` | parts of the channels, of which a filter reads one | 1 |
/// | `bias = clipped`, `centred`, `free`, `none` | `QuantLinear`, `QuantConv1d`, `QuantConv2d` | how the float bias trains | `clipped` before a quantizer, `none` before a `BatchNorm`, `free` in the last layer and before `Mul` and `ConstantAdd` |
/// | `shape = [4, 4]`, `axes = [1, 0]` | `Reshape`, `Transpose` | the shape given; the order of axes | required |
#[proc_macro_attribute]
pub fn quant_net(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::caught(args.into(), &item.into()).into()
}

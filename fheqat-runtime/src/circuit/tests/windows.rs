//! Filters that repeat one another, look at the same numbers from elsewhere, or see nothing: the passes that serve dense
//! layers find them.

use fheqat_spec::{Bias, Transfer};

use crate::{
    Seed,
    circuit::{Circuit, ir::Accumulator},
    fixture::drawn::{Draw, PLAIN, Weights, window},
};

const CHANNELS: usize = 2;
const HEIGHT: usize = 4;
const WIDTH: usize = 5;
const FREE_OF_BIAS: Weights = Weights { bits: 4, bias: Bias::None, ..PLAIN };

/// A convolution of windows of 3 by 3 with padding 1 over `[2, 4, 5]` and a quantizer, its weights by filter, channel, row
/// and column of the window.
fn filters(
    count: usize,
    stride: i64,
    weight: impl Fn(usize, usize, usize, usize) -> i64,
    transfer: Transfer,
) -> Draw {
    let mut draw = Draw::new(&[CHANNELS, HEIGHT, WIDTH], Seed(1));
    let levels = draw.input(Transfer::Unsigned, 2);
    let conv = draw.conv(levels, count, window(2, 3, stride, 1), 1, FREE_OF_BIAS);
    draw.fill(conv, |filter, column| weight(filter, column / 9, column % 9 / 3, column % 3));
    draw.quantizer_of(conv, transfer, 3, 2.0);
    draw
}

/// Accumulators before and after the passes.
fn counts(draw: Draw) -> (usize, usize) {
    let drawn = draw.finish();
    let count = |circuit: Circuit| circuit.graph.accumulators.len();
    (count(drawn.lowered()), count(drawn.circuit()))
}

#[test]
fn filters_that_are_equal_up_to_sign_and_scale_share_their_accumulators() {
    let pattern = |channel, row, column| (channel + 2 * row + column) as i64 % 3 - 1;
    let times = [1, 1, -1, 2, -3];
    let weight = |filter: usize, channel, row, column| times[filter] * pattern(channel, row, column);
    assert_eq!(counts(filters(times.len(), 1, weight, Transfer::Signed)), (5 * 20, 20));
}

#[test]
fn filters_that_see_one_number_from_different_positions_share_its_accumulator() {
    // The first looks at its centre, the second to the right, the third up: all at numbers of the first channel.
    let looks = [(1, 1), (1, 2), (0, 1)];
    let weight =
        |filter: usize, channel, row, column| i64::from(channel == 0 && (row, column) == looks[filter]);
    assert_eq!(counts(filters(looks.len(), 1, weight, Transfer::Signed)), (3 * 20, 20));
}

#[test]
fn windows_that_see_only_padding_cost_nothing() {
    // The top row of the window: over the first of four rows of positions it lies in the padding.
    let weight = |_, channel, row, column: usize| {
        if row == 0 { 1 + (3 * channel + column) as i64 } else { 0 }
    };
    assert_eq!(counts(filters(1, 1, weight, Transfer::Signed)), (20, 15));
}

#[test]
fn windows_that_see_only_constant_levels_cost_nothing() {
    // The first two filters are below zero for every input, so their ReLU is constant, and so is what reads only them.
    let weight = |filter: usize, _, _, _| if filter < 2 { -1 } else { 1 };
    let mut draw = filters(4, 1, weight, Transfer::ReLU);
    let levels = draw.last();
    let conv = draw.conv(levels, 2, window(2, 3, 1, 0), 2, FREE_OF_BIAS);
    draw.fill(conv, |_, column| 1 + column as i64 % 2);
    draw.quantizer_of(conv, Transfer::ReLU, 3, 9.0);
    let pool = draw.last();
    draw.pool(pool, None);
    // Before: four filters at 20 positions, then two at 6. After: two equal filters, of which the second layer reads all.
    assert_eq!(counts(draw), (4 * 20 + 2 * 6, 20 + 6));
}

/// The same convolution as a dense layer, row by row.
fn dense(count: usize, stride: usize, weight: impl Fn(usize, usize, usize, usize) -> i64) -> Draw {
    let (rows, columns) = ((HEIGHT - 1) / stride + 1, (WIDTH - 1) / stride + 1);
    let mut draw = Draw::new(&[CHANNELS * HEIGHT * WIDTH], Seed(2));
    let levels = draw.input(Transfer::Unsigned, 2);
    let linear = draw.linear(levels, count * rows * columns, FREE_OF_BIAS);
    draw.fill(linear, |out, input| {
        let (filter, at) = (out / (rows * columns), out % (rows * columns));
        let (top, left) = (at / columns * stride, at % columns * stride);
        let (channel, y, x) = (input / (HEIGHT * WIDTH), input % (HEIGHT * WIDTH) / WIDTH, input % WIDTH);
        let seen = (top..top + 3).contains(&(y + 1)) && (left..left + 3).contains(&(x + 1));
        if seen { weight(filter, channel, y + 1 - top, x + 1 - left) } else { 0 }
    });
    draw.quantizer_of(linear, Transfer::Signed, 3, 2.0);
    draw
}

#[test]
fn a_convolution_is_optimised_to_what_its_dense_layer_is() {
    for stride in [1, 2] {
        // Equal filters, mirrored ones, sparse ones, and windows with nothing in them.
        let weight = |filter: usize, channel: usize, row: usize, column: usize| match filter {
            0 | 1 => (channel + row * column) as i64 - 2,
            2 => 2 - (channel + row * column) as i64,
            3 => i64::from(channel == 1 && row == 0),
            _ => 3 * i64::from(channel == 1 && row == 2 && column == 1),
        };
        let conv = filters(5, stride as i64, weight, Transfer::Signed).finish();
        let dense = dense(5, stride, weight).finish();
        let parts = |circuit: Circuit| -> (Vec<Accumulator>, Vec<_>) {
            (circuit.graph.accumulators, circuit.graph.outputs)
        };
        let (before, after) = (conv.lowered().graph.accumulators.len(), parts(conv.circuit()));
        assert_eq!(2 * after.0.len(), before);
        assert_eq!(after, parts(dense.circuit()), "stride {stride}");
    }
}

//! A small network of each kind of layer, lowered, before any pass. Weights and steps are integers and powers of two, so
//! that every machine computes the same thresholds.

use fheqat_spec::{Bias, Does, Known, Padding, Sides, Transfer, WeightScale, Window};
use insta::assert_snapshot;

use crate::{
    Seed,
    fixture::drawn::{Draw, PLAIN, Weights, window},
    quant::{activation::Activation, transition::Channel},
};

const FREE_OF_BIAS: Weights = Weights { bias: Bias::None, ..PLAIN };

fn draw(input: &[usize]) -> (Draw, usize) {
    let mut draw = Draw::new(input, Seed(1));
    let levels = draw.input(Transfer::Unsigned, 2);
    (draw, levels)
}

fn lowered(draw: Draw) -> String {
    draw.finish().lowered().graph.to_string()
}

#[test]
fn dense() {
    let (mut draw, levels) = draw(&[2]);
    let hidden = draw.linear(levels, 2, FREE_OF_BIAS);
    draw.fill(hidden, |row, column| [[1, -2], [3, 0]][row][column]);
    let levels = draw.quantizer_of(hidden, Transfer::ReLU, 2, 2.0);
    let sums = draw.linear(levels, 1, Weights { bits: 4, ..FREE_OF_BIAS });
    draw.fill(sums, |_, column| [3, 4][column]);
    assert_snapshot!(draw.finish().tolerating(0.25).lowered().graph, @r#"
    input x0..=x1, range 0..=3
    layer 0 "field2" reads "field1", bound -18..=18
    accumulator 0 = x0 - 2 x1, range -6..=3, layer 0, tolerance 0.5
      t0.0 = 0 [+1 at 2, +1 at 3]
    accumulator 1 = 3 x0, range 0..=9, layer 0, tolerance 0.5
      t1.0 = 0 [+1 at 2, +1 at 3, +1 at 6]
    output 0 = 3 t0.0 + 4 t1.0, range 0..=18, tolerance 1.25
    "#);
}

#[test]
fn bits_of_the_input() {
    let mut draw = Draw::new(&[2], Seed(1));
    let bits = draw.thermometer(2);
    let hidden = draw.linear(bits, 1, FREE_OF_BIAS);
    draw.fill(hidden, |_, column| [1, -2, 3, 1][column]);
    let levels = draw.quantizer_like(hidden, bits, Transfer::ReLU, 2);
    draw.concat(&[bits, levels]);
    assert_snapshot!(lowered(draw), @r#"
    input x0..=x3, range 0..=1
    layer 0 "field2" reads "field1", bound -12..=12
    accumulator 0 = x0 - 2 x1 + 3 x2 + x3, range -2..=5, layer 0
      t0.0 = 0 [+1 at 1, +1 at 2, +1 at 3]
    output 0 = x0, range 0..=1
    output 1 = x1, range 0..=1
    output 2 = x2, range 0..=1
    output 3 = x3, range 0..=1
    output 4 = t0.0, range 0..=3
    "#);
}

#[test]
fn dense_with_biases() {
    let (mut draw, levels) = draw(&[2]);
    let hidden = draw.linear(levels, 2, Weights { bias: Bias::Free, ..PLAIN });
    draw.fill(hidden, |_, column| [1, -2][column]);
    draw.bias(hidden, &[0.75, -0.25]);
    draw.quantizer_of(hidden, Transfer::ReLU, 2, 1.0);
    assert_snapshot!(lowered(draw), @r#"
    input x0..=x1, range 0..=3
    layer 0 "field2" reads "field1", bound -18..=18
    accumulator 0 = x0 - 2 x1, range -6..=3, layer 0
      t0.0 = 0 [+1 at -2, +1 at -1, +1 at 0]
    accumulator 1 = x0 - 2 x1, range -6..=3, layer 0
      t1.0 = 0 [+1 at 2, +1 at 3]
    output 0 = t0.0, range 0..=3
    output 1 = t1.0, range 0..=2
    "#);
}

#[test]
fn dense_about_the_middle() {
    let (mut draw, levels) = draw(&[2]);
    let hidden = draw.linear(levels, 2, PLAIN);
    draw.fill(hidden, |row, column| [[1, -2], [3, 1]][row][column]);
    draw.quantizer_of(hidden, Transfer::Signed, 2, 2.0);
    assert_snapshot!(lowered(draw), @r#"
    input x0..=x1, range 0..=3
    layer 0 "field2" reads "field1", bound -18..=18
    accumulator 0 = x0 - 2 x1, range -6..=3, layer 0
      t0.0 = -2 [+1 at -3, +1 at -1, +1 at 1]
    accumulator 1 = 3 x0 + x1, range 0..=12, layer 0
      t1.0 = -2 [+1 at 5, +1 at 6, +1 at 9]
    output 0 = t0.0, range -2..=1
    output 1 = t1.0, range -2..=1
    "#);
}

#[test]
fn dense_with_a_scale_for_each_row() {
    let (mut draw, levels) = draw(&[2]);
    let hidden = draw.linear(levels, 2, Weights { scale: WeightScale::PerChannel, ..FREE_OF_BIAS });
    draw.fill(hidden, |_, column| [1, 2][column]);
    draw.scale(hidden, &[1.0, 0.25]);
    draw.quantizer_of(hidden, Transfer::Unsigned, 2, 2.0);
    assert_snapshot!(lowered(draw), @r#"
    input x0..=x1, range 0..=3
    layer 0 "field2" reads "field1", bound -18..=18
    accumulator 0 = x0 + 2 x1, range 0..=9, layer 0
      t0.0 = 0 [+1 at 2, +1 at 3, +1 at 6]
    accumulator 1 = x0 + 2 x1, range 0..=9, layer 0
      t1.0 = 0 [+1 at 5]
    output 0 = t0.0, range 0..=3
    output 1 = t1.0, range 0..=1
    "#);
}

#[test]
fn conv1d() {
    let (mut draw, levels) = draw(&[2, 4]);
    let conv = draw.conv(levels, 2, window(1, 3, 1, 0), 2, FREE_OF_BIAS);
    draw.fill(conv, |filter, column| [[1, -1, 2], [0, 3, -2]][filter][column]);
    draw.quantizer_of(conv, Transfer::ReLU, 1, 2.0);
    assert_snapshot!(lowered(draw), @r#"
    input x0..=x7, range 0..=3
    layer 0 "field2" reads "field1", bound -27..=27
    accumulator 0 = x0 - x1 + 2 x2, range -3..=9, layer 0
      t0.0 = 0 [+1 at 2]
    accumulator 1 = x1 - x2 + 2 x3, range -3..=9, layer 0
      t1.0 = 0 [+1 at 2]
    accumulator 2 = 3 x5 - 2 x6, range -6..=9, layer 0
      t2.0 = 0 [+1 at 2]
    accumulator 3 = 3 x6 - 2 x7, range -6..=9, layer 0
      t3.0 = 0 [+1 at 2]
    output 0 = t0.0, range 0..=1
    output 1 = t1.0, range 0..=1
    output 2 = t2.0, range 0..=1
    output 3 = t3.0, range 0..=1
    "#);
}

#[test]
fn conv2d_with_padding() {
    let (mut draw, levels) = draw(&[1, 3, 3]);
    let conv = draw.conv(levels, 1, window(2, 3, 2, 1), 1, Weights { bits: 5, ..FREE_OF_BIAS });
    draw.fill(conv, |_, column| column as i64 + 1);
    draw.quantizer_of(conv, Transfer::Unsigned, 1, 32.0);
    assert_snapshot!(lowered(draw), @r#"
    input x0..=x8, range 0..=3
    layer 0 "field2" reads "field1", bound -405..=405
    accumulator 0 = 5 x0 + 6 x1 + 8 x3 + 9 x4, range 0..=84, layer 0
      t0.0 = 0 [+1 at 17]
    accumulator 1 = 4 x1 + 5 x2 + 7 x4 + 8 x5, range 0..=72, layer 0
      t1.0 = 0 [+1 at 17]
    accumulator 2 = 2 x3 + 3 x4 + 5 x6 + 6 x7, range 0..=48, layer 0
      t2.0 = 0 [+1 at 17]
    accumulator 3 = x4 + 2 x5 + 4 x7 + 5 x8, range 0..=36, layer 0
      t3.0 = 0 [+1 at 17]
    output 0 = t0.0, range 0..=1
    output 1 = t1.0, range 0..=1
    output 2 = t2.0, range 0..=1
    output 3 = t3.0, range 0..=1
    "#);
}

#[test]
fn average_pool() {
    let (mut draw, levels) = draw(&[1, 2, 4]);
    let pool = draw.pool(levels, Some(window(2, 2, 2, 0)));
    draw.quantizer_of(pool, Transfer::Unsigned, 2, 4.0);
    assert_snapshot!(lowered(draw), @r#"
    input x0..=x7, range 0..=3
    layer 0 "field2" reads "field1", bound 0..=12
    accumulator 0 = x0 + x1 + x4 + x5, range 0..=12, layer 0
      t0.0 = 0 [+1 at 3, +1 at 6, +1 at 11]
    accumulator 1 = x2 + x3 + x6 + x7, range 0..=12, layer 0
      t1.0 = 0 [+1 at 3, +1 at 6, +1 at 11]
    output 0 = t0.0, range 0..=3
    output 1 = t1.0, range 0..=3
    "#);
}

/// A zero has no wire.
#[test]
fn pad() {
    let (mut draw, levels) = draw(&[1, 2, 2]);
    draw.pad(levels, &[1, 0, 0, 1]);
    assert_snapshot!(lowered(draw), @r"
    input x0..=x3, range 0..=3
    output 0 = 0, range 0..=0
    output 1 = 0, range 0..=0
    output 2 = 0, range 0..=0
    output 3 = x0, range 0..=3
    output 4 = x1, range 0..=3
    output 5 = 0, range 0..=0
    output 6 = x2, range 0..=3
    output 7 = x3, range 0..=3
    output 8 = 0, range 0..=0
    ");
}

#[test]
fn slices() {
    let (mut draw, levels) = draw(&[2, 3]);
    let channel = draw.slice(levels, 0, 1..2);
    draw.slice(channel, 1, 0..2);
    assert_snapshot!(lowered(draw), @r"
    input x0..=x5, range 0..=3
    output 0 = x3, range 0..=3
    output 1 = x4, range 0..=3
    ");
}

/// A unit of the sums stands for a quarter, a level for a half: the first neuron is `s / 2 + 1 / 2` levels, the second `3 / 2 - s / 4`.
#[test]
fn constants() {
    let (mut draw, levels) = draw(&[2]);
    let hidden = draw.linear(levels, 2, FREE_OF_BIAS);
    draw.fill(hidden, |_, column| [1, 2][column]);
    let factors = draw.constant(hidden, Does::Multiply, &[1.0, -0.5]);
    let moved = draw.constant(factors, Does::Add, &[0.25, 0.75]);
    draw.quantizer_of(moved, Transfer::ReLU, 2, 2.0);
    assert_snapshot!(lowered(draw), @r#"
    input x0..=x1, range 0..=3
    layer 0 "field4" reads "field3", bound -18..=18
    accumulator 0 = x0 + 2 x1, range 0..=9, layer 0
      t0.0 = 0 [+1 at 1, +1 at 2, +1 at 5]
    accumulator 1 = x0 + 2 x1, range 0..=9, layer 0
      t1.0 = 2 [-1 at 1, -1 at 4]
    output 0 = t0.0, range 0..=3
    output 1 = t1.0, range 0..=2
    "#);
}

#[test]
fn upsample() {
    let (mut draw, levels) = draw(&[1, 1, 2]);
    draw.upsample(levels, 2);
    assert_snapshot!(lowered(draw), @r"
    input x0..=x1, range 0..=3
    output 0 = x0, range 0..=3
    output 1 = x0, range 0..=3
    output 2 = x1, range 0..=3
    output 3 = x1, range 0..=3
    output 4 = x0, range 0..=3
    output 5 = x0, range 0..=3
    output 6 = x1, range 0..=3
    output 7 = x1, range 0..=3
    ");
}

#[test]
fn conv2d_with_gaps_and_sides_of_its_own() {
    let (mut draw, levels) = draw(&[1, 2, 3]);
    let known = Known::Now;
    let sides = Sides::new(&[known(0), known(1), known(1), known(0)]);
    let window = Window { dilation: known(2), padding: Padding::Sides(sides), ..window(2, 2, 1, 0) };
    let conv = draw.conv(levels, 1, window, 1, FREE_OF_BIAS);
    draw.fill(conv, |_, column| [1, 2, 3, -1][column]);
    draw.quantizer_of(conv, Transfer::ReLU, 2, 2.0);
    assert_snapshot!(lowered(draw), @r#"
    input x0..=x5, range 0..=3
    layer 0 "field2" reads "field1", bound -36..=36
    accumulator 0 = 2 x1, range 0..=6, layer 0
      t0.0 = 0 [+1 at 2, +1 at 3, +1 at 6]
    accumulator 1 = x0 + 2 x2, range 0..=9, layer 0
      t1.0 = 0 [+1 at 2, +1 at 3, +1 at 6]
    output 0 = t0.0, range 0..=3
    output 1 = t1.0, range 0..=3
    "#);
}

#[test]
fn conv1d_that_keeps_the_length() {
    let (mut draw, levels) = draw(&[1, 3]);
    let window = Window { padding: Padding::Same, ..window(1, 2, 2, 0) };
    let conv = draw.conv(levels, 1, window, 1, FREE_OF_BIAS);
    draw.fill(conv, |_, column| [1, 2][column]);
    draw.quantizer_of(conv, Transfer::ReLU, 2, 2.0);
    assert_snapshot!(lowered(draw), @r#"
    input x0..=x2, range 0..=3
    layer 0 "field2" reads "field1", bound -18..=18
    accumulator 0 = x0 + 2 x1, range 0..=9, layer 0
      t0.0 = 0 [+1 at 2, +1 at 3, +1 at 6]
    accumulator 1 = x2, range 0..=3, layer 0
      t1.0 = 0 [+1 at 2, +1 at 3]
    output 0 = t0.0, range 0..=3
    output 1 = t1.0, range 0..=2
    "#);
}

#[test]
fn max_pool() {
    let (mut draw, levels) = draw(&[1, 2, 3]);
    let dropped = draw.dropout(levels, 0.5);
    draw.max_pool(dropped, window(2, 2, 1, 0));
    assert_snapshot!(lowered(draw), @r#"
    input x0..=x5, range 0..=3
    layer 0 "field2" reads "field1", bound -3..=3
    accumulator 0 = x0 - x1, range -3..=3, layer 0
      t0.0 = 0 [+1 at 1, +1 at 2, +1 at 3]
    accumulator 1 = x3 - x4, range -3..=3, layer 0
      t1.0 = 0 [+1 at 1, +1 at 2, +1 at 3]
    accumulator 2 = x1 - x4 + t0.0 - t1.0, range -3..=3, layer 0
      t2.0 = 0 [+1 at 1, +1 at 2, +1 at 3]
    accumulator 3 = x1 - x2, range -3..=3, layer 0
      t3.0 = 0 [+1 at 1, +1 at 2, +1 at 3]
    accumulator 4 = x4 - x5, range -3..=3, layer 0
      t4.0 = 0 [+1 at 1, +1 at 2, +1 at 3]
    accumulator 5 = x2 - x5 + t3.0 - t4.0, range -3..=3, layer 0
      t5.0 = 0 [+1 at 1, +1 at 2, +1 at 3]
    output 0 = x4 + t1.0 + t2.0, range 0..=3
    output 1 = x5 + t4.0 + t5.0, range 0..=3
    "#);
}

#[test]
fn global_pool() {
    let (mut draw, levels) = draw(&[2, 2, 2]);
    draw.pool(levels, None);
    assert_snapshot!(lowered(draw), @r#"
    input x0..=x7, range 0..=3
    output 0 = x0 + x1 + x2 + x3, range 0..=12
    output 1 = x4 + x5 + x6 + x7, range 0..=12
    "#);
}

#[test]
fn add() {
    let (mut draw, levels) = draw(&[2]);
    let other = draw.quantizer_like(levels, levels, Transfer::Unsigned, 1);
    draw.add(&[levels, other, levels]);
    assert_snapshot!(lowered(draw), @r#"
    input x0..=x1, range 0..=3
    layer 0 "field1" reads "field0", bound 0..=3
    accumulator 0 = x0, range 0..=3, layer 0
      t0.0 = 0 [+1 at 1]
    accumulator 1 = x1, range 0..=3, layer 0
      t1.0 = 0 [+1 at 1]
    output 0 = 2 x0 + t0.0, range 0..=7
    output 1 = 2 x1 + t1.0, range 0..=7
    "#);
}

#[test]
fn concat() {
    let (mut draw, levels) = draw(&[2]);
    let other = draw.quantizer_like(levels, levels, Transfer::Signed, 2);
    draw.concat(&[other, levels]);
    assert_snapshot!(lowered(draw), @r#"
    input x0..=x1, range 0..=3
    layer 0 "field1" reads "field0", bound 0..=3
    accumulator 0 = x0, range 0..=3, layer 0
      t0.0 = 0 [+1 at 1]
    accumulator 1 = x1, range 0..=3, layer 0
      t1.0 = 0 [+1 at 1]
    output 0 = t0.0, range 0..=1
    output 1 = t1.0, range 0..=1
    output 2 = x0, range 0..=3
    output 3 = x1, range 0..=3
    "#);
}

#[test]
fn transpose_and_flatten() {
    let (mut draw, levels) = draw(&[2, 3]);
    let turned = draw.transpose(levels, &[1, 0]);
    draw.flatten(turned);
    assert_snapshot!(lowered(draw), @r#"
    input x0..=x5, range 0..=3
    output 0 = x0, range 0..=3
    output 1 = x3, range 0..=3
    output 2 = x1, range 0..=3
    output 3 = x4, range 0..=3
    output 4 = x2, range 0..=3
    output 5 = x5, range 0..=3
    "#);
}

#[test]
fn reshape() {
    let (mut draw, levels) = draw(&[6]);
    let square = draw.reshape(levels, &[1, 2, 3]);
    let turned = draw.transpose(square, &[0, 2, 1]);
    draw.pool(turned, Some(window(2, 2, 1, 0)));
    assert_snapshot!(lowered(draw), @r#"
    input x0..=x5, range 0..=3
    output 0 = x0 + x1 + x3 + x4, range 0..=12
    output 1 = x1 + x2 + x4 + x5, range 0..=12
    "#);
}

#[test]
fn batch_normalisation() {
    let (mut draw, levels) = draw(&[2]);
    let hidden = draw.linear(levels, 2, FREE_OF_BIAS);
    draw.fill(hidden, |_, column| [1, 2][column]);
    // The second channel falls.
    let channels = [(1.0, 0.0), (-1.0, 1.0)].map(|(gamma, beta)| Channel {
        gamma,
        beta,
        mean: 0.125,
        variance: 0.25 - Channel::EPSILON,
    });
    let norm = draw.norm_of(hidden, &channels, 0.25);
    draw.quantizer_of(norm, Transfer::ReLU, 2, 4.0);
    assert_snapshot!(lowered(draw), @r#"
    input x0..=x1, range 0..=3
    layer 0 "field3" reads "field2", bound -18..=18
    accumulator 0 = x0 + 2 x1, range 0..=9, layer 0
      t0.0 = 0 [+1 at 2, +1 at 4, +1 at 6]
    accumulator 1 = x0 + 2 x1, range 0..=9, layer 0
      t1.0 = 1 [-1 at 2]
    output 0 = t0.0, range 0..=3
    output 1 = t1.0, range 0..=1
    "#);
}

/// Falls and rises, and is exact on every machine.
struct Fold;

impl Activation for Fold {
    const SIGNED: bool = false;

    fn apply(x: f32) -> f32 {
        (x - 0.25).abs()
    }
}

#[test]
fn function() {
    let (mut draw, levels) = draw(&[2]);
    let hidden = draw.linear(levels, 1, FREE_OF_BIAS);
    draw.fill(hidden, |_, column| [2, -1][column]);
    draw.function_of::<Fold>(hidden, 2, 0.5);
    assert_snapshot!(lowered(draw), @r#"
    input x0..=x1, range 0..=3
    layer 0 "field2" reads "field1", bound -18..=18
    accumulator 0 = 2 x0 - x1, range -3..=6, layer 0
      t0.0 = 2 [-1 at -1, -1 at 0, +1 at 3, +1 at 4]
    output 0 = t0.0, range 0..=2
    "#);
}

#[test]
fn two_layers_optimised() {
    let (mut draw, levels) = draw(&[2]);
    let hidden = draw.linear(levels, 4, FREE_OF_BIAS);
    // Two neurons on one direction, one on its own, and one that is always zero.
    draw.fill(hidden, |row, column| [[1, 2], [-1, -2], [3, -1], [-3, -3]][row][column]);
    let levels = draw.quantizer_of(hidden, Transfer::ReLU, 2, 2.0);
    let sums = draw.linear(levels, 2, FREE_OF_BIAS);
    draw.fill(sums, |row, column| [[1, 2, -3, 3], [0, 1, 1, 2]][row][column]);
    assert_snapshot!(draw.finish().circuit().graph, @r#"
    input x0..=x1, range 0..=3
    layer 0 "field2" reads "field1", bound -18..=18
    accumulator 0 = x0 + 2 x1, range 0..=9, layer 0
      t0.0 = 0 [+1 at 2, +1 at 3, +1 at 6]
    accumulator 1 = 3 x0 - x1, range -3..=9, layer 0
      t1.0 = 0 [+1 at 2, +1 at 3, +1 at 6]
    output 0 = t0.0 - 3 t1.0, range -9..=3
    output 1 = t1.0, range 0..=3
    "#);
}

//! Every pass on graphs that show what it does: the graph as text, and the graph behind the pass.

use insta::assert_snapshot;

use super::passes::every_input;
use crate::circuit::{Graph, passes::PASSES, verify::verify};

/// The graph behind a pass, which gives what the graph in front of it gives.
fn after(pass: &str, text: &str) -> String {
    let before: Graph = text.parse().unwrap();
    let (_, pass) = PASSES.into_iter().find(|(name, _)| *name == pass).unwrap();
    let after = pass(&before);
    verify(&after).unwrap();
    for input in every_input(&before) {
        assert_eq!(after.simulate(&input), before.simulate(&input), "{input:?}");
    }
    after.to_string()
}

#[test]
fn range_makes_ranges_exact_and_drops_jumps_outside() {
    assert_snapshot!(after("range", r#"
        input x0..=x1, range 0..=3
        layer 0 "relu1" reads "fc1", bound -40..=40
        accumulator 0 = x0 - 2 x1, range -20..=20, layer 0
          t0.0 = 0 [+1 at -9, +1 at -6, +1 at -5, +1 at 3, +1 at 4]
        output 0 = 5 t0.0, range -100..=100, constant 1
    "#), @r#"
    input x0..=x1, range 0..=3
    layer 0 "relu1" reads "fc1", bound -40..=40
    accumulator 0 = x0 - 2 x1, range -6..=3, layer 0
      t0.0 = 2 [+1 at -5, +1 at 3]
    output 0 = 5 t0.0, range 10..=20, constant 1
    "#);
}

#[test]
fn range_knows_that_tables_of_one_sum_move_together() {
    assert_snapshot!(after("range", r#"
        input x0, range -2..=2
        layer 0 "relu1" reads "fc1", bound -9..=9
        accumulator 0 = x0, range -2..=2, layer 0
          t0.0 = 0 [+1 at 0, +1 at 1]
          t0.1 = 2 [-1 at 1, -1 at 2]
        accumulator 1 = t0.0 + t0.1, range 0..=4, layer 0, tolerance 0.5
          t1.0 = 0 [+1 at 2, +1 at 3, +1 at 4]
        output 0 = t1.0, range 0..=3
    "#), @r#"
    input x0, range -2..=2
    layer 0 "relu1" reads "fc1", bound -9..=9
    accumulator 0 = x0, range -2..=2, layer 0
      t0.0 = 0 [+1 at 0, +1 at 1]
      t0.1 = 2 [-1 at 1, -1 at 2]
    accumulator 1 = t0.0 + t0.1, range 2..=3, layer 0, tolerance 0.5
      t1.0 = 1 [+1 at 3]
    output 0 = t1.0, range 1..=2
    "#);
}

#[test]
fn constant_tables_move_the_jumps_of_their_readers() {
    assert_snapshot!(after("constant", r#"
        input x0, range 0..=3
        layer 0 "relu1" reads "fc1", bound -9..=9
        accumulator 0 = x0, range 0..=3, layer 0
          t0.0 = 2
        accumulator 1 = x0, range 0..=3, layer 0
          t1.0 = 0 [+1 at 2]
        accumulator 2 = 3 t0.0 - t1.0, range 5..=6, layer 0
          t2.0 = 0 [+1 at 6]
        output 0 = t2.0, range 0..=1
    "#), @r#"
    input x0, range 0..=3
    layer 0 "relu1" reads "fc1", bound -9..=9
    accumulator 0 = x0, range 0..=3, layer 0
      t0.0 = 0 [+1 at 2]
    accumulator 1 = -t0.0, range -1..=0, layer 0
      t1.0 = 0 [+1 at 0]
    output 0 = t1.0, range 0..=1
    "#);
}

#[test]
fn constant_tables_among_others_leave_no_gap() {
    assert_snapshot!(after("constant", r#"
        input x0, range 0..=3
        layer 0 "relu1" reads "fc1", bound -9..=9
        accumulator 0 = x0, range 0..=3, layer 0
          t0.0 = 7
          t0.1 = 0 [+1 at 2]
          t0.2 = -1
        output 0 = t0.0 + t0.1 - 2 t0.2, range 9..=10, constant 4
        output 1 = t0.2, range -1..=-1
    "#), @r#"
    input x0, range 0..=3
    layer 0 "relu1" reads "fc1", bound -9..=9
    accumulator 0 = x0, range 0..=3, layer 0
      t0.0 = 0 [+1 at 2]
    output 0 = t0.0, range 0..=1, constant 13
    output 1 = 0, range 0..=0, constant -1
    "#);
}

#[test]
fn canonical_weights_are_coprime() {
    assert_snapshot!(after("canonical", r#"
        input x0..=x1, range 0..=3
        layer 0 "relu1" reads "fc1", bound -40..=40
        accumulator 0 = 4 x0 - 6 x1, range -18..=12, layer 0, tolerance 0.5
          t0.0 = 0 [+1 at -5, +1 at -4, +1 at 3, +1 at 4]
        output 0 = t0.0, range 0..=4
    "#), @r#"
    input x0..=x1, range 0..=3
    layer 0 "relu1" reads "fc1", bound -40..=40
    accumulator 0 = 2 x0 - 3 x1, range -9..=6, layer 0, tolerance 0.25
      t0.0 = 0 [+2 at -2, +2 at 2]
    output 0 = t0.0, range 0..=4
    "#);
}

#[test]
fn canonical_first_weights_are_positive_and_first_jumps_rise_from_zero() {
    assert_snapshot!(after("canonical", r#"
        input x0..=x1, range 0..=3
        layer 0 "relu1" reads "fc1", bound -40..=40
        accumulator 0 = -2 x0 + 4 x1, range -6..=12, layer 0, tolerance 1.5
          t0.0 = 3 [+1 at -3, +1 at 4]
          t0.1 = 1 [-1 at 0]
        accumulator 1 = t0.0 - t0.1, range 2..=5, layer 0
          t1.0 = 2 [-1 at 5]
        output 0 = 2 t0.1 + 3 t1.0, range 3..=8, constant 1
    "#), @r#"
    input x0..=x1, range 0..=3
    layer 0 "relu1" reads "fc1", bound -40..=40
    accumulator 0 = x0 - 2 x1, range -6..=3, layer 0, tolerance 0.75
      t0.0 = 0 [+1 at -1, +1 at 2]
      t0.1 = 0 [+1 at 1]
    accumulator 1 = t0.0 + t0.1, range 0..=3, layer 0
      t1.0 = 0 [+1 at 1]
    output 0 = 2 t0.1 + 3 t1.0, range 0..=5, constant 4
    "#);
}

#[test]
fn share_makes_one_accumulator_of_equal_sums_and_one_table_of_equal_tables() {
    assert_snapshot!(after("share", r#"
        input x0..=x1, range 0..=3
        layer 0 "relu1" reads "fc1", bound -9..=9
        layer 1 "relu2" reads "fc2", bound -9..=9
        accumulator 0 = x0 + x1, range 0..=6, layer 0, tolerance 0.5
          t0.0 = 0 [+1 at 2]
        accumulator 1 = x0 + x1, range 0..=6, layer 1, tolerance 0.25
          t1.0 = 0 [+1 at 4]
          t1.1 = 0 [+1 at 2]
        output 0 = t0.0 + 2 t1.0 - 4 t1.1, range -4..=1
    "#), @r#"
    input x0..=x1, range 0..=3
    layer 0 "relu1" reads "fc1", bound -9..=9
    layer 1 "relu2" reads "fc2", bound -9..=9
    accumulator 0 = x0 + x1, range 0..=6, layer 0, tolerance 0.25
      t0.0 = 0 [+1 at 2]
      t0.1 = 0 [+1 at 4]
    output 0 = -3 t0.0 + 2 t0.1, range -3..=0
    "#);
}

#[test]
fn share_sees_sums_become_equal_as_their_wires_do() {
    assert_snapshot!(after("share", r#"
        input x0..=x1, range 0..=3
        layer 0 "relu1" reads "fc1", bound -9..=9
        accumulator 0 = x0, range 0..=3, layer 0
          t0.0 = 0 [+1 at 2]
        accumulator 1 = x0, range 0..=3, layer 0
          t1.0 = 0 [+1 at 2]
        accumulator 2 = x1 + t0.0, range 0..=4, layer 0
          t2.0 = 0 [+1 at 1]
        accumulator 3 = x1 + t1.0, range 0..=4, layer 0
          t3.0 = 0 [+1 at 3]
        accumulator 4 = -x1, range -3..=0, layer 0
          t4.0 = 0 [+1 at 0]
        output 0 = t2.0 + t3.0 + t4.0, range 0..=3
    "#), @r#"
    input x0..=x1, range 0..=3
    layer 0 "relu1" reads "fc1", bound -9..=9
    accumulator 0 = x0, range 0..=3, layer 0
      t0.0 = 0 [+1 at 2]
    accumulator 1 = x1 + t0.0, range 0..=4, layer 0
      t1.0 = 0 [+1 at 1]
      t1.1 = 0 [+1 at 3]
    accumulator 2 = -x1, range -3..=0, layer 0
      t2.0 = 0 [+1 at 0]
    output 0 = t1.0 + t1.1 + t2.0, range 0..=3
    "#);
}

#[test]
fn collapse_makes_a_table_of_what_reads_one_accumulator() {
    assert_snapshot!(after("collapse", r#"
        input x0, range -3..=3
        layer 0 "relu1" reads "fc1", bound -9..=9
        layer 1 "relu2" reads "fc2", bound -9..=9
        accumulator 0 = x0, range -3..=3, layer 0
          t0.0 = 0 [+1 at 0, +1 at 2]
          t0.1 = 1 [-1 at 1]
        accumulator 1 = 2 t0.0 - t0.1, range -1..=4, layer 1
          t1.0 = 0 [+1 at 1, +1 at 2, +1 at 4]
        accumulator 2 = t1.0, range 0..=3, layer 1
          t2.0 = 5 [-2 at 2]
        output 0 = t2.0, range 3..=5
    "#), @r#"
    input x0, range -3..=3
    layer 0 "relu1" reads "fc1", bound -9..=9
    layer 1 "relu2" reads "fc2", bound -9..=9
    accumulator 0 = x0, range -3..=3, layer 0
      t0.0 = 0 [+1 at 0, +1 at 2]
      t0.1 = 1 [-1 at 1]
      t0.2 = 0 [+1 at 0, +1 at 1, +1 at 2]
      t0.3 = 5 [-2 at 1]
    output 0 = t0.3, range 3..=5
    "#);
}

#[test]
fn collapse_leaves_what_reads_two_accumulators_or_an_input() {
    assert_snapshot!(after("collapse", r#"
        input x0..=x1, range 0..=3
        layer 0 "relu1" reads "fc1", bound -9..=9
        accumulator 0 = x0, range 0..=3, layer 0
          t0.0 = 0 [+1 at 1]
        accumulator 1 = x1, range 0..=3, layer 0
          t1.0 = 0 [+1 at 2]
        accumulator 2 = t0.0 + t1.0, range 0..=2, layer 0
          t2.0 = 0 [+1 at 1]
        accumulator 3 = x1 + t2.0, range 0..=4, layer 0
          t3.0 = 0 [+1 at 3]
        output 0 = t3.0, range 0..=1
    "#), @r#"
    input x0..=x1, range 0..=3
    layer 0 "relu1" reads "fc1", bound -9..=9
    accumulator 0 = x0, range 0..=3, layer 0
      t0.0 = 0 [+1 at 1]
    accumulator 1 = x1, range 0..=3, layer 0
      t1.0 = 0 [+1 at 2]
    accumulator 2 = t0.0 + t1.0, range 0..=2, layer 0
      t2.0 = 0 [+1 at 1]
    accumulator 3 = x1 + t2.0, range 0..=4, layer 0
      t3.0 = 0 [+1 at 3]
    output 0 = t3.0, range 0..=1
    "#);
}

#[test]
fn dead_accumulators_and_what_only_they_read_go() {
    assert_snapshot!(after("dead", r#"
        input x0..=x1, range 0..=3
        layer 0 "relu1" reads "fc1", bound -9..=9
        accumulator 0 = x0, range 0..=3, layer 0
          t0.0 = 0 [+1 at 1]
        accumulator 1 = x1 + t0.0, range 0..=4, layer 0
          t1.0 = 0 [+1 at 2]
        accumulator 2 = x1, range 0..=3, layer 0
          t2.0 = 0 [+1 at 3]
        output 0 = t2.0, range 0..=1
    "#), @r#"
    input x0..=x1, range 0..=3
    layer 0 "relu1" reads "fc1", bound -9..=9
    accumulator 0 = x1, range 0..=3, layer 0
      t0.0 = 0 [+1 at 3]
    output 0 = t0.0, range 0..=1
    "#);
}

#[test]
fn dead_tables_leave_no_gap() {
    assert_snapshot!(after("dead", r#"
        input x0, range 0..=3
        layer 0 "relu1" reads "fc1", bound -9..=9
        accumulator 0 = x0, range 0..=3, layer 0
          t0.0 = 0 [+1 at 1]
          t0.1 = 0 [+1 at 2]
          t0.2 = 0 [+1 at 3]
        output 0 = t0.1 + 2 t0.2, range 0..=3, constant -1, tolerance 0.125
    "#), @r#"
    input x0, range 0..=3
    layer 0 "relu1" reads "fc1", bound -9..=9
    accumulator 0 = x0, range 0..=3, layer 0
      t0.0 = 0 [+1 at 2]
      t0.1 = 0 [+1 at 3]
    output 0 = t0.0 + 2 t0.1, range 0..=3, constant -1, tolerance 0.125
    "#);
}

use fheqat_spec::Range;
use proptest::prelude::*;

use super::passes::two_layers;
use crate::{
    Seed,
    circuit::{
        Graph,
        ir::{LayerBound, Tolerance},
        passes::optimise,
        text::{MAX_BYTES, MAX_INPUTS, TextError},
        verify::verify,
    },
    fixture::drawn::Draw,
};

fn tolerances(graph: &Graph) -> Vec<u64> {
    let sums = graph.accumulators.iter().map(|sum| sum.tolerance);
    sums.chain(graph.outputs.iter().map(|output| output.tolerance)).map(|off| off.0.to_bits()).collect()
}

fn survives(graph: &Graph) {
    let text = graph.to_string();
    let read: Graph = text.parse().unwrap();
    assert_eq!(&read, graph, "{text}");
    assert_eq!(tolerances(&read), tolerances(graph), "{text}");
}

#[test]
fn a_graph_is_printed_as_the_grammar_says() {
    let text = r#"input x0..=x2, range -2..=3
input x3, range 0..=1
layer 0 "relu1" reads "fc1", bound -300..=300
layer 1 "a \"name\" \u{7f}\n" reads "é", bound 0..=1
accumulator 0 = -x0 + 3 x2 - 2 x3, range -12..=11, layer 0, tolerance 0.1
  t0.0 = 0 [+1 at -3, +2 at 4]
  t0.1 = -5
accumulator 1 = 2 t0.0 - t0.1, range 5..=11, layer 0
  t1.0 = 1 [-1 at 0]
output 0 = t0.1 + 3 t1.0, range -5..=-2, constant 7
output 1 = 0, range 0..=0, constant -4, tolerance 1e-300
output 2 = x3, range 0..=1, tolerance 2.0
"#;
    let graph: Graph = text.parse().unwrap();
    assert_eq!(graph.to_string(), text);
    assert_eq!(graph.layers[1].name, "a \"name\" \u{7f}\n");
    let spaced = text
        .replace(", ", " ,\t")
        .replace(" = ", "=")
        .replace('\n', "  # what is behind is passed over\r\n\n");
    assert_eq!(spaced.parse::<Graph>().unwrap(), graph);
}

#[test]
fn nothing_is_a_graph_of_nothing() {
    let graph: Graph = " \n# nothing\n".parse().unwrap();
    assert_eq!((graph.inputs.len(), graph.to_string()), (0, String::new()));
}

#[test]
fn drawn_networks_survive_their_text() {
    for seed in 0..200 {
        for drawn in [Draw::any(Seed(seed)), Draw::any(Seed(seed)).tolerating(0.3)] {
            survives(&drawn.lowered().graph);
            survives(&drawn.circuit().graph);
        }
    }
}

fn deviation() -> impl Strategy<Value = f64> {
    prop_oneof![any::<u64>().prop_map(f64::from_bits), Just(-0.0), Just(f64::MIN_POSITIVE), Just(0.1 + 0.2)]
        .prop_filter("a standard deviation", |deviation| deviation.is_finite() && *deviation >= 0.0)
}

/// Graphs with any names, tolerances and constants.
fn any_graph() -> impl Strategy<Value = Graph> {
    let numbers =
        (prop::collection::vec(deviation(), 12), prop::collection::vec(-(1_i64 << 48)..=1 << 48, 2));
    (two_layers(), any::<[String; 4]>(), numbers).prop_map(|(graph, names, (deviations, constants))| {
        let mut graph = if constants[0] % 2 == 0 { graph } else { optimise(graph).unwrap() };
        let [one, two, three, four] = names;
        graph.layers[0] = LayerBound { name: one, reads: two, ..graph.layers[0] };
        graph.layers.push(LayerBound { name: three, reads: four, bound: Range::new(-7, 9) });
        let outputs = graph.outputs.iter_mut().map(|output| &mut output.tolerance);
        let sums = graph.accumulators.iter_mut().map(|sum| &mut sum.tolerance);
        for (tolerance, deviation) in sums.chain(outputs).zip(deviations) {
            *tolerance = Tolerance(deviation);
        }
        for (output, constant) in graph.outputs.iter_mut().zip(constants) {
            output.constant = constant;
        }
        graph
    })
}

/// What somebody may put in place of a part of a graph's text.
fn edit() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9xt.+\\-=\\[\\],\"\\\\# \n]{0,6}",
        prop::sample::select(vec![
            "281474976710656",
            "-281474976710656",
            "9223372036854775807",
            "-9223372036854775808",
            "1e999",
            "nan",
            "inf",
            "18446744073709551616",
            "x0..=x9999999",
            "\\u{d800}",
            "\\u{",
            "tolerance",
            "constant 7",
            "at",
            "\u{2028}",
        ])
        .prop_map(str::to_owned),
    ]
}

proptest! {
    #[test]
    fn graphs_survive_their_text(graph in any_graph()) {
        survives(&graph);
    }

    /// Text from outside gives an error or a circuit that can be simulated and rewritten, never a panic.
    #[test]
    fn edited_text_is_a_lawful_graph_or_refused(
        graph in any_graph(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..8, edit()), 1..4),
    ) {
        let mut text: Vec<char> = graph.to_string().chars().collect();
        for (at, count, edit) in edits {
            let start = at.index(text.len());
            let end = (start + count).min(text.len());
            text.splice(start..end, edit.chars());
        }
        let text: String = text.into_iter().collect();
        if let Ok(graph) = text.parse::<Graph>() {
            verify(&graph).unwrap();
            survives(&graph);
            let lowest: Vec<i64> = graph.inputs.iter().map(|range| range.lo).collect();
            let _ = graph.simulate_noisy(&lowest, Seed(1));
            let slots: Vec<u32> = graph.accumulators.iter().map(crate::circuit::ir::Accumulator::slots).collect();
            prop_assert_eq!(slots.len(), graph.accumulators.len());
            // A pass may leave the sizes that a circuit may have, and says so.
            let _ = optimise(graph);
        }
    }

    #[test]
    fn any_text_is_read_without_a_panic(text in any::<String>()) {
        let _ = text.parse::<Graph>();
    }
}

fn refused(text: &str) -> String {
    text.parse::<Graph>().unwrap_err().to_string()
}

#[test]
fn errors_say_where_and_what_was_expected() {
    const START: &str = "input x0..=x1, range 0..=3\nlayer 0 \"relu\" reads \"fc\", bound -9..=9\n";
    const SUM: &str = "accumulator 0 = x0, range 0..=3, layer 0\n  t0.0 = 0 [+1 at 2]\n";
    for (text, message) in [
        (
            "inputs x0",
            "line 1, column 1: expected `input`, `layer`, `accumulator` or `output`, but found `inputs x0`",
        ),
        ("\n input x1, range 0..=1", "line 2, column 8: expected `x0`, but found `x1, range 0..=1`"),
        (
            "input x0..=x0, range 0..=1\ninput x1..=x0, range 0..=1",
            "line 2, column 12: expected an input from x1 on, but found `x0, range 0..=1`",
        ),
        ("input x0 range 0..=1", "line 1, column 10: expected `, range`, but found `range 0..=1`"),
        ("input x0, bound 0..=1", "line 1, column 11: expected `range`, but found `bound 0..=1`"),
        (
            "\u{1b}[31m",
            "line 1, column 1: expected `input`, `layer`, `accumulator` or `output`, but found `\u{fffd}[31m`",
        ),
        ("input x0, range 3..=1", "line 1, column 21: expected an integer from 3 on, but found `1`"),
        ("input x0, range 0..1", "line 1, column 18: expected `..=`, but found `..1`"),
        (
            "input x0, range 0..=9223372036854775808",
            "line 1, column 21: expected an integer of 64 bits, but found `9223372036854775808`",
        ),
        ("input x0, range 0..=1 2", "line 1, column 23: expected the end of the line, but found `2`"),
        ("layer 0 relu", "line 1, column 9: expected a name in quotes, but found `relu`"),
        ("layer 0 \"é", "line 1, column 11: expected `\"`, but found the end of the line"),
        (
            "layer 0 \"\\q\"",
            "line 1, column 10: expected an escape, as `\\\"` or `\\u{7f}`, but found `\\q\"`",
        ),
        (
            "layer 0 \"\\u{110000}\"",
            "line 1, column 10: expected an escape, as `\\\"` or `\\u{7f}`, but found `\\u{110000}\"`",
        ),
        (
            "layer 0 \"\" reads \"\", bound 0..=0\nlayer 0",
            "line 2, column 7: expected index 1, but found `0`",
        ),
    ] {
        assert_eq!(refused(text), message);
    }
    for (text, message) in [
        (
            "input x2, range 0..=1",
            "line 3, column 1: expected `layer`, `accumulator` or `output`, but found `input x2, range 0..=...`",
        ),
        ("accumulator 0 = 3 y0", "line 3, column 19: expected a wire, as `x0` or `t0.0`, but found `y0`"),
        ("accumulator 0 = x0 x1", "line 3, column 20: expected `, range`, but found `x1`"),
        (
            "accumulator 0 = x0 + t1",
            "line 3, column 24: expected `.` and the index of a table, but found the end of the line",
        ),
        ("accumulator 0 = x", "line 3, column 18: expected an index, but found the end of the line"),
        (
            "accumulator 0 = x0, range 0..=3, layer 0, constant 3",
            "line 3, column 43: expected `tolerance`, but found `constant 3`",
        ),
        (
            "accumulator 0 = x0, range 0..=3, layer 0, tolerance -1",
            "line 3, column 53: expected a number that is finite and not below zero, but found `-1`",
        ),
        (
            "accumulator 0 = x0, range 0..=3, layer 0, tolerance 1e999",
            "line 3, column 53: expected a number that is finite and not below zero, but found `1e999`",
        ),
        (
            "accumulator 0 = x0, range 0..=3, layer 0, tolerance much",
            "line 3, column 53: expected a number, but found `much`",
        ),
        (
            "output 0 = x0, range 0..=3, bias 3",
            "line 3, column 29: expected `constant` or `tolerance`, but found `bias 3`",
        ),
    ] {
        assert_eq!(refused(&format!("{START}{text}")), message);
    }
    for (text, message) in [
        ("t0.0 = 1", "line 5, column 1: expected `t0.1`, but found `t0.0 = 1`"),
        ("t0.1 = 1 [1 at 2]", "line 5, column 11: expected a jump, as `+1 at 3`, but found `1 at 2]`"),
        (
            "t0.1 = 1 [+-1 at 2]",
            "line 5, column 12: expected an integer of 63 bits without a sign, but found `-1 at 2]`",
        ),
        ("t0.1 = 1 [+1 at 2", "line 5, column 18: expected `,` or `]`, but found the end of the line"),
        ("what", "line 5, column 1: expected a table, `accumulator` or `output`, but found `what`"),
        ("output 0 = 0, range 0..=0\nt0.1 = 3", "line 6, column 1: expected `output`, but found `t0.1 = 3`"),
    ] {
        assert_eq!(refused(&format!("{START}{SUM}{text}")), message);
    }
}

#[test]
fn errors_of_laws_say_the_line() {
    let text = "# two\ninput x0..=x1, range 0..=3\n\nlayer 0 \"relu\" reads \"fc\", bound -9..=9\n\
        accumulator 0 = x0 + x1, range 0..=5, layer 0\n  t0.0 = 0\n";
    assert_eq!(refused(text), "line 5: accumulator 0: a sum can be 0..=6, but its range says 0..=5");
    let text = "input x0, range 0..=3\noutput 0 = x0, range 0..=3\noutput 1 = t0.0, range 0..=3";
    assert_eq!(refused(text), "line 3: output 1: it reads t0.0, which the circuit does not have before it");
    let text = "input x0..=x4, range 0..=3\ninput x5, range 0..=300000000000000";
    assert_eq!(
        refused(text),
        "line 2: input 5: its range ends at 300000000000000, but numbers of a circuit are at most 281474976710656 from zero"
    );
}

#[test]
fn what_is_read_is_bounded() {
    let inputs = |last: usize| format!("input x0..=x{last}, range 0..=1").parse::<Graph>();
    assert_eq!(inputs(MAX_INPUTS - 1).unwrap().inputs.len(), MAX_INPUTS);
    for last in [MAX_INPUTS, usize::MAX] {
        let found = last.saturating_add(1);
        assert_eq!(inputs(last).unwrap_err(), TextError::Inputs { line: 1, column: 12, found });
    }
    let text = format!("input x0..=x{}, range 0..=1\ninput x{MAX_INPUTS}, range 0..=1", MAX_INPUTS - 1);
    assert_eq!(refused(&text), "line 2, column 7: expected at most 4194304 inputs, but found 4194305");
    let text = " ".repeat(MAX_BYTES + 1);
    assert_eq!(text.parse::<Graph>().unwrap_err(), TextError::Length { bytes: MAX_BYTES + 1 });
}

use std::str::FromStr;

use super::{MAX_BYTES, MAX_INPUTS, TextError, line::Line};
use crate::circuit::{
    ir::{Accumulator, Graph, Jump, LayerBound, Output, Table, Tolerance, Wire},
    verify::{Part, verify},
};

impl FromStr for Graph {
    type Err = TextError;

    /// The graph that a text is, verified.
    ///
    /// # Errors
    /// When the text breaks the grammar or its limits, or the graph a law of circuits.
    fn from_str(text: &str) -> Result<Self, TextError> {
        if text.len() > MAX_BYTES {
            return Err(TextError::Length { bytes: text.len() });
        }
        let mut parser = Parser {
            graph: Self { inputs: vec![], layers: vec![], accumulators: vec![], outputs: vec![] },
            lines: Lines::default(),
        };
        for (index, text) in text.lines().enumerate() {
            let mut line = Line::new(text, index + 1);
            if !line.is_done() {
                parser.statement(&mut line)?;
                line.end()?;
            }
        }
        let Parser { graph, lines } = parser;
        match verify(&graph) {
            Ok(()) => Ok(graph),
            Err(error) => Err(TextError::Law { line: lines.of(error.part()), error }),
        }
    }
}

/// Where the parts of a graph stand.
#[derive(Default)]
struct Lines {
    /// The last input of each line, and the line.
    inputs: Vec<(usize, usize)>,
    layers: Vec<usize>,
    accumulators: Vec<usize>,
    outputs: Vec<usize>,
}

impl Lines {
    fn of(&self, part: Part) -> usize {
        let found = match part {
            Part::Input(input) => self.inputs.iter().find(|&&(last, _)| input <= last).map(|(_, line)| line),
            Part::Layer(index) => self.layers.get(index),
            Part::Accumulator(index) => self.accumulators.get(index),
            Part::Output(index) => self.outputs.get(index),
        };
        found.copied().unwrap_or(1)
    }
}

struct Parser {
    graph: Graph,
    lines: Lines,
}

impl Parser {
    fn statement(&mut self, line: &mut Line<'_>) -> Result<(), TextError> {
        let Graph { layers, accumulators, outputs, .. } = &self.graph;
        let behind_inputs = !layers.is_empty() || !accumulators.is_empty() || !outputs.is_empty();
        let behind_layers = !accumulators.is_empty() || !outputs.is_empty();
        let behind_accumulators = !outputs.is_empty();
        if !behind_inputs && line.take_word("input") {
            self.input(line)
        } else if !behind_layers && line.take_word("layer") {
            self.layer(line)
        } else if !behind_accumulators && line.take_word("accumulator") {
            self.accumulator(line)
        } else if !behind_accumulators && behind_layers && line.starts_with("t") {
            self.table(line)
        } else if line.take_word("output") {
            self.output(line)
        } else {
            Err(line.unexpected(match (behind_inputs, behind_layers, behind_accumulators) {
                (_, _, true) => "`output`",
                (_, true, _) => "a table, `accumulator` or `output`",
                (true, ..) => "`layer`, `accumulator` or `output`",
                (false, ..) => "`input`, `layer`, `accumulator` or `output`",
            }))
        }
    }

    fn input(&mut self, line: &mut Line<'_>) -> Result<(), TextError> {
        let first = self.graph.inputs.len();
        line.space();
        let mut start = line.at;
        line.take_wire(Wire::Input(first))?;
        let mut last = first;
        if line.take("..=") {
            line.space();
            start = line.at;
            line.expect("x", "an input")?;
            last = line.index()?;
        }
        if last < first {
            line.at = start;
            return Err(line.unexpected(&format!("an input from x{first} on")));
        }
        if last >= MAX_INPUTS {
            let (line, column) = (line.number, line.column(start));
            return Err(TextError::Inputs { line, column, found: last.saturating_add(1) });
        }
        line.comma("range")?;
        let range = line.range()?;
        self.graph.inputs.resize(last + 1, range);
        self.lines.inputs.push((last, line.number));
        Ok(())
    }

    fn layer(&mut self, line: &mut Line<'_>) -> Result<(), TextError> {
        line.take_index(self.graph.layers.len())?;
        let name = line.name()?;
        line.expect_word("reads")?;
        let reads = line.name()?;
        line.comma("bound")?;
        let bound = line.range()?;
        self.graph.layers.push(LayerBound { name, reads, bound });
        self.lines.layers.push(line.number);
        Ok(())
    }

    fn accumulator(&mut self, line: &mut Line<'_>) -> Result<(), TextError> {
        line.take_index(self.graph.accumulators.len())?;
        line.expect("=", "`=`")?;
        let terms = line.terms()?;
        line.comma("range")?;
        let range = line.range()?;
        line.comma("layer")?;
        line.space();
        let layer = line.index()?;
        let tolerance = if line.take(",") { line.tolerance("`tolerance`")? } else { Tolerance::EXACT };
        self.graph.accumulators.push(Accumulator { layer, terms, range, tolerance, tables: Vec::new() });
        self.lines.accumulators.push(line.number);
        Ok(())
    }

    fn table(&mut self, line: &mut Line<'_>) -> Result<(), TextError> {
        let index = self.graph.accumulators.len().saturating_sub(1);
        let Some(accumulator) = self.graph.accumulators.last_mut() else {
            return Err(line.unexpected("`accumulator`"));
        };
        line.take_wire(Wire::Table { accumulator: index, table: accumulator.tables.len() })?;
        line.expect("=", "`=`")?;
        let base = line.integer()?;
        let mut jumps = Vec::new();
        if line.take("[") {
            loop {
                let is_fall = line.take("-");
                if !is_fall && !line.take("+") {
                    return Err(line.unexpected("a jump, as `+1 at 3`"));
                }
                let magnitude = line.magnitude()?;
                let rise = if is_fall { -magnitude } else { magnitude };
                line.expect_word("at")?;
                jumps.push(Jump { at: line.integer()?, rise });
                if !line.take(",") {
                    break;
                }
            }
            line.expect("]", "`,` or `]`")?;
        }
        accumulator.tables.push(Table { base, jumps });
        Ok(())
    }

    fn output(&mut self, line: &mut Line<'_>) -> Result<(), TextError> {
        line.take_index(self.graph.outputs.len())?;
        line.expect("=", "`=`")?;
        let terms = line.terms()?;
        line.comma("range")?;
        let range = line.range()?;
        let (mut constant, mut tolerance) = (0, Tolerance::EXACT);
        if line.take(",") {
            if line.take_word("constant") {
                constant = line.integer()?;
                if line.take(",") {
                    tolerance = line.tolerance("`tolerance`")?;
                }
            } else {
                tolerance = line.tolerance("`constant` or `tolerance`")?;
            }
        }
        self.graph.outputs.push(Output { terms, range, tolerance, constant });
        self.lines.outputs.push(line.number);
        Ok(())
    }
}

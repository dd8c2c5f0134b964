use std::fmt;

use fheqat_spec::Range;

use crate::circuit::ir::{Accumulator, Graph, LayerBound, Output, Table, Term, Tolerance, Wire};

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = 0;
        for inputs in self.inputs.chunk_by(|a, b| a == b) {
            let last = first + inputs.len() - 1;
            write!(f, "input {}", Wire::Input(first))?;
            if last > first {
                write!(f, "..={}", Wire::Input(last))?;
            }
            writeln!(f, ", range {}", Span(inputs[0]))?;
            first = last + 1;
        }
        for (index, LayerBound { name, reads, bound }) in self.layers.iter().enumerate() {
            writeln!(f, "layer {index} {} reads {}, bound {}", Quoted(name), Quoted(reads), Span(*bound))?;
        }
        for (index, accumulator) in self.accumulators.iter().enumerate() {
            let Accumulator { layer, terms, range, tolerance, tables } = accumulator;
            write!(f, "accumulator {index} = {}, range {}, layer {layer}", Terms(terms), Span(*range))?;
            writeln!(f, "{}", Off(*tolerance))?;
            for (table, levels) in tables.iter().enumerate() {
                writeln!(f, "  {} = {levels}", Wire::Table { accumulator: index, table })?;
            }
        }
        for (index, Output { terms, range, tolerance, constant }) in self.outputs.iter().enumerate() {
            write!(f, "output {index} = {}, range {}", Terms(terms), Span(*range))?;
            if *constant != 0 {
                write!(f, ", constant {constant}")?;
            }
            writeln!(f, "{}", Off(*tolerance))?;
        }
        Ok(())
    }
}

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(index) => write!(f, "x{index}"),
            Self::Table { accumulator, table } => write!(f, "t{accumulator}.{table}"),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.base)?;
        for (index, jump) in self.jumps.iter().enumerate() {
            write!(f, "{}{:+} at {}", if index == 0 { " [" } else { ", " }, jump.rise, jump.at)?;
        }
        f.write_str(if self.jumps.is_empty() { "" } else { "]" })
    }
}

struct Span(Range);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..={}", self.0.lo, self.0.hi)
    }
}

struct Terms<'a>(&'a [Term]);

impl fmt::Display for Terms<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("0");
        }
        for (index, Term { wire, weight }) in self.0.iter().enumerate() {
            f.write_str(match (index, *weight < 0) {
                (0, false) => "",
                (0, true) => "-",
                (_, false) => " + ",
                (_, true) => " - ",
            })?;
            match weight.unsigned_abs() {
                1 => write!(f, "{wire}")?,
                magnitude => write!(f, "{magnitude} {wire}")?,
            }
        }
        Ok(())
    }
}

struct Off(Tolerance);

impl fmt::Display for Off {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tolerance(deviation) = self.0;
        if deviation.to_bits() == 0.0_f64.to_bits() {
            return Ok(());
        }
        write!(f, ", tolerance {deviation:?}")
    }
}

struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_debug())
    }
}

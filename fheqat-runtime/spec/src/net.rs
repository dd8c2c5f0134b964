//! A network, as data.

use crate::{Known, Layer, Shape};

/// A network: what `#[quant_net]` emits as `const SPEC`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Net<'a> {
    /// The struct's name.
    pub name: &'a str,
    /// Shape of one input sample where the user gave it.
    pub input: Option<Shape>,
    /// Most bootstraps that one sample may need.
    pub max_bootstraps: Option<Known<i64>>,
    /// The tolerance of each field that has none of its own and [may have one](Net::may_be_off).
    pub tolerance: Option<Known<f64>>,
    /// The layers in the order they run.
    pub fields: &'a [Field<'a>],
}

/// One layer of a network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Field<'a> {
    /// The field's name.
    pub name: &'a str,
    /// The layer.
    pub layer: Layer,
    /// What it reads, in the order of its operands.
    pub from: &'a [Source],
}

/// Where an operand comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The network's input.
    Input,
    /// The output of the field at this index.
    Field(usize),
    /// A wire that is broken already: laws about it stay silent.
    Broken,
}

impl Field<'_> {
    /// Whether it reads the network's input.
    #[must_use]
    pub const fn reads_plain_input(&self) -> bool {
        self.has(Source::Input)
    }

    /// Whether a wire of it is broken.
    #[must_use]
    pub const fn is_broken(&self) -> bool {
        self.has(Source::Broken)
    }

    const fn has(&self, wanted: Source) -> bool {
        let mut operand = 0;
        while operand < self.from.len() {
            match (self.from[operand], wanted) {
                (Source::Input, Source::Input) | (Source::Broken, Source::Broken) => return true,
                (Source::Field(index), Source::Field(of)) if index == of => return true,
                _ => operand += 1,
            }
        }
        false
    }
}

impl<'a> Net<'a> {
    /// Shape of one input sample: as given, else `[IN]` where the first layer with a shape that reads it in that shape is a
    /// `QuantLinear`.
    #[must_use]
    pub const fn input_shape(&self) -> Known<Shape> {
        if let Some(shape) = self.input {
            return Known::Now(shape);
        }
        match self.first_shaped() {
            Some(index) => match self.fields[index].layer {
                Layer::Linear(linear) => Known::Now(Shape::flat(linear.inputs)),
                _ => Known::Later,
            },
            None => Known::Later,
        }
    }

    /// The first field whose layer takes some shapes and not others.
    #[must_use]
    pub const fn first_shaped(&self) -> Option<usize> {
        let mut index = 0;
        while index < self.fields.len() {
            match self.fields[index].layer {
                Layer::Linear(_) | Layer::Conv(_) | Layer::Pool(_) if self.reads_input(index) => {
                    return Some(index);
                }
                _ => index += 1,
            }
        }
        None
    }

    /// Where nothing says which shape the input has, the field to blame: the first that has to know it, else the first that
    /// reads the input. A broken wire may have meant a field that tells.
    #[must_use]
    pub const fn misses_input_shape(&self) -> Option<usize> {
        if let Known::Now(_) = self.input_shape() {
            return None;
        }
        if let Some(index) = self.first_shaped() {
            return Some(index);
        }
        let mut reader = None;
        let mut index = self.fields.len();
        while index > 0 {
            index -= 1;
            if !self.is_wired(index) || self.fields[index].is_broken() {
                return None;
            }
            reader = match (self.fields[index].layer, self.fields[index].from[0]) {
                (Layer::Reshape(_) | Layer::Transpose(_) | Layer::Flatten | Layer::BatchNorm, _)
                    if self.reads_input(index) =>
                {
                    Some((index, true))
                }
                (_, Source::Input) if !matches!(reader, Some((_, true))) => Some((index, false)),
                _ => reader,
            };
        }
        match reader {
            Some((index, _)) => Some(index),
            None => None,
        }
    }

    /// Whether the field at `index` reads the input, or levels in its shape.
    #[must_use]
    pub const fn reads_input(&self, index: usize) -> bool {
        let mut at = index;
        loop {
            match self.fields[at].from {
                [Source::Field(from), ..]
                    if matches!(
                        self.fields[*from].layer,
                        Layer::Quantizer(_) | Layer::Add { .. } | Layer::BatchNorm
                    ) =>
                {
                    at = *from;
                }
                [Source::Input, ..] => return true,
                _ => return false,
            }
        }
    }

    /// Whether noise may come in where the field at `index` is read encrypted: a quantizer reads a sum, or the client reads
    /// one that is the output. Features the client rounds itself, and levels are exact when they are the output.
    #[must_use]
    pub const fn may_be_off(&self, index: usize) -> bool {
        match self.fields[index].layer {
            Layer::Quantizer(_) => !self.fields[index].reads_plain_input(),
            Layer::Linear(_) | Layer::Conv(_) | Layer::Add { .. } | Layer::Pool(_) | Layer::BatchNorm => {
                self.is_output(index)
            }
            Layer::Concat | Layer::Reshape(_) | Layer::Transpose(_) | Layer::Flatten => false,
        }
    }

    /// The tolerance of the field at `index`, in steps: its own, else the network's; zero where all is exact.
    #[must_use]
    pub const fn tolerance_of(&self, index: usize) -> Known<f64> {
        match (self.may_be_off(index), self.own_tolerance(index), self.tolerance) {
            (true, Some(steps), _) | (true, None, Some(steps)) => steps,
            _ => Known::Now(0.0),
        }
    }

    /// Whether the client reads the field at `index`, or what batch normalisations make of it.
    const fn is_output(&self, index: usize) -> bool {
        self.source_of(self.fields.len() - 1) == self.source_of(index)
    }

    const fn own_tolerance(&self, index: usize) -> Option<Known<f64>> {
        let source = self.source_of(index);
        match self.fields[source].layer {
            Layer::Quantizer(_) if source != index => None,
            layer => layer.tolerance(),
        }
    }

    /// The field itself, or what a batch normalisation reads.
    const fn source_of(&self, index: usize) -> usize {
        match (self.fields[index].layer, self.fields[index].from) {
            (Layer::BatchNorm, [Source::Field(from)]) => self.source_of(*from),
            _ => index,
        }
    }

    /// The first quantizer that reads the field at `index`, or what batch normalisations make of it.
    #[must_use]
    pub const fn quantizer_of(&self, index: usize) -> Option<usize> {
        let mut reader = index + 1;
        while reader < self.fields.len() {
            if self.fields[reader].has(Source::Field(index)) {
                let found = match self.fields[reader].layer {
                    Layer::Quantizer(_) => Some(reader),
                    Layer::BatchNorm => self.quantizer_of(reader),
                    _ => None,
                };
                if found.is_some() {
                    return found;
                }
            }
            reader += 1;
        }
        None
    }

    /// Whether the field at `index` names as many operands as its layer takes.
    #[must_use]
    pub const fn is_wired(&self, index: usize) -> bool {
        let field = &self.fields[index];
        if field.layer.is_joint() { field.from.len() >= 2 } else { field.from.len() == 1 }
    }

    /// The name of an operand as the user knows it.
    #[must_use]
    pub const fn name_of(&self, source: Source) -> &'a str {
        match source {
            Source::Input | Source::Broken => "input",
            Source::Field(index) => self.fields[index].name,
        }
    }

    /// Whether some field reads the output of the field at `index`. A broken wire, or one that is
    /// missing, may have meant any field before it.
    #[must_use]
    pub const fn is_read(&self, index: usize) -> bool {
        let mut reader = index + 1;
        while reader < self.fields.len() {
            let from = self.fields[reader].from;
            if self.fields[reader].layer.is_joint() && from.len() < 2 {
                return true;
            }
            let mut operand = 0;
            while operand < from.len() {
                match from[operand] {
                    Source::Field(source) if source == index => return true,
                    Source::Broken => return true,
                    _ => {}
                }
                operand += 1;
            }
            reader += 1;
        }
        false
    }
}

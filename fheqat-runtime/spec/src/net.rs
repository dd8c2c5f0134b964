//! A network, as data.

use crate::{Known, Layer, Shape, Source, layers::properties::Gives};

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
    /// `QuantLinear`, or `[IN / K]` where that reads its bits from a `Thermometer<K>`.
    #[must_use]
    pub const fn input_shape(&self) -> Known<Shape> {
        if let Some(shape) = self.input {
            return Known::Now(shape);
        }
        let Some(index) = self.first_shaped() else {
            return Known::Later;
        };
        match (self.fields[index].layer.properties().shapes.only(), self.bits_of_input(index)) {
            (Known::Now(shape), Some(bits)) => Known::Now(Shape::flat(match (shape.channels(), bits) {
                (Known::Now(inputs), Known::Now(bits)) if inputs % bits == 0 => Known::Now(inputs / bits),
                _ => Known::Later,
            })),
            (only, _) => only,
        }
    }

    /// Where the field at `index` is to tell the shape of the input, but reads so many bits of each feature as do not divide what
    /// it takes: the encoder, and those bits.
    pub(crate) const fn uneven_bits(&self, index: usize) -> Option<(usize, i64)> {
        match (self.input, self.first_shaped()) {
            (None, Some(first)) if first == index => {}
            _ => return None,
        }
        let Some(encoder) = self.encoder_of(index) else {
            return None;
        };
        match (self.fields[index].layer.properties().shapes.only(), self.bits_of_input(index)) {
            (Known::Now(shape), Some(Known::Now(bits))) => match shape.channels() {
                Known::Now(inputs) if inputs % bits != 0 => Some((encoder, bits)),
                Known::Now(_) | Known::Later => None,
            },
            _ => None,
        }
    }

    /// How many channels the field at `index`, which [reads the input](Net::reads_input), reads of each that the input has;
    /// `None` where it reads them as they are.
    #[must_use]
    pub const fn bits_of_input(&self, index: usize) -> Option<Known<i64>> {
        match self.encoder_of(index) {
            Some(encoder) => match self.fields[encoder].layer.properties().gives {
                Gives::Encoded { bits } => Some(bits),
                _ => None,
            },
            None => None,
        }
    }

    /// The encoder whose bits the field at `index` reads in their shape.
    const fn encoder_of(&self, index: usize) -> Option<usize> {
        let mut at = index;
        while let [Source::Field(from), ..] = self.fields[at].from {
            let layer = self.fields[*from].layer.properties();
            if let Gives::Encoded { .. } = layer.gives {
                return Some(*from);
            }
            if !layer.keeps_shape {
                return None;
            }
            at = *from;
        }
        None
    }

    /// Whether the field at `index` reads the network's input, or what the client makes of it in float.
    #[must_use]
    pub const fn reads_plain(&self, index: usize) -> bool {
        let from = self.fields[index].from;
        let mut operand = 0;
        while operand < from.len() {
            match from[operand] {
                Source::Input => return true,
                Source::Field(source) if self.is_of_client(source) => return true,
                Source::Field(_) | Source::Broken => operand += 1,
            }
        }
        false
    }

    /// Whether the client runs the field at `index` in float.
    #[must_use]
    pub const fn is_of_client(&self, index: usize) -> bool {
        matches!(self.fields[index].layer.properties().gives, Gives::Plain)
    }

    /// Whether the client makes levels of what the field at `index` reads, and encrypts them.
    #[must_use]
    pub const fn is_encoder(&self, index: usize) -> bool {
        let gives = self.fields[index].layer.properties().gives;
        self.reads_plain(index) && matches!(gives, Gives::Rounded { .. } | Gives::Encoded { .. })
    }

    /// The first field that encodes the input as bits, at `index` or before.
    pub(crate) const fn first_encoder(&self, index: usize) -> usize {
        let mut first = 0;
        while first < index && !self.encodes(first) {
            first += 1;
        }
        first
    }

    /// Whether the field at `index` encodes the input as bits.
    pub(crate) const fn encodes(&self, index: usize) -> bool {
        matches!(self.fields[index].layer.properties().gives, Gives::Encoded { .. })
    }

    /// The first field whose layer takes some shapes and not others, or may have before it was refused.
    const fn first_shaped(&self) -> Option<usize> {
        let mut index = 0;
        while index < self.fields.len() {
            let layer = self.fields[index].layer.properties();
            if (layer.shapes.are_certain() || matches!(layer.gives, Gives::Unknown))
                && self.reads_input(index)
            {
                return Some(index);
            }
            index += 1;
        }
        None
    }

    /// Where nothing says which shape the input has, the field to blame: the first that takes some shapes and not others,
    /// else the first that has to know it, else the first that reads the input. A broken wire or a layer that was refused may
    /// have told.
    #[must_use]
    pub const fn misses_input_shape(&self) -> Option<usize> {
        if let Known::Now(_) = self.input_shape() {
            return None;
        }
        if let Some(index) = self.first_shaped() {
            return match self.fields[index].layer.properties().gives {
                Gives::Unknown => None,
                Gives::Rounded { .. }
                | Gives::Encoded { .. }
                | Gives::Levels
                | Gives::Normalized
                | Gives::Plain
                | Gives::Sums => Some(index),
            };
        }
        let (mut asker, mut reader) = (None, None);
        let mut index = self.fields.len();
        while index > 0 {
            index -= 1;
            let (field, layer) = (&self.fields[index], self.fields[index].layer.properties());
            if !self.is_wired(index) || field.is_broken() || matches!(layer.gives, Gives::Unknown) {
                return None;
            }
            if layer.shapes.must_be_known() && self.reads_input(index) {
                asker = Some(index);
            }
            if let Source::Input = field.from[0] {
                reader = Some(index);
            }
        }
        if asker.is_some() { asker } else { reader }
    }

    /// Whether the field at `index` reads the input, or levels in its shape, or [bits of it](Net::bits_of_input).
    #[must_use]
    pub const fn reads_input(&self, index: usize) -> bool {
        let mut at = index;
        loop {
            match self.fields[at].from {
                [Source::Field(from), ..]
                    if self.fields[*from].layer.properties().keeps_shape || self.encodes(*from) =>
                {
                    at = *from;
                }
                [Source::Input, ..] => return true,
                [] | [Source::Field(_) | Source::Broken, ..] => return false,
            }
        }
    }

    /// Whether noise may come in where the field at `index` is read encrypted: a quantizer reads a sum, or the client reads
    /// one that is the output. Features the client rounds itself, and levels are exact when they are the output.
    #[must_use]
    pub const fn may_be_off(&self, index: usize) -> bool {
        match self.fields[index].layer.properties().gives {
            Gives::Rounded { .. } => !self.reads_plain(index),
            Gives::Sums | Gives::Normalized => self.is_output(index),
            Gives::Encoded { .. } | Gives::Levels | Gives::Plain | Gives::Unknown => false,
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

    /// Whether the client reads the sums of the field at `index`, or what batch normalisations make of them, and no table does.
    #[must_use]
    pub const fn is_read_by_client_alone(&self, index: usize) -> bool {
        self.is_output(index) && self.quantizer_of(index).is_none()
    }

    const fn own_tolerance(&self, index: usize) -> Option<Known<f64>> {
        let source = self.source_of(index);
        let layer = &self.fields[source].layer;
        if source != index && layer.rounds() { None } else { layer.properties().tolerance }
    }

    /// The field itself, or what a batch normalisation reads.
    const fn source_of(&self, index: usize) -> usize {
        let mut at = index;
        while self.normalizes(at)
            && let [Source::Field(from)] = self.fields[at].from
        {
            at = *from;
        }
        at
    }

    /// Whether the field at `index` is a batch normalisation.
    pub(crate) const fn normalizes(&self, index: usize) -> bool {
        matches!(self.fields[index].layer.properties().gives, Gives::Normalized)
    }

    /// The first quantizer that reads the field at `index`, or what batch normalisations make of it.
    #[must_use]
    pub const fn quantizer_of(&self, index: usize) -> Option<usize> {
        let mut reader = index + 1;
        while reader < self.fields.len() {
            if self.fields[reader].has(Source::Field(index)) {
                if self.fields[reader].layer.rounds() {
                    return Some(reader);
                }
                if self.normalizes(reader)
                    && let Some(quantizer) = self.quantizer_of(reader)
                {
                    return Some(quantizer);
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
            if self.may_have_meant_another(reader) || self.fields[reader].has(Source::Field(index)) {
                return true;
            }
            reader += 1;
        }
        false
    }

    /// Sets for each field whether it [is read](Self::is_read), in one walk.
    ///
    /// # Panics
    /// When there are more fields than places in `is_read`.
    pub(crate) const fn mark_read(&self, is_read: &mut [bool]) {
        let mut may_be_any = false;
        let mut index = self.fields.len();
        while index > 0 {
            index -= 1;
            is_read[index] |= may_be_any;
            may_be_any |= self.may_have_meant_another(index);
            let from = self.fields[index].from;
            let mut operand = 0;
            while operand < from.len() {
                if let Source::Field(source) = from[operand]
                    && source < index
                {
                    is_read[source] = true;
                }
                operand += 1;
            }
        }
    }

    /// Whether the field at `index` has a wire that is broken or missing.
    const fn may_have_meant_another(&self, index: usize) -> bool {
        let field = &self.fields[index];
        field.is_broken() || field.layer.is_joint() && field.from.len() < 2
    }
}

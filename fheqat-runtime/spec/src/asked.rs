//! What a law is asked about.

use crate::{
    Fact, Field, Form, Known, Net, Shape, Source, layers::properties::Properties, limits::MAX_ELEMENTS,
};

/// What holds for all of a network, found once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Survey {
    /// Shape of the input.
    pub(crate) input: Known<Shape>,
    /// The field to blame where that is not known.
    pub(crate) misses_input_shape: Option<usize>,
}

impl Survey {
    pub(crate) const fn of(net: &Net<'_>) -> Self {
        Self { input: net.input_shape(), misses_input_shape: net.misses_input_shape() }
    }
}

/// A field, and what is known of all that it reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a, 'v> {
    pub(crate) net: &'v Net<'a>,
    pub(crate) survey: Survey,
    /// What each field before it gives.
    pub(crate) facts: &'v [Fact],
    pub(crate) index: usize,
    pub(crate) field: Field<'a>,
    pub(crate) layer: Properties,
    /// What it would give.
    pub(crate) gives: Fact,
    /// Whether a later field reads it.
    pub(crate) is_read: bool,
}

impl<'a> Asked<'a, '_> {
    /// What its operand at `position` is known to be.
    pub(crate) const fn operand(&self, position: usize) -> Fact {
        match self.field.from[position] {
            Source::Input => Fact {
                shape: admitted(self.survey.input),
                range: Known::Later,
                form: Known::Now(Form::Plain),
            },
            Source::Field(index) => self.facts[index],
            Source::Broken => Fact::UNKNOWN,
        }
    }

    /// What its operands are known to be, together.
    pub(crate) const fn operands(&self) -> Fact {
        let first = self.operand(0);
        if !self.layer.operands.are_several() {
            return first;
        }
        let mut together = Fact { form: first.levels(), ..first };
        let mut position = 1;
        while position < self.field.from.len() {
            together = self.layer.operands.together(&together, &self.operand(position));
            position += 1;
        }
        together
    }

    /// The name of its operand at `position`.
    pub(crate) const fn producer(&self, position: usize) -> &'a str {
        self.net.name_of(self.field.from[position])
    }

    /// Whether nothing says which shape the input has, and this field is to blame.
    pub(crate) const fn misses_input_shape(&self) -> bool {
        match self.survey.misses_input_shape {
            Some(index) => index == self.index,
            None => false,
        }
    }

    /// Whether it reads the network's input and no field before it does.
    pub(crate) const fn is_first_reader(&self) -> bool {
        let mut earlier = 0;
        while earlier < self.index {
            if self.net.fields[earlier].reads_plain_input() {
                return false;
            }
            earlier += 1;
        }
        self.field.reads_plain_input()
    }

    pub(crate) const fn is_last(&self) -> bool {
        self.index + 1 == self.net.fields.len()
    }
}

/// A shape, unless it holds more numbers than a tensor may.
pub(crate) const fn admitted(shape: Known<Shape>) -> Known<Shape> {
    match shape {
        Known::Now(known) => match known.elements() {
            Known::Now(elements) if elements > MAX_ELEMENTS => Known::Later,
            Known::Now(_) | Known::Later => shape,
        },
        Known::Later => Known::Later,
    }
}

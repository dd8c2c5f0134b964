//! One sample needs no more bootstraps than the network may.

use crate::{
    Fact, Known, Net, Source, Text,
    asked::Asked,
    blame::{Blame, Cause, LawTraits},
    layers::properties::Outputs,
    limits::MAX_BOOTSTRAPS,
};

pub(crate) const TRAITS: LawTraits =
    LawTraits { is_numeric: true, suspects_wires: false, option: Some("max_bootstraps") };

/// More bootstraps than `max_bootstraps`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany<'a> {
    /// The network.
    pub net: &'a str,
    /// How many one sample needs at most.
    pub needs: i64,
    /// How many it may need.
    pub most: i64,
    /// Fields that need any.
    pub count: usize,
    /// Whether some need more than one for each number that they give.
    pub has_windows: bool,
    /// Those that need most, in falling order.
    pub dearest: [Option<Bootstraps<'a>>; Bootstraps::LISTED],
    /// How many numbers the first of them may give beside the others; below one where that is not enough.
    pub fitting: i64,
    /// A layer that gives so few.
    pub fewer: Option<Fewer<'a>>,
}

/// What one field needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bootstraps<'a> {
    /// The field.
    pub field: &'a str,
    /// How many bootstraps it takes.
    pub own: i64,
}

impl Bootstraps<'_> {
    /// How many fields a message lists.
    pub const LISTED: usize = 3;
}

/// A layer with weights that has fewer outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fewer<'a> {
    /// The field.
    pub field: &'a str,
    /// Its layer.
    pub kind: &'static str,
    /// How its outputs are called and written.
    pub outputs: Outputs,
    /// The most of them that fit.
    pub most: i64,
}

/// How many bootstraps one sample needs at most for the field at `index`, of which `fact` is known: for each number that it gives as
/// many as its layer says, unless the client does its work.
#[must_use]
pub const fn bootstraps(net: &Net<'_>, index: usize, fact: &Fact) -> Known<i64> {
    let tables =
        if net.reads_plain(index) { Known::Now(0) } else { net.fields[index].layer.properties().tables };
    match (tables, fact.shape) {
        (Known::Now(0), _) => Known::Now(0),
        (Known::Now(tables), Known::Now(shape)) => match shape.elements() {
            Known::Now(elements) => Known::Now(elements.saturating_mul(tables)),
            Known::Later => Known::Later,
        },
        (Known::Later, _) | (_, Known::Later) => Known::Later,
    }
}

/// Asked of the last field, when everything before it is known.
pub(crate) const fn check<'a>(asked: &Asked<'a, '_>) -> Option<TooMany<'a>> {
    let Some(Known::Now(most)) = asked.net.max_bootstraps else {
        return None;
    };
    if !asked.is_last() {
        return None;
    }
    let mut needs: i64 = 0;
    let (mut count, mut has_windows) = (0, false);
    let mut dearest: [Option<Bootstraps<'a>>; Bootstraps::LISTED] = [None; Bootstraps::LISTED];
    let mut dearest_at = asked.index;
    let mut at = 0;
    while at <= asked.index {
        let fact = if at == asked.index { &asked.gives } else { &asked.facts[at] };
        let field = &asked.net.fields[at];
        let Known::Now(own) = bootstraps(asked.net, at, fact) else {
            return None;
        };
        if own > 0 {
            if own > dearest_of(&dearest) {
                dearest_at = at;
            }
            needs = needs.saturating_add(own);
            count += 1;
            has_windows |= !matches!(field.layer.properties().tables, Known::Now(1));
            dearest = insert(dearest, Bootstraps { field: field.name, own });
        }
        at += 1;
    }
    if needs <= most {
        return None;
    }
    let fitting = match asked.net.fields[dearest_at].layer.properties().tables {
        Known::Now(tables) if tables > 0 => (most - (needs - dearest_of(&dearest))) / tables,
        Known::Now(_) | Known::Later => 0,
    };
    Some(TooMany {
        net: asked.net.name,
        needs,
        most,
        count,
        has_windows,
        dearest,
        fitting,
        fewer: fewer_outputs(asked, dearest_at, fitting),
    })
}

const fn dearest_of(dearest: &[Option<Bootstraps<'_>>; Bootstraps::LISTED]) -> i64 {
    match &dearest[0] {
        Some(dearest) => dearest.own,
        None => 0,
    }
}

/// The list, which is sorted by what each needs, with one more.
const fn insert<'a>(
    mut list: [Option<Bootstraps<'a>>; Bootstraps::LISTED],
    mut new: Bootstraps<'a>,
) -> [Option<Bootstraps<'a>>; Bootstraps::LISTED] {
    let mut place = 0;
    while place < list.len() {
        match list[place] {
            None => {
                list[place] = Some(new);
                return list;
            }
            Some(old) if new.own > old.own => {
                list[place] = Some(new);
                new = old;
            }
            Some(_) => {}
        }
        place += 1;
    }
    list
}

/// The layer with weights that the field at `index` reads, with so many outputs that the field gives at most `fitting`
/// numbers.
const fn fewer_outputs<'a>(asked: &Asked<'a, '_>, index: usize, fitting: i64) -> Option<Fewer<'a>> {
    let mut at = index;
    loop {
        at = match asked.net.fields[at].from {
            [Source::Field(from)] => *from,
            _ => return None,
        };
        if asked.net.normalizes(at) {
            continue;
        }
        let (field, layer) = (&asked.net.fields[at], asked.net.fields[at].layer.properties());
        let (Some(outputs), Known::Now(shape)) = (layer.outputs, asked.facts[at].shape) else {
            return None;
        };
        let (Known::Now(step), Known::Now(positions)) = (outputs.step, shape.without_channels()) else {
            return None;
        };
        let most = fitting / positions / step * step;
        if most < 1 {
            return None;
        }
        return Some(Fewer { field: field.name, kind: layer.kind, outputs, most });
    }
}

impl<'a> TooMany<'a> {
    pub(crate) const fn render(&self) -> Text {
        let text = Text::new()
            .code(self.net)
            .text(" may need ")
            .number(self.needs as i128)
            .text(" bootstraps, but `max_bootstraps` is ")
            .number(self.most as i128)
            .note()
            .text("a quantizer needs one for each number that it gives")
            .text(if self.has_windows { ", a `MaxPool2d<K>` K * K - 1 for each: " } else { ": " });
        self.help(self.list(text))
    }

    const fn list(&self, mut text: Text) -> Text {
        let (mut listed, mut rest) = (0, self.needs);
        while listed < self.dearest.len() {
            if let Some(Bootstraps { field, own }) = self.dearest[listed] {
                text = text.text(if listed > 0 { ", " } else { "" }).code(field).text(" ");
                text = text.number(own as i128);
                rest -= own;
            }
            listed += 1;
        }
        if self.count <= listed {
            return text;
        }
        let others = self.count - listed;
        text = text.text(", ").number(others as i128).text(if others > 1 { " others " } else { " other " });
        text.number(rest as i128)
    }

    const fn help(&self, mut text: Text) -> Text {
        let [Some(dearest), ..] = self.dearest else {
            return text;
        };
        if self.needs <= MAX_BOOTSTRAPS.most {
            text = text.help().text("allow them: `max_bootstraps = ").number(self.needs as i128).text("`");
        }
        let text = text.help().text("or ");
        match self.fewer {
            Some(Fewer { field, kind, outputs, most }) => text
                .text("use fewer ")
                .text(outputs.word)
                .text(": `")
                .text(field)
                .text(": ")
                .text(kind)
                .text("<_, ")
                .number(most as i128)
                .text(outputs.rest)
                .text(",`"),
            None if self.fitting > 0 => text
                .text("let ")
                .code(dearest.field)
                .text(" give at most ")
                .number(self.fitting as i128)
                .text(" numbers: pool, or use fewer neurons or filters, before it"),
            None if self.most < self.count as i64 => {
                text.text("keep at most ").number(self.most as i128).text(" of these layers")
            }
            None => text.text("pool, or use fewer neurons or filters, before several of them"),
        }
    }

    pub(crate) const fn blame(&self) -> Blame<'a> {
        Blame::Option("max_bootstraps")
    }

    pub(crate) const fn cause(&self) -> Cause {
        Cause::Itself
    }
}

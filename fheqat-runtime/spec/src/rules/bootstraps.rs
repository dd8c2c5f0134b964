//! One sample needs no more bootstraps than the network may.

use super::Verdict;
use crate::{
    Conv, Fact, Field, Issue, Known, Layer, Net, Source,
    issue::{Bootstraps, Fewer},
};

/// How many bootstraps one sample needs at most for a field of which `fact` is known: one for each number that a quantizer
/// gives, unless the client quantizes them.
#[must_use]
pub const fn bootstraps(field: &Field<'_>, fact: &Fact) -> Known<i64> {
    match (field.layer, fact.shape) {
        (Layer::Quantizer(_), _) if field.reads_plain_input() => Known::Now(0),
        (Layer::Quantizer(_), Known::Now(shape)) => shape.elements(),
        (Layer::Quantizer(_), Known::Later) => Known::Later,
        _ => Known::Now(0),
    }
}

/// Asked of the last field, when everything before it is known.
pub(super) const fn too_many_bootstraps<'a>(
    net: &Net<'a>,
    before: &[Verdict<'a>],
    index: usize,
    last: &Fact,
) -> Option<Issue<'a>> {
    let Some(Known::Now(most)) = net.max_bootstraps else {
        return None;
    };
    if index + 1 != net.fields.len() {
        return None;
    }
    let mut needs: i64 = 0;
    let mut count = 0;
    let mut dearest: [Option<Bootstraps<'a>>; Bootstraps::LISTED] = [None; Bootstraps::LISTED];
    let mut dearest_at = index;
    let mut at = 0;
    while at <= index {
        let fact = if at == index { last } else { &before[at].fact };
        let (Known::Now(own), field) = (bootstraps(&net.fields[at], fact), &net.fields[at]) else {
            return None;
        };
        if own > 0 {
            if own > dearest_of(&dearest) {
                dearest_at = at;
            }
            needs = needs.saturating_add(own);
            count += 1;
            dearest = insert(dearest, Bootstraps { field: field.name, own });
        }
        at += 1;
    }
    if needs <= most {
        return None;
    }
    let fitting = most - (needs - dearest_of(&dearest));
    Some(Issue::Bootstraps {
        net: net.name,
        needs,
        most,
        count,
        dearest,
        fitting,
        fewer: fewer_outputs(net, before, dearest_at, fitting),
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

/// The layer with weights that the quantizer at `index` reads, with so many outputs that the quantizer gives at most
/// `fitting` numbers.
const fn fewer_outputs<'a>(
    net: &Net<'a>,
    before: &[Verdict<'a>],
    index: usize,
    fitting: i64,
) -> Option<Fewer<'a>> {
    let mut at = index;
    loop {
        at = match net.fields[at].from {
            [Source::Field(from)] => *from,
            _ => return None,
        };
        let field = &net.fields[at];
        let outputs = match (field.layer, before[at].fact.shape) {
            (Layer::BatchNorm, _) => continue,
            (Layer::Linear(_), _) => fitting,
            (Layer::Conv(Conv { groups: Known::Now(groups), .. }), Known::Now(shape)) => {
                match shape.without_channels() {
                    Known::Now(positions) => fitting / positions / groups * groups,
                    Known::Later => return None,
                }
            }
            _ => return None,
        };
        if outputs < 1 {
            return None;
        }
        return Some(Fewer { field: field.name, kind: field.layer.kind(), outputs });
    }
}

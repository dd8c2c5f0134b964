//! Changes of a tree after which it is still well formed: numbers become extreme ones of their type, elements are repeated and left
//! out, parts take the place of others of the same type.

use std::collections::BTreeMap;

use super::tree::Tree;

pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Self(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        dice.next();
        dice.next();
        dice
    }

    pub(crate) fn next(&mut self) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        ((self.next() >> 16) % sides.max(1) as u64) as usize
    }

    pub(crate) fn pick<'t, T>(&mut self, of: &'t [T]) -> Option<&'t T> {
        of.get(self.roll(of.len()))
    }
}

/// Whole artefacts of one kind, and their parts by place.
pub(crate) struct Stock {
    whole: Vec<Tree>,
    parts: BTreeMap<String, Vec<Tree>>,
}

/// Parts that are kept of a place.
const PARTS: usize = 64;
/// The most bytes that an artefact grows to by repeating its elements.
const MOST: usize = 1 << 14;

impl Stock {
    pub(crate) fn new(whole: Vec<Tree>) -> Self {
        let mut parts: BTreeMap<String, Vec<Tree>> = BTreeMap::new();
        for tree in &whole {
            tree.visit("", &mut |place, part| {
                let parts = parts.entry(place.to_owned()).or_default();
                if parts.len() < PARTS && !parts.contains(part) && part.size() < MOST {
                    parts.push(part.clone());
                }
            });
        }
        Self { whole, parts }
    }

    pub(crate) fn whole(&self) -> &[Tree] {
        &self.whole
    }

    /// The payload of one of them after one to three changes.
    pub(crate) fn mutated(&self, seed: u64) -> Vec<u8> {
        let mut dice = Dice::new(seed);
        let mut tree = dice.pick(&self.whole).unwrap().clone();
        for _ in 0..[1, 1, 1, 2, 3][dice.roll(5)] {
            self.change(&mut tree, &mut dice);
        }
        let mut bytes = Vec::new();
        tree.write(&mut bytes);
        bytes
    }

    fn change(&self, tree: &mut Tree, dice: &mut Dice) {
        let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let mut number = 0;
        tree.visit("", &mut |place, _| {
            places.entry(place.to_owned()).or_default().push(number);
            number += 1;
        });
        // Every place as often as any other, however many elements of a sequence have it.
        let places: Vec<_> = places.into_iter().collect();
        let Some((place, numbers)) = dice.pick(&places) else { return };
        let number = *dice.pick(numbers).unwrap_or(&0);
        let everywhere = dice.roll(4) == 0;
        let Some(node) = tree.node_mut(number) else { return };
        let before = node.clone();
        if dice.roll(4) == 0
            && let Some(part) = self.parts.get(place).and_then(|parts| dice.pick(parts))
        {
            *node = part.clone();
        } else {
            self.change_node(place, node, dice);
        }
        // Numbers that have to agree may do so again.
        if everywhere && matches!(before, Tree::Unsigned(..) | Tree::Signed(..)) {
            let after = node.clone();
            replace(tree, &before, &after);
        }
    }

    fn change_node(&self, place: &str, node: &mut Tree, dice: &mut Dice) {
        match node {
            Tree::Bool(bit) => *bit = !*bit,
            Tree::Unsigned(number, width) => *number = unsigned(*number, *width, dice),
            Tree::Signed(number, width) => *number = signed(*number, *width, dice),
            Tree::F32(number) => *number = float((*number).into(), dice) as f32,
            Tree::F64(number) => *number = float(*number, dice),
            Tree::Text(text) => {
                *text = match dice.roll(4) {
                    0 => String::new(),
                    1 => text.repeat(1 + dice.roll(40)),
                    2 => "\u{10ffff}\0\n`".to_owned(),
                    _ => ["NaN", "inf", "1e400", "?", "-0"][dice.roll(5)].to_owned(),
                }
            }
            Tree::Bytes(bytes) => change_bytes(bytes, dice),
            Tree::Option(inner) => {
                let part = self.parts.get(&format!("{place}[]")).and_then(|parts| dice.pick(parts));
                *inner = match inner {
                    Some(_) if dice.roll(2) == 0 => None,
                    _ => Some(Box::new(part.cloned().unwrap_or(Tree::Unsigned(dice.roll(9) as u128, 64)))),
                };
            }
            Tree::Sequence(elements) => {
                let part = self.parts.get(&format!("{place}[]")).and_then(|parts| dice.pick(parts)).cloned();
                change_sequence(elements, part, dice);
            }
            Tree::Variant(_, variant, _) => *variant = dice.roll(4) as u32,
            Tree::Group(_, fields) => {
                if !fields.is_empty() {
                    let field = dice.roll(fields.len());
                    self.change_node(place, &mut fields[field], dice);
                }
            }
        }
    }
}

fn replace(tree: &mut Tree, before: &Tree, after: &Tree) {
    if tree == before {
        *tree = after.clone();
    } else {
        tree.children_mut().iter_mut().for_each(|child| replace(child, before, after));
    }
}

fn unsigned(number: u128, width: u32, dice: &mut Dice) -> u128 {
    let most = u128::MAX >> (128 - width);
    let power = 1_u128 << dice.roll(width as usize);
    let extreme = match dice.roll(12) {
        0 => 0,
        1 => 1,
        2 => most,
        3 => most >> 1,
        4 => power,
        5 => power - 1,
        6 => power + 1,
        7 => number.wrapping_mul(2),
        8 => number / 2,
        9 => number.wrapping_sub(1),
        _ => number.wrapping_add(1 + dice.roll(3) as u128),
    };
    extreme & most
}

fn signed(number: i128, width: u32, dice: &mut Dice) -> i128 {
    let most = i128::MAX >> (128 - width);
    let power = 1_i128 << dice.roll(width as usize - 1);
    let sign = [1, -1][dice.roll(2)];
    let extreme = match dice.roll(13) {
        0 => 0,
        1 => sign,
        2 => most,
        3 => -most - 1,
        4 => sign * power,
        5 => sign * (power - 1),
        6 => sign * (power + 1),
        7 => number.wrapping_mul(2),
        8 => -number,
        _ => number + sign * (1 + dice.roll(3) as i128),
    };
    extreme.clamp(-most - 1, most)
}

fn float(number: f64, dice: &mut Dice) -> f64 {
    let sign = [1.0, -1.0][dice.roll(2)];
    let extremes = [
        0.0,
        1.0,
        f64::NAN,
        f64::INFINITY,
        f64::MAX,
        f64::MIN_POSITIVE,
        5e-324,
        f32::MAX.into(),
        f32::MIN_POSITIVE.into(),
        1e-45,
        1e-30,
        1e30,
        16_777_217.0,
    ];
    match dice.roll(24) {
        0 => -number,
        1 => number * 2.0,
        2 => number / 2.0,
        3 => number.next_up(),
        4 => number * 1e-20,
        5 => number * 1e20,
        6..11 => number * (0.5 + dice.roll(1000) as f64 / 1000.0),
        other => sign * extremes[other - 11],
    }
}

/// Words of 1, 4 or 8 bytes.
fn change_bytes(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let word = [1, 4, 8][dice.roll(3)];
    let words = bytes.len() / word;
    match dice.roll(8) {
        0 => bytes.clear(),
        1 => bytes.truncate(dice.roll(words) * word),
        2 => bytes.resize(bytes.len() + word * (1 + dice.roll(8)), [0, 0xff][dice.roll(2)]),
        3 => {
            bytes.pop();
        }
        4 if bytes.len() < MOST => bytes.extend_from_within(..),
        _ if words == 0 => bytes.push(0),
        _ => {
            for _ in 0..=dice.roll(3) {
                let at = word * dice.roll(words);
                let value = unsigned(u128::from(bytes[at]), 8 * word as u32, dice);
                bytes[at..at + word].copy_from_slice(&value.to_le_bytes()[..word]);
            }
        }
    }
}

fn change_sequence(elements: &mut Vec<Tree>, part: Option<Tree>, dice: &mut Dice) {
    let at = dice.roll(elements.len());
    let size: usize = elements.iter().map(Tree::size).sum();
    match dice.roll(10) {
        0 => elements.clear(),
        1 if size < MOST => elements.extend_from_within(..),
        2 => elements.reverse(),
        3 => elements.truncate(at),
        4 | 5 if at < elements.len() => {
            elements.remove(at);
        }
        6 if at < elements.len() => {
            let last = elements.len() - 1;
            elements.swap(at, last);
        }
        7 if at < elements.len() => {
            let times = [1, 2, 8, 300][dice.roll(4)].min(MOST / elements[at].size()).max(1);
            let repeated = vec![elements[at].clone(); times];
            elements.splice(at..at, repeated);
        }
        _ => elements.splice(at..at, part).for_each(drop),
    }
}

//! Wires that one reader sums have one M.

use crate::{
    circuit::ir::{Graph, Term, Wire},
    params::Slots,
};

/// Wider accumulators have no parameters at any price.
pub(super) const LARGEST: u32 = 1 << 24;

pub(super) struct Groups {
    tables: Vec<usize>,
    parents: Vec<usize>,
    /// Of a root: how many wires are under it.
    sizes: Vec<usize>,
    needs: Vec<u32>,
    slot_multiple: u32,
}

impl Groups {
    pub(super) fn new(graph: &Graph, slot_multiple: u32) -> Self {
        let mut next = graph.inputs.len();
        let tables = graph
            .accumulators
            .iter()
            .map(|accumulator| {
                let first = next;
                next += accumulator.tables.len();
                first
            })
            .collect();
        Self {
            tables,
            parents: (0..next).collect(),
            sizes: vec![1; next],
            needs: vec![0; next],
            slot_multiple,
        }
    }

    fn node(&self, wire: Wire) -> usize {
        match wire {
            Wire::Input(index) => index,
            Wire::Table { accumulator, table } => self.tables[accumulator] + table,
        }
    }

    fn root(&self, mut node: usize) -> usize {
        while self.parents[node] != node {
            node = self.parents[node];
        }
        node
    }

    pub(super) fn join(&mut self, one: Wire, other: Wire) {
        let (one, other) = (self.root(self.node(one)), self.root(self.node(other)));
        if one == other {
            return;
        }
        let (one, other) = if self.sizes[one] < self.sizes[other] { (other, one) } else { (one, other) };
        self.parents[other] = one;
        self.sizes[one] += self.sizes[other];
        self.needs[one] = self.needs[one].max(self.needs[other]);
    }

    pub(super) fn read(&mut self, terms: &[Term], need: Slots) {
        for pair in terms.windows(2) {
            self.join(pair[0].wire, pair[1].wire);
        }
        if let Some(first) = terms.first() {
            let root = self.root(self.node(first.wire));
            self.needs[root] = self.needs[root].max(need.0);
        }
    }

    pub(super) fn of(&self, wire: Wire) -> Slots {
        Slots(self.needs[self.root(self.node(wire))].max(2) * self.slot_multiple)
    }

    /// M of the wires that a reader sums; a reader of nothing has its own.
    pub(super) fn slots(&self, terms: &[Term], own: Slots) -> Slots {
        terms.first().map_or(own, |term| self.of(term.wire).max(own))
    }
}

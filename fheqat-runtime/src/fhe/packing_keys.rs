//! The keys that pack results, as they are sent: seeds in place of masks, and rounded bodies.

use serde::{Deserialize, Serialize};

use crate::{
    artifact,
    params::{Packing, Parameters, packing::RingSwitch},
};

/// Keys of the trace, one for each of its steps, and the one that switches to the packed results' key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SeededPackingKeys {
    pub(super) trace: SeededRingSwitch,
    pub(super) ring_switch: SeededRingSwitch,
}

/// Keys of one kind: for each mask polynomial that is read and each digit, from the last, an encryption of what it is multiplied by.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SeededRingSwitch {
    #[serde(with = "artifact::fixed")]
    pub(super) seed: u128,
    /// Bodies, rounded to [`RingSwitch::body_bits`] and packed.
    #[serde(with = "artifact::bytes")]
    pub(super) bodies: Vec<u8>,
}

impl SeededPackingKeys {
    /// Without their bodies.
    #[cfg(feature = "client")]
    pub(super) fn empty() -> Self {
        let empty = || SeededRingSwitch { seed: 0, bodies: Vec::new() };
        Self { trace: empty(), ring_switch: empty() }
    }

    /// Bytes of the bodies of both kinds.
    pub(super) fn lengths(parameters: &Parameters, packing: &Packing) -> [usize; 2] {
        let bytes = |switch: RingSwitch, keys: usize| {
            switch.body_bits().bytes(keys * switch.ciphertexts() * Packing::SIZE.0)
        };
        [bytes(parameters.trace(packing), Packing::STEPS), bytes(parameters.ring_switch(packing), 1)]
    }

    pub(super) const fn length(&self) -> usize {
        self.trace.bodies.len() + self.ring_switch.bodies.len()
    }
}

/// Where `X -> X^exponent` moves coefficients: for each its new place, and whether it changes sign.
pub(super) fn turned(exponent: usize) -> impl Iterator<Item = (usize, bool)> {
    let size = Packing::SIZE.0;
    (0..size).map(move |index| {
        let place = index * exponent % (2 * size);
        (place % size, place >= size)
    })
}

/// The exponent of a step of the trace: `2^i + 1`, i from 1.
pub(super) const fn exponent(step: usize) -> usize {
    (1 << (step + 1)) + 1
}

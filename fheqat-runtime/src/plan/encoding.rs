//! Integers on the torus: `h` half-steps of a wire with M slots are `h / (2M)` turns.

use crate::params::Slots;

/// The nearest multiple of 2^-64 turns.
#[must_use]
pub(crate) fn half_steps(count: i64, slots: Slots) -> u64 {
    let slots = i128::from(slots.0);
    ((i128::from(count) << 64) + slots).div_euclid(2 * slots) as u64
}

/// The nearest multiple of 2^-32 turns.
#[must_use]
pub(crate) const fn to_small(torus: u64) -> u32 {
    (torus.wrapping_add(1 << 31) >> 32) as u32
}

/// The slot that a phase lies in, in `0..M`.
#[cfg(feature = "client")]
#[must_use]
pub(crate) fn nearest_slot(phase: u64, slots: Slots) -> i64 {
    let slot = (u128::from(phase) * u128::from(slots.0) + (1 << 63)) >> 64;
    (slot % u128::from(slots.0)) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_come_back() {
        for slots in [2, 3, 7, 64, 97, 1000].map(Slots) {
            for value in -1500..1500_i64 {
                let noise = (u64::MAX / u64::from(slots.0) / 2 - 5) as i64;
                for noise in [-noise, 0, noise] {
                    let phase = half_steps(2 * value, slots).wrapping_add_signed(noise);
                    assert_eq!(nearest_slot(phase, slots), value.rem_euclid(i64::from(slots.0)));
                }
            }
        }
    }
}

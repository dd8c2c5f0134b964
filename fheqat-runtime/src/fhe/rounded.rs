//! Numbers of the torus rounded to their most significant bits, and those bits packed: the first number in the lowest bits of the first
//! byte.

#[cfg(feature = "server")]
use crate::params::Packing;
use crate::params::TorusBits;

/// Bits of a word.
const WORD: usize = TorusBits::ALL.0 as usize;

/// The nearest multiple of `2^-bits` turns; half of one rounds up.
fn nearest(number: u64, bits: TorusBits) -> u64 {
    let dropped = TorusBits::ALL.0 - bits.0;
    if dropped == 0 {
        return number;
    }
    number.wrapping_add(1 << (dropped - 1)) >> dropped << dropped
}

/// Rounds numbers and packs them behind `bytes`.
pub(crate) fn pack(numbers: &[u64], bits: TorusBits, bytes: &mut Vec<u8>) {
    let end = bytes.len() + bits.bytes(numbers.len());
    bytes.reserve_exact(end - bytes.len());
    let (mut word, mut filled) = (0, 0);
    for &number in numbers {
        let kept = nearest(number, bits) >> (TorusBits::ALL.0 - bits.0);
        word |= kept << filled;
        filled += bits.0;
        if filled >= TorusBits::ALL.0 {
            bytes.extend_from_slice(&word.to_le_bytes());
            filled -= TorusBits::ALL.0;
            word = if filled == 0 { 0 } else { kept >> (bits.0 - filled) };
        }
    }
    let rest = end - bytes.len();
    bytes.extend_from_slice(&word.to_le_bytes()[..rest]);
}

/// The first `count` numbers of a packed list, fewer where it has fewer.
pub(crate) fn unpack(bytes: &[u8], bits: TorusBits, count: usize) -> Vec<u64> {
    let word = |index: usize| {
        let mut word = [0; WORD / 8];
        let from = &bytes[(index * WORD / 8).min(bytes.len())..];
        let length = from.len().min(word.len());
        word[..length].copy_from_slice(&from[..length]);
        u64::from_le_bytes(word)
    };
    let length = bits.0 as usize;
    let numbers = (0..count.min(8 * bytes.len() / length)).map(|number| {
        let (index, offset) = (number * length / WORD, number * length % WORD);
        let behind = if offset + length > WORD { word(index + 1) << (WORD - offset) } else { 0 };
        (word(index) >> offset | behind) << (WORD - length)
    });
    numbers.collect()
}

/// Adds half of what rounding the mask of a ciphertext `[mask, body]` will add to it to the body: see
/// [`Parameters::result_rounding`](crate::params::Parameters::result_rounding).
#[cfg(feature = "server")]
pub(crate) fn centre(ciphertext: &mut [u64], bits: TorusBits) {
    if let Some((body, mask)) = ciphertext.split_last_mut() {
        let error = |&number: &u64| i128::from(nearest(number, bits).wrapping_sub(number).cast_signed());
        let errors: i128 = mask.iter().map(error).sum();
        *body = body.wrapping_add((errors >> 1) as u64);
    }
}

/// Rounds so many results that share a ciphertext `[k' + 1, N']`, its masks and the bodies of the results, and packs them behind `bytes`.
/// As in [`centre`], half of what that adds to the masks goes into the body.
#[cfg(feature = "server")]
pub(crate) fn pack_polynomials(ciphertext: &mut [u64], results: usize, bits: TorusBits, bytes: &mut Vec<u8>) {
    let size = Packing::SIZE.0;
    let (masks, body) = ciphertext.split_at_mut(ciphertext.len() - size);
    let mut halves = vec![0_u64; size];
    for mask in masks.chunks_exact(size) {
        for (half, &number) in halves.iter_mut().zip(mask) {
            let error = nearest(number, bits).wrapping_sub(number).cast_signed();
            *half = half.wrapping_add((error >> 1).cast_unsigned());
        }
    }
    add_mean(&halves, body);
    let bodies = (0..results).map(|result| body[Packing::place(result, results)]);
    let numbers: Vec<u64> = masks.iter().copied().chain(bodies).collect();
    pack(&numbers, bits, bytes);
}

/// Adds `1/2 R J` to a body, with R twice `halves` and `J = 1 + X + ...`: what errors R of the masks take from it, on the mean over key bits.
/// Coefficient i is the sum of halves up to i less the sum of those behind.
#[cfg(feature = "server")]
pub(crate) fn add_mean(halves: &[u64], body: &mut [u64]) {
    let total = halves.iter().fold(0_u64, |sum, half| sum.wrapping_add(*half));
    let mut sum = total.wrapping_neg();
    for (body, half) in body.iter_mut().zip(halves) {
        sum = sum.wrapping_add(half.wrapping_mul(2));
        *body = body.wrapping_add(sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: u64) -> Vec<u64> {
        let scrambled = (0..count).map(|index| index.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17));
        [0, 1, u64::MAX, 1 << 63, (1 << 63) - 1].into_iter().chain(scrambled).collect()
    }

    #[test]
    fn numbers_come_back_rounded_to_the_nearest() {
        for bits in (1..=64).map(TorusBits) {
            for count in [0, 1, 2, 3, 11, 60] {
                let numbers = &numbers(60)[..count];
                let mut bytes = vec![7];
                pack(numbers, bits, &mut bytes);
                assert_eq!((bytes[0], bytes.len()), (7, 1 + bits.bytes(count)));
                let read = unpack(&bytes[1..], bits, count);
                assert_eq!(read.len(), count);
                for (&read, &number) in read.iter().zip(numbers) {
                    let off = read.wrapping_sub(number).cast_signed().unsigned_abs();
                    assert!(off <= 1 << (64 - bits.0) >> 1, "{number} as {read} of {bits:?}");
                    assert_eq!(read.trailing_zeros().max(64 - bits.0), read.trailing_zeros());
                }
                let mut again = Vec::new();
                pack(&read, bits, &mut again);
                assert_eq!(again, bytes[1..]);
            }
        }
    }

    #[test]
    fn bytes_that_are_too_few_or_too_many_are_no_panic() {
        for bits in (1..=64).map(TorusBits) {
            assert!(unpack(&[], bits, 3).is_empty());
            assert_eq!(unpack(&[255; 100], bits, 3).len(), 3);
            assert_eq!(unpack(&[255; 8], bits, 1000).len(), 64 / bits.0 as usize);
        }
    }
}

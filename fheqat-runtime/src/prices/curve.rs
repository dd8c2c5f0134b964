//! Generated from the parameter search, and compared with it by a test. To write it anew:
//! `FHEQAT_BLESS=1 cargo test -p fheqat-runtime --test parameters the_curve_of_training`.

/// Slots of an exact accumulator, and milliseconds of one core for its rotation.
pub(super) const SEARCHED: [(u32, f64); 10] = [
    (8, 12.2),
    (16, 13.2),
    (32, 15.2),
    (64, 19.2),
    (96, 23.3),
    (128, 28.9),
    (192, 43.1),
    (256, 69.6),
    (512, 134.4),
    (1024, 261.1),
];

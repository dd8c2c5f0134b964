#![no_main]

#[path = "../../tests/structured/mod.rs"]
#[cfg(feature = "fhe")]
mod structured;
#[path = "../../tests/corpus/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    targets::circuit(bytes);
    #[cfg(feature = "fhe")]
    structured::fuzz(structured::Kind::Circuit, bytes);
});

#![no_main]

#[path = "../../tests/structured/mod.rs"]
mod structured;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| structured::fuzz(structured::Kind::EvaluationKeys, bytes));

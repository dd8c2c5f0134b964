//! Every message a user can get from `quant_net`, one directory for each law.

#[test]
fn ui() {
    let cases = trybuild::TestCases::new();
    for law in ["input", "quantized", "shape", "bits", "overflow", "wiring", "options", "layers", "structure"]
    {
        cases.compile_fail(format!("{law}/*.rs"));
    }
}

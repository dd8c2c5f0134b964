//! Every message a user can get from `quant_net`, in a directory for each law.

#[test]
fn ui() {
    trybuild::TestCases::new().compile_fail("*/*.rs");
}

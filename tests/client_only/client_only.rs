//! A crate with the feature `client` alone has no tables: it cannot name what computes.

#[test]
fn a_client_cannot_name_what_computes() {
    trybuild::TestCases::new().compile_fail("refused/*.rs");
}

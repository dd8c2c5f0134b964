//! A crate with the feature `server` alone has no secret: it cannot name a secret key, nor what makes or uses one.

#[test]
fn a_server_cannot_name_a_secret_key() {
    trybuild::TestCases::new().compile_fail("refused/*.rs");
}

//! What a page has, by what it is made of.

mod shared;

use fheqat::page::Page;

#[test]
fn write() {
    let net = shared::squares();
    let page = Page::new("Squares").compiled(&net.compiled).history(&net.history).data(&net.test, "the test samples");
    page.save("/tmp/report.html").unwrap();
}

//! Evaluation keys arrive whole, whatever breaks on their way.

use std::sync::atomic::Ordering;

use fheqat::prelude::*;
use fheqat_client::{Error, Options, wire::Code};

use crate::{
    fake::{Fake, Fault, failure},
    options,
    proxy::Proxy,
    read, service,
};

/// Keys of megabytes.
fn large() -> EvaluationKeys {
    ClientHalf::from_bytes(&read("deep.client")).unwrap().keygen_insecure_for_tests(Seed(1)).1
}

#[tokio::test]
async fn an_upload_goes_on_where_a_connection_broke() {
    let (fake, address) = Fake::new().start().await;
    let cuts = [0, 120_000, 350_000, 90, 1_000_000, 65_536];
    let (proxy, address) = Proxy::start(address, &cuts).await;
    let keys = large();
    let service = service(&format!("http://{address}"), Options { chunk: 300_000, ..options() });
    let key = service.register(&keys).await.unwrap();
    assert_eq!((key.key, key.offset), (Some(keys.id().to_string()), keys.to_bytes().len() as u64));
    assert_eq!(proxy.cut.load(Ordering::SeqCst), cuts.len());
    assert_eq!(fake.keys.lock().unwrap()[&key.sha256].1, keys.to_bytes());
    // What the service had was not sent again.
    assert_eq!(*fake.received.lock().unwrap(), keys.to_bytes().len());

    let asked = fake.requests.lock().unwrap().len();
    service.register(&keys).await.unwrap();
    assert_eq!(fake.requests.lock().unwrap().len(), asked + 1, "keys that are there are not sent");
}

#[tokio::test]
async fn what_a_service_lost_is_sent_again() {
    let (fake, address) = Fake::new().start().await;
    let keys = large();
    let service = service(&format!("http://{address}"), Options { chunk: 500_000, ..options() });
    for _ in 0..2 {
        fake.fail("PATCH", Fault::LoseAnswer);
    }
    fake.fail("PATCH", Fault::Answer(503, None, Some(failure(Code::Unavailable))));
    fake.fail("PATCH", Fault::Forget(250_000));
    let key = service.register(&keys).await.unwrap();
    assert_eq!(fake.keys.lock().unwrap()[&key.sha256].1, keys.to_bytes());
}

#[tokio::test]
async fn a_part_that_was_damaged_before_is_sent_again_once() {
    let (fake, address) = Fake::new().start().await;
    let (_, _, keys) = crate::flat();
    let service = service(&format!("http://{address}"), options());
    let bytes = keys.to_bytes();
    let sha256 = service.register(&keys).await.unwrap().sha256;
    let damaged = (bytes.len() as u64, vec![7; 20]);
    fake.keys.lock().unwrap().insert(sha256.clone(), damaged);
    service.register(&keys).await.unwrap();
    assert_eq!(fake.keys.lock().unwrap()[&sha256].1, bytes);

    fake.keys.lock().unwrap().clear();
    fake.fail("PATCH", Fault::Answer(422, None, Some(failure(Code::Malformed))));
    let refused = service.register(&keys).await;
    assert!(matches!(refused, Err(Error::Refused { code: Some(Code::Malformed), .. })), "{refused:?}");
}

#[tokio::test]
async fn an_upload_that_does_not_go_on_ends() {
    let (fake, address) = Fake::new().start().await;
    let (_, _, keys) = crate::flat();
    for _ in 0..20 {
        fake.fail("PATCH", Fault::Answer(409, None, Some(failure(Code::WrongOffset))));
    }
    let service = service(&format!("http://{address}"), options());
    let ended = service.register(&keys).await;
    assert!(matches!(ended, Err(Error::Unreachable { .. })), "{ended:?}");
    assert_eq!(fake.count("PATCH"), 8);
}

#[tokio::test]
async fn answers_about_another_key_are_refused() {
    let (fake, address) = Fake::new().start().await;
    let (_, _, keys) = crate::flat();
    let service = service(&format!("http://{address}"), options());
    let lies = [
        r#"{"sha256":"00","length":9,"offset":9,"key":"000000000000000000000000"}"#,
        r#"{"sha256":"00","length":9,"offset":99999999999,"key":null}"#,
        r#"{"sha256":"00","length":9,"offset":-1,"key":null}"#,
        "[]",
        "",
    ];
    for lie in lies {
        fake.fail("GET /v1/keys", Fault::Lie(lie.into()));
        let refused = service.register(&keys).await;
        assert!(matches!(refused, Err(Error::Answer { .. })), "{lie}: {refused:?}");
    }
}

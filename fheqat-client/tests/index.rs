//! The examples of the page `service` of the error index.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use fheqat::{data, prelude::*, train::PtqConfig};
use fheqat_client::{
    Error, KeyFolder, Options, Service, Version,
    frames::{self, FrameError},
};
use tokio::runtime::Runtime;

/// A server that answers everything with these bytes.
fn server(answer: impl Into<Vec<u8>>) -> String {
    use std::io::{Read, Write};
    let answer = answer.into();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(&answer);
        }
    });
    address
}

/// An answer with a body.
fn http(status: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    [
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len())
            .as_bytes(),
        body,
    ]
    .concat()
}

#[quant_net(bits = 2)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 2>,
}

/// What a service has of a model for its clients.
fn client_half() -> ClientHalf {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    net.circuit()
        .unwrap()
        .compile(&CompileOptions::default().p_fail(Log2Probability(-40.0)))
        .unwrap()
        .client()
}

/// `Error::Url`
#[test]
fn error_url() {
    // Shown:
    let error = Service::new("localhost:8080").unwrap_err();
    assert!(matches!(error, Error::Url { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "`localhost:8080` is no address of a service (`localhost` is not `http` or `https`): give one like `https://host:8443`"
    );

    Service::new("http://localhost:8080").unwrap();
}

/// `Error::Token`
#[test]
fn error_token() {
    // Shown:
    let service = Service::new("http://localhost:8080").unwrap();
    let error = service.clone().with_token("secret\n").unwrap_err();
    assert!(matches!(error, Error::Token), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the token has characters that a header cannot have: give it without line breaks"
    );

    service.with_token("secret\n".trim_end()).unwrap();
}

/// `Error::Name`
#[test]
fn error_name() {
    let wait = Runtime::new().unwrap();
    let half = client_half();
    // Shown:
    let service = Service::new("http://localhost:8080").unwrap();
    let error = wait.block_on(service.client_half("..", Version::Latest)).unwrap_err();
    assert!(matches!(error, Error::Name { .. }), "{error:?}");
    assert_eq!(error.to_string(), "`..` is no name of a model: `models` lists those that the service has");

    let service = Service::new(&server(http("200 OK", half.to_bytes()))).unwrap();
    wait.block_on(service.client_half("iris", Version::Latest)).unwrap();
}

/// `Error::Setup`
#[test]
fn error_setup() {
    // Shown:
    let options = Options { certificates: b"no PEM".to_vec(), ..Options::default() };
    let error = Service::with_options("https://localhost:8443", options).unwrap_err();
    assert!(matches!(error, Error::Setup { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "cannot prepare connections (what was given has no certificate in PEM): check the certificates, those of the system and those that were given"
    );

    Service::with_options("http://localhost:8080", Options::default()).unwrap();
}

/// `Error::Unreachable`
#[test]
fn error_unreachable() {
    let wait = Runtime::new().unwrap();
    // Shown:
    let options = Options { attempts: 2, first_pause: Duration::from_millis(1), ..Options::default() };
    let service = Service::with_options("http://127.0.0.1:1", options).unwrap(); // nothing listens at port 1
    let error = wait.block_on(service.models()).unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().starts_with("cannot list models: 2 attempts got no answer, the last: "));

    let service = Service::new(&server(http("200 OK", r#"{"models": [], "broken": []}"#))).unwrap();
    wait.block_on(service.models()).unwrap();
}

/// `Error::Deadline`
#[test]
fn error_deadline() {
    let wait = Runtime::new().unwrap();
    let url = server(http("200 OK", r#"{"models": [], "broken": []}"#));
    // Shown:
    let options = Options { deadline: Duration::ZERO, ..Options::default() };
    let service = Service::with_options(&url, options).unwrap();
    let error = wait.block_on(service.models()).unwrap_err();
    assert!(matches!(error, Error::Deadline { .. }), "{error:?}");
    assert_eq!(error.to_string(), "cannot list models in 0 s: allow a longer deadline, or try again later");

    wait.block_on(Service::new(&url).unwrap().models()).unwrap();
}

/// `Error::Refused`
#[test]
fn error_refused() {
    let wait = Runtime::new().unwrap();
    // Shown:
    // A service that wants a token answers so.
    let answer = http("401 Unauthorized", r#"{"code": "unauthorized", "message": "give a token"}"#);
    let service = Service::new(&server(answer)).unwrap();
    let error = wait.block_on(service.models()).unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error:?}");
    assert_eq!(error.to_string(), "cannot list models: give a token (401)");
}

/// `Error::Answer`
#[test]
fn error_answer() {
    let wait = Runtime::new().unwrap();
    // Shown:
    // Something else than a service of fheqat.
    let service = Service::new(&server(http("200 OK", "<html>"))).unwrap();
    let error = wait.block_on(service.models()).unwrap_err();
    assert!(matches!(error, Error::Answer { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "cannot list models: the answer is not what it should be: expected value at line 1 column 1; check that the address is that of a service of fheqat"
    );

    let service = Service::new(&server(http("200 OK", r#"{"models": [], "broken": []}"#))).unwrap();
    wait.block_on(service.models()).unwrap();
}

/// `Error::Empty`
#[test]
fn error_empty() {
    let wait = Runtime::new().unwrap();
    let service = Service::new("http://localhost:8080").unwrap();
    // Shown:
    let error = wait.block_on(service.run(&[])).unwrap_err();
    assert!(matches!(error, Error::Empty), "{error:?}");
    assert_eq!(error.to_string(), "there are no encrypted inputs: give at least one");
}

/// `Error::Half`
#[test]
fn error_half() {
    let wait = Runtime::new().unwrap();
    let half = client_half();
    // Shown:
    let cut = &half.to_bytes()[..50];
    let service = Service::new(&server(http("200 OK", cut))).unwrap();
    let error = wait.block_on(service.client_half("iris", Version::Latest)).unwrap_err();
    assert!(matches!(error, Error::Half { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the client half that the service gave: the client half is damaged: its checksum differs, copy it again"
    );

    let service = Service::new(&server(http("200 OK", half.to_bytes()))).unwrap();
    wait.block_on(service.client_half("iris", Version::Latest)).unwrap();
}

/// `Error::KeyFile`
#[test]
fn error_key_file() {
    let half = client_half();
    let folder = tempfile::tempdir().unwrap();
    let keys = KeyFolder::new(folder.path());
    // Shown:
    std::fs::write(folder.path().join("a.key"), "not a key").unwrap();
    let error = keys.open(&half).unwrap_err();
    assert!(matches!(error, Error::KeyFile { .. }), "{error:?}");
    assert!(error.to_string().ends_with("; move it away to have new keys made"));

    std::fs::remove_file(folder.path().join("a.key")).unwrap();
    keys.open(&half).unwrap();
}

/// `Error::KeyPair`
#[test]
fn error_key_pair() {
    let half = client_half();
    let folder = tempfile::tempdir().unwrap();
    let keys = KeyFolder::new(folder.path());
    // Shown:
    // Two keys, and the evaluation keys of the second in place of those of the first.
    let (first, _) = keys.open(&half).unwrap();
    let (_, second) = half.keygen();
    let path = folder.path().join(format!("{}.evaluation", first.id()));
    std::fs::write(&path, second.to_bytes()).unwrap();
    let error = keys.open(&half).unwrap_err();
    assert!(matches!(error, Error::KeyPair { .. }), "{error:?}");
    assert!(error.to_string().ends_with(": move both away to have new keys made"));

    std::fs::remove_file(&path).unwrap();
    std::fs::remove_file(path.with_extension("key")).unwrap();
    keys.open(&half).unwrap();
}

/// `Error::File`
#[test]
fn error_file() {
    let half = client_half();
    let folder = tempfile::tempdir().unwrap();
    let keys = KeyFolder::new(folder.path());
    // Shown:
    let (key, _) = keys.open(&half).unwrap();
    std::fs::remove_file(folder.path().join(format!("{}.evaluation", key.id()))).unwrap();
    let error = keys.open(&half).unwrap_err();
    assert!(matches!(error, Error::File { .. }), "{error:?}");
    assert!(error.to_string().starts_with("cannot read `"));

    std::fs::remove_file(folder.path().join(format!("{}.key", key.id()))).unwrap();
    keys.open(&half).unwrap(); // makes new keys
}

/// `Error::Folder`
#[test]
fn error_folder() {
    let half = client_half();
    let folder = tempfile::tempdir().unwrap();
    let keys = KeyFolder::new(folder.path());
    // Shown:
    let file = folder.path().join("a file");
    std::fs::write(&file, "").unwrap();
    let error = KeyFolder::new(&file).open(&half).unwrap_err();
    assert!(matches!(error, Error::Folder { .. }), "{error:?}");
    assert!(error.to_string().starts_with("cannot use the folder of keys `"));

    keys.open(&half).unwrap();
}

/// `FrameError::Short`
#[test]
fn frame_error_short() {
    // Shown:
    let body = frames::join(&[b"one"]);
    let error = frames::split(&body[..5], 2).unwrap_err();
    assert!(matches!(error, FrameError::Short { .. }), "{error:?}");
    assert_eq!(error.to_string(), "item 0 has 1 bytes where its length says 3: send the whole body");

    frames::split(&body, 2).unwrap();
}

/// `FrameError::Empty`
#[test]
fn frame_error_empty() {
    // Shown:
    let error = frames::split(&[], 2).unwrap_err();
    assert!(matches!(error, FrameError::Empty), "{error:?}");
    assert_eq!(error.to_string(), "the body is empty: send at least one item, its length in front");

    frames::split(&frames::join(&[b"one"]), 2).unwrap();
}

/// `FrameError::TooMany`
#[test]
fn frame_error_too_many() {
    // Shown:
    let body = frames::join(&[b"one", b"two"]);
    let error = frames::split(&body, 1).unwrap_err();
    assert!(matches!(error, FrameError::TooMany { .. }), "{error:?}");
    assert_eq!(error.to_string(), "the body has more than 1 items: send it in parts");

    frames::split(&body, 2).unwrap();
}

//! A server with a certificate, and clients that trust its authority or do not.

use std::process::{Command, Output};

use fheqat_client::{Error, Options, Service};

use crate::{
    authority::Authority,
    process::{Place, Server},
    world,
};

fn start(place: &Place, authority: &Authority) -> Server {
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| authority.file(name));
    let server = place.start(&["--tls-cert", &cert, "--tls-key", &key]);
    assert!(server.url.starts_with("https://"), "{}", server.url);
    server
}

/// `predict` of one sample, or `load`, with more options.
fn ask(place: &Place, server: &Server, command: &str, options: &[&str]) -> Output {
    let mut process = Command::new(env!("CARGO_BIN_EXE_fheqat"));
    process.args(["--json", command, "--url", &server.url, "--model", "deep"]).args(options);
    if command == "predict" {
        let sample = &world::deep().samples[0];
        process.arg("--keys").arg(place.file("keys")).args(sample.iter().map(f32::to_string));
    } else {
        process.args(["--requests", "3", "--clients", "1"]);
    }
    process.env_remove("FHEQAT_TOKEN").output().unwrap()
}

#[test]
fn who_trusts_the_authority_has_predictions() {
    let place = Place::new();
    let authority = Authority::for_host("127.0.0.1");
    let server = start(&place, &authority);
    let trust = ["--ca", &authority.file("ca.pem")];
    let ran = ask(&place, &server, "predict", &trust);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let line: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    let values = world::deep().circuit.simulate(&world::deep().samples[0]).unwrap().values;
    assert_eq!(line["values"], serde_json::json!(values));
    let ran = ask(&place, &server, "load", &trust);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

#[test]
fn who_does_not_is_told_what_to_do() {
    let place = Place::new();
    let authority = Authority::for_host("127.0.0.1");
    let server = start(&place, &authority);
    let other = Authority::for_host("127.0.0.1").file("ca.pem");
    let no_pem = place.file("models/deep/1.client");
    for command in ["predict", "load"] {
        for (options, says) in [
            (&[][..], "the certificate of the server is not accepted"),
            (&["--ca", &other], "No such file"),
            (&["--ca", no_pem.to_str().unwrap()], "no certificate in PEM"),
        ] {
            let ran = ask(&place, &server, command, options);
            let error = String::from_utf8_lossy(&ran.stderr).into_owned();
            assert_eq!(ran.status.code(), Some(1), "{command} {options:?}: {error}");
            assert!(error.contains(says), "{command} {options:?}: {error}");
            assert!(!options.is_empty() || error.contains("--ca FILE"), "{error}");
        }
    }
}

#[tokio::test]
async fn the_rust_client_checks_the_authority_and_the_name() {
    let place = Place::new();
    let [here, elsewhere] = ["127.0.0.1", "elsewhere.example"].map(Authority::for_host);
    for (shown, trusted, is_accepted) in
        [(&here, &here, true), (&here, &elsewhere, false), (&elsewhere, &elsewhere, false)]
    {
        let server = start(&place, shown);
        let certificates = std::fs::read(trusted.file("ca.pem")).unwrap();
        let service =
            Service::with_options(&server.url, Options { certificates, ..Options::default() }).unwrap();
        match service.models().await {
            Ok(models) => assert!(is_accepted && models.models.len() == 2),
            Err(Error::Certificate { .. }) => assert!(!is_accepted),
            Err(error) => panic!("{error}"),
        }
        server.terminate();
    }
}

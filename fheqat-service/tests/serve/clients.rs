//! The Rust client and a real server.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use fheqat::prelude::*;
use fheqat_client::{Error, KeyFolder, Options, RemoteModel, Service, Version, wire::Code};

use crate::{
    process::{Place, Server},
    world,
};

#[allow(dead_code, reason = "its main function")]
#[path = "../../examples/client_server.rs"]
mod client_server;

fn service(url: &str) -> Service {
    let options = Options { chunk: 100_000, first_pause: Duration::from_millis(20), ..Options::default() };
    Service::with_options(url, options).unwrap()
}

#[tokio::test]
async fn the_example_runs() {
    client_server::play(Path::new(env!("CARGO_BIN_EXE_fheqat"))).await.unwrap();
}

#[tokio::test]
async fn the_client_predicts_what_the_circuit_gives() {
    let place = Place::new();
    let server = place.start(&[]);
    let service = service(&server.url);
    let names: Vec<String> =
        service.models().await.unwrap().models.into_iter().map(|model| model.name).collect();
    assert_eq!(names, ["deep", "linear"]);
    for (name, world) in [("deep", world::deep()), ("linear", world::linear())] {
        let keys = KeyFolder::new(place.file("keys"));
        let remote = RemoteModel::open(service.clone(), name, Version::Latest, keys).await.unwrap();
        let samples = &world.samples[..5];
        let expected: Vec<_> = samples.iter().map(|sample| world.circuit.simulate(sample).unwrap()).collect();
        assert_eq!(remote.predict(samples).await.unwrap(), expected);
        // Keys that the service has forgotten are registered again.
        let keys = service.keys().await.unwrap().keys;
        assert!(!keys.is_empty());
        for key in keys {
            service.forget(&key.sha256).await.unwrap();
        }
        assert_eq!(remote.predict(samples).await.unwrap(), expected);
    }
    assert_eq!(std::fs::read_dir(place.file("keys")).unwrap().count(), 4);
    let unknown = service.client_half("none", Version::Latest).await.unwrap_err();
    assert_eq!(unknown.code(), Some(Code::NotFound));
}

#[tokio::test]
async fn jobs_are_split_where_the_server_takes_smaller_ones() {
    let place = Place::new();
    let server = place.start(&["--max-items", "3"]);
    let (service, linear) = (service(&server.url), world::linear());
    let owner = linear.owner(1);
    service.register(&EvaluationKeys::from_bytes(&owner.evaluation).unwrap()).await.unwrap();
    let samples = &linear.samples[..50];
    let inputs = owner.client.encrypt_batch(samples).unwrap();
    let results = owner.client.decrypt_batch(&service.run(&inputs).await.unwrap()).unwrap();
    for (sample, result) in samples.iter().zip(results) {
        assert_eq!(result, linear.circuit.simulate(sample).unwrap());
    }
}

/// A server at an address that is to be that of one before.
fn start_at(place: &Place, listen: &str) -> Server {
    let mut child = Command::new(env!("CARGO_BIN_EXE_fheqat"))
        .args(["serve", "--log", "warn", "--listen", listen, "--models"])
        .arg(place.models())
        .arg("--state")
        .arg(place.state())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("listening on ").unwrap().to_owned();
    Server { child, url }
}

/// A server is killed again and again, in the middle of an upload and of jobs, and started at the same address.
#[tokio::test]
async fn a_call_outlives_servers() {
    let place = Place::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listen = format!("127.0.0.1:{port}");
    let server = start_at(&place, &listen);
    let (service, deep) = (service(&server.url), world::deep());
    let owner = deep.owner(2);
    let keys = EvaluationKeys::from_bytes(&owner.evaluation).unwrap();
    let inputs = owner.client.encrypt_batch(&deep.samples[..80]).unwrap();
    let call = tokio::spawn(async move {
        service.register(&keys).await?;
        service.run(&inputs).await
    });
    let mut server = Some(server);
    for pause in [30, 60, 120, 240, 480] {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        assert!(!call.is_finished(), "nothing is left to be interrupted");
        server.take().unwrap().kill();
        server = Some(start_at(&place, &listen));
    }
    let results: Vec<EncryptedOutput> = call.await.unwrap().unwrap_or_else(|error: Error| panic!("{error}"));
    for (sample, result) in deep.samples.iter().zip(owner.client.decrypt_batch(&results).unwrap()) {
        assert_eq!(result, deep.circuit.simulate(sample).unwrap());
    }
}

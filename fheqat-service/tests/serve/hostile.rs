//! Clients that send rubbish, too much, or half of it.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use fheqat_client::wire::{self, Code};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use reqwest::StatusCode;

use crate::{
    process::{Place, Server, code, sha256},
    world::{deep, linear},
};

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// Sends bytes and reads until the server closes the connection.
fn send(server: &Server, bytes: &[u8]) -> String {
    let mut stream = connect(server);
    let mut answer = Vec::new();
    // The server may close before all is sent.
    let _ = stream.write_all(bytes).and_then(|()| stream.read_to_end(&mut answer).map(drop));
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn half_a_request_ends_in_time() {
    let place = Place::new();
    let server = place.start(&["--idle", "1"]);
    let hash = sha256(b"12345");
    let bodies = [
        "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf".to_owned(),
        format!(
            "PATCH /v1/keys/{hash} HTTP/1.1\r\nHost: x\r\nUpload-Length: 5\r\nUpload-Offset: 0\r\nContent-Length: 5\r\n\r\n123"
        ),
    ];
    std::thread::scope(|scope| {
        for body in &bodies {
            scope.spawn(|| {
                let began = Instant::now();
                let answer = send(&server, body.as_bytes());
                assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("\"timeout\""), "{answer}");
                assert!(began.elapsed() < Duration::from_secs(4));
            });
        }
        for head in ["GET / HTTP/1.1\r\nHost:", "PRI * HTTP/2.0\r\n", ""] {
            let server = &server;
            scope.spawn(move || {
                let began = Instant::now();
                send(server, head.as_bytes());
                assert!(began.elapsed() < Duration::from_secs(4), "{head:?}");
            });
        }
    });
    // What came of the upload is kept.
    let answer = send(
        &server,
        format!("GET /v1/keys/{hash} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes(),
    );
    assert!(answer.contains("\"offset\":3"), "{answer}");
}

fn rubbish(random: &mut StdRng, body: &[u8]) -> Vec<u8> {
    let mut pick = |from: &[&str]| from[random.random_range(0..from.len())].to_owned();
    let method = pick(&["GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS", "BREW"]);
    let hash = pick(&[&"0".repeat(64), &"f".repeat(64), "..", "%2e%2e", "a", "%00", "%ff", &"é".repeat(9)]);
    let path = pick(&[
        "/v1/keys/HASH",
        "/v1/keys",
        "/v1/jobs",
        "/v1/jobs/HASH",
        "/v1/jobs/HASH/result",
        "/v1/models/HASH/1/client",
        "/v1/models/deep/HASH/client",
        "/metrics",
        "/",
        "/HASH",
        "*",
        "//",
        "/v1/jobs?wait=HASH",
        "/v1/jobs?wait=0",
    ]);
    let header = pick(&[
        "Upload-Length: 10\r\nUpload-Offset: 0",
        "Upload-Length: -1\r\nUpload-Offset: x",
        "Upload-Length: 18446744073709551616\r\nUpload-Offset: 0",
        "Upload-Length: 18446744073709551615\r\nUpload-Offset: 18446744073709551615",
        "Upload-Length: 0\r\nUpload-Offset: 0",
        "Idempotency-Key: \u{1}",
        "Idempotency-Key: a",
        "If-None-Match: *, \"",
        "Expect: 100-continue",
        "Authorization: Bearer",
        "Transfer-Encoding: chunked",
        "Content-Length: 5",
        "X: y",
    ]);
    let mut body = match random.random_range(0..4) {
        0 => Vec::new(),
        1 => (0..random.random_range(0..200)).map(|_| random.next_u32() as u8).collect(),
        _ => body.to_vec(),
    };
    for _ in 0..random.random_range(0..3) {
        if !body.is_empty() {
            let at = random.random_range(0..body.len());
            body[at] = random.next_u32() as u8;
        }
    }
    let path = path.replace("HASH", &hash);
    let length =
        if random.random_bool(0.9) { format!("Content-Length: {}\r\n", body.len()) } else { String::new() };
    let head =
        format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}\r\n{length}\r\n");
    let mut request = [head.as_bytes(), &body].concat();
    if random.random_bool(0.05) {
        let at = random.random_range(0..head.len());
        request[at] = random.next_u32() as u8;
    }
    request
}

#[test]
fn rubbish_is_refused() {
    let place = Place::new();
    let server = place.start(&["--idle", "1"]);
    let owner = linear().owner(1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(server.asker().register(&owner.evaluation));
    let body = linear().inputs(&owner, 2);
    std::thread::scope(|scope| {
        for seed in 0..8 {
            let (server, body) = (&server, &body);
            scope.spawn(move || {
                let mut random = StdRng::seed_from_u64(seed);
                for case in 0..250 {
                    let request = rubbish(&mut random, body);
                    let answer = send(server, &request);
                    let status = answer.split(' ').nth(1).unwrap_or("400");
                    assert!(!status.starts_with('5'), "seed {seed}, case {case}: {answer}");
                }
            });
        }
    });
    assert!(!place.log().contains("panic"), "{}", place.log());
    let response = runtime.block_on(server.asker().get("/readyz"));
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_flood_is_refused() {
    let place = Place::new();
    let server = place.start(&["--threads", "1", "--max-waiting-client", "3", "--max-kept", "6"]);
    let asker = server.asker();
    let (model, owner) = (deep(), deep().owner(1));
    asker.register(&owner.evaluation).await;
    let inputs = model.inputs(&owner, 10);
    let mut accepted = Vec::new();
    for _ in 0..12 {
        let response = asker.submit(inputs.clone(), 0).await;
        if response.status() == StatusCode::ACCEPTED {
            accepted.push(response.headers()["fheqat-job"].to_str().unwrap().to_owned());
        } else {
            assert!(response.headers()["retry-after"].to_str().unwrap().parse::<u32>().unwrap() > 0);
            assert_eq!(code(response).await, (429, Code::QueueFull));
        }
    }
    assert!((3..=5).contains(&accepted.len()), "{}", accepted.len());
    for job in &accepted {
        model.check(&owner, &asker.results(job).await, 10);
    }
    let quick = model.inputs(&owner, 1);
    for _ in accepted.len()..6 {
        assert_eq!(asker.submit(quick.clone(), 30).await.status(), StatusCode::OK);
    }
    assert_eq!(code(asker.submit(quick.clone(), 0).await).await, (429, Code::QueueFull));
    assert_eq!(asker.delete(&format!("/v1/jobs/{}", accepted[0])).await, StatusCode::NO_CONTENT);
    assert_eq!(asker.submit(quick, 30).await.status(), StatusCode::OK);
}

/// A client cannot have more uploads than are allowed by beginning them at once, and what begins in its middle leaves nothing.
#[tokio::test]
async fn uploads_are_counted_however_they_begin() {
    let place = Place::new();
    let server = place.start(&["--max-keys", "3"]);
    let asker = server.asker();
    let files: Vec<Vec<u8>> = (0..12_u8).map(|number| vec![number; 1000]).collect();
    for file in &files {
        let refused = asker.patch(file, 500, &file[500..]).send().await.unwrap();
        assert_eq!(
            (refused.headers()["upload-offset"].clone(), refused.status()),
            ("0".parse().unwrap(), StatusCode::CONFLICT)
        );
        assert_eq!(asker.get(&format!("/v1/keys/{}", sha256(file))).await.status(), StatusCode::NOT_FOUND);
    }
    let chunks = files.iter().map(|file| asker.patch(file, 0, &file[..500]).send());
    let answers = futures_util::future::join_all(chunks).await;
    let begun =
        answers.into_iter().filter(|answer| answer.as_ref().unwrap().status() == StatusCode::OK).count();
    assert!(begun <= 3, "{begun} uploads");
    let mut there = 0;
    for file in &files {
        there +=
            usize::from(asker.get(&format!("/v1/keys/{}", sha256(file))).await.status() == StatusCode::OK);
    }
    assert_eq!(there, begun);
}

#[tokio::test]
async fn a_version_is_a_number_in_one_form() {
    let place = Place::new();
    let server = place.start(&[]);
    for (version, status) in
        [("1", 200), ("latest", 200), ("+1", 404), ("01", 404), ("0", 404), ("%2B1", 404), ("1.0", 404)]
    {
        let answer = server.asker().get(&format!("/v1/models/deep/{version}/client")).await;
        assert_eq!(answer.status().as_u16(), status, "{version}");
    }
}

#[test]
fn connections_are_limited() {
    let place = Place::new();
    let server = place.start(&["--max-connections", "4", "--idle", "2"]);
    let idle: Vec<TcpStream> = (0..4).map(|_| connect(&server)).collect();
    std::thread::sleep(Duration::from_millis(100));
    let request = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert_eq!(send(&server, request), "");
    drop(idle);
    std::thread::sleep(Duration::from_millis(100));
    assert!(send(&server, request).starts_with("HTTP/1.1 200 "));
}

/// What is no file of a model, or cannot be read, keeps no other model from being served.
#[tokio::test]
async fn odd_files_among_models_are_left_out() {
    let place = Place::new();
    let models = place.models();
    std::os::unix::fs::symlink("/nowhere", models.join("ghost")).unwrap();
    let pipe = std::process::Command::new("mkfifo").arg(models.join("deep/1.report.json")).status().unwrap();
    assert!(pipe.success());
    std::fs::create_dir(models.join("endless")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", models.join("endless/1.server")).unwrap();
    let server = place.start(&[]);
    let listed: wire::Models = server.asker().get("/v1/models").await.json().await.unwrap();
    let names: Vec<&str> = listed.models.iter().map(|model| &*model.name).collect();
    assert_eq!(names, ["deep", "linear"]);
}

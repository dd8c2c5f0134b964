//! Several clients: each has what is its own.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use fheqat_client::wire::{self, Code};
use reqwest::{Method, StatusCode};

use crate::{
    process::{Place, code, sha256},
    world::{self, deep, linear},
};

fn token(place: &Place, name: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_fheqat"))
        .args(["token", name, "--file"])
        .arg(place.file("tokens"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn nobody_sees_what_is_anothers() {
    let place = Place::new();
    let (anne, bert) = (token(&place, "anne"), token(&place, "bert"));
    let tokens = place.file("tokens");
    let server = place.start(&["--tokens", tokens.to_str().unwrap()]);
    for stranger in [server.asker(), server.asker_with("x"), server.asker_with(&sha256(anne.as_bytes()))] {
        for path in ["/v1/models", "/v1/keys", "/v1/jobs/00", "/v1/models/deep/1/client"] {
            assert_eq!(code(stranger.get(path).await).await, (401, Code::Unauthorized));
        }
        assert_eq!(code(stranger.submit(vec![0; 9], 0).await).await, (401, Code::Unauthorized));
    }
    let (anne, bert) = (server.asker_with(&anne), server.asker_with(&bert));
    let (model, owner) = (linear(), linear().owner(1));
    anne.register(&owner.evaluation).await;
    let job = anne.accepted(model.inputs(&owner, 1)).await;
    anne.results(&job).await;

    let key = format!("/v1/keys/{}", sha256(&owner.evaluation));
    for path in [key.clone(), format!("/v1/jobs/{job}"), format!("/v1/jobs/{job}/result")] {
        assert_eq!(code(bert.get(&path).await).await, (404, Code::NotFound));
    }
    for path in [key.clone(), format!("/v1/jobs/{job}")] {
        assert_eq!(bert.delete(&path).await, StatusCode::NOT_FOUND);
    }
    assert_eq!(code(bert.submit(model.inputs(&owner, 1), 0).await).await, (409, Code::UnknownKey));

    // Equal keys: one file, and each client has its own record of it.
    bert.register(&owner.evaluation).await;
    assert_eq!(std::fs::read_dir(place.state().join("keys")).unwrap().count(), 1);
    let response = bert.submit(model.inputs(&owner, 1), 20).await;
    model.check(&owner, &response.bytes().await.unwrap(), 1);
    assert_eq!(anne.delete(&key).await, StatusCode::NO_CONTENT);
    let keys: wire::Keys = anne.get("/v1/keys").await.json().await.unwrap();
    assert!(keys.keys.is_empty());
    let response = bert.submit(model.inputs(&owner, 1), 20).await;
    model.check(&owner, &response.bytes().await.unwrap(), 1);
    assert_eq!(bert.delete(&key).await, StatusCode::NO_CONTENT);
    // The file goes once the job's end is on disk too, which may be after its result was delivered.
    let limit = Instant::now() + Duration::from_secs(30);
    while std::fs::read_dir(place.state().join("keys")).unwrap().count() > 0 {
        assert!(Instant::now() < limit, "a file of keys that nobody has stays");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!place.log().contains("bearer"));
}

#[tokio::test]
async fn tokens_may_change_while_the_server_runs() {
    let place = Place::new();
    let first = token(&place, "anne");
    let tokens = place.file("tokens");
    let server = place.start(&["--tokens", tokens.to_str().unwrap()]);
    let second = token(&place, "bert");
    let asker = server.asker_with(&second);
    let mut status = StatusCode::UNAUTHORIZED;
    for _ in 0..50 {
        status = asker.get("/v1/models").await.status();
        if status == StatusCode::OK {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(status, StatusCode::OK);
    assert_eq!(server.asker_with(&first).get("/v1/models").await.status(), StatusCode::OK);
}

#[test]
fn strangers_are_not_let_in_by_default() {
    let place = Place::new();
    let output = Command::new(env!("CARGO_BIN_EXE_fheqat"))
        .args(["serve", "--listen", "0.0.0.0:0", "--models"])
        .arg(place.models())
        .arg("--state")
        .arg(place.state())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && text.contains("--tokens FILE") && text.contains("--open"), "{text}");
}

/// A key that is deleted while jobs wait for it stays until they are done.
#[tokio::test]
async fn a_deleted_key_still_serves_jobs_that_wait() {
    let place = Place::new();
    let server = place.start(&["--threads", "1"]);
    let asker = server.asker();
    let (model, owner) = (deep(), deep().owner(1));
    asker.register(&owner.evaluation).await;
    let job = asker.accepted(model.inputs(&owner, 20)).await;
    assert_eq!(
        asker.delete(&format!("/v1/keys/{}", sha256(&owner.evaluation))).await,
        StatusCode::NO_CONTENT
    );
    assert_eq!(code(asker.submit(model.inputs(&owner, 1), 0).await).await, (409, Code::UnknownKey));
    server.kill();
    let server = place.start(&[]);
    model.check(&owner, &server.asker().results(&job).await, 20);
}

#[tokio::test]
async fn wrong_keys_and_inputs_are_refused() {
    let place = Place::new();
    let server = place.start(&["--max-keys", "2", "--max-items", "3"]);
    let asker = server.asker();
    let (linear, deep) = (linear(), deep());
    let (owner, other) = (linear.owner(1), deep.owner(2));
    // Bytes that are no keys, or have another hash.
    let rubbish = vec![7; 1000];
    let refused = asker.patch(&rubbish, 0, &rubbish).send().await.unwrap();
    assert_eq!(code(refused).await, (422, Code::Malformed));
    let mut changed = owner.evaluation.clone();
    changed[30] ^= 1;
    let refused = asker.patch(&owner.evaluation, 0, &changed).send().await.unwrap();
    assert_eq!(code(refused).await, (422, Code::Malformed));
    assert_eq!(
        asker.get(&format!("/v1/keys/{}", sha256(&owner.evaluation))).await.status(),
        StatusCode::NOT_FOUND
    );
    // More bytes than were said.
    let more = [&owner.evaluation[..], b"more"].concat();
    let refused = asker.patch(&owner.evaluation, 0, &more).send().await.unwrap();
    assert_eq!(code(refused).await, (422, Code::Malformed));

    asker.register(&owner.evaluation).await;
    // A key of other parameters, and one too many.
    asker.register(&other.evaluation).await;
    let third = linear.owner(3);
    let refused = asker.patch(&third.evaluation, 0, &third.evaluation).send().await.unwrap();
    assert_eq!(code(refused).await, (429, Code::TooManyKeys));
    let twice = [linear.inputs(&owner, 1), deep.inputs(&other, 1)].concat();
    assert_eq!(code(asker.submit(twice, 0).await).await, (422, Code::Malformed));
    assert_eq!(code(asker.submit(linear.inputs(&owner, 4), 0).await).await, (413, Code::TooLarge));
    for too_long in [1_000_001, 10_000_000] {
        assert_eq!(code(asker.submit(vec![0; too_long], 0).await).await, (413, Code::TooLarge));
    }
    for body in [vec![], vec![1], vec![0; 4], vec![255; 100]] {
        assert_eq!(code(asker.submit(body, 0).await).await, (422, Code::Malformed));
    }
    let unknown = world::owner(&linear.again(), 1);
    let unknown =
        fheqat_client::frames::join(&[unknown.client.encrypt(&linear.samples[0]).unwrap().to_bytes()]);
    assert_eq!(code(asker.submit(unknown, 0).await).await, (409, Code::UnknownModel));
    for query in ["wait=61", "wait=-1", "wait=NaN", "wait=", "other=1"] {
        let refused =
            asker.request(Method::GET, &format!("/v1/jobs/{}?{query}", "0".repeat(32))).send().await;
        assert_eq!(code(refused.unwrap()).await, (400, Code::BadRequest), "{query}");
    }
}

/// Results go when they are old, by the seconds that the server has run.
#[tokio::test]
async fn old_results_go() {
    let place = Place::new();
    let server = place.start(&["--keep-fetched", "1", "--keep-upload", "1"]);
    let asker = server.asker();
    let (model, owner) = (linear(), linear().owner(1));
    asker.patch(&[1; 100], 0, &[1; 50]).send().await.unwrap();
    let slower = deep().owner(2);
    asker.register(&owner.evaluation).await;
    asker.register(&slower.evaluation).await;
    let [fetched, other] = [model.inputs(&owner, 1), deep().inputs(&slower, 3)];
    let [fetched, other] = [asker.accepted(fetched).await, asker.accepted(other).await];
    asker.results(&fetched).await;
    asker.until(&other, |state| *state == wire::State::Done).await;
    tokio::time::sleep(std::time::Duration::from_secs(9)).await;
    assert_eq!(asker.get(&format!("/v1/jobs/{fetched}")).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(asker.get(&format!("/v1/jobs/{other}")).await.status(), StatusCode::OK);
    assert_eq!(asker.get(&format!("/v1/keys/{}", sha256(&[1; 100]))).await.status(), StatusCode::NOT_FOUND);
}

#[test]
fn tokens_that_are_made_at_once_are_all_kept() {
    let place = Place::new();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let place = &place;
            scope.spawn(move || token(place, &format!("client-{number}")));
        }
    });
    let lines = std::fs::read_to_string(place.file("tokens")).unwrap();
    assert_eq!(lines.lines().count(), 8, "{lines}");
}

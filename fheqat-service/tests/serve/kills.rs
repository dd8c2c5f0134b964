//! Servers that are killed or stopped: nothing that was accepted is lost.

use std::time::Instant;

use bytes::Bytes;
use fheqat_client::wire::{self, Code, State};
use futures_util::stream;
use reqwest::{Method, StatusCode};

use crate::{
    process::{Place, code, sha256},
    world::{deep, linear},
};

#[tokio::test]
async fn an_upload_goes_on_after_a_kill() {
    let place = Place::new();
    let server = place.start(&[]);
    let asker = server.asker();
    let (model, owner) = (deep(), deep().owner(1));
    let file = owner.evaluation.clone();
    let third = file.len() / 3;
    let first: wire::Key = asker.patch(&file, 0, &file[..third]).send().await.unwrap().json().await.unwrap();
    assert_eq!((first.offset, first.length, first.key), (third as u64, file.len() as u64, None));
    // The next chunk breaks off in the middle, as the server is killed.
    let half = Bytes::copy_from_slice(&file[third..2 * third]);
    let never = stream::unfold(Some(half), |half| async move {
        match half {
            Some(half) => Some((Ok::<_, std::io::Error>(half), None)),
            None => std::future::pending().await,
        }
    });
    let request = asker
        .request(Method::PATCH, &format!("/v1/keys/{}", sha256(&file)))
        .header("Upload-Length", file.len())
        .header("Upload-Offset", third)
        .body(reqwest::Body::wrap_stream(never));
    let hanging = tokio::spawn(request.send());
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    server.kill();
    assert!(hanging.await.unwrap().is_err());

    let server = place.start(&[]);
    let asker = server.asker();
    let path = format!("/v1/keys/{}", sha256(&file));
    let key: wire::Key = asker.get(&path).await.json().await.unwrap();
    let offset = key.offset as usize;
    assert!((third..=2 * third).contains(&offset), "{offset}");
    let refused = asker.patch(&file, 0, &file[..third]).send().await.unwrap();
    assert_eq!(refused.headers()["upload-offset"].to_str().unwrap(), offset.to_string());
    assert_eq!(code(refused).await, (409, Code::WrongOffset));
    let done = asker.patch(&file, offset, &file[offset..]).send().await.unwrap();
    assert_eq!(done.status(), StatusCode::CREATED);
    let response = asker.submit(model.inputs(&owner, 1), 30).await;
    model.check(&owner, &response.bytes().await.unwrap(), 1);
}

/// Jobs wait, run and are done when the server is killed; then it is killed again before the results are fetched.
#[tokio::test]
async fn jobs_survive_a_kill() {
    let place = Place::new();
    let server = place.start(&["--threads", "1"]);
    let asker = server.asker();
    let (model, owner) = (deep(), deep().owner(1));
    asker.register(&owner.evaluation).await;
    let done = asker.accepted(model.inputs(&owner, 1)).await;
    asker.until(&done, |state| *state == State::Done).await;
    let runs = asker.accepted(model.inputs(&owner, 60)).await;
    asker.until(&runs, |state| matches!(state, State::Running { done, .. } if *done > 0)).await;
    let waits = asker.accepted(model.inputs(&owner, 3)).await;
    server.kill();

    let server = place.start(&[]);
    let asker = server.asker();
    asker.until(&waits, |state| *state == State::Done).await;
    server.kill();
    let server = place.start(&[]);
    let asker = server.asker();
    for (job, count) in [(done, 1), (runs, 60), (waits, 3)] {
        model.check(&owner, &asker.results(&job).await, count);
    }
}

/// A job that ends the process whenever it runs would do so for ever.
#[tokio::test]
async fn a_job_that_ends_the_server_fails_in_the_end() {
    let place = Place::new();
    let mut server = place.start(&["--threads", "1"]);
    let (model, owner) = (deep(), deep().owner(1));
    server.asker().register(&owner.evaluation).await;
    let job = server.asker().accepted(model.inputs(&owner, 250)).await;
    for _ in 0..5 {
        server.asker().until(&job, |state| matches!(state, State::Running { .. })).await;
        server.kill();
        server = place.start(&["--threads", "1"]);
    }
    let asker = server.asker();
    assert_eq!(code(asker.get(&format!("/v1/jobs/{job}/result")).await).await, (500, Code::Internal));
    let response = asker.submit(model.inputs(&owner, 1), 30).await;
    model.check(&owner, &response.bytes().await.unwrap(), 1);
}

/// What runs is finished, what waits is kept, and nothing new is accepted.
#[tokio::test]
async fn a_stop_finishes_what_runs() {
    let place = Place::new();
    let server = place.start(&["--threads", "1"]);
    let asker = server.asker();
    let (model, owner) = (deep(), deep().owner(1));
    let (other, linear) = (linear().owner(2), linear());
    asker.register(&owner.evaluation).await;
    asker.register(&other.evaluation).await;
    let runs = asker.accepted(model.inputs(&owner, 60)).await;
    asker.until(&runs, |state| matches!(state, State::Running { .. })).await;
    let waits = asker.accepted(linear.inputs(&other, 2)).await;
    let (waiter, id) = (asker.clone(), waits.clone());
    let waiter =
        tokio::spawn(async move { waiter.get(&format!("/v1/jobs/{id}/result?wait=60")).await.status() });
    let (result, id) = (asker.clone(), runs.clone());
    let result = tokio::spawn(async move { result.results(&id).await });
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    server.signal();
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert_eq!(code(asker.submit(linear.inputs(&other, 1), 0).await).await, (503, Code::Unavailable));
    assert_eq!(code(asker.get("/readyz").await).await, (503, Code::Unavailable));
    assert_eq!(waiter.await.unwrap(), StatusCode::ACCEPTED);
    model.check(&owner, &result.await.unwrap(), 60);
    server.terminate();
    let server = place.start(&[]);
    linear.check(&other, &server.asker().results(&waits).await, 2);
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever() {
    let place = Place::new();
    let server = place.start(&["--threads", "1", "--stop-timeout", "1"]);
    let asker = server.asker();
    let (model, owner) = (deep(), deep().owner(1));
    asker.register(&owner.evaluation).await;
    let job = asker.accepted(model.inputs(&owner, 200)).await;
    asker.until(&job, |state| matches!(state, State::Running { .. })).await;
    assert!(server.terminate().as_secs() < 6);
    let server = place.start(&[]);
    assert_eq!(server.asker().job(&job).await.samples, 200);
    assert_eq!(server.asker().delete(&format!("/v1/jobs/{job}")).await, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn cancelled_jobs_stop() {
    let place = Place::new();
    let server = place.start(&["--threads", "1"]);
    let asker = server.asker();
    let (model, owner) = (deep(), deep().owner(1));
    asker.register(&owner.evaluation).await;
    let jobs =
        [asker.accepted(model.inputs(&owner, 200)).await, asker.accepted(model.inputs(&owner, 200)).await];
    asker.until(&jobs[0], |state| matches!(state, State::Running { .. })).await;
    for job in &jobs {
        assert_eq!(asker.delete(&format!("/v1/jobs/{job}")).await, StatusCode::NO_CONTENT);
    }
    let began = Instant::now();
    let response = asker.submit(model.inputs(&owner, 1), 30).await;
    model.check(&owner, &response.bytes().await.unwrap(), 1);
    assert!(began.elapsed().as_secs() < 10, "the cancelled jobs still run");
    for job in &jobs {
        assert_eq!(code(asker.get(&format!("/v1/jobs/{job}/result")).await).await, (410, Code::Cancelled));
        assert_eq!(asker.delete(&format!("/v1/jobs/{job}")).await, StatusCode::NO_CONTENT);
        assert_eq!(asker.get(&format!("/v1/jobs/{job}")).await.status(), StatusCode::NOT_FOUND);
    }
}

/// Bodies of keys are not read at the start.
#[tokio::test]
async fn a_start_with_many_keys_is_quick() {
    let place = Place::new();
    let server = place.start(&["--max-keys", "40"]);
    let asker = server.asker();
    let (model, owner) = (deep(), deep().owner(1));
    asker.register(&owner.evaluation).await;
    for seed in 2..32 {
        asker.register(&linear().owner(seed).evaluation).await;
    }
    server.kill();
    // If they were read, this would be noticed.
    let keys = place.state().join("keys");
    for file in std::fs::read_dir(&keys).unwrap() {
        let path = file.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap() != sha256(&owner.evaluation) {
            std::fs::File::options().write(true).open(&path).unwrap().set_len(15_000_000).unwrap();
        }
    }
    let began = Instant::now();
    let server = place.start(&["--max-keys", "40"]);
    assert!(began.elapsed().as_secs() < 2);
    let asker = server.asker();
    let keys: wire::Keys = asker.get("/v1/keys").await.json().await.unwrap();
    assert_eq!(keys.keys.len(), 31);
    let response = asker.submit(model.inputs(&owner, 1), 30).await;
    model.check(&owner, &response.bytes().await.unwrap(), 1);
}

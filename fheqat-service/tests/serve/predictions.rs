//! What a client gets that does everything right.

use fheqat_client::wire::{self, State};
use reqwest::{Method, StatusCode};

use crate::{
    process::{Place, code},
    world::{deep, linear},
};

#[tokio::test]
async fn encrypted_predictions_are_those_in_the_clear() {
    let place = Place::new();
    let server = place.start(&[]);
    let asker = server.asker();
    for (name, model, owner) in [("deep", deep(), deep().owner(1)), ("linear", linear(), linear().owner(2))] {
        let half = asker.get(&format!("/v1/models/{name}/latest/client")).await;
        let etag = half.headers()["etag"].clone();
        assert_eq!(half.bytes().await.unwrap(), model.compiled.client().to_bytes());
        let again = asker.request(Method::GET, &format!("/v1/models/{name}/1/client"));
        assert_eq!(
            again.header("If-None-Match", etag).send().await.unwrap().status(),
            StatusCode::NOT_MODIFIED
        );

        asker.register(&owner.evaluation).await;
        for (count, wait) in [(1, 30), (5, 30), (3, 0)] {
            let inputs = model.inputs(&owner, count);
            let response = asker.submit(inputs, wait).await;
            let job = response.headers()["fheqat-job"].to_str().unwrap().to_owned();
            if response.status() == StatusCode::OK {
                model.check(&owner, &response.bytes().await.unwrap(), count);
            }
            model.check(&owner, &asker.results(&job).await, count);
            assert_eq!(asker.job(&job).await.state, State::Done);
            assert_eq!(asker.delete(&format!("/v1/jobs/{job}")).await, StatusCode::NO_CONTENT);
            assert_eq!(asker.get(&format!("/v1/jobs/{job}")).await.status(), StatusCode::NOT_FOUND);
        }
    }
    let models: wire::Models = asker.get("/v1/models").await.json().await.unwrap();
    assert_eq!((models.models.len(), models.broken.len()), (2, 0));
    let written = linear().owner(1).evaluation.len() as u64;
    assert!(models.models[1].evaluation_keys <= written && written < models.models[1].evaluation_keys + 200);
    let written = deep().owner(1).evaluation.len() as u64;
    assert!(models.models[0].evaluation_keys <= written && written < models.models[0].evaluation_keys + 200);
    for path in ["/healthz", "/readyz", "/openapi.json", "/"] {
        assert_eq!(asker.get(path).await.status(), StatusCode::OK, "{path}");
    }
    let metrics = asker.get("/metrics").await.text().await.unwrap();
    for line in [
        "fheqat_samples_total{model=\"deep\"} 9",
        "fheqat_jobs_waiting 0",
        "fheqat_keys 2",
        "fheqat_keys_expanded 2",
        "fheqat_requests_total{method=\"POST\",route=\"/v1/jobs\",status=\"200\"}",
        "fheqat_disk_usable 1",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    assert!(server.terminate().as_secs() < 5);
}

#[tokio::test]
async fn a_client_that_has_its_result_may_send_the_next_request() {
    let place = Place::new();
    let server = place.start(&["--max-waiting", "1", "--max-waiting-client", "1"]);
    let (asker, owner) = (server.asker(), linear().owner(1));
    asker.register(&owner.evaluation).await;
    for round in 0..40 {
        let response = asker.submit(linear().inputs(&owner, 1), 30).await;
        assert_eq!(response.status(), StatusCode::OK, "round {round}");
    }
}

#[tokio::test]
async fn a_repeated_request_is_the_same_job() {
    let place = Place::new();
    let server = place.start(&[]);
    let asker = server.asker();
    let (model, owner) = (linear(), linear().owner(1));
    asker.register(&owner.evaluation).await;
    let inputs = model.inputs(&owner, 2);
    let post = |body: Vec<u8>| {
        asker.request(Method::POST, "/v1/jobs").header("Idempotency-Key", "first").body(body).send()
    };
    let first = post(inputs.clone()).await.unwrap();
    let first = first.headers()["fheqat-job"].to_str().unwrap().to_owned();
    let server = {
        server.kill();
        place.start(&[])
    };
    let asker = server.asker();
    let post = |body: Vec<u8>| {
        asker.request(Method::POST, "/v1/jobs?wait=20").header("Idempotency-Key", "first").body(body).send()
    };
    let (again, twice) = tokio::join!(post(inputs.clone()), post(inputs.clone()));
    for again in [again.unwrap(), twice.unwrap()] {
        assert_eq!(again.headers()["fheqat-job"].to_str().unwrap(), first);
        model.check(&owner, &again.bytes().await.unwrap(), 2);
    }
    let other = post(model.inputs(&owner, 2)).await.unwrap();
    assert_eq!(code(other).await, (409, wire::Code::OtherRequest));
}

/// Jobs of a model that is replaced meanwhile finish with the model that they were encrypted for; also if the server is killed before.
#[tokio::test]
async fn a_model_that_is_replaced_finishes_its_jobs() {
    let place = Place::new();
    let server = place.start(&["--threads", "1"]);
    let asker = server.asker();
    let (model, owner) = (deep(), deep().owner(1));
    asker.register(&owner.evaluation).await;
    let jobs =
        [asker.accepted(model.inputs(&owner, 30)).await, asker.accepted(model.inputs(&owner, 2)).await];
    let again = model.again();
    crate::world::publish(&place.models(), "deep", 1, &again);
    for _ in 0..60 {
        let models: wire::Models = asker.get("/v1/models").await.json().await.unwrap();
        if models.models.iter().any(|model| model.model == again.client().model().to_string()) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(code(asker.submit(model.inputs(&owner, 1), 0).await).await, (409, wire::Code::UnknownModel));
    server.kill();
    let server = place.start(&[]);
    let asker = server.asker();
    model.check(&owner, &asker.results(&jobs[0]).await, 30);
    model.check(&owner, &asker.results(&jobs[1]).await, 2);
}

#[tokio::test]
async fn broken_models_are_left_out_and_named() {
    let place = Place::new();
    let again = deep().again();
    let folder = place.models().join("deep");
    std::fs::write(folder.join("2.server"), again.server().to_bytes()).unwrap();
    std::fs::write(folder.join("2.client"), deep().compiled.client().to_bytes()).unwrap();
    std::fs::write(folder.join("3.server"), again.server().to_bytes()).unwrap();
    std::fs::write(folder.join("4.client"), b"rubbish").unwrap();
    std::fs::write(folder.join("4.server"), b"rubbish").unwrap();
    let server = place.start(&[]);
    let models: wire::Models = server.asker().get("/v1/models").await.json().await.unwrap();
    assert_eq!(
        models.models.iter().map(|model| (&*model.name, model.version)).collect::<Vec<_>>(),
        [("deep", 1), ("linear", 1)]
    );
    assert_eq!(models.broken.iter().map(|model| model.version).collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!(server.asker().get("/v1/models/deep/latest/client").await.status(), StatusCode::OK);
    assert_eq!(code(server.asker().get("/v1/models/deep/2/client").await).await, (404, wire::Code::NotFound));
}

//! Workers, gateways and NATS servers that are killed: nothing that was accepted is lost.

use std::time::Duration;

use fheqat_client::wire::{Code, State};
use reqwest::StatusCode;

use crate::{
    machines::{Machines, is_running, until_workers, workers},
    process::Asker,
    world::{Model, Owner, deep, linear},
};

/// Submits so many jobs, of so many samples each.
async fn submit(asker: &Asker, model: &Model, owner: &Owner, jobs: usize, samples: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..jobs {
        ids.push(asker.accepted(model.inputs(owner, samples)).await);
    }
    ids
}

async fn check(asker: &Asker, model: &Model, owner: &Owner, jobs: &[String], samples: usize) {
    for job in jobs {
        model.check(owner, &asker.results(job).await, samples);
    }
}

#[tokio::test]
async fn a_worker_is_killed_in_the_middle_of_a_job() {
    let Some(machines) = Machines::start() else { return };
    let gateway = machines.gateway(&[]);
    let asker = gateway.asker();
    let first = machines.worker(&["--name", "first"]);
    let (model, owner) = (deep(), deep().owner(1));
    asker.register(&owner.evaluation).await;
    let jobs = submit(&asker, model, &owner, 3, 20).await;
    asker.until(&jobs[0], is_running).await;
    let _second = machines.worker(&["--name", "second"]);
    until_workers(&asker, 2).await;
    assert!(!matches!(asker.job(&jobs[2]).await.state, State::Done));
    first.kill();
    check(&asker, model, &owner, &jobs, 20).await;
    let metrics = asker.get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains("fheqat_samples_total{model=\"deep\"} 60"), "{metrics}");
}

#[tokio::test]
async fn a_worker_that_stops_gives_its_jobs_back() {
    let Some(machines) = Machines::start() else { return };
    let gateway = machines.gateway(&[]);
    let asker = gateway.asker();
    let first = machines.worker(&[]);
    let (model, owner) = (deep(), deep().owner(1));
    asker.register(&owner.evaluation).await;
    let jobs = submit(&asker, model, &owner, 4, 12).await;
    asker.until(&jobs[0], is_running).await;
    let _second = machines.worker(&[]);
    first.terminate();
    check(&asker, model, &owner, &jobs, 12).await;
    assert!(!machines.place.log().contains("lost too many"), "{}", machines.place.log());
}

#[tokio::test]
async fn a_gateway_is_killed_with_jobs_in_the_queue() {
    let Some(machines) = Machines::start() else { return };
    let gateway = machines.gateway(&[]);
    let asker = gateway.asker();
    let _worker = machines.worker(&[]);
    let (model, owner) = (deep(), deep().owner(1));
    asker.register(&owner.evaluation).await;
    let jobs = submit(&asker, model, &owner, 8, 10).await;
    asker.until(&jobs[0], is_running).await;
    gateway.kill();
    // What the worker has goes on meanwhile, and its results wait.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let gateway = machines.gateway(&[]);
    check(&gateway.asker(), model, &owner, &jobs, 10).await;
    // Before any worker is there.
    gateway.kill();
    let gateway = machines.gateway(&[]);
    check(&gateway.asker(), model, &owner, &jobs, 10).await;
}

#[tokio::test]
async fn nats_is_restarted_in_the_middle() {
    let Some(mut machines) = Machines::start() else { return };
    let gateway = machines.gateway(&[]);
    let asker = gateway.asker();
    let _worker = machines.worker(&[]);
    let (model, owner) = (deep(), deep().owner(1));
    asker.register(&owner.evaluation).await;
    for loses_disk in [false, true] {
        let mut jobs = submit(&asker, model, &owner, 2, 10).await;
        asker.until(&jobs[0], is_running).await;
        machines.kill_nats();
        let limit = std::time::Instant::now() + Duration::from_secs(10);
        while asker.get("/readyz").await.text().await.unwrap() != "ready, without NATS: jobs wait on disk\n" {
            assert!(std::time::Instant::now() < limit, "/readyz does not say that NATS is gone");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        jobs.extend(submit(&asker, model, &owner, 1, 10).await);
        if loses_disk {
            machines.lose_disk();
        }
        machines.start_nats();
        check(&asker, model, &owner, &jobs, 10).await;
    }
    let metrics = asker.get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains("fheqat_nats_connected 1"), "{metrics}");
}

#[tokio::test]
async fn a_gateway_starts_without_nats() {
    let Some(mut machines) = Machines::start() else { return };
    machines.kill_nats();
    let gateway = machines.gateway(&[]);
    let asker = gateway.asker();
    let (model, owner) = (linear(), linear().owner(1));
    asker.register(&owner.evaluation).await;
    let jobs = submit(&asker, model, &owner, 3, 2).await;
    assert_eq!(asker.get("/readyz").await.status(), StatusCode::OK);
    let _worker = machines.worker(&[]);
    machines.start_nats();
    check(&asker, model, &owner, &jobs, 2).await;
}

/// Every worker that runs one of the jobs is killed. That job fails, the others do not.
#[tokio::test]
async fn a_job_that_kills_workers_fails() {
    let Some(machines) = Machines::start() else { return };
    let gateway = machines.gateway(&[]);
    let asker = gateway.asker();
    let (model, owner) = (deep(), deep().owner(1));
    asker.register(&owner.evaluation).await;
    let bad = asker.accepted(model.inputs(&owner, 200)).await;
    let mut worker = machines.worker(&[]);
    asker.until(&bad, is_running).await;
    let others = submit(&asker, model, &owner, 3, 2).await;
    let mut killed = 0;
    let limit = std::time::Instant::now() + Duration::from_secs(50);
    while !matches!(asker.job(&bad).await.state, State::Failed { .. }) {
        assert!(std::time::Instant::now() < limit && killed < 10, "the job does not fail");
        let runs_bad = workers(&asker).await.iter().any(|worker| worker.running > 0);
        if runs_bad && is_running(&asker.job(&bad).await.state) {
            worker.kill();
            until_workers(&asker, 0).await;
            killed += 1;
            worker = machines.worker(&[]);
            until_workers(&asker, 1).await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let State::Failed { error } = asker.job(&bad).await.state else { panic!("the job has not failed") };
    assert!(error.code == Code::Internal && error.message.contains("lost"), "{error:?}");
    check(&asker, model, &owner, &others, 2).await;
    println!("{killed} workers were killed");
    drop(worker);
}

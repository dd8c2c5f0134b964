//! What a client gets when nothing goes wrong.

use reqwest::StatusCode;

use crate::{
    machines::{Machines, until_workers, workers},
    process::code,
    world::{deep, linear},
};

#[tokio::test]
async fn encrypted_predictions_are_those_in_the_clear() {
    let Some(machines) = Machines::start() else { return };
    let gateway = machines.gateway(&[]);
    let asker = gateway.asker();
    assert_eq!(asker.get("/readyz").await.status(), StatusCode::OK);
    let _worker = machines.worker(&["--name", "first"]);
    until_workers(&asker, 1).await;
    for (model, seed) in [(deep(), 1), (linear(), 2)] {
        let owner = model.owner(seed);
        asker.register(&owner.evaluation).await;
        for (count, wait) in [(1, 30), (5, 30), (3, 0)] {
            let response = asker.submit(model.inputs(&owner, count), wait).await;
            let job = response.headers()["fheqat-job"].to_str().unwrap().to_owned();
            model.check(&owner, &asker.results(&job).await, count);
        }
    }
    let ready = asker.get("/readyz").await.text().await.unwrap();
    assert_eq!(ready, "ready, with 1 workers\n");
    tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
    let [worker] = &workers(&asker).await[..] else { panic!("there is one worker") };
    assert_eq!(
        (&*worker.name, worker.threads, worker.keys, worker.done, worker.stops),
        ("first", 1, 2, 6, false)
    );
    assert_eq!((worker.running, worker.waiting), (0, 0));
    let metrics = asker.get("/metrics").await.text().await.unwrap();
    let labels = format!("{{worker=\"{}\",name=\"first\"}}", worker.id);
    for line in [
        format!("fheqat_worker_jobs_done{labels} 6"),
        format!("fheqat_worker_keys{labels} 2"),
        "fheqat_workers 1".to_owned(),
        "fheqat_nats_connected 1".to_owned(),
        "fheqat_jobs_waiting 0".to_owned(),
        "fheqat_samples_total{model=\"deep\"} 9".to_owned(),
    ] {
        assert!(metrics.contains(&line), "{line} is not in\n{metrics}");
    }
    assert!(gateway.terminate().as_secs() < 5);
    assert!(!machines.place.log().contains("ERROR"), "{}", machines.place.log());
}

/// Inputs and results that are larger than a message of NATS go through its object store.
#[tokio::test]
async fn large_jobs_run() {
    let Some(machines) = Machines::start() else { return };
    let gateway =
        machines.gateway(&["--max-body", "4000000", "--max-items", "60000", "--max-result", "64000000"]);
    let asker = gateway.asker();
    let _worker = machines.worker(&[]);
    let (model, owner) = (linear(), linear().owner(1));
    asker.register(&owner.evaluation).await;
    let few = model.inputs(&owner, 50);
    let count = 50 * 1_500_000_usize.div_ceil(few.len());
    let inputs = few.repeat(count / 50);
    assert!(inputs.len() > 1 << 20);
    let job = asker.accepted(inputs).await;
    let results = asker.results(&job).await;
    assert!(results.len() > 1 << 20, "{}", results.len());
    let files = fheqat_client::frames::split(&results, count).unwrap();
    assert_eq!(files.len(), count);
    for some in files.chunks(50).step_by(17) {
        model.check(&owner, &fheqat_client::frames::join(some), 50);
    }
}

#[tokio::test]
async fn cancelled_jobs_stop() {
    let Some(machines) = Machines::start() else { return };
    let gateway = machines.gateway(&[]);
    let asker = gateway.asker();
    let _worker = machines.worker(&[]);
    let (model, owner) = (deep(), deep().owner(1));
    asker.register(&owner.evaluation).await;
    let long = asker.accepted(model.inputs(&owner, 200)).await;
    asker.until(&long, crate::machines::is_running).await;
    assert_eq!(asker.delete(&format!("/v1/jobs/{long}")).await, StatusCode::NO_CONTENT);
    let result = asker.get(&format!("/v1/jobs/{long}/result")).await;
    assert_eq!(code(result).await.0, 410);
    let began = std::time::Instant::now();
    let response = asker.submit(model.inputs(&owner, 1), 30).await;
    model.check(&owner, &response.bytes().await.unwrap(), 1);
    println!("the next job waited {:?}", began.elapsed());
}

/// The permissions that docs/service.md lists suffice.
fn permissions(of: &str) -> String {
    let document = include_str!("../../../docs/service.md");
    let line = document.lines().find(|line| line.starts_with(&format!("| {of} | `"))).unwrap();
    let quoted = |cell: &str| {
        cell.split('`').skip(1).step_by(2).map(|subject| format!("{subject:?}")).collect::<Vec<_>>()
    };
    let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
    let [publish, subscribe] = [cells[1], cells[2]].map(|cell| quoted(cell).join(", "));
    format!("{{user: {of}, password: {of}, permissions: {{publish: [{publish}], subscribe: [{subscribe}]}}}}")
}

#[tokio::test]
async fn the_documented_permissions_suffice() {
    let config =
        format!("authorization {{ users = [ {}, {} ] }}", permissions("gateway"), permissions("worker"));
    let Some(machines) = Machines::start_with(Some(&config)) else { return };
    let gateway = machines.gateway(&[]);
    let asker = gateway.asker();
    let worker = machines.worker(&[]);
    let (model, owner) = (deep(), deep().owner(1));
    asker.register(&owner.evaluation).await;
    let response = asker.submit(model.inputs(&owner, 2), 10).await;
    assert_eq!(response.status(), StatusCode::OK, "{}", machines.log());
    model.check(&owner, &response.bytes().await.unwrap(), 2);
    let job = asker.accepted(model.inputs(&owner, 100)).await;
    asker.until(&job, crate::machines::is_running).await;
    asker.delete(&format!("/v1/jobs/{job}")).await;
    let response = asker.submit(model.inputs(&owner, 1), 30).await;
    model.check(&owner, &response.bytes().await.unwrap(), 1);
    worker.terminate();
    let log = machines.log();
    assert!(!log.to_lowercase().contains("permissions violation"), "{log}");
    // Passwords are in no log.
    assert!(!log.contains("gateway:gateway") && !log.contains("worker:worker"), "{log}");
}

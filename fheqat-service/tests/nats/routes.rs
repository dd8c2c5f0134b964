//! Which worker gets which job.

use std::time::{Duration, Instant};

use crate::{
    machines::{Machines, Process, until_workers, workers},
    process::Asker,
    world::deep,
};

/// Jobs that each worker has done, the busiest first.
async fn done(asker: &Asker) -> Vec<u64> {
    // They say it once a second.
    tokio::time::sleep(Duration::from_millis(1200)).await;
    let mut done: Vec<u64> = workers(asker).await.iter().map(|worker| worker.done).collect();
    done.sort_unstable_by(|a, b| b.cmp(a));
    done
}

#[tokio::test]
async fn jobs_go_to_the_worker_that_has_their_key() {
    let Some(machines) = Machines::start() else { return };
    let gateway = machines.gateway(&[]);
    let asker = gateway.asker();
    let _workers = [machines.worker(&[]), machines.worker(&[])];
    until_workers(&asker, 2).await;
    let model = deep();
    let owners = [model.owner(1), model.owner(2)];
    for owner in &owners {
        asker.register(&owner.evaluation).await;
    }
    for _ in 0..5 {
        for owner in &owners {
            let response = asker.submit(model.inputs(owner, 1), 30).await;
            model.check(owner, &response.bytes().await.unwrap(), 1);
        }
    }
    assert_eq!(done(&asker).await, [5, 5]);
    let keys: Vec<usize> = workers(&asker).await.iter().map(|worker| worker.keys).collect();
    assert_eq!(keys, [1, 1]);
}

#[tokio::test]
async fn workers_share_the_jobs_of_one_key() {
    let Some(machines) = Machines::start() else { return };
    let gateway = machines.gateway(&[]);
    let asker = gateway.asker();
    let _workers = [machines.worker(&[]), machines.worker(&[])];
    until_workers(&asker, 2).await;
    let (model, owner) = (deep(), deep().owner(1));
    asker.register(&owner.evaluation).await;
    let mut jobs = Vec::new();
    for _ in 0..60 {
        jobs.push(asker.accepted(model.inputs(&owner, 2)).await);
    }
    for job in &jobs {
        model.check(&owner, &asker.results(job).await, 2);
    }
    let done = done(&asker).await;
    // The one that has the key expanded gets more of them; how many more depends on how fast the other is.
    assert!(done.iter().sum::<u64>() == 60 && done[1] >= 5, "{done:?}");
}

/// Where other processes take the cores, the rates say little. Then see how much of the time the workers had something to do: two that always
/// have do twice as much as one where each has a core.
#[tokio::test]
#[ignore = "measures one worker and two, where each has a core: `cargo test -p fheqat-service --test nats -- --ignored --nocapture`"]
async fn two_workers_do_nearly_twice_as_much() {
    const JOBS: usize = 60;
    const SAMPLES: usize = 4;
    let mut rates = Vec::new();
    for count in [1, 2] {
        let Some(machines) = Machines::start() else { return };
        let gateway = machines.gateway(&[]);
        let asker = gateway.asker();
        let workers: Vec<_> = (0..count).map(|_| machines.worker(&[])).collect();
        until_workers(&asker, count).await;
        let (model, owner) = (deep(), deep().owner(1));
        asker.register(&owner.evaluation).await;
        let inputs = model.inputs(&owner, SAMPLES);
        let submit = async |jobs: usize| {
            let mut ids = Vec::new();
            for _ in 0..jobs {
                ids.push(asker.accepted(inputs.clone()).await);
            }
            ids
        };
        // Keys are expanded and speeds are known after these.
        for job in submit(20 * count).await {
            model.check(&owner, &asker.results(&job).await, SAMPLES);
        }
        let (began, before) = (Instant::now(), workers.iter().map(Process::busy).sum::<f64>());
        for job in submit(JOBS * count).await {
            model.check(&owner, &asker.results(&job).await, SAMPLES);
        }
        let took = began.elapsed().as_secs_f64();
        let busy = workers.iter().map(Process::busy).sum::<f64>() - before;
        let rate = (JOBS * count * SAMPLES) as f64 / took;
        println!(
            "{count} workers: {rate:.1} samples a second, {:.1} % of the time with work, jobs done {:?}",
            100.0 * busy / took / count as f64,
            done(&asker).await
        );
        rates.push(rate);
    }
    println!("two workers do {:.2} times as much as one", rates[1] / rates[0]);
}

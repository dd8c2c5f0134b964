//! Results that come twice, or are none.

use bytes::Bytes;
use fheqat_client::wire::State;
use futures_util::StreamExt;

use crate::{
    machines::{Machines, until_workers},
    world::{deep, linear},
};

#[tokio::test]
async fn a_result_that_comes_twice_is_delivered_once() {
    let Some(machines) = Machines::start() else { return };
    let gateway = machines.gateway(&[]);
    let asker = gateway.asker();
    let _worker = machines.worker(&[]);
    let nats = async_nats::connect(machines.url()).await.unwrap();
    let mut sent = nats.subscribe("fheqat.results.*").await.unwrap();
    let (model, owner) = (linear(), linear().owner(1));
    asker.register(&owner.evaluation).await;
    let job = asker.accepted(model.inputs(&owner, 3)).await;
    let message = sent.next().await.unwrap();
    let mut changed = message.payload.to_vec();
    *changed.last_mut().unwrap() ^= 1;
    for payload in [message.payload.clone(), changed.into(), message.payload.clone()] {
        nats.publish(message.subject.clone(), payload).await.unwrap();
    }
    nats.flush().await.unwrap();
    let first = asker.results(&job).await;
    model.check(&owner, &first, 3);
    // Another job's result shows that those before were taken.
    let response = asker.submit(model.inputs(&owner, 1), 30).await;
    model.check(&owner, &response.bytes().await.unwrap(), 1);
    assert_eq!(asker.results(&job).await, first);
    // A result may be delivered a moment before it is on disk.
    let limit = std::time::Instant::now() + std::time::Duration::from_secs(5);
    loop {
        let metrics = asker.get("/metrics").await.text().await.unwrap();
        if metrics.contains("fheqat_jobs_waiting 0") && metrics.contains("fheqat_jobs_kept 2") {
            break;
        }
        assert!(std::time::Instant::now() < limit, "{metrics}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let stream = async_nats::jetstream::new(nats).get_stream("FHEQAT_RESULTS").await.unwrap();
    for _ in 0..50 {
        if stream.get_info().await.unwrap().state.messages == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("results stay in NATS");
}

/// Whoever can write to NATS can send rubbish: it stops nobody.
#[tokio::test]
async fn rubbish_in_nats_is_dropped() {
    let Some(machines) = Machines::start() else { return };
    let gateway = machines.gateway(&[]);
    let asker = gateway.asker();
    let _worker = machines.worker(&[]);
    until_workers(&asker, 1).await;
    let nats = async_nats::connect(machines.url()).await.unwrap();
    let (model, owner) = (deep(), deep().owner(1));
    asker.register(&owner.evaluation).await;
    let name = std::fs::read_to_string(machines.place.state().join("gateway")).unwrap();
    let worker = crate::machines::workers(&asker).await.remove(0).id;
    let mut jobs = nats.subscribe("fheqat.jobs.>").await.unwrap();
    let response = asker.submit(model.inputs(&owner, 1), 30).await;
    model.check(&owner, &response.bytes().await.unwrap(), 1);
    let message = jobs.next().await.unwrap().payload;
    let subjects = [
        format!("fheqat.results.{}", name.trim()),
        format!("fheqat.jobs.{worker}.{}", name.trim()),
        format!("fheqat.progress.{}", name.trim()),
        format!("fheqat.cancel.{}", name.trim()),
        "fheqat.workers".to_owned(),
        "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.FHEQAT_JOBS.x".to_owned(),
    ];
    for subject in &subjects {
        for length in [0, 1, 4, 5, 9, 60, 150, message.len() / 2, message.len() - 1] {
            nats.publish(subject.clone(), message.slice(..length)).await.unwrap();
        }
        for at in (0..160).step_by(3) {
            let mut changed = message.to_vec();
            changed[at] ^= 0x55;
            nats.publish(subject.clone(), changed.into()).await.unwrap();
        }
        nats.publish(subject.clone(), Bytes::from(vec![255; 10_000])).await.unwrap();
    }
    nats.flush().await.unwrap();
    let job = asker.accepted(model.inputs(&owner, 5)).await;
    asker.until(&job, |state| *state == State::Done).await;
    model.check(&owner, &asker.results(&job).await, 5);
    assert!(!machines.place.log().contains("panic"), "{}", machines.place.log());
}

//! Jobs that run for too long, and clients that read slowly.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use fheqat_client::wire::{self, Code};

use crate::{
    process::{Place, code},
    world::deep,
};

#[tokio::test]
async fn a_job_that_runs_too_long_fails_and_others_run() {
    let place = Place::new();
    let server = place.start(&["--threads", "1", "--max-run", "1"]);
    let asker = server.asker();
    let (model, owner, other) = (deep(), deep().owner(1), deep().owner(2));
    asker.register(&owner.evaluation).await;
    asker.register(&other.evaluation).await;
    let quick = asker.accepted(model.inputs(&other, 1)).await;
    asker.results(&quick).await;
    let long = asker.accepted(model.inputs(&owner, 200)).await;
    let quick = asker.accepted(model.inputs(&other, 1)).await;
    let response = asker.get(&format!("/v1/jobs/{long}/result?wait=60")).await;
    assert_eq!(response.headers()["fheqat-job"], *long);
    assert_eq!(code(response).await, (422, Code::TooLong));
    let wire::State::Failed { error } = asker.job(&long).await.state else { panic!("it has not failed") };
    assert!(
        error.message.contains("1 seconds") && error.message.contains("fewer items"),
        "{}",
        error.message
    );
    model.check(&other, &asker.results(&quick).await, 1);
}

/// Whoever reads no byte is cut off, and others have results meanwhile.
#[tokio::test]
async fn who_does_not_read_is_cut_off() {
    let place = Place::new();
    let server = place.start(&["--idle", "2"]);
    let asker = server.asker();
    let (model, owner) = (deep(), deep().owner(1));
    asker.register(&owner.evaluation).await;
    let job = asker.accepted(model.inputs(&owner, 100)).await;
    let result = asker.results(&job).await;
    let address = server.url.strip_prefix("http://").unwrap();
    let request = format!("GET /v1/jobs/{job}/result HTTP/1.1\r\nHost: x\r\n\r\n").repeat(200);
    let mut slow: Vec<TcpStream> = (0..8)
        .map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            stream
        })
        .collect();
    let limit = Instant::now() + Duration::from_secs(20);
    let mut all_were_open = false;
    loop {
        let metrics = asker.get("/metrics").await.text().await.unwrap();
        assert_eq!(asker.results(&job).await, result);
        let open = metrics.lines().find_map(|line| line.strip_prefix("fheqat_connections ")).unwrap();
        let connections: usize = open.parse().unwrap();
        all_were_open |= connections >= slow.len();
        if all_were_open && connections <= 2 {
            break;
        }
        assert!(Instant::now() < limit, "{open} connections are open");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    for stream in &mut slow {
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut read = Vec::new();
        let _ = stream.read_to_end(&mut read);
        assert!(read.len() < 200 * result.len());
    }
}

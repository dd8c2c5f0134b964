//! Disks that are full or read-only.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use fheqat_client::wire::Code;
use reqwest::StatusCode;

use crate::{
    process::{Asker, Place, code},
    world::linear,
};

/// A small file system in memory; only root may make one.
struct Small(PathBuf);

impl Small {
    fn mount(place: &Place) -> Option<Self> {
        let path = place.file("small");
        std::fs::create_dir(&path).unwrap();
        let done = mount(&["-t", "tmpfs", "-o", "size=12m", "tmpfs"], &path);
        if !done {
            eprintln!("SKIPPED: this user may not mount a tmpfs");
        }
        done.then_some(Self(path))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn mount(options: &[&str], path: &Path) -> bool {
    Command::new("mount").args(options).arg(path).output().is_ok_and(|output| output.status.success())
}

async fn until(asker: &Asker, status: StatusCode) {
    let limit = Instant::now() + Duration::from_secs(15);
    while asker.get("/readyz").await.status() != status {
        assert!(Instant::now() < limit, "/readyz does not become {status}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_full_disk_loses_nothing() {
    let place = Place::new();
    let Some(small) = Small::mount(&place) else { return };
    let state = small.0.join("state");
    let program = || Command::new(env!("CARGO_BIN_EXE_fheqat"));
    let server = place.start_by(program(), &state, &[]);
    let asker = server.asker();
    let (model, owner) = (linear(), linear().owner(1));
    asker.register(&owner.evaluation).await;
    let job = asker.accepted(model.inputs(&owner, 2)).await;
    let filler = small.0.join("filler");
    let mut fills = std::fs::File::create(&filler).unwrap();
    while std::io::Write::write_all(&mut fills, &[0; 4096]).is_ok() {}
    // What is in the file may have room; a bigger job has not.
    let mut accepted = vec![job.clone()];
    let mut refused = 0;
    for _ in 0..40 {
        let response = asker.submit(model.inputs(&owner, 20), 0).await;
        match response.status() {
            StatusCode::ACCEPTED | StatusCode::OK => {
                accepted.push(response.headers()["fheqat-job"].to_str().unwrap().to_owned());
            }
            _ => {
                assert_eq!(code(response).await, (503, Code::Unavailable));
                refused += 1;
            }
        }
    }
    assert!(refused > 0, "the disk is not full");
    until(&asker, StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!(asker.get("/healthz").await.status(), StatusCode::OK);
    let upload = asker.patch(&vec![1; 900_000], 0, &vec![1; 500_000]).send().await.unwrap();
    assert_eq!(code(upload).await, (503, Code::Unavailable));
    std::fs::remove_file(&filler).unwrap();
    drop(fills);
    until(&asker, StatusCode::OK).await;
    model.check(&owner, &asker.results(&accepted[0]).await, 2);
    for job in &accepted[1..] {
        model.check(&owner, &asker.results(job).await, 20);
    }
    let response = asker.submit(model.inputs(&owner, 3), 20).await;
    model.check(&owner, &response.bytes().await.unwrap(), 3);
    server.kill();
    let server = place.start_by(program(), &state, &[]);
    model.check(&owner, &server.asker().results(&accepted[0]).await, 2);
}

#[tokio::test]
async fn a_read_only_disk_loses_nothing() {
    let place = Place::new();
    // A process that may write no more is sent a signal first, which ends it unless it is ignored.
    let mut program = Command::new("sh");
    program.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_fheqat")]);
    let server = place.start_by(program, &place.state(), &[]);
    let asker = server.asker();
    let (model, owner) = (linear(), linear().owner(1));
    asker.register(&owner.evaluation).await;
    let job = asker.accepted(model.inputs(&owner, 2)).await;
    // A file system with open files cannot become read-only, but a process may lose the right to write.
    let limit = |size: &str| {
        let pid = server.child.id().to_string();
        Command::new("prlimit")
            .args(["--pid", &pid, &format!("--fsize={size}")])
            .status()
            .is_ok_and(|done| done.success())
    };
    if !limit("1:unlimited") {
        eprintln!("SKIPPED: there is no prlimit");
        return;
    }
    assert_eq!(code(asker.submit(model.inputs(&owner, 2), 0).await).await, (503, Code::Unavailable));
    until(&asker, StatusCode::SERVICE_UNAVAILABLE).await;
    let upload = asker.patch(&[1; 9000], 0, &[1; 5000]).send().await.unwrap();
    assert_eq!(code(upload).await, (503, Code::Unavailable));
    assert!(limit("unlimited:unlimited"));
    until(&asker, StatusCode::OK).await;
    model.check(&owner, &asker.results(&job).await, 2);
    let response = asker.submit(model.inputs(&owner, 3), 20).await;
    model.check(&owner, &response.bytes().await.unwrap(), 3);
}

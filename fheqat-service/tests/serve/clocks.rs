//! The wall clock of the machine jumps, as far as the server can see it.
#![cfg(target_os = "linux")]

use std::{path::PathBuf, process::Command, time::Duration};

use reqwest::StatusCode;

use crate::{
    process::{Asker, Place, sha256},
    world::{deep, linear},
};

/// Moves the wall clock of a process by as many seconds as a file has; the clock that never jumps stays as it is.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long offset(void) {
    long seconds = 0;
    const char *path = getenv("WALL_CLOCK");
    FILE *file = path ? fopen(path, "r") : NULL;
    if (file) {
        if (fscanf(file, "%ld", &seconds) != 1) seconds = 0;
        fclose(file);
    }
    return seconds;
}

int clock_gettime(clockid_t id, struct timespec *now) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(id, now);
    if (result == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) now->tv_sec += offset();
    return result;
}

int gettimeofday(struct timeval *now, void *zone) {
    struct timespec precise;
    int result = clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return result;
}

time_t time(time_t *to) {
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    if (to) *to = precise.tv_sec;
    return precise.tv_sec;
}
"#;

const MONTH: i64 = 30 * 86_400;
/// Longer than the server waits between two looks for what is too old.
const LOOKED: Duration = Duration::from_secs(8);

struct Wall {
    library: PathBuf,
    file: PathBuf,
}

impl Wall {
    fn new(place: &Place) -> Self {
        let source = place.file("wall.c");
        std::fs::write(&source, SHIM).unwrap();
        let library = place.file("wall.so");
        // Rust links with it too.
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-o"])
            .args([&library, &source])
            .arg("-ldl")
            .status()
            .unwrap();
        assert!(built.success());
        let wall = Self { library, file: place.file("wall") };
        wall.jump(0);
        wall
    }

    fn jump(&self, seconds: i64) {
        std::fs::write(&self.file, seconds.to_string()).unwrap();
        let shown = self.command("date").arg("+%s").output().unwrap().stdout;
        let shown: i64 = String::from_utf8(shown).unwrap().trim().parse().unwrap();
        let real = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        assert!((shown - real as i64 - seconds).abs() < 60, "the clock does not jump");
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("LD_PRELOAD", &self.library).env("WALL_CLOCK", &self.file);
        command
    }
}

async fn has_all(asker: &Asker, jobs: &[String], upload: &str) {
    for job in jobs {
        assert_eq!(asker.get(&format!("/v1/jobs/{job}")).await.status(), StatusCode::OK);
    }
    assert_eq!(asker.get(&format!("/v1/keys/{upload}")).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn nothing_is_lost_when_the_clock_jumps_and_comes_back() {
    let place = Place::new();
    let wall = Wall::new(&place);
    let server = |options: &[&str]| {
        place.start_by(wall.command(env!("CARGO_BIN_EXE_fheqat")), &place.state(), options)
    };
    let mut running = server(&["--keep", "300", "--keep-fetched", "300", "--keep-upload", "300"]);
    let mut asker = running.asker();
    let (model, owner) = (deep(), deep().owner(1));
    asker.register(&owner.evaluation).await;
    let half = [7; 100];
    assert!(asker.patch(&half, 0, &half[..50]).send().await.unwrap().status().is_success());
    let upload = sha256(&half);
    let mut jobs = vec![asker.accepted(model.inputs(&owner, 1)).await];
    asker.results(&jobs[0]).await;
    for seconds in [MONTH, -MONTH, 0] {
        // It jumps while a job runs.
        jobs.push(asker.accepted(model.inputs(&owner, 20)).await);
        wall.jump(seconds);
        model.check(&owner, &asker.results(&jobs[jobs.len() - 1]).await, 20);
        tokio::time::sleep(LOOKED).await;
        has_all(&asker, &jobs, &upload).await;
        running.kill();
        running = server(&["--keep", "300", "--keep-fetched", "300", "--keep-upload", "300"]);
        asker = running.asker();
        has_all(&asker, &jobs, &upload).await;
    }
    model.check(&owner, &asker.results(&jobs[0]).await, 1);
}

#[tokio::test]
async fn what_is_old_goes_though_the_clock_is_set_back() {
    let place = Place::new();
    let wall = Wall::new(&place);
    let command = wall.command(env!("CARGO_BIN_EXE_fheqat"));
    let server = place.start_by(command, &place.state(), &["--keep", "3"]);
    let asker = server.asker();
    let (model, owner) = (linear(), linear().owner(1));
    asker.register(&owner.evaluation).await;
    let job = asker.accepted(model.inputs(&owner, 1)).await;
    asker.until(&job, |state| *state == fheqat_client::wire::State::Done).await;
    wall.jump(-MONTH);
    tokio::time::sleep(LOOKED + Duration::from_secs(4)).await;
    assert_eq!(asker.get(&format!("/v1/jobs/{job}")).await.status(), StatusCode::NOT_FOUND);
}

//! Predictions arrive in spite of faults that pass, once each, and calls end in spite of those that do not.

use std::time::{Duration, Instant};

use fheqat_client::{
    Error, KeyFolder, Options, RemoteModel, Version,
    wire::{Code, Failure},
};

use crate::{
    fake::{Fake, Fault, TOKEN, failure},
    flat, options, samples, service,
};

fn busy(after: Option<u32>) -> Fault {
    Fault::Answer(429, after, Some(failure(Code::QueueFull)))
}

/// Programs give calls to threads of their own.
#[tokio::test]
async fn calls_may_go_to_other_threads() {
    let (_, address) = Fake::new().start().await;
    let folder = tempfile::tempdir().unwrap();
    let (url, path) = (format!("http://{address}"), folder.path().to_owned());
    let predict = async move {
        let model = RemoteModel::connect(&url, Some(TOKEN), "flat", path).await?;
        model.predict(&samples(1)).await
    };
    assert_eq!(tokio::spawn(predict).await.unwrap().unwrap().len(), 1);
}

#[tokio::test]
async fn predictions_are_those_of_the_circuit() {
    let (fake, address) = Fake::new().slow(2).start().await;
    let folder = tempfile::tempdir().unwrap();
    let service = service(&format!("http://{address}"), options());
    let keys = KeyFolder::new(folder.path().join("keys"));
    let model = RemoteModel::open(service, "flat", Version::Latest, keys).await.unwrap();
    let (circuit, ..) = flat();
    let expected: Vec<_> = samples(5).iter().map(|sample| circuit.simulate(sample).unwrap()).collect();
    assert_eq!(model.predict(&samples(5)).await.unwrap(), expected);
    let text: Vec<_> = samples(5).iter().map(|sample| sample.map(|number| number.to_string())).collect();
    assert_eq!(model.predict_text(&text).await.unwrap(), expected);
    assert_eq!(fake.count("POST"), 2);

    // The service forgets the keys.
    fake.keys.lock().unwrap().clear();
    assert_eq!(model.predict(&samples(5)).await.unwrap(), expected);
    let wrong = model.predict(&[[1.0]]).await;
    assert!(matches!(wrong, Err(Error::Encrypt(_))), "{wrong:?}");
}

#[tokio::test]
async fn many_inputs_are_jobs_of_the_size_that_the_service_takes() {
    let (fake, address) = Fake::new().with_jobs_of(3).start().await;
    let (circuit, client, keys) = flat();
    let service = service(&format!("http://{address}"), Options { samples: 8, jobs: 1, ..options() });
    service.register(&keys).await.unwrap();
    let inputs = client.encrypt_batch(&samples(21)).unwrap();
    let results = client.decrypt_batch(&service.run(&inputs).await.unwrap()).unwrap();
    let expected: Vec<_> = samples(21).iter().map(|sample| circuit.simulate(sample).unwrap()).collect();
    assert_eq!(results, expected);
    // Of 8, 8 and 5 the first 8 are refused, and 4 of them; after that all are sent by two, or one that is left.
    assert_eq!((fake.jobs.lock().unwrap().len(), fake.count("POST")), (11, 11 + 2));
    assert!(matches!(service.run(&[]).await, Err(Error::Empty)));
}

#[tokio::test]
async fn a_job_whose_answer_was_lost_runs_once() {
    let (fake, address) = Fake::new().start().await;
    let (circuit, client, keys) = flat();
    let service = service(&format!("http://{address}"), options());
    service.register(&keys).await.unwrap();
    fake.fail("POST", Fault::Answer(502, None, None));
    fake.fail("POST", Fault::LoseAnswer);
    fake.fail("POST", Fault::LoseAnswer);
    let input = client.encrypt(&samples(1)[0]).unwrap();
    let results = service.run(std::slice::from_ref(&input)).await.unwrap();
    assert_eq!(client.decrypt(&results[0]).unwrap(), circuit.simulate(&samples(1)[0]).unwrap());
    assert_eq!((fake.count("POST"), fake.jobs.lock().unwrap().len()), (4, 1));

    fake.fail("POST", Fault::LoseAnswer);
    let job = service.submit(std::slice::from_ref(&input)).await.unwrap();
    let results = service.result(&job.id, &[input]).await.unwrap();
    assert_eq!(client.decrypt(&results[0]).unwrap(), circuit.simulate(&samples(1)[0]).unwrap());
    assert_eq!(fake.jobs.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_full_service_is_asked_again_when_it_says_so() {
    let (fake, address) = Fake::new().start().await;
    // More often than failures may follow one another.
    let service = service(&format!("http://{address}"), Options { attempts: 1, ..options() });
    for _ in 0..5 {
        fake.fail("GET", busy(Some(0)));
    }
    fake.fail("GET", Fault::Answer(503, Some(1), None));
    let started = Instant::now();
    service.models().await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1));
    assert_eq!(fake.count("GET"), 7);

    // A time that is too late for the call is an error at once.
    fake.fail("GET", busy(Some(3600)));
    let started = Instant::now();
    let late = service.models().await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(matches!(late, Error::Deadline { .. }) && late.code() == Some(Code::QueueFull), "{late}");
}

#[tokio::test]
async fn faults_that_do_not_pass_end_the_call() {
    let (fake, address) = Fake::new().start().await;
    let service = service(&format!("http://{address}"), Options { attempts: 3, ..options() });
    for _ in 0..9 {
        fake.fail("GET", Fault::Answer(500, None, Some(failure(Code::Internal))));
    }
    let fault = service.models().await.unwrap_err();
    assert!(matches!(fault, Error::Refused { status: 500, code: Some(Code::Internal), .. }), "{fault}");
    assert_eq!(fake.count("GET"), 3);
    fake.recover();

    for (status, code) in [(404, Code::NotFound), (429, Code::TooManyKeys), (401, Code::Unauthorized)] {
        let asked = fake.count("GET");
        fake.fail("GET", Fault::Answer(status, Some(1), Some(failure(code))));
        let refused = service.models().await.unwrap_err();
        assert_eq!(refused.to_string(), format!("cannot list models: words ({status})"));
        assert_eq!((refused.code(), fake.count("GET")), (Some(code), asked + 1));
    }
    let unknown = service.client_half("none", Version::Latest).await.unwrap_err();
    assert_eq!(unknown.code(), Some(Code::NotFound));
    let stranger = service.with_token("another").unwrap().models().await.unwrap_err();
    assert_eq!(stranger.code(), Some(Code::Unauthorized));
}

#[tokio::test]
async fn a_service_that_is_not_there_is_given_up() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let service = service(&format!("http://{address}"), options());
    let gone = service.models().await.unwrap_err();
    assert!(matches!(gone, Error::Unreachable { attempts: 8, .. }), "{gone}");
}

#[tokio::test]
async fn a_call_ends_at_its_deadline_and_its_job_is_cancelled() {
    let (fake, address) = Fake::new().slow(u32::MAX).start().await;
    let (_, client, keys) = flat();
    let deadline = Duration::from_millis(700);
    let service = service(&format!("http://{address}"), Options { deadline, ..options() });
    service.register(&keys).await.unwrap();
    let input = client.encrypt(&samples(1)[0]).unwrap();
    let started = Instant::now();
    let late = service.run(std::slice::from_ref(&input)).await.unwrap_err();
    assert!(matches!(late, Error::Deadline { last: None, .. }), "{late}");
    assert!(started.elapsed() < deadline * 2, "{:?}", started.elapsed());
    while fake.count("DELETE /v1/jobs/") == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // A service that does not wait is asked some times, not without a pause.
    assert!(fake.count("GET /v1/jobs/") < 200, "{}", fake.count("GET /v1/jobs/"));

    fake.fail("GET", Fault::Hang);
    let started = Instant::now();
    assert!(matches!(service.models().await, Err(Error::Deadline { .. })));
    assert!(started.elapsed() < deadline * 2, "{:?}", started.elapsed());

    // A future that is dropped cancels its job too.
    let cancelled = fake.count("DELETE /v1/jobs/");
    let dropped = tokio::time::timeout(Duration::from_millis(200), service.run(&[input])).await;
    assert!(dropped.is_err());
    while fake.count("DELETE /v1/jobs/") == cancelled {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_job_that_failed_says_why() {
    let (fake, address) = Fake::new().slow(u32::MAX).start().await;
    let (_, client, keys) = flat();
    let service = service(&format!("http://{address}"), options());
    service.register(&keys).await.unwrap();
    let of_job = Failure { code: Code::Internal, message: "why".into(), retry_after: None };
    fake.fail("GET /v1/jobs/", Fault::FailJob(of_job.clone()));
    let job = r#"{"id":"a1","model":"","key":"","samples":1,"state":"done"}"#;
    let input = client.encrypt(&samples(1)[0]).unwrap();
    let failed = service.run(std::slice::from_ref(&input)).await.unwrap_err();
    assert_eq!((failed.to_string(), failed.code()), ("job a0 failed: why".to_owned(), Some(Code::Internal)));
    assert!(matches!(failed, Error::Job { failure, .. } if failure == of_job));
    // The end of a job is not asked for again.
    assert_eq!(fake.count("GET /v1/jobs/"), 1);

    // The state of a job where its result should be is none.
    fake.fail("GET /v1/jobs/", Fault::Lie(job.into()));
    let failed = service.run(&[input]).await;
    assert!(matches!(failed, Err(Error::Answer { .. })), "{failed:?}");
}

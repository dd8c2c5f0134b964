//! Nothing that a service answers is trusted.

use fheqat::prelude::*;
use fheqat_client::{Error, Options, Version, frames};

use crate::{
    fake::{Fake, Fault},
    flat, options, read, samples, service,
};

#[tokio::test]
async fn a_client_half_is_checked() {
    let (fake, address) = Fake::new().start().await;
    let url = format!("http://{address}");
    let half = read("flat.client");
    let mut damaged = half.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    for lie in [damaged, read("flat.server"), half[..half.len() - 1].to_vec(), Vec::new()] {
        fake.fail("GET", Fault::Lie(lie));
        let refused = service(&url, options()).client_half("flat", Version::Latest).await;
        assert!(matches!(refused, Err(Error::Half(_))), "{refused:?}");
    }
    let bounded = service(&url, Options { largest_half: half.len(), ..options() });
    let fetched = bounded.client_half("flat", Version::Number(1)).await.unwrap();
    assert_eq!(fetched.to_bytes(), half);
    fake.fail("GET", Fault::Lie([half, vec![0]].concat()));
    let refused = bounded.client_half("flat", Version::Latest).await;
    assert!(matches!(refused, Err(Error::Answer { .. })), "{refused:?}");
    for name in ["", ".", ".."] {
        let refused = bounded.client_half(name, Version::Latest).await;
        assert!(matches!(refused, Err(Error::Name { .. })), "{refused:?}");
    }
}

#[tokio::test]
async fn results_are_those_of_their_inputs() {
    let (fake, address) = Fake::new().start().await;
    let (_, client, keys) = flat();
    let service = service(&format!("http://{address}"), Options { largest_result: 4000, ..options() });
    service.register(&keys).await.unwrap();
    let inputs = client.encrypt_batch(&samples(2)).unwrap();
    let ours = service.run(&inputs).await.unwrap();
    let ours: Vec<Vec<u8>> = ours.iter().map(EncryptedOutput::to_bytes).collect();

    // Of the same model under another key, and of another model.
    let (other_key, other_keys) = client.half().keygen_insecure_for_tests(Seed(9));
    let server = ServerHalf::from_bytes(&read("flat.server")).unwrap();
    let server = Server::new(server, ServerKey::from(other_keys), None).unwrap();
    let other = Client::new(client.half().clone(), other_key).unwrap().encrypt(&samples(1)[0]).unwrap();
    let other_key = server.run(&other).unwrap().to_bytes();
    let other_model = read("deep.output");
    let mut damaged = ours[1].clone();
    damaged[60] ^= 1;

    for wrong in [&other_key, &other_model, &damaged, &Vec::new()] {
        fake.fail("POST", Fault::Lie(frames::join(&[&ours[0], wrong])));
        let refused = service.run(&inputs).await;
        let is_refused = match &refused {
            Err(Error::Result { index, .. }) => *index == 1,
            // It is larger than any that is allowed here.
            Err(Error::Answer { .. }) => wrong == &other_model,
            _ => false,
        };
        assert!(is_refused, "{refused:?}");
    }
    let many = frames::join(&[&ours[0], &ours[1], &ours[1]]);
    for body in [frames::join(&[&ours[0]]), many, Vec::new(), vec![255; 100]] {
        fake.fail("POST", Fault::Lie(body));
        let refused = service.run(&inputs).await;
        assert!(matches!(refused, Err(Error::Answer { .. })), "{refused:?}");
    }
}

#[tokio::test]
async fn a_token_goes_nowhere_else() {
    let (fake, address) = Fake::new().start().await;
    let (other, elsewhere) = Fake::new().start().await;
    fake.fail("GET", Fault::Redirect(format!("http://{elsewhere}/v1/models")));
    let refused = service(&format!("http://{address}"), options()).models().await;
    assert!(matches!(refused, Err(Error::Answer { .. })), "{refused:?}");
    assert_eq!(other.count(""), 0);
}

#[tokio::test]
async fn ids_of_jobs_are_ids() {
    let (fake, address) = Fake::new().start().await;
    let (_, client, keys) = flat();
    let service = service(&format!("http://{address}"), options());
    service.register(&keys).await.unwrap();
    let input = client.encrypt(&samples(1)[0]).unwrap();
    for id in ["", "../keys", "a0/../../models", "é"] {
        let refused = service.result(id, std::slice::from_ref(&input)).await;
        assert!(matches!(refused, Err(Error::Answer { .. })), "{refused:?}");
    }
    assert_eq!(fake.count("GET /v1/jobs"), 0);
}

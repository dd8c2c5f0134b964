//! NATS with TLS and files of credentials.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use nkeys::KeyPair;
use serde_json::{Value, json};

use crate::{
    authority::Authority,
    machines::{Machines, until_workers, workers},
    world::deep,
};

fn token(issuer: &KeyPair, subject: &KeyPair, nats: &Value) -> String {
    let claims = json!({
        "jti": subject.public_key(), "iat": 1, "iss": issuer.public_key(), "name": "test", "sub": subject.public_key(),
        "nats": nats,
    });
    let head = json!({ "typ": "JWT", "alg": "ed25519-nkey" });
    let [head, claims] = [head, claims].map(|part| BASE64URL_NOPAD.encode(part.to_string().as_bytes()));
    let signed = format!("{head}.{claims}");
    let signature = issuer.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature))
}

/// A configuration of nats-server; writes `user.creds` and `stranger.creds` beside the certificate.
fn configure(authority: &Authority) -> String {
    let operator = KeyPair::new_operator();
    let [system, account, other] = [(); 3].map(|()| KeyPair::new_account());
    let free = json!({
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
        "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1,
    });
    let limits = json!({ "limits": free, "type": "account", "version": 2 });
    let bare = json!({ "limits": { "subs": -1, "data": -1, "payload": -1, "conn": -1, "leaf": -1 }, "type": "account",
        "version": 2 });
    for (name, of) in [("user", &account), ("stranger", &other)] {
        let user = KeyPair::new_user();
        let claims = json!({ "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1, "type": "user", "version": 2 });
        let text = format!(
            "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
            token(of, &user, &claims),
            user.seed().unwrap()
        );
        std::fs::write(authority.folder().join(format!("{name}.creds")), text).unwrap();
    }
    let operator_token = token(&operator, &operator, &json!({ "type": "operator", "version": 2 }));
    let [of_system, of_account] =
        [(&system, &bare), (&account, &limits)].map(|(of, claims)| token(&operator, of, claims));
    format!(
        "tls {{ cert_file: \"{}\", key_file: \"{}\" }}\noperator: {operator_token}\nsystem_account: {}\nresolver: MEMORY\nresolver_preload: {{\n  {}: {of_system}\n  {}: {of_account}\n}}\n",
        authority.file("cert.pem"),
        authority.file("key.pem"),
        system.public_key(),
        system.public_key(),
        account.public_key()
    )
}

#[tokio::test]
async fn jobs_run_over_tls_with_credentials() {
    let authority = Authority::for_host("127.0.0.1");
    let config = configure(&authority);
    let [ca, user] = ["ca.pem", "user.creds"].map(|name| authority.file(name));
    let link = ["--nats-ca", &ca, "--nats-credentials", &user];
    let Some(machines) = Machines::start_secure(&config, &link) else { return };
    let gateway = machines.gateway(&[]);
    let _worker = machines.worker(&[]);
    let asker = gateway.asker();
    until_workers(&asker, 1).await;
    let (model, owner) = (deep(), deep().owner(1));
    asker.register(&owner.evaluation).await;
    let job = asker.accepted(model.inputs(&owner, 2)).await;
    model.check(&owner, &asker.results(&job).await, 2);
}

/// Who trusts another authority, has no credentials, or those of an account that NATS does not know, says so in its log; what the
/// gateway accepts meanwhile waits on its disk, and runs once it may connect.
#[tokio::test]
async fn who_may_not_connect_says_why_and_loses_nothing() {
    let authority = Authority::for_host("127.0.0.1");
    let config = configure(&authority);
    let other = Authority::for_host("127.0.0.1");
    let [ca, user, stranger] = ["ca.pem", "user.creds", "stranger.creds"].map(|name| authority.file(name));
    let wrong = other.file("ca.pem");
    let Some(mut machines) = Machines::start_secure(&config, &["--nats-ca", &ca]) else { return };
    let (model, owner) = (deep(), deep().owner(1));
    let mut jobs = Vec::new();
    for (link, says) in [
        (&["--nats-ca", &ca][..], "uthorization"),
        (&["--nats-ca", &wrong, "--nats-credentials", &user], "certificate"),
        (&["--nats-ca", &ca, "--nats-credentials", &stranger], "uthorization"),
    ] {
        machines.relink(link);
        let before = machines.place.log().len();
        let gateway = machines.gateway(&[]);
        let asker = gateway.asker();
        asker.register(&owner.evaluation).await;
        jobs.push(asker.accepted(model.inputs(&owner, 1)).await);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(workers(&asker).await.is_empty());
        let log = machines.place.log()[before..].to_owned();
        assert!(log.contains(says), "{link:?}: {log}");
        gateway.kill();
    }
    machines.relink(&["--nats-ca", &ca, "--nats-credentials", &user]);
    let gateway = machines.gateway(&[]);
    let _worker = machines.worker(&[]);
    for job in jobs {
        model.check(&owner, &gateway.asker().results(&job).await, 1);
    }
}

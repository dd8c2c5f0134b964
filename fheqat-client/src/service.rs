//! A service, and what it can be asked.

use std::sync::Arc;

use fheqat::prelude::ClientHalf;
use reqwest::{Method, Url};

use crate::{
    error::Error,
    options::Options,
    retry::Call,
    transport::{Request, Transport},
    wire::{Job, Keys, Models},
};

/// A service at an address. Copies share their connections.
///
/// Every method makes its requests again while they fail for reasons that may pass, with growing pauses, and ends at
/// [`Options::deadline`]. A future that is dropped cancels the jobs that it had the service run.
#[derive(Clone, Debug)]
pub struct Service {
    pub(crate) transport: Transport,
    pub(crate) options: Arc<Options>,
    base: Url,
}

/// Which version of a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// The highest that the service has.
    #[default]
    Latest,
    /// This one, from 1.
    Number(u32),
}

impl Service {
    /// The service at an address such as `https://host:8443`. Nothing is sent yet.
    ///
    /// # Errors
    /// When it is no address of HTTP, or the system's certificates cannot be read.
    pub fn new(url: &str) -> Result<Self, Error> {
        Self::with_options(url, Options::default())
    }

    /// As [`new`](Self::new), with other options than those by default.
    ///
    /// # Errors
    /// As [`new`](Self::new), and when the certificates in the options are none.
    pub fn with_options(url: &str, options: Options) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Url { url: url.to_owned(), reason };
        let base = Url::parse(url).map_err(|error| wrong(error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(wrong(format!("`{}` is not `http` or `https`", base.scheme())));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(wrong("it has a name or password, which the service does not take".to_owned()));
        }
        let transport = Transport::new(base.scheme() == "https", &options)?;
        Ok(Self { transport, options: Arc::new(options), base })
    }

    /// Sends this token with every request. Over `http` whoever sees the traffic sees it too.
    ///
    /// # Errors
    /// When it has characters that a header cannot have.
    pub fn with_token(mut self, token: &str) -> Result<Self, Error> {
        self.transport.set_token(token)?;
        Ok(self)
    }

    /// The models that the service has.
    ///
    /// # Errors
    /// When there is no answer, or an error.
    pub async fn models(&self) -> Result<Models, Error> {
        let mut call = self.call("list models");
        let request = Request::new(Method::GET, self.url(&["models"]));
        self.transport.send(&mut call, &request).await?.json(call.doing())
    }

    /// The client half of a model. It is checked as any that comes from outside.
    ///
    /// # Errors
    /// When there is no answer, an error, or bytes that are no client half that this build can use.
    pub async fn client_half(&self, name: &str, version: Version) -> Result<ClientHalf, Error> {
        // What these stand for in a path is another address.
        if ["", ".", ".."].contains(&name) {
            return Err(Error::Name { name: name.to_owned() });
        }
        let version = match version {
            Version::Latest => "latest".to_owned(),
            Version::Number(number) => number.to_string(),
        };
        let mut call = self.call("fetch the client half");
        let request = Request::new(Method::GET, self.url(&["models", name, &version, "client"]))
            .largest(self.options.largest_half);
        let answer = self.transport.send(&mut call, &request).await?;
        ClientHalf::from_bytes(&answer.body).map_err(Error::Half)
    }

    /// The evaluation keys that this client has registered.
    ///
    /// # Errors
    /// When there is no answer, or an error.
    pub async fn keys(&self) -> Result<Keys, Error> {
        let mut call = self.call("list keys");
        let request = Request::new(Method::GET, self.url(&["keys"]));
        self.transport.send(&mut call, &request).await?.json(call.doing())
    }

    /// Makes the service forget evaluation keys, by the SHA-256 of their file.
    ///
    /// # Errors
    /// When there is no answer, or an error.
    pub async fn forget(&self, sha256: &str) -> Result<(), Error> {
        let request = Request::new(Method::DELETE, self.url(&["keys", sha256]));
        self.transport.send(&mut self.call("remove a key"), &request).await.map(drop)
    }

    /// How far a job is.
    ///
    /// # Errors
    /// When there is no answer, or an error.
    pub async fn job(&self, id: &str) -> Result<Job, Error> {
        let mut call = self.call("ask for a job");
        let request = Request::new(Method::GET, self.url(&["jobs", id]));
        self.transport.send(&mut call, &request).await?.json(call.doing())
    }

    /// Cancels a job, or removes its result.
    ///
    /// # Errors
    /// When there is no answer, or an error.
    pub async fn cancel(&self, id: &str) -> Result<(), Error> {
        let request = Request::new(Method::DELETE, self.url(&["jobs", id]));
        self.transport.send(&mut self.call("cancel a job"), &request).await.map(drop)
    }

    pub(crate) fn call(&self, doing: &'static str) -> Call {
        Call::new(&self.options, doing)
    }

    pub(crate) fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        // Every address of HTTP has segments.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("v1").extend(path);
        }
        url
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn paths_keep_what_stands_in_front_and_names_stay_names() {
        for base in ["http://host/a", "http://host/a/"] {
            let service = Service::new(base).unwrap();
            let url = service.url(&["models", "a/b?c#d é", "latest"]);
            assert_eq!(url.as_str(), "http://host/a/v1/models/a%2Fb%3Fc%23d%20%C3%A9/latest");
        }
    }

    #[test]
    fn addresses_and_tokens_that_are_none_are_refused() {
        for url in ["", "host", "host:8443", "ftp://host", "unix:/run/x", "http://me:secret@host"] {
            assert!(matches!(Service::new(url), Err(Error::Url { .. })), "{url}");
        }
        for certificates in
            [&b"rubbish"[..], b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
        {
            let options = Options { certificates: certificates.to_vec(), ..Options::default() };
            let refused = Service::with_options("https://host", options);
            assert!(matches!(refused, Err(Error::Setup { .. })), "{refused:?}");
        }
        let service = Service::new("http://host").unwrap();
        assert!(matches!(service.clone().with_token("a\nb"), Err(Error::Token)));
        let service = service.with_token("very-secret").unwrap();
        assert!(!format!("{service:?}").contains("very-secret"));
    }
}

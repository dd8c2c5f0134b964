//! A model that a service runs: samples in, predictions out.

use std::{path::Path, sync::Arc};

use fheqat::{
    circuit::Logits,
    fhe::EncryptError,
    prelude::{Client, ClientHalf, EncryptedInput, EncryptedOutput},
};

use crate::{
    error::Error,
    keys::KeyFolder,
    service::{Service, Version},
    wire::Code,
};

/// A model of a service, and this client's keys for it. The service sees ciphertexts only.
#[derive(Clone, Debug)]
pub struct RemoteModel {
    service: Service,
    client: Arc<Client>,
    keys: KeyFolder,
}

impl RemoteModel {
    /// Fetches the client half of the latest version of a model, makes keys or finds them in a folder, and registers the evaluation keys.
    ///
    /// # Errors
    /// As [`Service::client_half`], [`KeyFolder::open`] and [`Service::register`].
    pub async fn connect(
        url: &str,
        token: Option<&str>,
        name: &str,
        keys: impl AsRef<Path>,
    ) -> Result<Self, Error> {
        let mut service = Service::new(url)?;
        if let Some(token) = token {
            service = service.with_token(token)?;
        }
        Self::open(service, name, Version::Latest, KeyFolder::new(keys.as_ref())).await
    }

    /// As [`connect`](Self::connect), of any version and with any service.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn open(
        service: Service,
        name: &str,
        version: Version,
        keys: KeyFolder,
    ) -> Result<Self, Error> {
        let half = service.client_half(name, version).await?;
        let folder = keys.clone();
        let (client, evaluation) = aside(move || {
            let (key, evaluation) = folder.open(&half)?;
            Ok::<_, Error>((Client::new(half, key)?, evaluation))
        })
        .await?;
        service.register(&evaluation).await?;
        Ok(Self { service, client: Arc::new(client), keys })
    }

    /// The model's client half.
    #[must_use]
    pub fn half(&self) -> &ClientHalf {
        self.client.half()
    }

    /// The client half and the secret key.
    #[must_use]
    pub const fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// The service that runs it.
    #[must_use]
    pub const fn service(&self) -> &Service {
        &self.service
    }

    /// Predictions for samples, features in a row, as [`Client::encrypt`] takes them.
    ///
    /// # Errors
    /// When a sample cannot be encrypted, and as [`Service::run`].
    pub async fn predict<S: AsRef<[f32]>>(&self, samples: &[S]) -> Result<Vec<Logits>, Error> {
        let samples: Vec<Vec<f32>> = samples.iter().map(|sample| sample.as_ref().to_vec()).collect();
        self.predict_by(move |client| client.encrypt_batch(&samples)).await
    }

    /// Predictions for samples from the text of their cells, as [`Client::encrypt_text`] takes them.
    ///
    /// # Errors
    /// As [`predict`](Self::predict).
    pub async fn predict_text<S: AsRef<[C]>, C: AsRef<str>>(
        &self,
        samples: &[S],
    ) -> Result<Vec<Logits>, Error> {
        let codec = self.half().codec();
        let parse = |sample: &S| codec.parse(sample.as_ref());
        let samples: Vec<Vec<f32>> =
            samples.iter().map(parse).collect::<Result<_, _>>().map_err(EncryptError::from)?;
        self.predict(&samples).await
    }

    async fn predict_by(
        &self,
        encrypt: impl FnOnce(&Client) -> Result<Vec<EncryptedInput>, EncryptError> + Send + 'static,
    ) -> Result<Vec<Logits>, Error> {
        let client = Arc::clone(&self.client);
        let inputs = aside(move || encrypt(&client)).await?;
        let outputs = self.run(&inputs).await?;
        let client = Arc::clone(&self.client);
        Ok(aside(move || client.decrypt_batch(&outputs)).await?)
    }

    /// Runs inputs. Where the service has lost the evaluation keys, or another copy of this client removed them, it gets them again.
    async fn run(&self, inputs: &[EncryptedInput]) -> Result<Vec<EncryptedOutput>, Error> {
        match self.service.run(inputs).await {
            Err(error) if error.code() == Some(Code::UnknownKey) => {
                let (keys, client) = (self.keys.clone(), Arc::clone(&self.client));
                let evaluation = aside(move || keys.evaluation(client.key())).await?;
                self.service.register(&evaluation).await?;
                self.service.run(inputs).await
            }
            result => result,
        }
    }
}

/// Runs what takes long beside the threads that wait for the network.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

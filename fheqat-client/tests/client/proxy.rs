//! Stands between a client and a service, and cuts connections.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// After how many bytes to the service each connection is cut; those after the last are left alone.
pub(crate) struct Proxy {
    cuts: Mutex<std::collections::VecDeque<usize>>,
    /// Connections that were cut.
    pub(crate) cut: AtomicUsize,
}

impl Proxy {
    pub(crate) async fn start(to: SocketAddr, cuts: &[usize]) -> (Arc<Self>, SocketAddr) {
        let proxy =
            Arc::new(Self { cuts: Mutex::new(cuts.iter().copied().collect()), cut: AtomicUsize::new(0) });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::clone(&proxy);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let cut = shared.cuts.lock().unwrap().pop_front();
                tokio::spawn(Arc::clone(&shared).carry(client, to, cut));
            }
        });
        (proxy, address)
    }

    async fn carry(self: Arc<Self>, client: TcpStream, to: SocketAddr, cut: Option<usize>) {
        let server = TcpStream::connect(to).await.unwrap();
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let back = tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
        let (mut left, mut buffer) = (cut.unwrap_or(usize::MAX), vec![0; 16 << 10]);
        while left > 0 {
            let most = buffer.len().min(left);
            match from_client.read(&mut buffer[..most]).await {
                Ok(read @ 1..) if to_server.write_all(&buffer[..read]).await.is_ok() => left -= read,
                _ => break,
            }
        }
        self.cut.fetch_add(usize::from(left == 0), Ordering::SeqCst);
        back.abort();
    }
}

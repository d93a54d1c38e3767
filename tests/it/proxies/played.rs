//! What the tests play themselves: TLS in front of a port, and servers that say one thing.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    fn acceptor(&self) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// A port that speaks TLS and hands on what is inside.
pub async fn encrypted(authority: &Authority, to: SocketAddr) -> SocketAddr {
    let acceptor = authority.acceptor();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut tls) = acceptor.accept(tcp).await else { return };
                let Ok(mut inner) = TcpStream::connect(to).await else { return };
                let _ = copy_bidirectional(&mut tls, &mut inner).await;
            });
        }
    });
    address
}

/// Where `localhost` is `::1` first, the receiver is to be found there, too.
pub async fn also_on_ipv6(receiver: SocketAddr) {
    let Ok(listener) = TcpListener::bind(("::1", receiver.port())).await else { return };
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            tokio::spawn(async move {
                let Ok(mut inner) = TcpStream::connect(receiver).await else { return };
                let _ = copy_bidirectional(&mut tcp, &mut inner).await;
            });
        }
    });
}

/// Says one thing to whoever comes, and remembers what came.
pub struct Played {
    pub address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Played {
    pub async fn start(answer: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let (log, answer) = (heard.clone(), answer.to_owned());
        tokio::spawn(async move {
            while let Ok((mut tcp, _)) = listener.accept().await {
                // Whoever connects has been heard of, also if nothing is said.
                let place = {
                    let mut log = log.lock().unwrap();
                    log.push(String::new());
                    log.len() - 1
                };
                let (log, answer) = (log.clone(), answer.clone());
                tokio::spawn(async move {
                    let mut piece = [0; 4096];
                    let read = tcp.read(&mut piece).await.unwrap_or(0);
                    log.lock().unwrap()[place] = String::from_utf8_lossy(&piece[..read]).into_owned();
                    let _ = tcp.write_all(answer.as_bytes()).await;
                    let _ = tcp.shutdown().await;
                });
            }
        });
        Self { address, heard }
    }

    /// The beginning of what came over each connection.
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

//! The yardstick, a process of its own: the least that a durable gateway has to do. hyper on two
//! threads, the same HMAC over the same body, the same parse, an insert into SQLite in a writer thread
//! that groups its commits, the answer after the commit, the body signed and delivered, and noted.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, mpsc};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rusqlite::Connection;
use sha2::{Sha256, Sha512};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};

use super::rig::process::{Server, free_port};
use super::rig::{event, load, sink};

const IN_FLIGHT: usize = 64;
/// Most writes in one commit.
const GROUP: usize = 512;

/// A running bare server.
pub struct Bare {
    pub server: Server,
    pub port: u16,
    _folder: TempDir,
}

impl Bare {
    pub async fn start(sink: u16) -> Self {
        let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg("--bare").arg(port.to_string()).arg(sink.to_string()).arg(folder.path());
        let server = Server::start(&mut command);
        load::ready(port, "/readyz").await;
        Self { server, port, _folder: folder }
    }
}

/// What follows `--bare`, if this process is to be the server.
pub fn asked() -> Option<Vec<String>> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--bare");
    arguments.next().map(|_| arguments.collect())
}

/// Serves until it is killed.
pub fn serve(arguments: &[String]) {
    let port: u16 = arguments[0].parse().unwrap();
    let bare = Arc::new(Service {
        proves: Hmac::new_from_slice(event::SECRET.as_bytes()).unwrap(),
        signs: Hmac::new_from_slice(&STANDARD.decode(sink::SECRET.trim_start_matches("whsec_")).unwrap())
            .unwrap(),
        to: format!("http://127.0.0.1:{}/", arguments[1]),
        client: client(),
        in_flight: Arc::new(Semaphore::new(IN_FLIGHT)),
        store: open(&PathBuf::from(&arguments[2]).join("bare.db")),
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            let bare = bare.clone();
            let service = service_fn(move |request| {
                let bare = bare.clone();
                async move { Ok::<_, Infallible>(bare.answer(request).await) }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
}

fn client() -> Client<HttpConnector, Full<Bytes>> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new()).build(connector)
}

struct Service {
    proves: Hmac<Sha512>,
    signs: Hmac<Sha256>,
    to: String,
    client: Client<HttpConnector, Full<Bytes>>,
    in_flight: Arc<Semaphore>,
    store: mpsc::Sender<Write>,
}

impl Service {
    async fn answer(self: Arc<Self>, mut request: Request<Incoming>) -> Response<Full<Bytes>> {
        let mut body = BytesMut::new();
        while let Some(frame) = request.body_mut().frame().await {
            body.extend_from_slice(frame.unwrap().data_ref().unwrap());
        }
        let signature = request.headers().get("x-hook-signature").map(|value| hex::decode(value).unwrap());
        // Only the question whether it is ready has none.
        let Some(signature) = signature else { return status(200) };
        let mut mac = self.proves.clone();
        mac.update(&body);
        if mac.verify_slice(&signature).is_err() {
            return status(401);
        }
        if serde_json::from_slice::<serde_json::Value>(&body).is_err() {
            return status(400);
        }
        let (body, (done, committed)) = (body.freeze(), oneshot::channel());
        self.store.send(Write::Insert(body.clone(), done)).unwrap();
        let number = committed.await.unwrap();
        let turn = self.in_flight.clone().acquire_owned().await.unwrap();
        tokio::spawn(async move {
            self.deliver(number, body).await;
            self.store.send(Write::Delivered(number)).unwrap();
            drop(turn);
        });
        status(200)
    }

    async fn deliver(&self, number: i64, body: Bytes) {
        let id = format!("msg_{number}");
        let at = now().as_secs().to_string();
        let mut mac = self.signs.clone();
        for part in [id.as_bytes(), b".", at.as_bytes(), b".", &body] {
            mac.update(part);
        }
        let request = Request::post(&self.to)
            .header("content-type", "application/json")
            .header("webhook-signature", format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
            .header("webhook-id", id)
            .header("webhook-timestamp", at)
            .body(Full::new(body))
            .unwrap();
        let mut answer = self.client.request(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        while answer.frame().await.is_some() {}
    }
}

fn status(code: u16) -> Response<Full<Bytes>> {
    Response::builder().status(code).body(Full::default()).unwrap()
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

enum Write {
    Insert(Bytes, oneshot::Sender<i64>),
    Delivered(i64),
}

/// Opens the file and starts its writer.
fn open(file: &Path) -> mpsc::Sender<Write> {
    let db = Connection::open(file).unwrap();
    db.pragma_update(None, "journal_mode", "WAL").unwrap();
    db.pragma_update(None, "synchronous", "FULL").unwrap();
    db.execute_batch("CREATE TABLE inbox (number INTEGER PRIMARY KEY, body BLOB NOT NULL)").unwrap();
    let (sender, writes) = mpsc::channel();
    std::thread::spawn(move || write(db, &writes));
    sender
}

/// Commits together what queued up while the last commit ran.
fn write(mut db: Connection, writes: &mpsc::Receiver<Write>) {
    while let Ok(first) = writes.recv() {
        let transaction = db.transaction().unwrap();
        let mut inserted = Vec::new();
        {
            let mut insert = transaction.prepare_cached("INSERT INTO inbox (body) VALUES (?1)").unwrap();
            let mut delete = transaction.prepare_cached("DELETE FROM inbox WHERE number = ?1").unwrap();
            for write in std::iter::once(first).chain(writes.try_iter().take(GROUP - 1)) {
                match write {
                    Write::Insert(body, done) => inserted.push((done, insert.insert([&body[..]]).unwrap())),
                    Write::Delivered(number) => assert_eq!(delete.execute([number]).unwrap(), 1),
                }
            }
        }
        transaction.commit().unwrap();
        for (done, number) in inserted {
            let _ = done.send(number);
        }
    }
}

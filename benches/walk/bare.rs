//! The yardstick: hyper, the same HMAC over the same body, the same parse, 200. Nothing stored,
//! nothing delivered.

use std::convert::Infallible;

use bytes::{Bytes, BytesMut};
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use sha2::Sha512;
use tokio::net::TcpListener;

/// Serves on the port that follows `--bare` until it is killed.
pub fn serve() {
    let port: u16 = std::env::args().skip_while(|arg| arg != "--bare").nth(1).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)));
        }
    });
}

async fn answer(mut request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut body = BytesMut::new();
    while let Some(frame) = request.body_mut().frame().await {
        body.extend_from_slice(frame.unwrap().data_ref().unwrap());
    }
    let status = match request.headers().get("x-hook-signature") {
        None => 200,
        Some(signature) => {
            let mut mac = Hmac::<Sha512>::new_from_slice(super::super::SECRET.as_bytes()).unwrap();
            mac.update(&body);
            let right = mac.verify_slice(&hex::decode(signature).unwrap()).is_ok();
            let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
            if right && value["event"] == "updated" { 200 } else { 401 }
        }
    };
    Ok(Response::builder().status(status).body(Full::default()).unwrap())
}

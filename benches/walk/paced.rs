//! 100 webhooks a second, whatever the answers take, and how long each is on its way.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::rig::event::Signed;
use super::rig::load::{self, CONNECTIONS};
use super::rig::sink::Sink;

const EVERY: Duration = Duration::from_millis(10);
/// Beyond this a request counts from when it should have been sent: what held it up is the server.
const PUNCTUAL: Duration = Duration::from_millis(20);

/// From each request's sending to its event's arrival at the receiver.
pub async fn run(port: u16, sink: &Sink, webhooks: Vec<Signed>) -> Vec<Duration> {
    let (webhooks, start) = (Arc::new(webhooks), Instant::now());
    let mut tasks = Vec::new();
    for connection in 0..CONNECTIONS {
        let webhooks = webhooks.clone();
        let mut sender = load::connect(port).await.unwrap();
        tasks.push(tokio::spawn(async move {
            let mut sent = Vec::new();
            for number in (connection..webhooks.len()).step_by(CONNECTIONS) {
                let planned = start + EVERY * u32::try_from(number).unwrap();
                tokio::time::sleep_until(planned.into()).await;
                let late = planned.elapsed() > PUNCTUAL;
                sent.push((number, if late { planned } else { Instant::now() }));
                load::send(&mut sender, &webhooks[number]).await;
            }
            sent
        }));
    }
    let mut sent = Vec::new();
    for task in tasks {
        sent.extend(task.await.unwrap());
    }
    let arrived = sink.all().await;
    sent.into_iter().map(|(number, sent)| arrived[number].duration_since(sent)).collect()
}

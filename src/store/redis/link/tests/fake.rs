//! A server that says whatever a test needs to hear, for what the real one here does not know.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::bed::state;
use crate::config::{Redis, RedisServers};

/// What it was asked: the words of each command.
pub(super) type Asked = Arc<Mutex<Vec<Vec<String>>>>;

pub(super) struct Fake {
    pub(super) port: u16,
    pub(super) asked: Asked,
}

impl Fake {
    /// `answers` gives the raw answer by a command's name in capitals; INFO is made from `info`.
    pub(super) async fn start(info: &str, answers: &[(&'static str, &'static str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, asked) = (listener.local_addr().unwrap().port(), Asked::default());
        let info = info.replace('\n', "\r\n");
        let mut all: HashMap<&'static str, String> =
            answers.iter().map(|&(name, answer)| (name, answer.to_owned())).collect();
        all.insert("INFO", format!("${}\r\n{info}\r\n", info.len()));
        let (all, seen) = (Arc::new(all), asked.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, all.clone(), seen.clone()));
            }
        });
        Self { port, asked }
    }

    pub(super) fn state(&self) -> Redis {
        state(RedisServers::One("127.0.0.1".into(), self.port))
    }

    /// How often a command came.
    pub(super) fn count(&self, name: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|words| words[0] == name).count()
    }
}

async fn serve(stream: TcpStream, answers: Arc<HashMap<&'static str, String>>, asked: Asked) {
    let mut stream = BufReader::new(stream);
    while let Some(words) = command(&mut stream).await {
        let answer = answers.get(words[0].as_str()).map_or("+OK\r\n", String::as_str).to_owned();
        asked.lock().unwrap().push(words);
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// An array of bulk strings.
async fn command(stream: &mut BufReader<TcpStream>) -> Option<Vec<String>> {
    let count = number(stream).await?;
    let mut words = Vec::new();
    for _ in 0..count {
        let mut word = vec![0; number(stream).await? + 2];
        stream.read_exact(&mut word).await.ok()?;
        word.truncate(word.len() - 2);
        words.push(String::from_utf8_lossy(&word).into_owned());
    }
    Some(words)
}

async fn number(stream: &mut BufReader<TcpStream>) -> Option<usize> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    line.get(1..)?.trim().parse().ok()
}

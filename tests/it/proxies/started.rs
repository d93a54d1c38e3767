//! Proxies that are programs of their own, on loopback, ended with the test.

use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::world::write;

pub struct Started {
    pub address: SocketAddr,
    child: Child,
    log: PathBuf,
    _dir: TempDir,
}

impl Started {
    /// `more` are further lines of its config.
    pub async fn tinyproxy(more: &str) -> Self {
        Self::listening("tinyproxy", |dir, port, log| {
            let file = dir.join("tinyproxy.conf");
            let text = format!(
                "Port {port}\nListen 127.0.0.1\nAllow 127.0.0.1\nTimeout 60\nMaxClients 50\n\
                 LogFile \"{}\"\nLogLevel Info\n{more}\n",
                log.display()
            );
            write(&file, &text);
            vec!["-d".to_owned(), "-c".to_owned(), file.display().to_string()]
        })
        .await
    }

    pub async fn microsocks(login: Option<(&str, &str)>) -> Self {
        Self::listening("microsocks", |_, port, _| {
            let mut args = vec!["-i".to_owned(), "127.0.0.1".to_owned(), "-p".to_owned(), port.to_string()];
            if let Some((user, password)) = login {
                args.extend(["-u", user, "-P", password].map(str::to_owned));
            }
            args
        })
        .await
    }

    /// Another program may take the port in between: then another port is tried.
    async fn listening(
        program: &str,
        args: impl Fn(&std::path::Path, u16, &std::path::Path) -> Vec<String>,
    ) -> Self {
        for _ in 0..5 {
            let dir = tempfile::tempdir().unwrap();
            let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            let log = dir.path().join("proxy.log");
            let output = File::create(dir.path().join("proxy.log")).unwrap();
            let child = Command::new(program)
                .args(args(dir.path(), free.port(), &log))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(output)
                .spawn()
                .unwrap_or_else(|error| panic!("{program} has to be installed: {error}"));
            let mut started = Self { address: free, child, log, _dir: dir };
            if started.is_up().await {
                return started;
            }
        }
        panic!("{program} does not start");
    }

    async fn is_up(&mut self) -> bool {
        for _ in 0..500 {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            if tokio::net::TcpStream::connect(self.address).await.is_ok() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    }

    /// Its log, once a text stands in it.
    pub async fn log_with(&self, text: &str) -> String {
        for _ in 0..500 {
            let log = std::fs::read_to_string(&self.log).unwrap();
            if log.contains(text) {
                return log;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("`{text}` does not stand in:\n{}", std::fs::read_to_string(&self.log).unwrap());
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

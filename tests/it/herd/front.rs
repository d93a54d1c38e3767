//! nginx in front of the gateways, set up as an operator would.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::process::free_port;
use crate::program::Program;
use crate::world::write;

/// A gateway that does not answer is passed over: the next one gets the request. As a gateway knows
/// a webhook again, posting it twice does no harm.
const CONFIG: &str = r#"
daemon off;
master_process on;
worker_processes 1;
user root;
pid nginx.pid;
error_log stderr warn;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path bodies;
  proxy_temp_path answers;
  fastcgi_temp_path unused; uwsgi_temp_path unused; scgi_temp_path unused;
  client_body_buffer_size 1m;
  upstream gateways {
    {gateways}
    keepalive 32;
  }
  server {
    listen 127.0.0.1:{port};
    location / {
      proxy_pass http://gateways;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_connect_timeout 1s;
      proxy_read_timeout 5s;
      proxy_next_upstream error timeout http_503 non_idempotent;
    }
  }
}
"#;

/// Spreads requests over the gateways in turn.
pub struct Front {
    pub port: u16,
    _program: Program,
}

impl Front {
    /// `folder` is its own.
    pub async fn start(folder: &Path, gateways: impl Iterator<Item = u16>) -> Self {
        std::fs::create_dir(folder).unwrap();
        let gateways: Vec<String> =
            gateways.map(|port| format!("server 127.0.0.1:{port} max_fails=1 fail_timeout=1s;")).collect();
        let port = free_port();
        let config = CONFIG.replace("{gateways}", &gateways.join("\n    "));
        write(&folder.join("nginx.conf"), &config.replace("{port}", &port.to_string()));
        let log = File::create(folder.join("nginx.log")).unwrap();
        let mut command = Command::new("nginx");
        command.arg("-p").arg(folder).args(["-c", "nginx.conf", "-e", "stderr"]);
        command.stdout(Stdio::null()).stderr(log);
        let mut program = Program::spawn(&mut command, "nginx-light");
        for _ in 0..1000 {
            if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return Self { port, _program: program };
            }
            if program.has_ended() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("nginx does not start:\n{}", std::fs::read_to_string(folder.join("nginx.log")).unwrap());
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

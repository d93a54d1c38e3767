//! One master, one replica, and three Sentinels that put the replica in its place.

use super::{Options, Server, until};

/// The name under which the Sentinels know the master.
const MASTER: &str = "herd";

#[derive(Debug)]
pub struct Sentinels {
    /// The first one began as the master.
    pub servers: [Server; 2],
    pub sentinels: Vec<Server>,
}

impl Sentinels {
    /// Waits until all know one another.
    pub fn start() -> Self {
        Self::of(Options::default())
    }

    /// With options for both servers; the Sentinels log in with their password.
    pub fn of(options: Options) -> Self {
        let master = Server::start(options.clone());
        let replica = Server::start(options.replica_of(&master));
        until("the replica follows", || replica.info("master_link_status") == "up");
        let sentinels = (0..3).map(|_| sentinel(&master)).collect();
        let group = Self { servers: [master, replica], sentinels };
        until("the sentinels know one another", || group.sentinels.iter().all(knows_all));
        group
    }

    /// What a config is given, without a query.
    pub fn url(&self) -> String {
        let places: Vec<String> =
            self.sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port())).collect();
        format!("redis+sentinel://{}{}/{MASTER}/0", self.servers[0].options.login(), places.join(","))
    }

    /// Where the Sentinels say that the master is.
    pub fn master_port(&self) -> u16 {
        let place = self.sentinels[0].cli(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER]);
        place.lines().last().unwrap().parse().unwrap()
    }

    /// The server that the Sentinels hold for the master.
    pub fn master(&mut self) -> &mut Server {
        let port = self.master_port();
        self.servers.iter_mut().find(|server| server.port() == port).unwrap()
    }

    /// SIGKILL to the master; returns at once.
    pub fn kill_master(&mut self) {
        self.master().kill();
    }

    /// Waits until the Sentinels agree on a master at another port, which takes writes.
    pub fn until_failed_over(&mut self, from: u16) {
        let places = |group: &Self| -> Vec<String> {
            let ask = |sentinel: &Server| sentinel.cli(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER]);
            group.sentinels.iter().map(ask).collect()
        };
        until("there is another master", || {
            let places = places(self);
            places.iter().all(|place| *place == places[0]) && self.master_port() != from
        });
        until("the new master takes writes", || self.master().info("role") == "master");
    }
}

fn sentinel(master: &Server) -> Server {
    let mut options = Options::default().sentinel();
    let port = master.port();
    for line in [
        format!("sentinel monitor {MASTER} 127.0.0.1 {port} 2"),
        format!("sentinel down-after-milliseconds {MASTER} 1000"),
        format!("sentinel failover-timeout {MASTER} 3000"),
    ] {
        options = options.line(&line);
    }
    if let Some((_, password)) = master.options.master_key() {
        options = options.line(&format!("sentinel auth-pass {MASTER} {password}"));
    }
    Server::start(options)
}

fn knows_all(sentinel: &Server) -> bool {
    let view = sentinel.cli(&["SENTINEL", "MASTER", MASTER]);
    let lines: Vec<&str> = view.lines().collect();
    let says = |name: &str, value: &str| lines.chunks(2).any(|pair| pair == [name, value]);
    says("num-other-sentinels", "2") && says("num-slaves", "1") && says("flags", "master")
}

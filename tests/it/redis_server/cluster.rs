//! A real cluster: every node a master of its share of the 16384 slots.

use super::{Options, Server, until};
use crate::process::free_port;

const SLOTS: usize = 16384;

#[derive(Debug)]
pub struct Cluster {
    pub nodes: Vec<Server>,
}

impl Cluster {
    /// Three nodes are the fewest that notice when one is gone.
    pub fn start() -> Self {
        Self::of(3, &Options::default())
    }

    /// Waits until every node says that the cluster is whole.
    pub fn of(nodes: usize, options: &Options) -> Self {
        let nodes: Vec<Server> = (0..nodes).map(|_| node(options)).collect();
        let cluster = Self { nodes };
        cluster.share_out();
        cluster.introduce();
        cluster.until_whole();
        cluster
    }

    /// What a config is given, without a query.
    pub fn url(&self) -> String {
        let places: Vec<String> =
            self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
        format!("redis+cluster://{}{}", self.nodes[0].options.login(), places.join(","))
    }

    /// The slot of a key.
    pub fn slot(&self, key: &str) -> usize {
        self.nodes[0].cli(&["CLUSTER", "KEYSLOT", key]).parse().unwrap()
    }

    /// Which node has the slot now.
    pub fn owner(&self, slot: usize) -> usize {
        let id = |fields: &[&str]| fields[0].to_owned();
        let holds = |range: &&str| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            first.parse().is_ok_and(|first: usize| first <= slot)
                && last.parse().is_ok_and(|last: usize| slot <= last)
        };
        let view = self.nodes[0].cli(&["CLUSTER", "NODES"]);
        let mut lines = view.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        let owner = lines.find(|fields| fields[8..].iter().any(holds)).unwrap();
        self.nodes.iter().position(|node| node.cli(&["CLUSTER", "MYID"]) == id(&owner)).unwrap()
    }

    /// Moves a slot with all its keys, as `redis-cli --cluster reshard` would.
    pub fn move_slot(&self, slot: usize, to: usize) {
        let from = &self.nodes[self.owner(slot)];
        let to = &self.nodes[to];
        let (id, new_id) = (from.cli(&["CLUSTER", "MYID"]), to.cli(&["CLUSTER", "MYID"]));
        let slot = slot.to_string();
        to.cli(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &id]);
        from.cli(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &new_id]);
        loop {
            let keys = from.cli(&["CLUSTER", "GETKEYSINSLOT", &slot, "100"]);
            if keys.is_empty() {
                break;
            }
            let port = to.port().to_string();
            let mut command = vec!["MIGRATE", "127.0.0.1", &port, "", "0", "5000", "REPLACE", "KEYS"];
            command.extend(keys.lines());
            from.cli(&command);
        }
        for node in [to, from] {
            node.cli(&["CLUSTER", "SETSLOT", &slot, "NODE", &new_id]);
        }
    }

    /// Waits until every node says that the cluster is whole, such as after a restart.
    pub fn until_whole(&self) {
        let known = format!("cluster_known_nodes:{}", self.nodes.len());
        let whole = ["cluster_state:ok", "cluster_slots_ok:16384", &known];
        until("the cluster is whole", || {
            self.nodes.iter().all(|node| {
                let info = node.cli(&["CLUSTER", "INFO"]);
                whole.iter().all(|line| info.lines().any(|found| found.trim_end() == *line))
            })
        });
    }

    fn share_out(&self) {
        let count = self.nodes.len();
        for (n, node) in self.nodes.iter().enumerate() {
            let (first, end) = (n * SLOTS / count, (n + 1) * SLOTS / count);
            node.cli(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &(end - 1).to_string()]);
            // Different epochs from the start save the nodes from settling who is the older.
            node.cli(&["CLUSTER", "SET-CONFIG-EPOCH", &(n + 1).to_string()]);
        }
    }

    fn introduce(&self) {
        let (first, others) = self.nodes.split_first().unwrap();
        for other in others {
            let bus = other.cli(&["--raw", "CONFIG", "GET", "cluster-port"]);
            let bus = bus.lines().last().unwrap();
            first.cli(&["CLUSTER", "MEET", "127.0.0.1", &other.port().to_string(), bus]);
        }
    }
}

fn node(options: &Options) -> Server {
    let options = options.clone().line("cluster-enabled yes").line("cluster-node-timeout 1000");
    Server::start(options.line(&format!("cluster-port {}", free_port())))
}

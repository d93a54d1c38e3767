//! A cluster: finding its nodes, and following the keys.

use std::collections::HashSet;

use super::bed::{Server, eventually, state};
use super::*;
use crate::config::RedisServers;

const PARTITIONS: u32 = 16;

struct Cluster {
    nodes: Vec<Server>,
}

impl Cluster {
    fn start(nodes: usize, replicas: &str) -> Self {
        let settings = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"];
        let nodes: Vec<_> = (0..nodes).map(|_| Server::start(&settings)).collect();
        let addresses: Vec<_> = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        let mut create = vec!["--cluster", "create"];
        create.extend(addresses.iter().map(String::as_str));
        create.extend(["--cluster-yes", "--cluster-replicas", replicas]);
        let said = nodes[0].cli(&create);
        assert!(said.contains("All 16384 slots covered"), "{said}");
        let ready = |node: &Server| node.cli(&["cluster", "info"]).contains("cluster_state:ok");
        eventually("the cluster to agree", || nodes.iter().all(ready));
        Self { nodes }
    }

    /// Only one node is named.
    fn state(&self) -> config::Redis {
        let seeds = vec![("127.0.0.1".to_owned(), self.nodes[0].port)];
        config::Redis { partitions: PARTITIONS, ..state(RedisServers::Cluster(seeds)) }
    }

    /// Which node serves the partition.
    fn master_of(&self, partition: u32) -> usize {
        let port = |node: &Server| node.cli(&["set", &format!("{{test:{partition}}}:who"), "1"]) == "OK";
        self.nodes.iter().position(port).unwrap()
    }

    fn id(&self, node: usize) -> String {
        self.nodes[node].cli(&["cluster", "myid"])
    }
}

#[tokio::test]
async fn every_partition_runs_at_the_node_that_has_it_and_bells_reach_all() {
    let cluster = Cluster::start(3, "0");
    let link = open(&cluster.state()).await;
    let mut ear = link.listen();
    let mut used = HashSet::new();
    for partition in 0..PARTITIONS {
        let key = format!("{{test:{partition}}}");
        assert_eq!(link.run(call(partition, &["key"])).await, Ok(text(&key)));
        used.insert(cluster.master_of(partition));
    }
    assert_eq!(used.len(), 3);
    assert_eq!(hears(&mut ear).await, Heard::Connected);
    for partition in 0..PARTITIONS {
        let payload = partition.to_string();
        link.run(call(partition, &["ring", link.channel(), &payload])).await.unwrap();
        assert_eq!(hears(&mut ear).await, Heard::Message(payload.into_bytes()));
    }
}

#[tokio::test]
async fn while_a_slot_moves_its_scripts_are_refused_and_then_they_run_at_the_new_node() {
    let cluster = Cluster::start(3, "0");
    let link = open(&cluster.state()).await;
    assert_eq!(link.run(call(0, &["set", "kept"])).await, Ok(text("done")));
    let (from, slot) = (cluster.master_of(0), cluster.nodes[0].cli(&["cluster", "keyslot", "{test:0}"]));
    let to = (from + 1) % 3;
    let (source, target) = (&cluster.nodes[from], &cluster.nodes[to]);
    target.cli(&["cluster", "setslot", &slot, "importing", &cluster.id(from)]);
    source.cli(&["cluster", "setslot", &slot, "migrating", &cluster.id(to)]);
    for key in ["{test:0}:x", "{test:0}:who"] {
        let line = failure(&link, &["set", "changed"]).await;
        assert!(line.contains("being moved to another node"), "{line}");
        assert_eq!(source.cli(&["migrate", "127.0.0.1", &target.port.to_string(), key, "0", "5000"]), "OK");
    }
    for node in [target, source] {
        assert_eq!(node.cli(&["cluster", "setslot", &slot, "node", &cluster.id(to)]), "OK");
    }
    assert_eq!(link.run(call(0, &["get"])).await, Ok(text("kept")));
    assert_eq!(cluster.master_of(0), to);
}

#[tokio::test]
async fn when_a_node_dies_its_replica_takes_over() {
    let mut cluster = Cluster::start(6, "1");
    let link = open(&cluster.state()).await;
    assert_eq!(link.run(call(5, &["set", "kept"])).await, Ok(text("done")));
    let master = cluster.master_of(5);
    cluster.nodes[master].replicates();
    cluster.nodes[master].kill();
    let line = link.run(call(5, &["get"])).await.unwrap_err().to_string();
    assert!(line.contains(&format!(":{}: ", cluster.nodes[master].port)), "{line}");
    assert_eq!(works(&link, 5, &["get"]).await, text("kept"));
    for partition in 0..PARTITIONS {
        assert_eq!(works(&link, partition, &["key"]).await, text(&format!("{{test:{partition}}}")));
    }
}

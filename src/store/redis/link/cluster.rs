//! A cluster: which node has which partition, and a connection to each that has one.

mod layout;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::Value;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use self::layout::Layout;
use super::address::Address;
use super::facts::Facts;
use super::live::Live;
use super::node::{Node, Place};
use super::run::{Failed, Run};
use super::way::Way;
use super::{check, fault};

/// How often a call goes after keys that moved.
const REDIRECTS: usize = 4;
/// How often the layout is asked for while all is well, and at most.
const CALM: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub(super) struct Cluster {
    way: Arc<Way>,
    seeds: Vec<Address>,
    map: Mutex<Map>,
    /// The layout is not what was thought.
    stale: Notify,
}

#[derive(Debug, Default)]
struct Map {
    /// By partition.
    routes: Vec<Option<Address>>,
    nodes: HashMap<Address, Node>,
}

impl Cluster {
    /// Finds the nodes and connects to those that have partitions.
    pub(super) async fn open(way: Arc<Way>, seeds: Vec<Address>) -> Result<Arc<Self>, String> {
        let cluster = Arc::new(Self { way, seeds, map: Mutex::default(), stale: Notify::new() });
        cluster.refresh().await?;
        for partition in 0..cluster.way.state.partitions {
            cluster.node_of(partition)?.ready().await?;
        }
        let (way, kept) = (&cluster.way, cluster.clone());
        let stop = way.stop.clone();
        way.tasks.spawn(async move {
            tokio::select! {
                () = kept.keep() => {}
                () = stop.cancelled() => {}
            }
        });
        Ok(cluster)
    }

    /// Runs it at the node that has the partition, wherever that went.
    pub(super) async fn run(&self, run: &Run<'_>) -> Result<Value, String> {
        let mut node = self.node_of(run.partition())?;
        for _ in 0..REDIRECTS {
            match node.run(run).await {
                Ok(answer) => return Ok(answer),
                Err(Failed::Unavailable(line)) => {
                    if !node.is_up() {
                        self.stale.notify_one();
                    }
                    return Err(line);
                }
                Err(Failed::Moved(to)) => {
                    self.stale.notify_one();
                    node = self.reroute(run.partition(), to);
                }
            }
        }
        Err("the nodes of the cluster send the call to and fro; see CLUSTER SLOTS of each".to_owned())
    }

    /// Any connection that is up.
    pub(super) async fn any(&self) -> Result<Live, String> {
        let nodes: Vec<_> = self.map().nodes.values().cloned().collect();
        let mut last = "no node of the cluster is known".to_owned();
        for node in nodes {
            match node.live().await {
                Ok(live) => return Ok(live),
                Err(why) => last = why,
            }
        }
        Err(last)
    }

    fn map(&self) -> MutexGuard<'_, Map> {
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn node_of(&self, partition: u32) -> Result<Node, String> {
        if self.way.stop.is_cancelled() {
            return Err(fault::CLOSED.to_owned());
        }
        let map = self.map();
        let route = usize::try_from(partition).ok().and_then(|at| map.routes.get(at)).cloned().flatten();
        let node = route.and_then(|address| map.nodes.get(&address).cloned());
        node.ok_or_else(|| format!("no node of the cluster has the keys of partition {partition}"))
    }

    fn reroute(&self, partition: u32, to: Address) -> Node {
        let mut map = self.map();
        if let Some(route) = usize::try_from(partition).ok().and_then(|at| map.routes.get_mut(at)) {
            *route = Some(to.clone());
        }
        map.node(to, &self.way)
    }

    /// Looks after the layout.
    async fn keep(&self) {
        loop {
            if self.is_whole() {
                let _ = timeout(CALM, self.stale.notified()).await;
            }
            sleep(PAUSE).await;
            // What fails here fails at every call, with the line of the node.
            let _ = self.refresh().await;
        }
    }

    fn is_whole(&self) -> bool {
        let map = self.map();
        let up = |address: &Address| map.nodes.get(address).is_some_and(Node::is_up);
        map.routes.iter().all(|route| route.as_ref().is_some_and(up))
    }

    /// Asks for the layout and takes it over.
    async fn refresh(&self) -> Result<(), String> {
        let layout = self.layout().await?;
        let routes: Vec<_> = self.way.slots.all().iter().map(|slot| layout.master_of(*slot)).collect();
        if let Some(slot) =
            routes.iter().position(Option::is_none).and_then(|at| self.way.slots.all().get(at))
        {
            return Err(format!("no node of the cluster serves slot {slot}; see CLUSTER INFO"));
        }
        self.map().adopt(routes, &self.way);
        Ok(())
    }

    /// The layout as the first node tells it that can be asked: one of those connected, or a seed.
    async fn layout(&self) -> Result<Layout, String> {
        let connected: Vec<_> = self.map().nodes.values().filter(|node| node.is_up()).cloned().collect();
        for node in connected {
            if let Ok(live) = node.live().await
                && let Ok(layout) = Layout::ask(&live).await
            {
                return Ok(layout);
            }
        }
        let mut last = "`state` names no node of the cluster".to_owned();
        for seed in &self.seeds {
            match Live::open(&self.way, seed.clone()).await {
                Ok(live) => {
                    let _guard = live.over.clone().drop_guard();
                    match self.introduced(&live).await {
                        Ok(layout) => return Ok(layout),
                        Err(why) => last = why,
                    }
                }
                Err(why) => last = why,
            }
        }
        Err(last)
    }

    /// The layout as a seed tells it, which may be a replica.
    async fn introduced(&self, live: &Live) -> Result<Layout, String> {
        let facts = Facts::ask(live).await.map_err(|error| live.unusable(&error))?;
        check::kind(&facts, &self.way.state).map_err(|line| format!("{}: {line}", live.address))?;
        Layout::ask(live).await
    }
}

impl Map {
    /// Connections to nodes without partitions end.
    fn adopt(&mut self, routes: Vec<Option<Address>>, way: &Arc<Way>) {
        for address in routes.iter().flatten() {
            self.node(address.clone(), way);
        }
        self.nodes.retain(|address, node| {
            let kept = routes.iter().flatten().any(|route| route == address);
            if !kept {
                node.stop();
            }
            kept
        });
        self.routes = routes;
    }

    fn node(&mut self, address: Address, way: &Arc<Way>) -> Node {
        let start = || Node::start(way.clone(), Place::Fixed(address.clone()));
        self.nodes.entry(address.clone()).or_insert_with(start).clone()
    }
}

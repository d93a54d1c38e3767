//! Asking the sentinels who the master is.

use redis::{FromRedisValue, RedisResult, Value, cmd};

use super::address::Address;
use super::fault;
use super::way::{Login, Way};
use super::wire;

/// Those who watch, and the name under which they watch.
#[derive(Debug)]
pub(super) struct Sentinels {
    addresses: Vec<Address>,
    name: String,
    login: Login,
}

impl Sentinels {
    pub(super) fn new(sentinels: &[(String, u16)], name: &str, login: Login) -> Self {
        let addresses = sentinels.iter().map(|(host, port)| Address::tcp(host, *port)).collect();
        Self { addresses, name: name.to_owned(), login }
    }

    /// Where the master is: the first answer counts. Whether it really is one shows when it is
    /// connected to.
    pub(super) async fn master(&self, way: &Way) -> Result<Address, String> {
        let mut last = "there are no sentinels to ask".to_owned();
        for sentinel in &self.addresses {
            match self.ask(sentinel, way).await {
                Ok(address) => return Ok(address),
                Err(why) => last = why,
            }
        }
        Err(format!("no sentinel knows the master; the last one asked: {last}"))
    }

    /// Whether they name another one than `address` by now, in one line. While none of them answers,
    /// the one that is there is believed.
    pub(super) async fn deposed(&self, address: &Address, way: &Way) -> Option<String> {
        let master = self.master(way).await.ok().filter(|master| master != address)?;
        Some(format!("{address}: the sentinels name another master by now, {master}"))
    }

    async fn ask(&self, sentinel: &Address, way: &Way) -> Result<Address, String> {
        let tls = way.state.tls.as_ref();
        let (mut connection, over) = wire::open(sentinel, &self.login, tls, &way.tasks, None).await?;
        let _guard = over.drop_guard();
        let mut question = cmd("SENTINEL");
        question.arg("get-master-addr-by-name").arg(&self.name);
        let answer: RedisResult<Value> = question.query_async(&mut connection).await;
        match answer.map_err(|error| fault::refused(sentinel, &error))? {
            Value::Nil => Err(self.unknown(sentinel)),
            answer => {
                let (host, port) = FromRedisValue::from_redis_value(answer)
                    .map_err(|error| format!("{sentinel}: no address in the answer: {error}"))?;
                Ok(Address::Tcp(host, port))
            }
        }
    }

    fn unknown(&self, sentinel: &Address) -> String {
        let name = &self.name;
        format!("{sentinel}: it watches no master `{name}`; mend the name in `state` (SENTINEL MASTERS)")
    }
}

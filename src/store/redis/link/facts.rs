//! What a server says of itself: INFO, and of CONFIG what bears on losing data.

use std::collections::HashMap;

use redis::{Cmd, RedisResult, cmd, from_redis_value};

use super::live::Live;

#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    info: HashMap<String, String>,
    /// `None`: CONFIG may not be asked, as with many servers that others run.
    settings: Option<HashMap<String, String>>,
}

/// Which software, and which version of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version<'a> {
    pub(super) name: &'static str,
    pub(super) text: &'a str,
    /// Major and minor number of the Redis whose commands it knows.
    pub(super) redis: (u32, u32),
}

impl Facts {
    pub(super) async fn ask(live: &Live) -> RedisResult<Self> {
        Ok(Self { info: info(live).await?, settings: settings(live).await? })
    }

    /// The same later. A CONFIG that was forbidden is not asked for again: servers log that.
    pub(super) async fn again(&self, live: &Live) -> RedisResult<Self> {
        let settings = if self.settings.is_some() { settings(live).await? } else { None };
        Ok(Self { info: info(live).await?, settings })
    }

    /// A line of INFO; empty if it is not there.
    pub(super) fn info(&self, field: &str) -> &str {
        self.info.get(field).map_or("", String::as_str)
    }

    pub(super) fn number(&self, field: &str) -> u64 {
        self.info(field).parse().unwrap_or(0)
    }

    /// A setting; `None` if it is not known.
    pub(super) fn setting(&self, name: &str) -> Option<&str> {
        self.settings.as_ref()?.get(name).map(String::as_str)
    }

    pub(super) fn version(&self) -> Version<'_> {
        let redis = self.info("redis_version");
        let mut numbers = redis.split('.').map(|number| number.parse().unwrap_or(0));
        let redis_numbers = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        match self.info("valkey_version") {
            "" => Version { name: "Redis", text: redis, redis: redis_numbers },
            text => Version { name: "Valkey", text, redis: redis_numbers },
        }
    }

    #[cfg(test)]
    pub(super) fn told(info: &[(&str, &str)], settings: Option<&[(&str, &str)]>) -> Self {
        let map = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
        };
        Self { info: map(info), settings: settings.map(map) }
    }
}

/// `name:value` by line, between headings.
async fn info(live: &Live) -> RedisResult<HashMap<String, String>> {
    let text: String = from_redis_value(live.ask(&cmd("INFO")).await?)?;
    let pairs = text.lines().filter_map(|line| line.trim_end().split_once(':'));
    Ok(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// One pattern for each question: Redis 6 takes no more.
async fn settings(live: &Live) -> RedisResult<Option<HashMap<String, String>>> {
    let mut found = HashMap::new();
    for pattern in ["append*", "save"] {
        match live.ask(&config_get(pattern)).await {
            Ok(answer) => match from_redis_value::<HashMap<String, String>>(answer) {
                Ok(settings) => found.extend(settings),
                Err(_) => return Ok(None),
            },
            Err(error) if error.is_io_error() => return Err(error),
            Err(_) => return Ok(None),
        }
    }
    Ok(Some(found))
}

fn config_get(pattern: &str) -> Cmd {
    let mut command = cmd("CONFIG");
    command.arg("GET").arg(pattern);
    command
}

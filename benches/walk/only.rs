//! Which rows are wanted.

const NAMES: [&str; 16] = [
    "cpu", "rate", "p99", "script", "paced", "idle", "peak", "waiting", "stored", "start", "routes", "lanes",
    "hangs", "retries", "drain", "redis",
];

/// What `ONLY` says, such as `cpu,drain`; all without it.
pub struct Only(Vec<String>);

impl Only {
    pub fn read() -> Self {
        let text = std::env::var("ONLY").unwrap_or_default();
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        let names: Vec<String> = names.map(str::to_owned).collect();
        for name in &names {
            assert!(
                NAMES.contains(&name.as_str()),
                "ONLY: there is no row `{name}`, but {}",
                NAMES.join(", ")
            );
        }
        Self(names)
    }

    pub fn wants(&self, name: &str) -> bool {
        assert!(NAMES.contains(&name), "{name} is missing in NAMES");
        self.0.is_empty() || self.0.iter().any(|wanted| wanted == name)
    }

    pub fn wants_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.wants(name))
    }
}

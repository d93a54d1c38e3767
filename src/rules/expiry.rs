//! What has expired: the one thing about a config that depends on when it is asked.

use super::Rules;
use crate::model::Timestamp;
use crate::problem::{Problem, Problems};

impl Rules {
    /// Sources that accept nobody any more, because all of their secrets have expired at `now`. A
    /// gateway with such a source still serves the others. (A destination always has a secret
    /// without an end.)
    pub fn expired(&self, now: Timestamp) -> Vec<Problem> {
        let mut problems = Problems::default();
        for source in &self.config.sources {
            let ends: Option<Vec<Timestamp>> =
                source.secrets.iter().map(|secret| secret.expired_at(now)).collect();
            if let Some(last) = ends.and_then(|ends| ends.into_iter().max()) {
                let message =
                    format!("all secrets of `sources.{}` have expired, the last at {last}", source.name);
                let help = "add the secret that the sender signs with now, or move `until`";
                problems.add(&self.config.file, Some(source.at), message).help(help);
            }
        }
        problems.into_sorted()
    }
}

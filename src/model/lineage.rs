//! Through which gateways and routes a change came, as headers carry it from gateway to gateway.

use serde::{Deserialize, Serialize};

use super::Request;

/// How many names are carried on.
const MOST: usize = 32;
/// Two names of the longest kind and the slash between them.
const LONGEST: usize = 64 + 1 + 64;

/// Where a change has been before. Both headers go out with every delivery.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage {
    /// How many gateways passed it on (`crossconnect-hops`).
    pub hops: u32,
    /// `gateway/route`, oldest first (`crossconnect-lineage`, separated by commas); the oldest are
    /// left out where there are many.
    pub passed: Vec<String>,
}

impl Lineage {
    /// The header that counts.
    pub const HOPS: &'static str = "crossconnect-hops";
    /// The header that names.
    pub const PASSED: &'static str = "crossconnect-lineage";

    /// That of a request. What cannot be read counts as not there: a sender that is no gateway owes
    /// nobody these headers. Whoever is named has passed it on, whatever the other header says.
    pub fn of(request: &Request) -> Self {
        let mut passed: Vec<String> = values(request, Self::PASSED)
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .filter(|entry| is_entry(entry))
            .map(str::to_owned)
            .collect();
        keep_newest(&mut passed);
        let hops = values(request, Self::HOPS).filter_map(count).max().unwrap_or(0);
        Self { hops: hops.max(len(&passed)), passed }
    }

    /// Whether a gateway's route has passed it on before.
    pub fn has_passed(&self, gateway: &str, route: &str) -> bool {
        self.passed.iter().any(|entry| entry.split_once('/') == Some((gateway, route)))
    }

    /// That of what a gateway's route makes of it.
    pub fn passed_on(&self, gateway: &str, route: &str) -> Self {
        let mut passed = self.passed.clone();
        passed.push(format!("{gateway}/{route}"));
        keep_newest(&mut passed);
        Self { hops: self.hops.saturating_add(1), passed }
    }

    /// That of several changes that leave together: the longest way, and everybody on any.
    pub fn merged<'l>(all: impl IntoIterator<Item = &'l Self>) -> Self {
        let mut merged = Self::default();
        for lineage in all {
            merged.hops = merged.hops.max(lineage.hops);
            for entry in &lineage.passed {
                if !merged.passed.contains(entry) {
                    merged.passed.push(entry.clone());
                }
            }
        }
        keep_newest(&mut merged.passed);
        merged
    }

    /// The headers that carry it.
    pub fn headers(&self) -> [(String, String); 2] {
        [(Self::HOPS.to_owned(), self.hops.to_string()), (Self::PASSED.to_owned(), self.passed.join(", "))]
    }
}

fn values<'r>(request: &'r Request, name: &'static str) -> impl Iterator<Item = &'r str> {
    request.headers.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
}

fn is_entry(text: &str) -> bool {
    text.len() <= LONGEST
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && text.split_once('/').is_some_and(|(gateway, route)| !gateway.is_empty() && !route.is_empty())
}

fn count(text: &str) -> Option<u32> {
    let text = text.trim();
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn keep_newest(passed: &mut Vec<String>) {
    passed.drain(..passed.len().saturating_sub(MOST));
}

fn len(passed: &[String]) -> u32 {
    u32::try_from(passed.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(headers: &[(&str, &str)]) -> Lineage {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Lineage::of(&Request { headers: headers.collect(), ..Request::default() })
    }

    #[test]
    fn what_is_written_is_read_again() {
        let lineage = Lineage::default().passed_on("a", "x").passed_on("b", "y");
        let [hops, passed] = lineage.headers();
        assert_eq!((hops.1.as_str(), passed.1.as_str()), ("2", "a/x, b/y"));
        assert_eq!(of(&[(&hops.0, &hops.1), (&passed.0, &passed.1)]), lineage);
        assert!(lineage.has_passed("a", "x") && lineage.has_passed("b", "y"));
        assert!(!lineage.has_passed("a", "y") && !lineage.has_passed("a/x", ""));
    }

    #[test]
    fn nonsense_counts_as_not_there() {
        for (headers, hops, passed) in [
            (&[][..], 0, ""),
            (&[("crossconnect-hops", "three")], 0, ""),
            (&[("crossconnect-hops", "-1")], 0, ""),
            (&[("crossconnect-hops", "")], 0, ""),
            (&[("crossconnect-hops", "99999999999999999999")], 0, ""),
            (&[("crossconnect-hops", " 3 ")], 3, ""),
            (&[("crossconnect-hops", "2"), ("crossconnect-hops", "5")], 5, ""),
            (&[("crossconnect-lineage", "a/x,, b/ ,/y, c, é/x, d/z ")], 2, "a/x d/z"),
            (&[("crossconnect-lineage", "a/x"), ("crossconnect-lineage", "b/y")], 2, "a/x b/y"),
            (&[("crossconnect-lineage", "a/x"), ("crossconnect-hops", "nonsense")], 1, "a/x"),
        ] {
            let lineage = of(headers);
            assert_eq!((lineage.hops, lineage.passed.join(" ").as_str()), (hops, passed), "{headers:?}");
        }
        assert!(of(&[("crossconnect-lineage", &format!("a/{}", "x".repeat(200)))]).passed.is_empty());
    }

    #[test]
    fn of_a_long_way_the_oldest_names_are_left_out_and_every_hop_counts() {
        let mut lineage = Lineage::default();
        for n in 0..50 {
            lineage = lineage.passed_on("gateway", &n.to_string());
        }
        assert_eq!((lineage.hops, lineage.passed.len()), (50, 32));
        assert_eq!((lineage.passed[0].as_str(), lineage.passed[31].as_str()), ("gateway/18", "gateway/49"));
        let long: Vec<String> = (0..100).map(|n| format!("a/{n}")).collect();
        assert_eq!(of(&[("crossconnect-lineage", &long.join(","))]).passed[0], "a/68");
        assert_eq!(Lineage { hops: u32::MAX, ..lineage }.passed_on("a", "b").hops, u32::MAX);
    }

    #[test]
    fn what_leaves_together_has_been_wherever_one_of_it_was() {
        let one = Lineage::default().passed_on("a", "x");
        let two = one.passed_on("b", "y");
        let three = Lineage::default().passed_on("c", "z");
        let merged = Lineage::merged([&one, &two, &three]);
        assert_eq!((merged.hops, merged.passed.join(" ")), (2, "a/x b/y c/z".to_owned()));
        assert_eq!(Lineage::merged([]), Lineage::default());
    }
}

//! How durations, sizes, rates, networks and addresses are written.
//!
//! Pure: a text in, a value or (where one can be guessed) a remedy out.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;

use crate::rate::Rate;

/// A value, or a hint what to write instead.
pub(crate) type Parsed<T> = Result<T, Option<String>>;

pub(crate) const DURATION: &str = "a duration such as `250ms`, `15s`, `5m` or `1h30m`";
pub(crate) const SIZE: &str = "a size such as `2MiB`, `512KiB` or `1000000`";
pub(crate) const RATE: &str = "a rate such as `100/s` or `50/m`";
pub(crate) const NETWORK: &str = "an address or a network such as `10.0.0.0/8`";
pub(crate) const LISTEN: &str = "an address and a port such as `127.0.0.1:8080` or `[::1]:8080`";

/// Longer waits than this are mistakes, and would overflow calendars.
const LONGEST: Duration = Duration::from_secs(3650 * 24 * 3600);

/// `250ms`, `15s`, `5m`, `2h`, `7d`, or several in a row: `1h30m`.
pub(crate) fn duration(text: &str) -> Parsed<Duration> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Some(format!("a unit is missing: write `{text}s` for seconds")));
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    loop {
        let (count, tail) = leading_number(rest).ok_or(None)?;
        let end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let part = match unit {
            "ms" => Some(Duration::from_millis(count)),
            "s" => Some(Duration::from_secs(count)),
            "m" => count.checked_mul(60).map(Duration::from_secs),
            "h" => count.checked_mul(3600).map(Duration::from_secs),
            "d" => count.checked_mul(24 * 3600).map(Duration::from_secs),
            _ => return Err(Some("the units are ms, s, m, h and d".to_owned())),
        };
        total = part
            .and_then(|part| total.checked_add(part))
            .filter(|total| *total <= LONGEST)
            .ok_or_else(|| Some("the longest duration is 3650d".to_owned()))?;
        if tail.is_empty() {
            return Ok(total);
        }
        rest = tail;
    }
}

/// The same, but not nothing.
pub(crate) fn some_time(text: &str) -> Parsed<Duration> {
    match duration(text)? {
        Duration::ZERO => Err(Some("it must be longer than nothing".to_owned())),
        some => Ok(some),
    }
}

/// Bytes: plain, or in B, kB, MB, GB, KiB, MiB, GiB. At most 1 GiB: bodies are held in memory.
pub(crate) fn size(text: &str) -> Parsed<usize> {
    match bytes(text)? {
        bytes if bytes <= 1 << 30 => usize::try_from(bytes).map_err(|_| None),
        _ => Err(Some("the largest size is 1GiB".to_owned())),
    }
}

/// The same of what another machine holds, however much that is.
pub(crate) fn bytes(text: &str) -> Parsed<u64> {
    let (count, unit) = leading_number(text).ok_or(None)?;
    let factor = match unit.trim_start() {
        "" | "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(Some("the units are B, kB, MB, GB, KiB, MiB and GiB".to_owned())),
    };
    match count.checked_mul(factor) {
        Some(0) => Err(Some("it must be more than nothing".to_owned())),
        Some(bytes) => Ok(bytes),
        None => Err(None),
    }
}

/// `100/s`, `50/m`, `1000/h`, `3/10s`.
pub(crate) fn rate(text: &str) -> Parsed<Rate> {
    let (count, per) = text.split_once('/').ok_or(None)?;
    let count = count.trim_end().parse::<u32>().map_err(|_| None)?;
    let per = per.trim_start();
    let whole =
        if per.starts_with(|c: char| c.is_ascii_digit()) { per.to_owned() } else { format!("1{per}") };
    let per = some_time(&whole).map_err(|_| None)?;
    if count == 0 {
        return Err(Some("it must be at least 1".to_owned()));
    }
    Ok(Rate { count, per })
}

/// A network, or a single address.
pub(crate) fn network(text: &str) -> Parsed<IpNet> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address));
    }
    text.parse::<IpNet>().map(|net| net.trunc()).map_err(|_| None)
}

/// Where to listen; port 0 takes any free one.
pub(crate) fn listen(text: &str) -> Parsed<SocketAddr> {
    text.parse().map_err(|_| {
        let port = text.rsplit(':').next().filter(|port| port.parse::<u16>().is_ok())?;
        let host = text.strip_suffix(port)?.trim_end_matches(':');
        match host {
            "localhost" => Some(format!("names are not looked up: write `127.0.0.1:{port}`")),
            "" | "*" => {
                Some(format!("write `127.0.0.1:{port}`, or `0.0.0.0:{port}` to be reachable from outside"))
            }
            _ if host.parse::<std::net::Ipv6Addr>().is_ok() => Some(format!("write `[{host}]:{port}`")),
            _ => None,
        }
    })
}

fn leading_number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    Some((digits.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_in_every_unit_and_in_a_row() {
        for (text, millis) in [
            ("250ms", 250),
            ("15s", 15_000),
            ("5m", 300_000),
            ("2h", 7_200_000),
            ("1h30m", 5_400_000),
            ("0s", 0),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(duration("7d"), Ok(Duration::from_secs(604_800)));
        for text in ["", "s", "5 m", "1.5h", "-5s", "5x", "5s5", "99999999999999999999s", "4000d", "९s"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert_eq!(duration("15"), Err(Some("a unit is missing: write `15s` for seconds".to_owned())));
    }

    #[test]
    fn sizes_are_read_in_decimal_and_binary_units() {
        for (text, bytes) in
            [("2MiB", 2 << 20), ("512KiB", 512 << 10), ("1MB", 1_000_000), ("77", 77), ("1 GiB", 1 << 30)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "MiB", "0", "2GiB", "1.5MB", "2mib", "99999999999999999999"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rates_are_a_count_over_a_span() {
        let rate_of = |count, secs| Ok(Rate { count, per: Duration::from_secs(secs) });
        assert_eq!(rate("100/s"), rate_of(100, 1));
        assert_eq!(rate("50/m"), rate_of(50, 60));
        assert_eq!(rate("3/10s"), rate_of(3, 10));
        for text in ["100", "0/s", "/s", "5/", "5/0s", "-1/s", "5/fortnight"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_bare_address_is_a_network_of_one() {
        assert_eq!(network("10.1.2.3").map(|net| net.to_string()), Ok("10.1.2.3/32".to_owned()));
        assert_eq!(network("::1").map(|net| net.to_string()), Ok("::1/128".to_owned()));
        assert_eq!(network("10.1.2.3/8").map(|net| net.to_string()), Ok("10.0.0.0/8".to_owned()));
        assert!(network("10.0.0.0/33").is_err());
    }

    #[test]
    fn a_listen_address_has_a_host_and_a_port() {
        assert!(listen("[::1]:8080").is_ok_and(|address| address.port() == 8080));
        assert!(listen("127.0.0.1:0").is_ok());
        let help = |text: &str| listen(text).unwrap_err().unwrap_or_default();
        assert_eq!(help("localhost:8080"), "names are not looked up: write `127.0.0.1:8080`");
        assert_eq!(help("::1:8080"), "write `[::1]:8080`");
        assert!(help(":8080").starts_with("write `127.0.0.1:8080`"));
        assert!(help("8080").starts_with("write `127.0.0.1:8080`"));
    }
}

//! What is done with the judgement of addresses.

use super::*;

#[test]
fn of_several_addresses_the_allowed_ones_remain() {
    let socket = |text: &str| SocketAddr::new(text.parse().unwrap(), 0);
    let guard = Guard::default();
    let kept = guard.filter("mixed", vec![socket("127.0.0.1"), socket("9.9.9.9")]).unwrap();
    assert_eq!(kept, [socket("9.9.9.9")]);
    let refused = guard.filter("inner", vec![socket("10.0.0.1"), socket("127.0.0.1")]).unwrap_err();
    assert_eq!(refused.to_string(), "the address 10.0.0.1 of inner is private and not in egress.allow");
    assert_eq!(refused.remedy(), "add 10.0.0.1/32 (or its range) to egress.allow if it is meant");
}

#[test]
fn a_url_may_only_be_http_and_its_literal_address_is_judged() {
    let guard = Guard::default();
    let check = |url: &str| guard.check_url(&url.parse().unwrap()).map_err(|error| error.to_string());
    assert!(check("https://example.org/x").is_ok());
    assert!(check("ftp://example.org/x").unwrap_err().contains("neither http nor https"));
    assert!(check("/only/a/path").unwrap_err().contains("neither http nor https"));
    assert!(check("http://127.0.0.1:9/").unwrap_err().contains("loopback"));
    assert!(check("http://[::1]:9/").unwrap_err().contains("loopback"));
    assert!(check("http://[::ffff:169.254.169.254]/").unwrap_err().contains("never"));
}

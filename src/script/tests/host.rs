//! The host functions, as `docs/scripts.md` shows them.

use super::{error, json, value};

#[test]
fn jsonpath_selects_from_views_and_from_values() {
    assert_eq!(value("jsonpath(event.data, \"$.interfaces[?@.mtu > 2000].name\")"), json(r#"["eth1"]"#));
    assert_eq!(value("jsonpath(event, \"$.changes[*].field\")"), json(r#"["status","site.name"]"#));
    assert_eq!(value("jsonpath(#{ a: [1, 2] }, \"$.a[1]\")"), json("[2]"));
    assert_eq!(value("jsonpath(event.data, \"$.nope\")"), json("[]"));
    assert!(error("jsonpath(event, \"$[\")").contains("`$[` is no JSONPath"));
    assert!(error("jsonpath(event, \"$..a..b..c\")").contains("at most 1024 bytes and 2 times `..`"));
}

#[test]
fn regular_expressions_match_replace_and_capture() {
    assert_eq!(value("regex_match(\"leaf-01\", `^leaf-\\d+$`)"), json("true"));
    assert_eq!(value("regex_replace(\"ge-0/0/1\", `(\\d)/(\\d)`, \"$2.$1\")"), json("\"ge-0.0/1\""));
    assert_eq!(
        value("regex_captures(\"fra1-leaf\", `^([a-z]+)(\\d)?(x)?`)"),
        json(r#"["fra1","fra","1",null]"#)
    );
    assert_eq!(value("regex_captures(\"a\", `b`)"), json("[]"));
    assert!(error("regex_match(\"a\", \"(\")").contains("`(` is no regular expression: unclosed group"));
}

#[test]
fn encodings_hashes_and_names() {
    assert_eq!(value("base64_encode(\"hé\")"), json("\"aMOp\""));
    assert_eq!(value("base64_decode(base64(\"hé\"))"), json("\"hé\""));
    assert_eq!(value("hex(\"az\")"), json("\"617a\""));
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(value("sha256(\"abc\")"), json(&format!("\"{abc}\"")));
    let mac = "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8";
    let text = "The quick brown fox jumps over the lazy dog";
    assert_eq!(value(&format!("hmac_sha256(\"key\", \"{text}\")")), json(&format!("\"{mac}\"")));
    assert_eq!(value(&format!("hmac(\"sha256\", \"key\", \"{text}\")")), json(&format!("\"{mac}\"")));
    assert!(error("hmac(\"md5\", \"k\", \"t\")").contains("`md5` is no hash"));
    assert_eq!(value("slugify(\" Zürich  Straße #1! \")"), json("\"zurich-strasse-1\""));
}

#[test]
fn dates_are_read_written_and_moved() {
    assert_eq!(value("now()"), json("\"2025-06-30T22:00:00Z\""));
    assert_eq!(value("parse_date(\"2025-06-30 21:57:20.5+02:00\")"), json("\"2025-06-30T19:57:20.5Z\""));
    assert_eq!(value("parse_date(\"2025-06-30\")"), json("\"2025-06-30T00:00:00Z\""));
    assert_eq!(value("parse_date(1740656629)"), json("\"2025-02-27T11:43:49Z\""));
    assert_eq!(value("format_date(event.occurred_at, \"%d.%m.%Y %H:%M\")"), json("\"30.06.2025 21:57\""));
    assert_eq!(value("add_seconds(\"2025-06-30T23:59:59Z\", 2)"), json("\"2025-07-01T00:00:01Z\""));
    assert_eq!(value("unix_seconds(\"1970-01-01T00:01:00Z\")"), json("60"));
    assert_eq!(value("seconds_between(event.occurred_at, now())"), json("160"));
    assert!(error("parse_date(\"soon\")").contains("`soon` is no date"));
    assert!(error("format_date(now(), \"%Q%!\")").contains("format_date:"));
    assert!(error("add_seconds(now(), 9223372036854775807)").contains("beyond the calendar"));
}

#[test]
fn addresses_and_networks() {
    assert_eq!(value("cidr_contains(\"10.0.0.0/8\", \"10.1.2.3/24\")"), json("true"));
    assert_eq!(value("cidr_contains(\"10.0.0.0/24\", \"10.0.0.0/8\")"), json("false"));
    assert_eq!(value("[ip_version(\"10.0.0.1\"), ip_version(\"2001:db8::/32\")]"), json("[4,6]"));
    assert_eq!(value("cidr_network(\"10.0.0.5/24\")"), json("\"10.0.0.0/24\""));
    assert_eq!(value("cidr_prefix_len(\"10.0.0.5/24\")"), json("24"));
    assert_eq!(value("ip_address(\"10.0.0.1/24\")"), json("\"10.0.0.1\""));
    assert_eq!(value("ip(\"10.0.0.1/30\").netmask"), json("\"255.255.255.252\""));
    assert_eq!(
        value("[is_ip(\"10.0.0.1\"), is_ip(\"10.0.0.1/24\"), is_cidr(\"10.0.0.1/24\")]"),
        json("[true,false,true]")
    );
    assert!(error("ip(\"300.0.0.1\")").contains("`300.0.0.1` is no address or network"));
}

#[test]
fn changes_are_found_by_field_or_by_what_nests_below() {
    assert_eq!(value("[changed(event, \"status\"), changed(event, \"serial\")]"), json("[true,false]"));
    assert_eq!(value("change(event, \"status\").from"), json("\"active\""));
    assert_eq!(value("change(event, \"site\").field"), json("\"site.name\""));
    assert_eq!(value("change(event, \"serial\")"), json("null"));
}

#[test]
fn a_script_logs_but_reaches_neither_clock_nor_environment() {
    assert_eq!(value("{ log(\"a\"); print(event.data); debug(#{}); 1 }"), json("1"));
    for name in ["env", "timestamp", "read_file", "random"] {
        let error = error(&format!("{name}()"));
        assert!(error.contains(&format!("there is no function `{name}`")), "{error}");
    }
    assert!(error("sleep(1)").contains("a script cannot wait"));
}

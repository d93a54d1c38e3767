use super::*;
use crate::signature::{Hash, Signer, diagnose};

const NOW: i64 = 1_700_000_000;

/// Signs one text as `scheme` would, sends another, and asks the doctor.
fn told(scheme: Scheme, signing: &str, signed: &str, sent: &str, configured: &str) -> String {
    let pairs = Signer { scheme, secrets: vec![Secret::new(signing)] }.sign("m", NOW, signed.as_bytes());
    let headers = headers(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let secrets =
        [("other".to_owned(), Secret::new("something else")), ("old".to_owned(), Secret::new(configured))];
    diagnose(&headers, sent.as_bytes(), &secrets, at(NOW)).to_string()
}

#[test]
fn a_right_signature_needs_no_change() {
    assert_eq!(
        told(Scheme::Netbox, "k", "{}", "{}", "k"),
        "the signature in x-hook-signature is right for HMAC-SHA512 over the body with the secret \"old\"; \
         nothing to change: the scheme netbox accepts it"
    );
}

#[test]
fn variants_of_releases_are_named() {
    assert_eq!(
        told(Scheme::Infrahub, "k", r#"{"a":"\u00fc"}"#, r#"{"a":"ü"}"#, "k"),
        "the signature in webhook-signature is right for HMAC-SHA256 over the compact ASCII-escaped JSON \
         as {id}.{timestamp}.{body} with the secret \"old\"; use the scheme infrahub; set variants: true"
    );
    assert!(told(Scheme::Infrahub, "k", "{'a': 1}", r#"{"a":1}"#, "k").contains("Python's str()"));
    assert!(told(Scheme::Infrahub, "k", "{}", "", "k").contains("set variants: true"));
}

#[test]
fn other_keys_texts_and_schemes_are_named() {
    let bare = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let marked = format!("whsec_{bare}");
    for (scheme, signing, signed, sent, configured, expected) in [
        (Scheme::StandardWebhooks, marked.as_str(), "x", "x", bare, "write the secret as whsec_"),
        (Scheme::StandardWebhooks, &marked, "x", "x", &marked, "the scheme standard-webhooks accepts it"),
        (Scheme::Infrahub, &marked, "x", "x", &marked, "the scheme infrahub accepts it"),
        (Scheme::Infrahub, bare, "x", "x", &marked, "take whsec_ off"),
        (Scheme::Netbox, "k", "x", "x", "k\n", "take the white space"),
        (Scheme::Netbox, "k\n", "x", "x", "k", "out of the sender's secret"),
        (Scheme::Netbox, "", "x", "x", "k", "an empty one proves nothing"),
        (Scheme::Netbox, "k", "{}\n", "{}", "k", "took the line end off"),
        (Scheme::Netbox, "k", "{}", "{}\n", "k", "added a line end"),
        (Scheme::Netbox, "k", r#"{"a": "ü"}"#, "{\n \"a\":\"ü\"}", "k", "rewrote the JSON"),
        (Scheme::Netbox, "k", r#"{"a": 1}"#, "{\n \"a\":1}", "k", "rewrote the JSON"),
        (Scheme::Github, "k", "x", "x", "k", "the scheme github accepts it"),
        (Scheme::Github, "k", "x", "y", "k", "the sender has another secret, or the body was changed"),
    ] {
        let told = told(scheme, signing, signed, sent, configured);
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn an_unknown_scheme_is_described_for_the_config() {
    let tag = Hash::Sha1.hmac(b"k", ["9", ".", "x"].iter().map(|piece| piece.as_bytes()));
    let value = format!("t=9,v1={}", hex::encode(tag));
    let headers = headers([("x-lab", value.as_str()), ("webhook-timestamp", "9")]);
    let diagnosis = diagnose(&headers, b"x", &[("lab".to_owned(), Secret::new("k"))], at(9));
    let expected = r#"custom { hash: sha1, encoding: hex, header: x-lab, prefix: "t=9,v1=", over: "{timestamp}.{body}" }"#;
    assert!(diagnosis.is_explained() && diagnosis.to_string().contains(expected), "{diagnosis}");
}

#[test]
fn header_and_timestamp_troubles_are_told() {
    for (timestamp, expected) in [
        ("1700000000000", "in milliseconds"),
        ("1699999000", "1000 s behind the clock here"),
        ("1700000301", "301 s ahead of the clock here"),
        ("x", "no plain number of Unix seconds"),
    ] {
        let headers = headers([
            ("webhook-id", "m"),
            ("webhook-timestamp", timestamp),
            ("webhook-signature", "v1,AA=="),
        ]);
        let told = diagnose(&headers, b"{}", &[], at(NOW)).to_string();
        assert!(told.contains(expected), "{told}");
        assert!(told.contains("no header holds anything that looks like a signature"), "{told}");
    }
}

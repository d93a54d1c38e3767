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
fn the_older_signature_of_github_is_only_mentioned_where_it_stands_alone() {
    let signed = Signer { scheme: Scheme::Github, secrets: vec![Secret::new("k")] }.sign("m", NOW, b"x");
    let secrets = [("k".to_owned(), Secret::new("k"))];
    let told = |pairs: &[(String, String)]| {
        let headers = headers(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        diagnose(&headers, b"x", &secrets, at(NOW))
    };
    let [finding] = &told(&signed).findings[..] else { panic!("{:?}", told(&signed)) };
    assert_eq!((finding.header.as_str(), finding.scheme), ("x-hub-signature-256", Some("github")));
    let older: Vec<_> = signed.into_iter().filter(|(name, _)| name != "X-Hub-Signature-256").collect();
    let [finding] = &told(&older).findings[..] else { panic!("{:?}", told(&older)) };
    assert!(finding.remedy.contains("custom { hash: sha1") && finding.scheme.is_none(), "{finding}");
}

#[test]
fn a_token_that_is_the_secret_itself_is_explained() {
    let told = |token: &str, secret: &str| {
        let headers = headers([("X-Gitlab-Token", token)]);
        diagnose(&headers, b"x", &[("lab".to_owned(), Secret::new(secret))], at(NOW)).to_string()
    };
    assert_eq!(
        told("hush", "hush"),
        "the token in x-gitlab-token is the secret \"lab\"; nothing to change: the scheme gitlab accepts it"
    );
    assert!(told("hush", "hush\n").contains("take the white space"), "{}", told("hush", "hush\n"));
    // A token may look like a signature.
    let digest = "ab".repeat(32);
    assert_eq!(
        told(&digest, "hush"),
        "the token in x-gitlab-token is none of the 1 secrets: the sender has another one"
    );
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

use proptest::prelude::*;

use super::*;
use crate::signature::{Custom, Encoding, Hash, Signer};

const NOW: i64 = 1_700_000_000;

fn custom(hash: Hash, encoding: Encoding, prefix: &str, over: &str) -> Scheme {
    let (header, prefix, over) = ("X-Signature".to_owned(), prefix.to_owned(), over.to_owned());
    Scheme::Custom(Custom { hash, encoding, header, prefix, over })
}

fn any_scheme() -> impl Strategy<Value = Scheme> {
    prop_oneof![
        Just(Scheme::StandardWebhooks),
        Just(Scheme::Infrahub),
        Just(Scheme::Netbox),
        Just(Scheme::Github),
        (0..4_usize, any::<bool>(), 0..4_usize, 0..4_usize).prop_map(|(hash, hex, prefix, over)| {
            let encoding = if hex { Encoding::Hex } else { Encoding::Base64 };
            let prefix = ["", "sha=", "v9,", "HMAC "][prefix];
            let over = ["{body}", "{id}.{timestamp}.{body}", "v0:{timestamp}:{body}", "{body}{x}{id}"][over];
            custom(Hash::ALL[hash], encoding, prefix, over)
        }),
    ]
}

fn signed(scheme: &Scheme, secrets: &[&str], body: &[u8]) -> HeaderMap {
    let secrets = secrets.iter().map(|&text| Secret::new(text)).collect();
    let pairs = Signer { scheme: scheme.clone(), secrets }.sign("dlv_1", NOW, body);
    headers(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

proptest! {
    #[test]
    fn what_is_signed_is_proved(scheme in any_scheme(), secret in "\\PC{1,40}", body: Vec<u8>) {
        let headers = signed(&scheme, &[&secret, "older"], &body);
        let verdict = verifier(scheme.clone(), &["older?", &secret]).verify(&headers, &body, at(NOW));
        prop_assert_eq!(verdict, raw(scheme.name(), 1));
    }

    #[test]
    fn one_changed_byte_is_refused(scheme in any_scheme(), body: Vec<u8>, place: prop::sample::Index, bit in 0..8) {
        let good = signed(&scheme, &["secret"], &body);
        let verifier = verifier(scheme.clone(), &["secret"]);
        if !body.is_empty() {
            let mut changed = body.clone();
            changed[place.index(body.len())] ^= 1_u8 << bit;
            prop_assert!(verifier.verify(&good, &changed, at(NOW)).is_err());
        }
        let mut longer = body.clone();
        longer.push(b' ');
        prop_assert!(verifier.verify(&good, &longer, at(NOW)).is_err());

        let header = scheme.signature_header().unwrap().to_ascii_lowercase();
        let mut value = good[header.as_str()].as_bytes().to_vec();
        let at_byte = place.index(value.len());
        value[at_byte] = if value[at_byte] == b'0' { b'1' } else { b'0' };
        let mut changed = good.clone();
        changed.insert(HeaderName::from_bytes(header.as_bytes()).unwrap(), HeaderValue::from_bytes(&value).unwrap());
        prop_assert!(verifier.verify(&changed, &body, at(NOW)).is_err());
    }

    #[test]
    fn no_headers_make_it_panic(scheme in any_scheme(), values: [Vec<u8>; 3], body: Vec<u8>) {
        let mut headers = HeaderMap::new();
        let names = ["webhook-id", "webhook-timestamp", scheme.signature_header().unwrap()];
        for (name, value) in names.iter().zip(&values) {
            if let Ok(value) = HeaderValue::from_bytes(value) {
                headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
            }
        }
        let mut verifier = verifier(scheme, &["secret"]);
        verifier.variants = crate::signature::Variant::ALL.to_vec();
        prop_assert!(verifier.verify(&headers, &body, at(NOW)).is_err());
    }
}

fn refusal(changes: &[(&'static str, &str)], now: i64) -> Option<&'static str> {
    let mut headers = signed(&Scheme::Infrahub, &["secret"], b"[]");
    for (name, value) in changes {
        headers.remove(*name);
        for part in value.split('|').filter(|part| !part.is_empty()) {
            headers.append(*name, HeaderValue::from_str(part).unwrap());
        }
    }
    verifier(Scheme::Infrahub, &["secret"]).verify(&headers, b"[]", at(now)).err().map(|error| error.code())
}

#[test]
fn doubled_missing_and_odd_headers_are_refused() {
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        assert_eq!(refusal(&[(name, "")], NOW), Some("missing_header"));
        assert_eq!(refusal(&[(name, " ")], NOW), Some("malformed"));
        assert_eq!(refusal(&[(name, "a|b")], NOW), Some("doubled_header"));
    }
    for odd in ["+1700000000", "-1", "1700000000.0", "01700000000", "17e8", "9999999999999", "0x1", "1 7"] {
        assert_eq!(refusal(&[("webhook-timestamp", odd)], NOW), Some("malformed"), "{odd}");
    }
    assert_eq!(refusal(&[("webhook-timestamp", " 1700000000\t")], NOW), None);
    assert_eq!(refusal(&[("webhook-id", "a b")], NOW), Some("malformed"));
    assert_eq!(refusal(&[("webhook-id", &"x".repeat(255))], NOW), Some("mismatch"));
    assert_eq!(refusal(&[("webhook-id", &"x".repeat(256))], NOW), Some("malformed"));
}

#[test]
fn the_tolerance_is_inclusive_on_both_sides() {
    assert_eq!(refusal(&[], NOW + 300), None);
    assert_eq!(refusal(&[], NOW - 300), None);
    assert_eq!(refusal(&[], NOW + 301), Some("stale"));
    assert_eq!(refusal(&[], NOW - 301), Some("stale"));
    let mut any_age = verifier(Scheme::Infrahub, &["secret"]);
    any_age.tolerance = None;
    assert!(any_age.verify(&signed(&Scheme::Infrahub, &["secret"], b"[]"), b"[]", at(NOW * 2)).is_ok());
}

#[test]
fn one_header_may_carry_some_signatures_but_not_any_number() {
    let right =
        signed(&Scheme::Infrahub, &["secret"], b"[]")["webhook-signature"].to_str().unwrap().to_owned();
    let list = |wrong: usize| format!("{}{right}", "v1,AAAA v2,zz v1a,x bad ".repeat(wrong));
    assert_eq!(refusal(&[("webhook-signature", &list(7))], NOW), None);
    assert_eq!(refusal(&[("webhook-signature", &list(8))], NOW), Some("malformed"));
    let code = right.strip_prefix("v1,").unwrap();
    for other in [code.to_owned(), format!("v2,{code}"), format!("v1a,{code}"), format!("v1={code}")] {
        assert_eq!(refusal(&[("webhook-signature", &other)], NOW), Some("malformed"), "{other}");
    }
}

#[test]
fn a_custom_header_may_carry_a_list() {
    let scheme = custom(Hash::Sha1, Encoding::Hex, "sha1=", "{body}");
    let right = signed(&scheme, &["secret"], b"x")["x-signature"].to_str().unwrap().to_owned();
    for value in [format!("sha1=00,{right}"), format!("{right}, md5=1"), format!("a {right}")] {
        let headers = headers([("X-Signature", value.as_str())]);
        assert!(verifier(scheme.clone(), &["secret"]).verify(&headers, b"x", at(0)).is_ok(), "{value}");
    }
}

#[test]
fn a_bare_base64_secret_is_tried_both_as_text_and_decoded() {
    let bare = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let scheme = Scheme::StandardWebhooks;
    let marked = format!("whsec_{bare}");
    for signing in [bare, &marked] {
        let headers = signed(&scheme, &[signing], b"{}");
        assert!(verifier(scheme.clone(), &[bare]).verify(&headers, b"{}", at(NOW)).is_ok());
    }
    let by_text = signed(&scheme, &[bare], b"{}");
    assert!(verifier(scheme.clone(), &[&marked]).verify(&by_text, b"{}", at(NOW)).is_err());
    let decoded = signed(&scheme, &[&marked], b"{}");
    assert!(verifier(Scheme::Infrahub, &[bare]).verify(&decoded, b"{}", at(NOW)).is_err());
    assert!(scheme.secret_problem(&Secret::new("whsec_%")).is_some());
    assert!(scheme.secret_problem(&Secret::new(marked)).is_none());
}

#[test]
fn github_gets_both_of_its_signatures_and_gives_only_the_newer_for_proof() {
    let mut both = signed(&Scheme::Github, &["It's a Secret to Everybody"], b"Hello, World!");
    // The first is the example of GitHub's own documentation.
    assert_eq!(
        both["x-hub-signature-256"],
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    );
    let older = Hash::Sha1.hmac(b"It's a Secret to Everybody", [b"Hello, World!".as_slice()].into_iter());
    assert_eq!(both["x-hub-signature"], format!("sha1={}", hex::encode(older)));
    let verifier = verifier(Scheme::Github, &["It's a Secret to Everybody"]);
    assert!(verifier.verify(&both, b"Hello, World!", at(NOW)).is_ok());
    both.remove("x-hub-signature-256");
    assert_eq!(
        verifier.verify(&both, b"Hello, World!", at(NOW)),
        Err(Refusal::MissingHeader("x-hub-signature-256".to_owned()))
    );
}

#[test]
fn gitlab_sends_the_first_secret_itself_and_any_of_them_is_accepted() {
    let sent = Signer { scheme: Scheme::Gitlab, secrets: vec![Secret::new("tök en"), Secret::new("old")] }
        .sign("dlv_1", NOW, b"{}");
    assert_eq!(sent[2], ("X-Gitlab-Token".to_owned(), "tök en".to_owned()));
    assert_eq!((sent.len(), Scheme::Gitlab.signature_header()), (3, Some("X-Gitlab-Token")));
    let verify = |secrets: &[&str], tokens: &[&str]| {
        let headers = headers(tokens.iter().map(|token| ("x-gitlab-token", *token)));
        verifier(Scheme::Gitlab, secrets).verify(&headers, b"whatever", at(0)).map(|proof| proof.secret)
    };
    assert_eq!(verify(&["new", "tök en"], &["tök en"]), Ok(Some(1)));
    for (secrets, tokens, code) in [
        (&["new"][..], &["old"][..], "mismatch"),
        (&["new"], &["new-and-more"], "mismatch"),
        (&["new"], &["New"], "mismatch"),
        (&["", "new"], &[""], "malformed"),
        (&[], &["new"], "mismatch"),
        (&["new"], &["new", "new"], "doubled_header"),
        (&["new"], &[], "missing_header"),
    ] {
        assert_eq!(verify(secrets, tokens).map_err(|refusal| refusal.code()), Err(code), "{tokens:?}");
    }
    for wrong in ["a\nb", "a\n", " a", ""] {
        assert!(Scheme::Gitlab.secret_problem(&Secret::new(wrong)).is_some(), "{wrong:?}");
    }
    assert!(Scheme::Gitlab.secret_problem(&Secret::new("whsec_%")).is_none());
}

#[test]
fn nothing_is_accepted_without_a_secret_or_a_scheme() {
    let by_nothing = signed(&Scheme::Netbox, &[""], b"{}");
    assert!(verifier(Scheme::Netbox, &[""]).verify(&by_nothing, b"{}", at(NOW)).is_err());
    assert!(verifier(Scheme::Netbox, &[]).verify(&by_nothing, b"{}", at(NOW)).is_err());
    assert!(verifier(Scheme::None, &["secret"]).verify(&by_nothing, b"{}", at(NOW)).is_err());
    let unsigned = Signer { scheme: Scheme::None, secrets: Vec::new() }.sign("dlv_1", NOW, b"{}");
    assert_eq!(unsigned.len(), 2);
}

#[test]
fn names_lead_back_to_schemes() {
    for name in
        ["standard-webhooks", "standard-webhooks-ed25519", "netbox", "infrahub", "github", "gitlab", "none"]
    {
        assert_eq!(Scheme::parse(name).map(|scheme| scheme.name()), Some(name));
    }
    assert_eq!(Scheme::parse("custom"), None);
    let Scheme::Custom(wrong) = custom(Hash::Sha1, Encoding::Hex, "é", "{id}") else { return };
    assert_eq!(Custom { header: "a b".to_owned(), ..wrong }.problems().len(), 3);
}

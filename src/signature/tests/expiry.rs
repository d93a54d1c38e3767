//! Secrets that end: before, at and after their instant, on both sides.

use super::*;
use crate::signature::{KeyPair, Signer, diagnose};

const END: i64 = 1_700_000_000;

fn ending(text: &str) -> Secret {
    Secret::new(text).until(at(END))
}

fn signed(scheme: &Scheme, secrets: Vec<Secret>, now: i64) -> HeaderMap {
    let pairs = Signer { scheme: scheme.clone(), secrets }.sign("dlv_1", now, b"{}");
    headers(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

/// Every scheme, and a pair of secrets for it.
fn schemes() -> Vec<(Scheme, [String; 2])> {
    let pair = |seed| KeyPair::from_seed([seed; 32]).secret.expose().to_owned();
    let texts = || ["new".to_owned(), "old".to_owned()];
    vec![
        (Scheme::StandardWebhooks, texts()),
        (Scheme::StandardWebhooksEd25519, [pair(1), pair(2)]),
        (Scheme::Infrahub, texts()),
        (Scheme::Netbox, texts()),
        (Scheme::Github, texts()),
        (Scheme::Gitlab, texts()),
    ]
}

#[test]
fn from_its_instant_on_a_secret_proves_nothing_and_the_cause_says_why() {
    for (scheme, [new, old]) in schemes() {
        let verify = |by: &str, now: i64| {
            let headers = signed(&scheme, vec![Secret::new(by)], now);
            let secrets = vec![Secret::new(new.as_str()), ending(&old)];
            let verifier = Verifier { secrets, ..verifier(scheme.clone(), &[]) };
            verifier.verify(&headers, b"{}", at(now)).map(|proof| proof.secret)
        };
        assert_eq!(verify(&old, END - 1), Ok(Some(1)), "{scheme:?}");
        for late in [END, END + 1] {
            let refusal = verify(&old, late).unwrap_err();
            assert_eq!((refusal.code(), &refusal), ("expired", &Refusal::Expired { until: at(END) }));
            assert_eq!(
                refusal.to_string(),
                "the signature is right for a secret that expired at 2023-11-14T22:13:20Z"
            );
            assert_eq!(verify(&new, late), Ok(Some(0)));
        }
        let other = if scheme == Scheme::StandardWebhooksEd25519 { &schemes()[1].1[1] } else { "other" };
        if other != old {
            assert_eq!(verify(other, END), Err(Refusal::Mismatch));
        }
    }
}

#[test]
fn a_signature_by_both_is_right_by_the_one_that_holds() {
    let secrets = || vec![Secret::new("new"), Secret::new("old")];
    let headers = signed(&Scheme::StandardWebhooks, secrets(), END);
    let verifier = Verifier {
        secrets: vec![ending("old"), Secret::new("new")],
        ..verifier(Scheme::StandardWebhooks, &[])
    };
    assert_eq!(verifier.verify(&headers, b"{}", at(END)), raw("standard-webhooks", 1));
}

#[test]
fn a_text_that_a_release_signed_is_judged_by_the_end_of_its_secret_too() {
    let headers = {
        let pairs = Signer { scheme: Scheme::Infrahub, secrets: vec![Secret::new("old")] }.sign(
            "m",
            END,
            br#"{"a":"\u00fc"}"#,
        );
        headers(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    };
    let verify = |now| {
        let variants = crate::signature::Variant::ALL.to_vec();
        let verifier = Verifier { secrets: vec![ending("old")], variants, ..verifier(Scheme::Infrahub, &[]) };
        verifier.verify(&headers, r#"{"a":"ü"}"#.as_bytes(), at(now)).map(|proof| proof.variant)
    };
    assert_eq!(verify(END - 1), Ok(Some("python_json_compact".to_owned())));
    assert_eq!(verify(END), Err(Refusal::Expired { until: at(END) }));
}

#[test]
fn from_its_instant_on_a_secret_signs_nothing() {
    for (scheme, [new, old]) in schemes() {
        let header = scheme.signature_header().unwrap().to_ascii_lowercase();
        let value = |secrets: Vec<Secret>, now| {
            let value = signed(&scheme, secrets, now).remove(header.as_str());
            value.map(|value| value.to_str().unwrap().to_owned())
        };
        let both = || vec![ending(&old), Secret::new(new.as_str())];
        // Timestamps are signed too, so each is compared at its own.
        let many = scheme.name().starts_with("standard");
        let before = value(both(), END - 1).unwrap();
        assert_eq!(before.split(' ').count(), if many { 2 } else { 1 }, "{before}");
        assert!(before.starts_with(&value(vec![Secret::new(old.as_str())], END - 1).unwrap()));
        assert_eq!(value(both(), END), value(vec![Secret::new(new.as_str())], END));
        assert_eq!(value(vec![ending(&old)], END), None);
        let signer = Signer { scheme: scheme.clone(), secrets: vec![ending(&old)] };
        assert_eq!((signer.expired_at(END - 1), signer.expired_at(END)), (None, Some(at(END))));
    }
}

#[test]
fn the_doctor_says_when_an_expired_secret_would_have_matched() {
    for (scheme, [new, old]) in schemes() {
        let headers = signed(&scheme, vec![Secret::new(old.as_str())], END);
        let told = |old: Secret| {
            let secrets = [("old".to_owned(), old), ("new".to_owned(), Secret::new(new.as_str()))];
            diagnose(&headers, b"{}", &secrets, at(END))
        };
        let diagnosis = told(ending(&old));
        assert_eq!(diagnosis.findings[0].expired_at, Some(at(END)), "{diagnosis}");
        let text = diagnosis.to_string();
        assert!(text.contains("it expired at 2023-11-14T22:13:20Z: give the sender the newer one"), "{text}");
        assert!(!text.contains("nothing to change"), "{text}");
        assert!(told(Secret::new(old.as_str())).to_string().contains("nothing to change"));
        // The same secret once more, without an end.
        let both = [("old".to_owned(), ending(&old)), ("same".to_owned(), Secret::new(old.as_str()))];
        let diagnosis = diagnose(&headers, b"{}", &both, at(END));
        assert_eq!(diagnosis.findings[0].secret, "same", "{diagnosis}");
    }
}

use super::*;
use crate::signature::{EMPTY_AS_BRACES, Signer, Variant};

const ID: &str = "msg_217b4ebcb84f4736b1ee222182aed371";
const SECONDS: i64 = 1_740_656_629;

fn infrahub(secret: &str, signature: &str, body: &str) -> Option<String> {
    let mut verifier = verifier(Scheme::Infrahub, &[secret]);
    verifier.variants = Variant::ALL.to_vec();
    let headers =
        headers([("webhook-id", ID), ("webhook-timestamp", "1740656629"), ("webhook-signature", signature)]);
    verifier.verify(&headers, body.as_bytes(), at(SECONDS)).ok()?.variant
}

#[test]
fn netbox_signs_the_raw_body_with_sha512() {
    let body = br#"{"event":"created"}"#;
    let hex = "9991f540238f51a6b3e398b2c407d68e43f19b32b71457a4726343927db78ce2\
               bce3e498410b6446d4525e0d92c6d93d6c42a08d887bea11ed8117fe2006534d";
    let signer = Signer { scheme: Scheme::Netbox, secrets: vec![Secret::new("secret")] };
    let signed = signer.sign("evt_1", 7, body);
    assert_eq!(signed[2], ("X-Hook-Signature".to_owned(), hex.to_owned()));
    assert_eq!(signed[0], ("webhook-id".to_owned(), "evt_1".to_owned()));
    assert_eq!(signed[1], ("webhook-timestamp".to_owned(), "7".to_owned()));
    for written in [hex.to_owned(), hex.to_uppercase(), format!("  {hex}\t")] {
        let headers = headers([("x-hook-signature", written.as_str())]);
        assert_eq!(verifier(Scheme::Netbox, &["secret"]).verify(&headers, body, at(0)), raw("netbox", 0));
    }
}

#[test]
fn github_signs_the_raw_body_with_sha256() {
    let body = b"Hello, World!";
    let signer = Signer { scheme: Scheme::Github, secrets: vec![Secret::new("It's a Secret to Everybody")] };
    let expected = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    assert_eq!(signer.sign("a", 1, body)[2], ("X-Hub-Signature-256".to_owned(), expected.to_owned()));
}

#[test]
fn infrahub_signs_with_the_text_of_its_key() {
    let signer = Signer { scheme: Scheme::Infrahub, secrets: vec![Secret::new("test")] };
    let expected = "v1,BQN9AgPA4evuGDChi9VKxNKRwediIXsAQz8hVHMfKNg=";
    assert_eq!(signer.sign(ID, SECONDS, b"{}")[2], ("webhook-signature".to_owned(), expected.to_owned()));
    assert_eq!(infrahub("test", expected, "{}").as_deref(), Some("raw"));
    assert_eq!(infrahub("test", expected, "").as_deref(), Some(EMPTY_AS_BRACES));
    assert_eq!(infrahub("test", expected, " "), None);
}

#[test]
fn infrahub_releases_signed_three_texts_of_one_body() {
    let body = r#"{"data":{"name":"Zürich"}}"#;
    for (signature, variant) in [
        ("v1,AaMEQSB21eY+7JqdnXwbjv3k8x2yXmYNqZRDTqU2gI4=", "raw"),
        ("v1,CkqaenfGGq83UXFsGb5RBsUYYcsEWtcCMAErNGu506c=", "python_json_compact"),
        ("v1,V8d+1EfdNfTx/jIbtuzVfxeDPp67ObekgBu0DjLD00I=", "python_json"),
    ] {
        assert_eq!(infrahub("k", signature, body).as_deref(), Some(variant));
        assert_eq!(infrahub("K", signature, body), None);
    }
}

#[test]
fn the_standard_webhooks_vectors_hold() {
    let text = include_str!("../../../tests/fixtures/standard-webhooks-vectors.json");
    let file: serde_json::Value = serde_json::from_str(text).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    assert!(vectors.len() > 60);
    for vector in vectors {
        let text = |name: &str| vector[name].as_str().unwrap();
        let scheme = match text("scheme") {
            "v1a" => Scheme::StandardWebhooksEd25519,
            _ => Scheme::StandardWebhooks,
        };
        let expected = vector["valid"] == true;
        let given = [
            ("webhook-id", text("id")),
            ("webhook-timestamp", text("timestamp")),
            ("webhook-signature", text("signature")),
        ];
        let headers = headers(given.into_iter().filter(|(_, value)| !value.is_empty()));
        let verifier = verifier(scheme, &[text("secret")]);
        let now = at(text("now").parse().unwrap_or(1_614_265_330));
        let verdict = verifier.verify(&headers, text("payload").as_bytes(), now);
        assert_eq!(verdict.is_ok(), expected, "{vector} {verdict:?}");
    }
}

#[test]
fn an_independent_library_accepts_what_is_signed() {
    let secrets = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"];
    let signer = Signer {
        scheme: Scheme::StandardWebhooks,
        secrets: secrets.iter().map(|&text| Secret::new(text)).collect(),
    };
    let body = "{\"name\":\"Zürich\"}".as_bytes();
    let signed = signer.sign("msg_1", SECONDS, body);
    assert_eq!(signed[2].1.split(' ').count(), 2);
    for secret in secrets {
        let library = standardwebhooks::Webhook::new(secret).unwrap();
        let expected = library.sign("msg_1", SECONDS, body).unwrap();
        assert!(signed[2].1.split(' ').any(|entry| entry == expected));
    }
    let first = standardwebhooks::Webhook::new(secrets[0]).unwrap().sign("msg_1", SECONDS, body).unwrap();
    assert!(signed[2].1.starts_with(&first), "newest first");
}

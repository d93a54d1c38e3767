//! Ed25519: the primitive, the headers, and the words about keys.

use proptest::prelude::*;

use super::*;
use crate::signature::{KeyPair, Signer, diagnose, ed25519};

const NOW: i64 = 1_674_087_231;
const SCHEME: Scheme = Scheme::StandardWebhooksEd25519;
/// The first pair of RFC 8032.
const SECRET: &str = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
const PUBLIC: &str = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

fn signed(secrets: &[&str], body: &[u8]) -> HeaderMap {
    let secrets = secrets.iter().map(|&text| Secret::new(text)).collect();
    let pairs = Signer { scheme: SCHEME, secrets }.sign("msg_2KWPBgLlAfxdpx2AI54pPJ85f4W", NOW, body);
    headers(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

fn pair(seed: u8) -> (String, String) {
    let KeyPair { secret, public } = KeyPair::from_seed([seed; 32]);
    (secret.expose().to_owned(), public)
}

#[test]
fn the_vectors_of_rfc_8032_hold() {
    for (seed, public, message, signature) in [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ] {
        let pair = KeyPair::from_seed(hex::decode(seed).unwrap().try_into().unwrap());
        let key = ed25519::signing_key(pair.secret.expose()).unwrap();
        let message = hex::decode(message).unwrap();
        assert_eq!(hex::encode(key.verifying_key().as_bytes()), public);
        assert_eq!(hex::encode(ed25519::sign(&key, &message)), signature);
        let public = ed25519::public_key(&pair.public).unwrap();
        assert!(ed25519::is_right(&public, &message, &hex::decode(signature).unwrap()));
    }
}

#[test]
fn id_timestamp_and_body_are_signed_as_openssl_signs_them() {
    let body = "{\"type\":\"lab.thing.updated\",\"name\":\"Zürich\"}";
    let expected =
        "v1a,f5TVpzuQ/S9nIm9CikLPMTT3+yHtCh5ojvmxSLQxM7P8Bv4WcPE74GrPkOQlN6DAgmuFfnDDLB7B1Fona5zjAQ==";
    let headers = signed(&[SECRET], body.as_bytes());
    assert_eq!(headers["webhook-signature"], expected);
    for key in [PUBLIC, SECRET] {
        let verdict = verifier(SCHEME, &[key]).verify(&headers, body.as_bytes(), at(NOW));
        assert_eq!(verdict, raw("standard-webhooks-ed25519", 0));
    }
}

#[test]
fn a_secret_key_may_be_written_with_its_public_half() {
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::STANDARD;
    let bytes = |text: &str| base64.decode(&text[5..]).unwrap();
    let whole = |seed: &str, public: &str| {
        Secret::new(format!("whsk_{}", base64.encode([bytes(seed), bytes(public)].concat())))
    };
    let written = whole(SECRET, PUBLIC);
    assert_eq!(signed(&[written.expose()], b"{}"), signed(&[SECRET], b"{}"));
    let mixed = whole(SECRET, &pair(1).1);
    assert!(SCHEME.signing_problem(&mixed).unwrap().problem.contains("do not belong together"));
}

#[test]
fn while_keys_rotate_both_sign_and_either_is_accepted() {
    let ((new, new_public), (old, old_public)) = (pair(1), pair(2));
    let both = signed(&[&new, &old], b"{}");
    let entries = both["webhook-signature"].to_str().unwrap().split(' ').count();
    assert_eq!(entries, 2);
    let newest = signed(&[&new], b"{}");
    assert!(
        both["webhook-signature"]
            .to_str()
            .unwrap()
            .starts_with(newest["webhook-signature"].to_str().unwrap())
    );
    for (keys, place) in
        [(vec![&*new_public], 0), (vec![&*old_public], 0), (vec![&*pair(3).1, &old_public], 1)]
    {
        let verdict = verifier(SCHEME, &keys).verify(&both, b"{}", at(NOW));
        assert_eq!(verdict, raw("standard-webhooks-ed25519", place));
    }
}

#[test]
fn a_header_may_hold_signatures_of_both_kinds() {
    let asymmetric = signed(&[SECRET], b"{}")["webhook-signature"].to_str().unwrap().to_owned();
    let shared = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let symmetric = Signer { scheme: Scheme::StandardWebhooks, secrets: vec![Secret::new(shared)] };
    let symmetric = symmetric.sign("msg_2KWPBgLlAfxdpx2AI54pPJ85f4W", NOW, b"{}").remove(2).1;
    for value in [format!("{symmetric} {asymmetric}"), format!("v1,AA== {asymmetric} v9,x {symmetric}")] {
        let mut headers = signed(&[SECRET], b"{}");
        headers.insert("webhook-signature", HeaderValue::from_str(&value).unwrap());
        assert!(verifier(SCHEME, &[PUBLIC]).verify(&headers, b"{}", at(NOW)).is_ok(), "{value}");
        assert!(verifier(Scheme::StandardWebhooks, &[shared]).verify(&headers, b"{}", at(NOW)).is_ok());
    }
}

#[test]
fn only_a_few_signatures_are_worked_out_for_anybody_who_asks() {
    let mut headers = signed(&[SECRET], b"{}");
    let right = headers["webhook-signature"].to_str().unwrap().to_owned();
    let wrong = signed(&[SECRET], b"{ }")["webhook-signature"].to_str().unwrap().to_owned();
    let mut verify = |wrongs: usize| {
        let value = format!("{}{right}", format!("{wrong} ").repeat(wrongs));
        headers.insert("webhook-signature", HeaderValue::from_str(&value).unwrap());
        verifier(SCHEME, &[PUBLIC]).verify(&headers, b"{}", at(NOW)).map_err(|refusal| refusal.code())
    };
    assert_eq!(verify(7), raw("standard-webhooks-ed25519", 0).map_err(|_| ""));
    assert_eq!(verify(8), Err("malformed"));
}

#[test]
fn wrong_keys_are_told_with_a_remedy() {
    for (key, signs, proves) in [
        (SECRET, None, None),
        (PUBLIC, Some("cannot sign"), None),
        ("", Some("is empty"), Some("is empty")),
        ("hunter2", Some("neither with `whsk_` nor"), Some("neither with `whsk_` nor")),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", Some("neither"), Some("neither")),
        ("whsk_%", Some("no base64"), Some("no base64")),
        ("whpk_%", Some("cannot sign"), Some("no base64")),
        ("whsk_AAAA", Some("neither 32 nor 64"), Some("neither 32 nor 64")),
        ("whpk_AAAA", Some("cannot sign"), Some("has not 32")),
        // The neutral element, by which every message seems signed.
        ("whpk_AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", Some("cannot sign"), Some("proves anything")),
    ] {
        let secret = Secret::new(key);
        for (found, wanted) in
            [(SCHEME.signing_problem(&secret), signs), (SCHEME.secret_problem(&secret), proves)]
        {
            assert_eq!(found.is_some(), wanted.is_some(), "{key}");
            let told = found.map(|wrong| wrong.to_string()).unwrap_or_default();
            assert!(told.contains(wanted.unwrap_or("")) && (key.len() < 6 || !told.contains(key)), "{told}");
        }
    }
    for key in [SECRET, PUBLIC] {
        let told = Scheme::StandardWebhooks.signing_problem(&Secret::new(key)).unwrap();
        assert!(told.remedy.contains("standard-webhooks-ed25519"));
    }
    // Others share secrets that begin so.
    assert_eq!(Scheme::StandardWebhooks.secret_problem(&Secret::new("whsk_bcUrWCxnFdULeBu")), None);
}

#[test]
fn a_public_key_signs_nothing() {
    assert!(!signed(&[PUBLIC], b"{}").contains_key("webhook-signature"));
}

#[test]
fn the_doctor_knows_asymmetric_signatures() {
    let told = |headers: &HeaderMap, key: &str, body: &[u8]| {
        diagnose(
            headers,
            body,
            &[("other".to_owned(), Secret::new("x")), ("lab".to_owned(), Secret::new(key))],
            at(NOW),
        )
        .to_string()
    };
    let headers = signed(&[SECRET], b"{\"a\": 1}");
    assert_eq!(
        told(&headers, PUBLIC, b"{\"a\": 1}"),
        "the signature in webhook-signature is right for Ed25519 over the body as {id}.{timestamp}.{body} with the \
         secret \"lab\"; nothing to change: the scheme standard-webhooks-ed25519 accepts it"
    );
    let bare = PUBLIC.trim_start_matches("whpk_");
    for (key, body, wanted) in [
        (SECRET, "{\"a\": 1}", "nothing to change"),
        (&format!("{PUBLIC}\n"), "{\"a\": 1}", "take the white space"),
        (bare, "{\"a\": 1}", "write `whpk_` in front"),
        (PUBLIC, "{\"a\":1}", "rewrote the JSON"),
        (PUBLIC, "{\"a\": 2}", "the sender has another secret, or the body was changed"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "{\"a\": 1}", "give the sender's public key"),
    ] {
        let told = told(&headers, key, body.as_bytes());
        assert!(told.contains(wanted) && !told.contains("expected \"v1,\""), "{told}");
    }
    let mut elsewhere = headers.clone();
    let value = elsewhere.remove("webhook-signature").unwrap();
    elsewhere.insert("x-sig", value);
    assert!(told(&elsewhere, PUBLIC, b"{\"a\": 1}").contains("no scheme takes it"));
}

proptest! {
    // Curves are slow without optimisation.
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_is_signed_is_proved_and_any_flipped_bit_is_refused(
        seed: [u8; 32], body: Vec<u8>, place: prop::sample::Index, bit in 0..8,
    ) {
        let KeyPair { secret, public } = KeyPair::from_seed(seed);
        let headers = signed(&[secret.expose()], &body);
        let verifier = verifier(SCHEME, &[&public]);
        prop_assert_eq!(verifier.verify(&headers, &body, at(NOW)), raw("standard-webhooks-ed25519", 0));

        if !body.is_empty() {
            let mut changed = body.clone();
            changed[place.index(body.len())] ^= 1_u8 << bit;
            prop_assert!(verifier.verify(&headers, &changed, at(NOW)).is_err());
        }
        use base64::Engine as _;
        let base64 = base64::engine::general_purpose::STANDARD;
        let mut tag = base64.decode(&headers["webhook-signature"].as_bytes()[4..]).unwrap();
        tag[place.index(64)] ^= 1_u8 << bit;
        let mut changed = headers.clone();
        changed.insert("webhook-signature", HeaderValue::from_str(&format!("v1a,{}", base64.encode(tag))).unwrap());
        prop_assert!(verifier.verify(&changed, &body, at(NOW)).is_err());

        let mut bytes = base64.decode(&public[5..]).unwrap();
        bytes[place.index(32)] ^= 1_u8 << bit;
        let other = super::verifier(SCHEME, &[&format!("whpk_{}", base64.encode(bytes))]);
        prop_assert!(other.verify(&headers, &body, at(NOW)).is_err());
    }
}

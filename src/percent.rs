//! Percent-encoding (RFC 3986, section 2.1). What may stay as it is depends on the place, which
//! the caller knows.

/// The text with every byte that is not `plain` as `%XX`.
pub(crate) fn encode(text: &str, plain: impl Fn(u8) -> bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if plain(byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push(digit(byte >> 4));
            encoded.push(digit(byte & 0xf));
        }
    }
    encoded
}

fn digit(half: u8) -> char {
    char::from_digit(u32::from(half), 16).map_or('0', |digit| digit.to_ascii_uppercase())
}

/// The text that was encoded; `None` if a `%` stands without its two digits, or if it is no UTF-8.
pub(crate) fn decode(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
        let (high, low) = (digit()?, digit()?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

/// What never needs encoding, wherever it stands.
pub(crate) fn unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_plain_is_written_byte_by_byte() {
        assert_eq!(encode("a-._~Z9", unreserved), "a-._~Z9");
        assert_eq!(encode("ü/ %\n\u{0}", unreserved), "%C3%BC%2F%20%25%0A%00");
        assert_eq!(encode("a/b", |byte| unreserved(byte) || byte == b'/'), "a/b");
    }

    #[test]
    fn decoding_takes_back_what_encoding_did_and_refuses_what_is_none() {
        for text in ["a-._~Z9", "ü/ %\n", ""] {
            assert_eq!(decode(&encode(text, unreserved)).as_deref(), Some(text));
        }
        for text in ["%", "%2", "%zz", "%ff", "a%2"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}

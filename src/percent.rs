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
}

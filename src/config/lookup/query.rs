//! What a GraphQL document does, as far as a lookup has to know: whether it only reads.

/// The first operation of a document that does not read: `mutation` or `subscription`.
///
/// Such a word counts where a definition may begin: outside brackets, strings and comments, and not
/// as the name of something.
pub(super) fn writes(document: &str) -> Option<&'static str> {
    let (mut rest, mut depth, mut before) = (document, 0_usize, "");
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            '"' => string(rest),
            '#' => rest.find(['\n', '\r']).unwrap_or(rest.len()),
            _ if is_letter(first) => rest.find(|letter| !is_letter(letter)).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        let (token, after) = rest.split_at_checked(taken).unwrap_or((rest, ""));
        rest = after;
        match first {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => depth = depth.saturating_sub(1),
            _ if depth == 0 && !is_named_by(before) => match token {
                "mutation" => return Some("mutation"),
                "subscription" => return Some("subscription"),
                _ => {}
            },
            _ => {}
        }
        if !(first == '#' || first == ',' || first.is_whitespace()) {
            before = token;
        }
    }
    None
}

/// Whether what follows is a name, whatever word it is.
fn is_named_by(before: &str) -> bool {
    matches!(before, "query" | "fragment" | "on" | "@" | "$")
}

fn is_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

/// How long the string is that a text begins with; an open one ends with its line, an open block
/// with the text.
fn string(text: &str) -> usize {
    let block = text.starts_with("\"\"\"");
    let quotes = if block { "\"\"\"" } else { "\"" };
    let mut at = quotes.len();
    while let Some(rest) = text.get(at..) {
        let escape = if block { "\\\"\"\"" } else { "\\" };
        if rest.starts_with(quotes) {
            return at + quotes.len();
        }
        if !block && rest.starts_with(['\n', '\r']) {
            return at;
        }
        // What an escape is about is no end; of `\x` the letter is stepped over with it.
        let escaped = rest.strip_prefix(escape).map(|after| match block {
            true => escape.len(),
            false => escape.len() + after.chars().next().map_or(0, char::len_utf8),
        });
        match escaped.or_else(|| rest.chars().next().map(char::len_utf8)) {
            Some(step) => at += step,
            None => break,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_that_does_not_read_is_found_wherever_it_begins() {
        for document in [
            "mutation { x }",
            "mutation M($id: ID!) { x(id: $id) }",
            "\u{feff}# harmless\n , mutation{x}",
            "{ x } mutation { y }",
            "query q($a: T = {b: 1}) { x(a: \"}\") } mutation m { y }",
            "fragment f on T { a } mutation { ...f }",
            "query a { x(text: \"\"\"}\\\"\"\" {\"\"\") } mutation b { y }",
            "\"open\nmutation { x }",
            "\"\" mutation { x }",
        ] {
            assert_eq!(writes(document), Some("mutation"), "{document}");
        }
        assert_eq!(writes("query a { x }\nsubscription { y }"), Some("subscription"));
    }

    #[test]
    fn the_same_words_as_names_and_texts_are_none() {
        for document in [
            "",
            "q",
            "{ mutation subscription { mutation } }",
            "query mutation { x }",
            "query($mutation: subscription = {mutation: 1}) { x }",
            "query q @mutation { x }",
            "fragment mutation on subscription { a } { ...mutation }",
            "# mutation\n{ x }",
            "\"mutation\" { x(a: \"\\\" mutation\") }",
            "\"\"\" mutation \\\"\"\" mutation \"\"\" query { x }",
            "{ mutations } query mutation_of { x }",
            "\"\\",
            "\"\"\"",
        ] {
            assert_eq!(writes(document), None, "{document}");
        }
    }
}

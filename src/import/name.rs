//! Names for the config from names that people gave: destinations, routes, scripts, variables.

use std::collections::{HashMap, HashSet};

/// The longest name a config takes.
const LONGEST: usize = 64;
/// Left free at the end of a name for what tells two of the same apart.
const ROOM: usize = 12;

/// Names that were given away, and how often each was asked for.
#[derive(Debug, Default)]
pub(super) struct Names {
    taken: HashSet<String>,
    asked: HashMap<String, usize>,
}

impl Names {
    /// A name nobody has yet: the text itself, or the text with a number behind it.
    pub fn unique(&mut self, base: &str, joint: char) -> String {
        let asked = self.asked.entry(base.to_owned()).or_insert(0);
        loop {
            *asked += 1;
            let name = if *asked == 1 { base.to_owned() } else { format!("{base}{joint}{asked}") };
            if self.taken.insert(name.clone()) {
                return name;
            }
        }
    }

    /// Takes a name out of the game.
    pub fn take(&mut self, name: &str) {
        self.taken.insert(name.to_owned());
    }
}

/// Whether a name may name a source.
pub(super) fn is_name(text: &str) -> bool {
    text.len() <= LONGEST
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// Small letters, digits and `-`; `otherwise` where nothing is left.
pub(super) fn slug(text: &str, otherwise: &str) -> String {
    let mut slug = String::new();
    for c in text.chars() {
        match letters(c) {
            Some(letters) => slug.push_str(letters),
            None if c.is_ascii_alphanumeric() => slug.push(c.to_ascii_lowercase()),
            None if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
            None => {}
        }
        if slug.len() > LONGEST - ROOM {
            slug.truncate(LONGEST - ROOM);
            break;
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { otherwise.to_owned() } else { slug.to_owned() }
}

/// How letters with marks are written without.
fn letters(c: char) -> Option<&'static str> {
    Some(match c {
        'ä' | 'Ä' | 'æ' | 'Æ' => "ae",
        'ö' | 'Ö' | 'œ' | 'Œ' => "oe",
        'ü' | 'Ü' => "ue",
        'ß' => "ss",
        'à' | 'á' | 'â' | 'ã' | 'å' | 'À' | 'Á' | 'Â' | 'Ã' | 'Å' => "a",
        'ç' | 'Ç' | 'č' | 'Č' => "c",
        'è' | 'é' | 'ê' | 'ë' | 'È' | 'É' | 'Ê' | 'Ë' => "e",
        'ì' | 'í' | 'î' | 'ï' | 'Ì' | 'Í' | 'Î' | 'Ï' => "i",
        'ñ' | 'Ñ' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ø' | 'Ò' | 'Ó' | 'Ô' | 'Õ' | 'Ø' => "o",
        'ù' | 'ú' | 'û' | 'Ù' | 'Ú' | 'Û' => "u",
        'š' | 'Š' => "s",
        'ž' | 'Ž' => "z",
        _ => return None,
    })
}

/// The name of an environment variable: `net-ops`, `secret` give `NET_OPS_SECRET`.
pub(super) fn variable(owner: &str, what: &str) -> String {
    let upper = |text: &str| -> String {
        let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
        text.chars().map(letter).collect()
    };
    let name = format!("{}_{}", upper(owner), upper(what));
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("HOOK_{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_what_a_config_takes() {
        for (text, wanted) in [
            ("Ansible Tower (prod)", "ansible-tower-prod"),
            ("Zürich Süd #2", "zuerich-sued-2"),
            ("  --x--  ", "x"),
            ("日本", "hook"),
            ("", "hook"),
            ("yes", "yes"),
        ] {
            assert_eq!(slug(text, "hook"), wanted);
        }
        assert!(slug(&"x".repeat(500), "hook").len() <= LONGEST - ROOM);
    }

    #[test]
    fn two_of_the_same_name_are_told_apart() {
        let mut names = Names::default();
        names.take("c");
        let given = ["a", "a", "a-2", "a", "c"].map(|name| names.unique(name, '-'));
        assert_eq!(given, ["a", "a-2", "a-2-2", "a-3", "c-2"]);
    }

    #[test]
    fn variables_begin_with_a_letter() {
        assert_eq!(variable("net-ops", "X-Api-Key"), "NET_OPS_X_API_KEY");
        assert_eq!(variable("2fa", "secret"), "HOOK_2FA_SECRET");
        assert_eq!(variable("a.b", "ü"), "A_B__");
    }
}

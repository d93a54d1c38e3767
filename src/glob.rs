//! Texts with `*` (any characters) and `?` (one), and lists of them with negation.
//!
//! Pure, and the only glob language there is: configs and adapter files write the same.

/// Deeper than any document is.
const DEEPEST: usize = 128;

/// One compiled glob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    form: Form,
    ignore_case: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    Any,
    Literal(String),
    /// `text*`, the commonest glob.
    Prefix(String),
    Wild(String),
}

impl Glob {
    /// Capital letters are told from small ones.
    pub fn new(text: &str) -> Self {
        let is_wild = |text: &str| text.contains(['*', '?']);
        let form = match text.strip_suffix('*') {
            Some("") => Form::Any,
            Some(prefix) if !is_wild(prefix) => Form::Prefix(prefix.to_owned()),
            _ if is_wild(text) => Form::Wild(text.to_owned()),
            _ => Form::Literal(text.to_owned()),
        };
        Self { form, ignore_case: false }
    }

    /// ASCII letters match in either case.
    pub fn ignoring_case(text: &str) -> Self {
        Self { ignore_case: true, ..Self::new(text) }
    }

    /// The text that it stands for, if that is just one.
    pub fn literal(&self) -> Option<&str> {
        match &self.form {
            Form::Literal(literal) => Some(literal),
            _ => None,
        }
    }

    /// Whether it matches a dotted name, or a name that this one lies below: `custom_fields` covers
    /// `custom_fields.owner`. Of names that are nested absurdly deep only the upper levels are asked.
    pub fn covers(&self, name: &str) -> bool {
        self.matches(name) || name.match_indices('.').take(DEEPEST).any(|(dot, _)| self.matches(&name[..dot]))
    }

    pub fn matches(&self, text: &str) -> bool {
        match &self.form {
            Form::Any => true,
            Form::Literal(literal) if self.ignore_case => literal.eq_ignore_ascii_case(text),
            Form::Literal(literal) => literal == text,
            Form::Prefix(prefix) if self.ignore_case => {
                let head = text.as_bytes().get(..prefix.len());
                head.is_some_and(|head| head.eq_ignore_ascii_case(prefix.as_bytes()))
            }
            Form::Prefix(prefix) => text.starts_with(prefix),
            Form::Wild(pattern) => wild(pattern, text, self.ignore_case),
        }
    }
}

/// Matches greedily and comes back only to the last `*`, so never worse than pattern × text.
fn wild(pattern: &str, text: &str, ignore_case: bool) -> bool {
    let same = |a: char, b: char| if ignore_case { a.eq_ignore_ascii_case(&b) } else { a == b };
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    let mut star = None;
    loop {
        let before = text.clone();
        match (pattern.next(), text.next()) {
            (Some('*'), _) => {
                text = before;
                star = Some((pattern.clone(), text.clone()));
            }
            (Some(wanted), Some(found)) if wanted == '?' || same(wanted, found) => {}
            (None, None) => return true,
            _ => {
                // One more character for the last star.
                let Some((after_star, mut swallowed)) = star.take() else { return false };
                if swallowed.next().is_none() {
                    return false;
                }
                pattern = after_star.clone();
                text = swallowed.clone();
                star = Some((after_star, swallowed));
            }
        }
    }
}

/// A list: any of the wanted ones (if there are any), and none of the unwanted ones.
#[derive(Debug, Clone)]
pub(crate) struct Patterns<T> {
    wanted: Vec<T>,
    unwanted: Vec<T>,
}

impl<T> Default for Patterns<T> {
    fn default() -> Self {
        Self { wanted: Vec::new(), unwanted: Vec::new() }
    }
}

impl<T> Patterns<T> {
    pub fn push(&mut self, unwanted: bool, pattern: T) {
        if unwanted { self.unwanted.push(pattern) } else { self.wanted.push(pattern) }
    }

    pub fn hold(&self, matches: impl Fn(&T) -> bool) -> bool {
        !self.unwanted.iter().any(&matches) && (self.wanted.is_empty() || self.wanted.iter().any(&matches))
    }

    pub fn has_wanted(&self) -> bool {
        !self.wanted.is_empty()
    }

    /// The wanted ones, if there are any and nothing is unwanted.
    pub fn only_wanted(&self) -> Option<&[T]> {
        (self.unwanted.is_empty() && !self.wanted.is_empty()).then_some(&self.wanted)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn stars_stand_for_any_characters_and_question_marks_for_one() {
        for (glob, text, verdict) in [
            ("*", "", true),
            ("dcim.device", "dcim.device", true),
            ("dcim.device", "dcim.devices", false),
            ("dcim.*", "dcim.device", true),
            ("dcim.*", "ipam.prefix", false),
            ("*.device", "dcim.device", true),
            ("*.device", "dcim.devicetype", false),
            ("d*m.*e", "dcim.device", true),
            ("infrahub.*.merged", "infrahub.branch.merged", true),
            ("ge-0/0/?", "ge-0/0/1", true),
            ("ge-0/0/?", "ge-0/0/", false),
            ("?ürich", "Zürich", true),
            ("Z?rich", "Zürich", true),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "xxaxxbxx", false),
            ("Dcim.*", "dcim.device", false),
            ("**", "anything", true),
            ("[ab]", "[ab]", true),
        ] {
            assert_eq!(Glob::new(glob).matches(text), verdict, "{glob} {text}");
        }
        assert!(Glob::ignoring_case("Dcim.D?v*").matches("dcim.device"));
        assert!(Glob::ignoring_case("DCIM.*").matches("dcim.device"));
        assert!(Glob::ignoring_case("InfraDevice").matches("infradevice"));
        assert!(!Glob::ignoring_case("äb*").matches("ä"));
    }

    #[test]
    fn a_name_covers_what_lies_below_it() {
        for (glob, name, verdict) in [
            ("custom_fields", "custom_fields.owner.name", true),
            ("custom_fields", "custom_fields", true),
            ("custom_fields", "custom_fields_2", false),
            ("custom_fields.*", "custom_fields", false),
            ("*.owner", "custom_fields.owner.name", true),
            ("owner", "custom_fields.owner", false),
        ] {
            assert_eq!(Glob::new(glob).covers(name), verdict, "{glob} {name}");
        }
        let absurd = format!("{}x", ".".repeat(200_000));
        assert!(!Glob::new("*a?b*c").covers(&absurd));
    }

    proptest! {
        #[test]
        fn globs_agree_with_regular_expressions(glob in "[ab*?ü]{0,8}", text in "[abü]{0,8}") {
            let expression = format!("^{}$", regex::escape(&glob).replace(r"\*", ".*").replace(r"\?", "."));
            prop_assert_eq!(
                Glob::new(&glob).matches(&text),
                regex::Regex::new(&expression).unwrap().is_match(&text)
            );
        }
    }
}

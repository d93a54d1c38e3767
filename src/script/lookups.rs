//! What lookups found, as scripts see it: `lookup.NAME` in any function, read in place.
//!
//! rhai's functions see no variables from outside, so the name is answered where rhai asks for
//! variables; one that a script declares itself goes first.

use std::sync::Arc;

use rhai::{Dynamic, Engine, EvalAltResult, EvalContext, ImmutableString};

use super::guard;
use super::node::Node;
use super::value::{refuse, shown};
use crate::model::Json;
use crate::yaml::{At, near};

/// What scripts call it.
pub(super) const NAME: &str = "lookup";

/// The results by name; a name that the route does not look up is an error.
#[derive(Debug, Clone)]
pub(super) struct Lookups(pub(super) Node);

/// A lookup that a script names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub name: String,
    /// The script, or the import that names it.
    pub file: String,
    pub at: At,
}

type Given = Result<Dynamic, Box<EvalAltResult>>;

impl Lookups {
    fn get(&self, name: &str) -> Given {
        let seen = self.0.seen();
        if seen.has(name) {
            return Ok(shown(|| self.0.key(name), &seen.child(name)));
        }
        let known = seen.keys();
        let help = match near(name, &known) {
            Some(near) => format!("did you mean `lookup.{near}`?"),
            None => format!("add `{name}` to the route's `lookups`"),
        };
        Err(refuse(format!("there is no `lookup.{name}`: {help}")))
    }
}

/// Makes the results known to an engine.
pub(super) fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<Lookups>("lookup results")
        .register_indexer_get(|all: &mut Lookups, name: ImmutableString| all.get(&name))
        .register_indexer_set(|_: &mut Lookups, name: ImmutableString, _: Dynamic| -> Result<(), _> {
            Err::<_, Box<EvalAltResult>>(refuse(format!(
                "`lookup.{name}` cannot be set: what was found is read-only"
            )))
        })
        .register_fn("contains", |all: Lookups, name: ImmutableString| all.0.seen().has(&name))
        .register_fn("keys", |all: Lookups| -> rhai::Array {
            all.0.seen().keys().into_iter().map(|key| Dynamic::from(ImmutableString::from(key))).collect()
        });
}

/// Makes one name quick to read, as the views do.
pub(super) fn register_property(engine: &mut Engine, name: &str) {
    let key = name.to_owned();
    engine.register_get(name, move |all: &mut Lookups| all.get(&key));
}

/// The value of a variable that rhai looks for, if it is this one.
pub(super) fn variable(name: &str, context: &EvalContext<'_, '_, '_, '_, '_, '_>) -> Option<Dynamic> {
    if name != NAME || context.scope().contains(NAME) {
        return None;
    }
    let found = guard::lookups().unwrap_or_else(|| Arc::new(Json::Object(crate::model::Map::new())));
    Some(Dynamic::from(Lookups(Node::Json(found))))
}

/// The lookups that a script names, each at its first place. Nothing, where it gives `lookup` a
/// meaning of its own. What stands in texts, also between `${` and `}`, is found only when it runs.
pub(super) fn asked(file: &str, text: &str) -> Vec<Asked> {
    let words = words(text);
    let declares = |index: usize| {
        let before = index.checked_sub(1).and_then(|before| words.get(before));
        before
            .is_some_and(|word| matches!(word.text, "let" | "const" | "for" | "as" | "fn" | "|" | "(" | ","))
            && !words.get(index + 1).is_some_and(|after| matches!(after.text, "." | "?." | "["))
    };
    let mut found: Vec<Asked> = Vec::new();
    for (index, word) in words.iter().enumerate().filter(|(_, word)| word.text == NAME) {
        if declares(index) {
            return Vec::new();
        }
        let after_dot =
            index.checked_sub(1).and_then(|before| words.get(before)).is_some_and(|word| word.is_dot());
        let [Some(dot), Some(name)] = [words.get(index + 1), words.get(index + 2)] else { continue };
        let is_call = words.get(index + 3).is_some_and(|word| word.text == "(");
        if after_dot || is_call || !dot.is_dot() || found.iter().any(|known| known.name == name.text) {
            continue;
        }
        found.push(Asked { name: name.text.to_owned(), file: file.to_owned(), at: place(text, word.start) });
    }
    found
}

/// A name or a sign of a script.
#[derive(Debug, Clone, Copy)]
struct Word<'t> {
    text: &'t str,
    start: usize,
}

impl Word<'_> {
    fn is_dot(&self) -> bool {
        matches!(self.text, "." | "?.")
    }
}

/// The words of a script without its comments and texts.
fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let first = rest.chars().next().unwrap_or(' ');
        let len = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => comment(rest),
            '"' | '`' | '\'' => quoted(rest, first),
            _ if first.is_alphanumeric() || first == '_' => {
                let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                words.extend(rest.get(..end).map(|text| Word { text, start: at }));
                end
            }
            '?' if rest.starts_with("?.") => {
                words.extend(rest.get(..2).map(|text| Word { text, start: at }));
                2
            }
            _ if first.is_whitespace() => first.len_utf8(),
            _ => {
                words.extend(rest.get(..first.len_utf8()).map(|text| Word { text, start: at }));
                first.len_utf8()
            }
        };
        at += len;
    }
    words
}

/// The length of a comment that may hold others.
fn comment(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let (mut depth, mut at) = (0usize, 0);
    while at < bytes.len() {
        match bytes.get(at..at + 2) {
            Some(b"/*") => (depth, at) = (depth + 1, at + 2),
            Some(b"*/") => (depth, at) = (depth.saturating_sub(1), at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}

/// The length of a text with its quotes.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, letter) in rest.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quote != '`' => escaped = true,
            _ if letter == quote => return at + quote.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

fn place(text: &str, offset: usize) -> At {
    let before = text.get(..offset).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
    (before.matches('\n').count() + 1, column)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{compile_in, event, folder, now};
    use super::super::{Body, Limits, Verdict};
    use super::*;

    fn transformed(body: &str, found: &str) -> Result<Json, String> {
        let folder = folder(&format!("fn transform(event) {{ {body} }}"), &[]);
        let script = compile_in(folder.path(), &Limits::default()).unwrap();
        let found = super::super::tests::json(found);
        match script.run_with(&Arc::new(event()), Some(&Arc::new(found)), now()) {
            Ok(Verdict::Messages(messages)) => match &messages[0].body {
                Body::Json(text) => Ok(serde_json::from_str(text).unwrap()),
                Body::Text(text) => Ok(Json::String(text.as_str().into())),
            },
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.message),
        }
    }

    #[test]
    fn functions_read_what_was_found_in_place() {
        let found =
            r#"{"device": {"name": "leaf-1", "role": {"slug": "leaf"}, "height": 1.50}, "site": null}"#;
        let given = transformed(
            r#"#{ name: lookup.device.name, role: lookup["device"]?.role?.slug, site: lookup.site, raw: lookup.device,
                  known: "device" in lookup, other: lookup.contains("rack"), text: `${lookup.device.name}!` }"#,
            found,
        );
        let wanted = r#"{"known":true,"name":"leaf-1","other":false,"raw":{"name":"leaf-1","role":{"slug":"leaf"},"height":1.50},"role":"leaf","site":null,"text":"leaf-1!"}"#;
        assert_eq!(given.unwrap().to_string(), wanted);
    }

    #[test]
    fn called_functions_and_closures_see_it_too() {
        let folder = folder(
            "fn name() { lookup.device.name }\n\
             fn transform(event) { #{ a: name(), b: [1].map(|x| lookup.device.name) } }",
            &[],
        );
        let script = compile_in(folder.path(), &Limits::default()).unwrap();
        let found = Arc::new(crate::model::json!({"device": {"name": "x"}}));
        let Verdict::Messages(messages) = script.run_with(&Arc::new(event()), Some(&found), now()).unwrap()
        else {
            panic!("no message")
        };
        assert_eq!(messages[0].body, Body::Json(r#"{"a":"x","b":["x"]}"#.to_owned()));
    }

    #[test]
    fn a_name_that_is_not_looked_up_is_an_error_that_says_so() {
        let found = r#"{"device": {"name": "x"}}"#;
        assert_eq!(
            transformed("#{ a: lookup.devce }", found).unwrap_err(),
            "there is no `lookup.devce`: did you mean `lookup.device`?"
        );
        assert_eq!(
            transformed("#{ a: lookup.rack }", found).unwrap_err(),
            "there is no `lookup.rack`: add `rack` to the route's `lookups`"
        );
        let changed = transformed("lookup.device = 1; #{}", found).unwrap_err();
        assert!(changed.contains("constant"), "{changed}");
    }

    #[test]
    fn a_variable_of_the_script_itself_goes_first() {
        assert_eq!(
            transformed("let lookup = #{ a: 1 }; #{ a: lookup.a }", "{}").unwrap().to_string(),
            r#"{"a":1}"#
        );
    }

    #[test]
    fn what_a_script_names_is_found_without_running_it() {
        let text = "// lookup.comment /* */\nfn filter(e) { \"lookup.text\" != lookup.device.role?.slug }\n\
                    /* lookup.a /* lookup.b */ */ fn transform(e) { [lookup?.site, e.lookup.none, lookup.device, lookup.keys()] }";
        let found = asked("s.rhai", text);
        let found: Vec<_> = found.iter().map(|asked| (asked.name.as_str(), asked.at)).collect();
        assert_eq!(found, [("device", (2, 33)), ("site", (3, 50))]);
        for own in [
            "let lookup = #{};",
            "fn f(lookup) { lookup.x }",
            "for lookup in [] {}",
            "import \"a\" as lookup;",
        ] {
            assert!(asked("s.rhai", &format!("{own} lookup.x")).is_empty(), "{own}");
        }
    }
}

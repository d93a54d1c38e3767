//! What can be known to be wrong before a template is ever rendered: all of it, at its place.
//!
//! Walks the engine's syntax tree. What a template may use is known beforehand (names, filters,
//! tests, functions, methods, secrets), so a typo need not wait for its event.

mod names;
mod parts;
mod walk;

use std::panic::{AssertUnwindSafe, catch_unwind};

use minijinja::Error;
use minijinja::machinery::{Token, tokenize};

use super::{
    BODY, HEADERS, Text, URL, Used, context, engine, filters, functions, headers, methods, predicates,
    program,
};
use crate::problem::Problems;
use crate::yaml::nearest;

/// Bytes of a template; the engine counts columns up to 65,535.
const LONGEST: usize = 60_000;
/// Tokens between `{{` and `}}`: expressions are walked and dropped by recursion.
const LARGEST: usize = 1500;

/// Every `elif` stands inside of the one before it, as the parser sees it.
const MOST_BRANCHES: usize = 100;

/// Something wrong, and how many bytes from the start.
struct Finding {
    offset: usize,
    message: String,
    help: String,
}

/// What a template may name besides the event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowed<'a> {
    secrets: &'a [&'a str],
    lookups: &'a [&'a str],
    /// It is a lookup's own template.
    question: bool,
}

impl<'a> Allowed<'a> {
    pub const QUESTION: Self = Self { secrets: &[], lookups: &[], question: true };

    pub fn of_destination(secrets: &'a [&'a str], lookups: &'a [&'a str]) -> Self {
        Self { secrets, lookups, question: false }
    }

    fn names(&self) -> Vec<&'static str> {
        if self.question { context::question_names() } else { context::names() }
    }
}

/// Notes everything that is wrong with a template, and gives the lookups it counts on.
pub(super) fn safely(name: &str, text: &Text, allowed: Allowed<'_>, problems: &mut Problems) -> Vec<Used> {
    // As when rendering: a reload must not end the gateway.
    let checked = catch_unwind(AssertUnwindSafe(|| template(name, text, allowed, problems)));
    checked.unwrap_or_else(|_| {
        let message = format!("`{}` made the template engine fail; please report it", text.key);
        problems.add(&text.file, Some(text.at), message);
        Vec::new()
    })
}

fn template(name: &str, text: &Text, allowed: Allowed<'_>, problems: &mut Problems) -> Vec<Used> {
    let mut used = Vec::new();
    let mut found = match readable(&text.text) {
        Ok(()) => match program::syntax(name, &text.text) {
            Ok(tree) => {
                let walked = walk::findings(&tree, &text.text, allowed);
                used = walked.used;
                walked.found
            }
            Err(error) => vec![no_template(&text.text, &error)],
        },
        Err(finding) => vec![finding],
    };
    if name == HEADERS {
        found.extend(headers::reserved(&text.text).into_iter().map(|(offset, header)| Finding {
            offset,
            message: format!("sets the header `{header}`, which the gateway sets itself"),
            help: "remove the line".to_owned(),
        }));
    }
    if name == URL {
        found.extend(fragment(&text.text));
    }
    found.sort_by_key(|finding| finding.offset);
    for Finding { offset, message, help } in found {
        let message = format!("`{}` {message}", text.key);
        problems.add(&text.file, Some(text.place(offset)), message).help(help);
    }
    let used = used.into_iter().map(|(offset, lookup): (usize, String)| Used {
        name: lookup,
        file: text.file.clone(),
        at: text.place(offset),
        key: text.key.clone(),
        body: name == BODY,
    });
    used.collect()
}

fn no_template(text: &str, error: &Error) -> Finding {
    Finding {
        offset: engine::offset(text, error),
        message: format!("is no template: {}", engine::why(error)),
        help: "templates are Jinja2, such as `{{ data.name }}`".to_owned(),
    }
}

/// Whether a text is small enough to be read at all. What is no sequence of tokens is left to the
/// parser, whose message is better.
fn readable(text: &str) -> Result<(), Finding> {
    if text.len() > LONGEST {
        return Err(Finding {
            offset: 0,
            message: format!("has more than {LONGEST} bytes"),
            help: "leave out what it repeats, such as with a loop or a macro".to_owned(),
        });
    }
    let (mut tokens, mut branches) = (0, 0);
    for token in tokenize(text, false, minijinja::syntax::SyntaxConfig::default()) {
        match token {
            Ok((Token::VariableStart | Token::BlockStart, _)) => tokens = 0,
            Ok((Token::Ident("elif"), span)) if branches == MOST_BRANCHES => {
                return Err(Finding {
                    offset: span.start_offset as usize,
                    message: format!("has more than {MOST_BRANCHES} times `elif`"),
                    help: "look the value up in a mapping, such as `{'a': 1}[data.name]`".to_owned(),
                });
            }
            Ok((Token::Ident("elif"), _)) => branches += 1,
            Ok((_, span)) => {
                tokens += 1;
                if tokens > LARGEST {
                    return Err(Finding {
                        offset: span.start_offset as usize,
                        message: format!("has an expression of more than {LARGEST} parts"),
                        help: "give its parts names, with `{% set … %}`".to_owned(),
                    });
                }
            }
            Err(_) => break,
        }
    }
    Ok(())
}

/// The fragment that stands in a URL as it is.
fn fragment(text: &str) -> Option<Finding> {
    let mut offset = 0;
    for part in text.split_inclusive('}') {
        let literal =
            part.find("{{").or_else(|| part.find("{%")).or_else(|| part.find("{#")).unwrap_or(part.len());
        if let Some(at) = part.get(..literal)?.find('#') {
            return Some(Finding {
                offset: offset + at,
                message: "has a fragment, which is never sent".to_owned(),
                help: "remove the `#` and what follows it, or write it as `%23`".to_owned(),
            });
        }
        offset += part.len();
    }
    None
}

/// `did you mean …?`, or what there is.
fn nearest_of(name: &str, mut known: Vec<&str>) -> String {
    known.retain(|name| name.starts_with(|letter: char| letter.is_ascii_alphabetic()));
    known.sort_unstable();
    known.dedup();
    nearest(name, &known)
}

fn unknown(offset: usize, what: &str, name: &str, known: Vec<&str>) -> Finding {
    Finding { offset, message: format!("uses the unknown {what} `{name}`"), help: nearest_of(name, known) }
}

fn unknown_filter(offset: usize, name: &str) -> Option<Finding> {
    let known = filters::names();
    (!known.contains(&name)).then(|| unknown(offset, "filter", name, known))
}

fn unknown_test(offset: usize, name: &str) -> Option<Finding> {
    let known = predicates::names();
    (!known.contains(&name)).then(|| unknown(offset, "test", name, known))
}

fn unknown_method(offset: usize, name: &str, own: &[&str]) -> Option<Finding> {
    let known = methods::names();
    let is_known = known.contains(&name) || own.contains(&name);
    (!is_known).then(|| unknown(offset, "method", name, known))
}

/// `own`: what the template itself gives names to.
fn unknown_name(
    offset: usize,
    name: &str,
    allowed: &Allowed<'_>,
    own: &[&str],
    called: bool,
) -> Option<Finding> {
    const SPECIAL: [&str; 6] = ["loop", "self", "super", "caller", "varargs", "kwargs"];
    let functions = functions::names();
    let mut known = own.to_vec();
    known.extend(allowed.names());
    if known.contains(&name) || functions.contains(&name) || SPECIAL.contains(&name) {
        return None;
    }
    match called {
        true => Some(unknown(offset, "function", name, [functions.as_slice(), own].concat())),
        false => Some(unknown(offset, "name", name, known)),
    }
}

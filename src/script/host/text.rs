//! Regular expressions, encodings and names.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use regex::{Regex, RegexBuilder};
use rhai::{Array, Dynamic, Engine, ImmutableString};

use super::cache::{Cache, MAX_TEXT};
use super::{Given, guard, value::refuse};
use crate::script::Limits;
use crate::script::value::shortened;
use crate::slug::slug;

/// How much memory a compiled pattern may take, in bytes.
const PATTERN_SIZE: usize = 1 << 20;

pub(super) fn register(engine: &mut Engine, limits: &Limits) {
    let cache = Cache::<Regex>::default();
    let patterns = cache.clone();
    engine.register_fn("regex_match", move |text: &str, pattern: &str| -> Given<bool> {
        Ok(compiled(&patterns, pattern)?.is_match(text))
    });
    let patterns = cache.clone();
    engine.register_fn("regex_captures", move |text: &str, pattern: &str| -> Given<Array> {
        captures(&*compiled(&patterns, pattern)?, text)
    });
    let longest = limits.string_bytes;
    engine.register_fn("regex_replace", move |text: &str, pattern: &str, with: &str| -> Given<String> {
        replaced(&*compiled(&cache, pattern)?, text, with, longest)
    });
    for name in ["base64", "base64_encode"] {
        engine.register_fn(name, |text: &str| -> Given<String> {
            guard::charge(text.len() * 4 / 3 + 4)?;
            Ok(STANDARD.encode(text))
        });
    }
    engine
        .register_fn("base64_decode", |text: &str| decoded(text))
        .register_fn("hex", |text: &str| -> Given<String> {
            guard::charge(text.len() * 2)?;
            Ok(hex::encode(text))
        })
        .register_fn("slugify", |text: &str| -> Given<String> {
            guard::charge(text.len())?;
            Ok(slug(text))
        });
}

fn compiled(cache: &Cache<Regex>, pattern: &str) -> Given<std::sync::Arc<Regex>> {
    guard::in_time()?;
    if pattern.len() > MAX_TEXT {
        return Err(refuse(format!("a regular expression may have at most {MAX_TEXT} bytes")));
    }
    cache.get(pattern, |pattern| {
        RegexBuilder::new(pattern)
            .size_limit(PATTERN_SIZE)
            .dfa_size_limit(PATTERN_SIZE)
            .nest_limit(50)
            .build()
            .map_err(|error| {
                let cause = error.to_string();
                let cause = cause.lines().last().unwrap_or_default().trim_start_matches("error: ");
                refuse(format!("`{}` is no regular expression: {cause}", shortened(pattern, 80)))
            })
    })
}

/// The whole match and its groups; an empty array where nothing matches.
fn captures(regex: &Regex, text: &str) -> Given<Array> {
    let Some(found) = regex.captures(text) else { return Ok(Array::new()) };
    found
        .iter()
        .map(|group| match group {
            Some(group) => {
                guard::charge(group.len())?;
                Ok(Dynamic::from(ImmutableString::from(group.as_str())))
            }
            None => Ok(Dynamic::UNIT),
        })
        .collect()
}

/// Every match replaced; `$1` and `${name}` stand for groups.
fn replaced(regex: &Regex, text: &str, with: &str, longest: usize) -> Given<String> {
    let mut result = String::new();
    let mut end = 0;
    for found in regex.captures_iter(text) {
        let Some(whole) = found.get(0) else { continue };
        result.push_str(text.get(end..whole.start()).unwrap_or_default());
        found.expand(with, &mut result);
        end = whole.end();
        // A long text put in for every letter would outgrow every limit before rhai sees it.
        if result.len() > longest {
            return Err(refuse(format!("regex_replace: the result is longer than {longest} bytes")));
        }
    }
    result.push_str(text.get(end..).unwrap_or_default());
    guard::charge(result.len())?;
    Ok(result)
}

/// Standard or URL-safe, with or without padding.
fn decoded(text: &str) -> Given<String> {
    guard::charge(text.len())?;
    let text = text.trim();
    let bytes = STANDARD
        .decode(text)
        .or_else(|_| STANDARD_NO_PAD.decode(text))
        .or_else(|_| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')))
        .map_err(|error| refuse(format!("base64_decode: {error}")))?;
    String::from_utf8(bytes).map_err(|_| refuse("base64_decode: the bytes are no UTF-8 text"))
}

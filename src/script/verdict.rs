//! What the functions of a script gave back, as a verdict or a key.

use rhai::{Dynamic, EvalAltResult};

use super::Verdict;
use super::message::Draft;
use super::value::{described, refuse};

/// How many bytes a key may have.
const LONGEST_KEY: usize = 1024;

/// `true` lets the event pass, `false` drops it, a text drops it and says why.
pub(super) fn of_filter(given: &Dynamic) -> Result<Option<Verdict>, Box<EvalAltResult>> {
    if let Ok(passes) = given.as_bool() {
        return Ok((!passes).then_some(Verdict::Dropped(None)));
    }
    if let Ok(reason) = given.as_immutable_string_ref() {
        return Ok(Some(Verdict::Dropped(Some(reason.to_string()))));
    }
    Err(refuse(format!(
        "filter(event) must give true, false or a text that says why not, it gave {}",
        described(given)
    )))
}

/// The key by which an event is gathered; `()` and an empty text are none.
pub(super) fn of_key(given: &Dynamic) -> Result<Option<String>, Box<EvalAltResult>> {
    let key = if given.is_unit() {
        String::new()
    } else if given.is_string() || given.is_int() || given.is_float() || given.is_bool() || given.is_char() {
        given.to_string()
    } else {
        return Err(refuse(format!(
            "batch_key(event) must give a text, a number, true or false, or () for no key, it gave {}",
            described(given)
        )));
    };
    if key.len() > LONGEST_KEY {
        let len = key.len();
        return Err(refuse(format!("batch_key(event) gave a key of {len} bytes, more than {LONGEST_KEY}")));
    }
    Ok(Some(key).filter(|key| !key.is_empty()))
}

/// `()` drops what was given to the function `name`; messages leave as they are; all else is the
/// body of one message.
pub(super) fn of_transform(name: &str, given: Dynamic) -> Result<Verdict, Box<EvalAltResult>> {
    if given.is_unit() {
        return Ok(Verdict::Dropped(None));
    }
    let drafts = match given.as_array_ref() {
        Ok(list) => list.iter().filter(|item| is_message(item)).count(),
        Err(_) => 0,
    };
    if let Ok(list) = given.as_array_ref()
        && drafts > 0
        && drafts < list.len()
    {
        let other = list.iter().position(|item| !is_message(item)).unwrap_or(0);
        return Err(refuse(format!(
            "{name} gave an array of messages, but entry {other} is {}; wrap it in message(…)",
            list.get(other).map_or_else(String::new, described)
        )));
    }
    if given.is_array() && (drafts > 0 || given.as_array_ref().is_ok_and(|list| list.is_empty())) {
        let list = given.into_array().map_err(refuse)?;
        let messages = list.into_iter().filter_map(|item| item.try_cast::<Draft>());
        return Ok(Verdict::Messages(messages.map(Draft::finish).collect::<Result<_, _>>()?));
    }
    let draft = match given.try_cast_result::<Draft>() {
        Ok(draft) => draft,
        Err(body) => Draft::of(&body)?,
    };
    Ok(Verdict::Messages(vec![draft.finish()?]))
}

fn is_message(value: &Dynamic) -> bool {
    value.read_lock::<Draft>().is_some()
}

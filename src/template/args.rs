//! The arguments of a filter, test, method or function, by place or by name as in Python.

use minijinja::value::ValueKind;
use minijinja::{Error, Value};

use super::held::named;
use super::meter::fault;
use super::number::{self, Num};
use super::{ops, print};

/// The parameters in order; a last one that begins with `*` takes all further arguments.
pub(super) type Parameters = &'static [&'static str];

/// Arguments, bound to parameters.
#[derive(Debug)]
pub(super) struct Args<'a> {
    /// Of what, for messages.
    what: &'a str,
    parameters: Parameters,
    bound: Vec<Option<Value>>,
    /// What went to the parameter with the star.
    pub rest: Vec<Value>,
    /// Names that are no parameters, where there is a star.
    pub named: Vec<(String, Value)>,
}

impl<'a> Args<'a> {
    /// Binds arguments as they were given.
    pub(super) fn bind(what: &'a str, parameters: Parameters, given: &[Value]) -> Result<Self, Error> {
        let star = parameters.last().is_some_and(|last| last.starts_with('*'));
        let places = parameters.len() - usize::from(star);
        let mut args =
            Self { what, parameters, bound: vec![None; places], rest: Vec::new(), named: Vec::new() };
        let mut place = 0;
        for value in given {
            if value.is_kwargs() {
                args.bind_names(value, star)?;
                continue;
            }
            match args.bound.get_mut(place) {
                Some(slot) => *slot = Some(value.clone()),
                None if star => args.rest.push(value.clone()),
                None => return Err(fault(format!("`{what}` takes {places} arguments at most"))),
            }
            place += 1;
        }
        Ok(args)
    }

    fn bind_names(&mut self, kwargs: &Value, star: bool) -> Result<(), Error> {
        for (key, value) in
            kwargs.as_object().and_then(|object| object.try_iter_pairs()).into_iter().flatten()
        {
            let name = key.as_str().unwrap_or_default();
            match self.place(name).and_then(|place| self.bound.get_mut(place)) {
                Some(slot) if slot.is_none() => *slot = Some(value),
                Some(_) => return Err(fault(format!("`{}` is given `{name}` twice", self.what))),
                None if star => self.named.push((name.to_owned(), value)),
                None => return Err(fault(format!("`{}` has no argument `{name}`", self.what))),
            }
        }
        Ok(())
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.parameters.iter().position(|parameter| *parameter == name)
    }

    /// An argument, if it was given.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.bound.get(self.place(name)?)?.as_ref()
    }

    /// An argument that is there, and is not `None`.
    pub(super) fn some(&self, name: &str) -> Option<&Value> {
        self.get(name).filter(|value| !value.is_none() && !value.is_undefined())
    }

    /// An argument that has to be there.
    pub(super) fn need(&self, name: &str) -> Result<&Value, Error> {
        self.get(name).ok_or_else(|| fault(format!("`{}` lacks its argument `{name}`", self.what)))
    }

    pub(super) fn flag(&self, name: &str, usual: bool) -> bool {
        self.get(name).map_or(usual, Value::is_true)
    }

    /// A text, if one was given.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, Error> {
        self.some(name).map(|value| self.as_text(name, value)).transpose()
    }

    /// A text that has to be there.
    pub(super) fn need_text(&self, name: &str) -> Result<&str, Error> {
        let value = self.need(name)?;
        ops::defined(value)?;
        self.as_text(name, value)
    }

    fn as_text<'v>(&self, name: &str, value: &'v Value) -> Result<&'v str, Error> {
        value.as_str().ok_or_else(|| {
            fault(format!("the argument `{name}` of `{}` must be a text, not {}", self.what, named(value)))
        })
    }

    /// A text, or what prints as one.
    pub(super) fn printed(&self, name: &str) -> Result<Option<String>, Error> {
        self.some(name).map(|value| print::text(value).map(std::borrow::Cow::into_owned)).transpose()
    }

    /// A whole number.
    pub(super) fn whole(&self, name: &str, usual: i128) -> Result<i128, Error> {
        match self.some(name).map(|value| (value, number::of(value))) {
            None => Ok(usual),
            Some((_, Some(Num::Int(whole)))) => Ok(whole),
            Some((value, _)) => {
                let what = self.what;
                Err(fault(format!(
                    "the argument `{name}` of `{what}` must be a whole number, not {}",
                    if value.kind() == ValueKind::Number { "a fraction" } else { named(value) }
                )))
            }
        }
    }

    /// A whole number that counts something: below zero is zero.
    pub(super) fn count(&self, name: &str, usual: usize) -> Result<usize, Error> {
        let whole = self.whole(name, usual as i128)?;
        Ok(usize::try_from(whole.max(0)).unwrap_or(usize::MAX))
    }
}

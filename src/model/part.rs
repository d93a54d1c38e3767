//! A part of a document that several share, so that nobody has to copy it.

use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Json;

/// The names that lead from a document to a part of it; none lead to all of it.
pub type Names = Arc<[Box<str>]>;

static NOTHING: Json = Json::Null;

/// A document, or what stands at one place of a larger one. Reads as the [`Json`] that it is.
#[derive(Debug, Clone)]
pub struct Part {
    whole: Arc<Json>,
    names: Option<Names>,
}

impl Part {
    /// What stands there, or null.
    pub fn of(whole: &Arc<Json>, names: &Names) -> Self {
        Self { whole: whole.clone(), names: Some(names.clone()) }
    }

    /// Where it stands in this document, if it is a part of that one.
    pub fn place_in(&self, document: &Arc<Json>) -> Option<&Names> {
        self.names.as_ref().filter(|_| Arc::ptr_eq(&self.whole, document))
    }

    /// The same as a document of its own.
    pub fn into_json(self) -> Json {
        match self.names {
            None => Arc::unwrap_or_clone(self.whole),
            Some(_) => (*self).clone(),
        }
    }
}

impl Deref for Part {
    type Target = Json;

    fn deref(&self) -> &Json {
        let mut names = self.names.iter().flat_map(|names| names.iter());
        names.try_fold(&*self.whole, |node, name| node.get(&**name)).unwrap_or(&NOTHING)
    }
}

impl From<Json> for Part {
    fn from(value: Json) -> Self {
        Self { whole: Arc::new(value), names: None }
    }
}

impl From<serde_json::Value> for Part {
    fn from(value: serde_json::Value) -> Self {
        Json::from(value).into()
    }
}

impl Default for Part {
    fn default() -> Self {
        Json::Null.into()
    }
}

impl PartialEq for Part {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl PartialEq<Json> for Part {
    fn eq(&self, other: &Json) -> bool {
        **self == *other
    }
}

impl Serialize for Part {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Json::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::json;

    #[test]
    fn a_part_reads_as_what_stands_at_its_place() {
        let whole = Arc::new(json!({"a": {"b": [1]}}));
        let names = |names: &[&str]| names.iter().map(|name| Box::from(*name)).collect::<Names>();
        assert_eq!(Part::of(&whole, &names(&["a", "b"])), json!([1]));
        assert_eq!(Part::of(&whole, &names(&[])), json!({"a": {"b": [1]}}));
        assert_eq!(Part::of(&whole, &names(&["a", "c", "d"])), json!(null));
        let part = Part::of(&whole, &names(&["a"]));
        assert_eq!(Json::of(&part).unwrap(), json!({"b": [1]}));
        assert_eq!(part.place_in(&whole), Some(&names(&["a"])));
        assert_eq!(part.place_in(&Arc::new(json!({"a": {"b": [1]}}))), None, "an equal one is not the same");
        assert_eq!(part.into_json(), json!({"b": [1]}));
    }
}

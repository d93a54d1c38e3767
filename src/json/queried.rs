//! What the JSONPath engine needs to know of a document, and the functions it offers to filters.

use std::borrow::Cow;

use jsonpath_rust::query::queryable::Queryable;

use crate::model::Json;

impl Queryable for Json {
    fn get(&self, key: &str) -> Option<&Self> {
        Json::get(self, key)
    }

    fn as_array(&self) -> Option<&Vec<Self>> {
        Json::as_array(self)
    }

    fn as_object(&self) -> Option<Vec<(&str, &Self)>> {
        Json::as_object(self).map(|members| members.iter().collect())
    }

    fn as_str(&self) -> Option<&str> {
        Json::as_str(self)
    }

    fn as_i64(&self) -> Option<i64> {
        Json::as_i64(self)
    }

    fn as_f64(&self) -> Option<f64> {
        Json::as_f64(self)
    }

    fn as_bool(&self) -> Option<bool> {
        Json::as_bool(self)
    }

    fn null() -> Self {
        Json::Null
    }

    /// The engine's functions on sets, such as `$.tags[?in(@.slug, $.wanted)]`; null where the
    /// arguments are not what the function takes.
    fn extension_custom(name: &str, args: Vec<Cow<'_, Self>>) -> Self {
        let [left, right] = args.as_slice() else { return Json::Null };
        let Json::Array(set) = right.as_ref() else { return Json::Null };
        match (name, left.as_ref()) {
            ("in", item) => set.contains(item).into(),
            ("nin", item) => (!set.contains(item)).into(),
            ("none_of", Json::Array(items)) => (!items.iter().any(|item| set.contains(item))).into(),
            ("any_of", Json::Array(items)) => items.iter().any(|item| set.contains(item)).into(),
            ("subset_of", Json::Array(items)) => items.iter().all(|item| set.contains(item)).into(),
            _ => Json::Null,
        }
    }
}

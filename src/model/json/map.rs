//! The members of an object, in the order in which they came.

use std::collections::HashMap;
use std::ops::Index;

use super::{Json, Text};

/// How many members are looked for one by one: up to here that is as fast as hashing.
const FEW: usize = 64;

/// The members of an object. Keys are unique; two maps are equal whatever the order.
#[derive(Debug, Clone, Default)]
pub struct Map {
    members: Vec<(Text, Json)>,
    /// Where each key stands, once there are more than a few: an object of a hundred thousand
    /// members must not be searched one by one.
    places: Option<Box<Places>>,
}

/// Apart, so that a document's nodes stay small.
#[derive(Debug, Clone)]
struct Places(HashMap<Text, usize>);

impl Map {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn with_capacity(members: usize) -> Self {
        Self { members: Vec::with_capacity(members), places: None }
    }

    pub fn len(&self) -> usize {
        self.members.len()
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    fn place(&self, key: &str) -> Option<usize> {
        match &self.places {
            Some(places) => places.0.get(key).copied(),
            None => self.members.iter().position(|(name, _)| name == key),
        }
    }

    pub fn get(&self, key: &str) -> Option<&Json> {
        match &self.places {
            Some(places) => self.members.get(*places.0.get(key)?).map(|(_, value)| value),
            None => self.members.iter().find(|(name, _)| name == key).map(|(_, value)| value),
        }
    }

    /// The same, looked for at `place` first: two states of an object have their members in the same order.
    pub(crate) fn get_near(&self, place: usize, key: &str) -> Option<&Json> {
        match self.members.get(place) {
            Some((name, value)) if name == key => Some(value),
            _ => self.get(key),
        }
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Json> {
        let place = self.place(key)?;
        self.members.get_mut(place).map(|(_, value)| value)
    }

    pub fn contains_key(&self, key: &str) -> bool {
        self.place(key).is_some()
    }

    /// Sets a member; the value it had, if there was one.
    pub fn insert(&mut self, key: impl Into<Text>, value: Json) -> Option<Json> {
        let key = key.into();
        match self.get_mut(&key) {
            Some(there) => Some(std::mem::replace(there, value)),
            None => {
                self.push(key, value);
                None
            }
        }
    }

    /// Adds a member that is not there yet.
    pub(crate) fn push(&mut self, key: Text, value: Json) {
        debug_assert!(!self.contains_key(&key));
        let place = self.members.len();
        if let Some(places) = &mut self.places {
            places.0.insert(key.clone(), place);
        }
        self.members.push((key, value));
        if place == FEW {
            self.find_places();
        }
    }

    fn find_places(&mut self) {
        self.places = (self.members.len() > FEW).then(|| {
            let places = self.members.iter().enumerate().map(|(place, (key, _))| (key.clone(), place));
            Box::new(Places(places.collect()))
        });
    }

    /// The value of a key, which is made first where there is none.
    pub fn get_or_insert_with(&mut self, key: &str, make: impl FnOnce() -> Json) -> &mut Json {
        let place = self.place(key).unwrap_or_else(|| {
            self.push(key.into(), make());
            self.members.len() - 1
        });
        &mut self.members[place].1
    }

    /// Takes a member out; the others keep their order.
    pub fn remove(&mut self, key: &str) -> Option<Json> {
        let place = self.place(key)?;
        let (_, value) = self.members.remove(place);
        self.find_places();
        Some(value)
    }

    pub fn retain(&mut self, mut keep: impl FnMut(&str, &mut Json) -> bool) {
        self.members.retain_mut(|(key, value)| keep(key, value));
        self.find_places();
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &Json)> + ExactSizeIterator {
        self.members.iter().map(|(key, value)| (key.as_str(), value))
    }

    pub fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = (&str, &mut Json)> + ExactSizeIterator {
        self.members.iter_mut().map(|(key, value)| (key.as_str(), value))
    }

    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &str> + ExactSizeIterator {
        self.members.iter().map(|(key, _)| key.as_str())
    }

    pub fn values(&self) -> impl DoubleEndedIterator<Item = &Json> + ExactSizeIterator {
        self.members.iter().map(|(_, value)| value)
    }

    pub fn values_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut Json> + ExactSizeIterator {
        self.members.iter_mut().map(|(_, value)| value)
    }
}

impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        let mut members = self.members.iter().enumerate();
        self.len() == other.len()
            && members
                .all(|(place, (key, value))| other.get_near(place, key).is_some_and(|there| there == value))
    }
}

impl Eq for Map {}

impl IntoIterator for Map {
    type Item = (Text, Json);
    type IntoIter = std::vec::IntoIter<(Text, Json)>;

    fn into_iter(self) -> Self::IntoIter {
        self.members.into_iter()
    }
}

impl<'a> IntoIterator for &'a Map {
    type Item = (&'a str, &'a Json);
    type IntoIter = std::iter::Map<std::slice::Iter<'a, (Text, Json)>, fn(&'a (Text, Json)) -> Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.members.iter().map(|(key, value)| (key.as_str(), value))
    }
}

impl<K: Into<Text>> Extend<(K, Json)> for Map {
    fn extend<I: IntoIterator<Item = (K, Json)>>(&mut self, members: I) {
        for (key, value) in members {
            self.insert(key, value);
        }
    }
}

impl<K: Into<Text>> FromIterator<(K, Json)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, Json)>>(members: I) -> Self {
        let mut map = Self::new();
        map.extend(members);
        map
    }
}

/// # Panics
/// Where there is no such member.
impl Index<&str> for Map {
    type Output = Json;

    fn index(&self, key: &str) -> &Json {
        match self.get(key) {
            Some(value) => value,
            None => panic!("there is no member {key:?}"),
        }
    }
}

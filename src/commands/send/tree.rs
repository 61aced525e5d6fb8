//! JSON that keeps the order of its keys: a body that is changed in one place stays as it was in all others. Pure.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::Value;

use crate::commands::Failure;
use crate::reader::nearest;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tree {
    /// A text, a number, true, false or null.
    Leaf(Value),
    /// An array.
    List(Vec<Tree>),
    /// An object, in its order.
    Table(Vec<(String, Tree)>),
}

/// What putting a value came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Put {
    /// It took the place of another.
    Replaced,
    /// The key or item is new.
    Added {
        /// A key beside it that may have been meant.
        near: Option<String>,
    },
}

impl Tree {
    /// Reads JSON.
    ///
    /// # Errors
    /// Where it is not JSON.
    pub(super) fn read(json: &[u8]) -> Result<Tree, Failure> {
        serde_json::from_slice(json).map_err(|error| Failure::bad_usage(format!("the body is not JSON: {error}")))
    }

    /// A word of the command line: JSON where it is JSON, else a text.
    pub(super) fn of_word(word: &str) -> Tree {
        serde_json::from_str(word).unwrap_or_else(|_| Tree::Leaf(Value::String(word.to_owned())))
    }

    /// Compact, as the provider writes it.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        // A tree has text keys and no foreign types: writing one to memory cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Puts `value` at `path`, names and indices separated by dots. All but the last must be there already.
    ///
    /// # Errors
    /// What is missing, and what is there instead.
    pub(super) fn put(&mut self, path: &str, value: Tree) -> Result<Put, Failure> {
        let (parents, last) = path.rsplit_once('.').unwrap_or(("", path));
        let mut at = self;
        for name in parents.split('.').filter(|name| !name.is_empty()) {
            let help = at.choices(name);
            at = at.child(name).ok_or_else(|| missing(path, name).help(help))?;
        }
        let help = at.choices(last);
        match at {
            Tree::Table(members) => match members.iter_mut().find(|(key, _)| key == last) {
                Some((_, old)) => {
                    *old = value;
                    Ok(Put::Replaced)
                }
                None => {
                    let near = nearest(last, members.iter().map(|(key, _)| key.as_str())).map(str::to_owned);
                    members.push((last.to_owned(), value));
                    Ok(Put::Added { near })
                }
            },
            Tree::List(items) => match last.parse::<usize>() {
                Ok(n) if n < items.len() => {
                    items[n] = value;
                    Ok(Put::Replaced)
                }
                Ok(n) if n == items.len() => {
                    items.push(value);
                    Ok(Put::Added { near: None })
                }
                _ => Err(missing(path, last).help(help)),
            },
            Tree::Leaf(_) => Err(missing(path, last).help(help)),
        }
    }

    fn child(&mut self, name: &str) -> Option<&mut Tree> {
        match self {
            Tree::Table(members) => members.iter_mut().find(|(key, _)| key == name).map(|(_, value)| value),
            Tree::List(items) => items.get_mut(name.parse::<usize>().ok()?),
            Tree::Leaf(_) => None,
        }
    }

    /// What could stand where `name` does not.
    fn choices(&self, name: &str) -> String {
        match self {
            Tree::Leaf(_) => "there is a plain value, which has no members".to_owned(),
            Tree::List(items) => format!("there is a list of {}, counted from 0", items.len()),
            Tree::Table(members) => {
                let keys: Vec<&str> = members.iter().map(|(key, _)| key.as_str()).collect();
                match nearest(name, keys.iter().copied()) {
                    Some(near) => format!("did you mean {near:?}?"),
                    None => format!("there are {}", keys.join(", ")),
                }
            }
        }
    }
}

fn missing(path: &str, name: &str) -> Failure {
    Failure::bad_usage(format!("the body has no {name:?} of {path}"))
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Tree::Leaf(value) => value.serialize(serializer),
            Tree::List(items) => items.serialize(serializer),
            Tree::Table(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (key, value) in members {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Leaf(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Leaf(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Leaf(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Leaf(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Leaf(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Leaf(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Tree, A::Error> {
        let mut table = Vec::new();
        while let Some(member) = members.next_entry()? {
            table.push(member);
        }
        Ok(Tree::Table(table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"z":1,"body":{"ref":"A","list":[1,{"x":null}],"pi":3.5,"ok":true}}"#;

    #[test]
    fn an_unchanged_tree_is_the_same_text() {
        let tree = Tree::read(BODY.as_bytes()).expect("json");
        assert_eq!(tree.to_bytes(), BODY.as_bytes());
        assert!(Tree::read(b"{").is_err());
    }

    #[test]
    fn values_are_put_in_place_and_the_rest_stays() {
        let check = |path: &str, word: &str, expected: &str| {
            let mut tree = Tree::read(BODY.as_bytes()).expect("json");
            let put = tree
                .put(path, Tree::of_word(word))
                .map_err(|failure| format!("{} ({})", failure.message, failure.help.unwrap_or_default()));
            let text = match put {
                Ok(_) => String::from_utf8(tree.to_bytes()).expect("text"),
                Err(text) => text,
            };
            assert_eq!(text, expected, "{path}={word}");
        };
        check("body.ref", "A-1", r#"{"z":1,"body":{"ref":"A-1","list":[1,{"x":null}],"pi":3.5,"ok":true}}"#);
        check("body.ref", "1", r#"{"z":1,"body":{"ref":1,"list":[1,{"x":null}],"pi":3.5,"ok":true}}"#);
        check("body.ref", "\"1\"", r#"{"z":1,"body":{"ref":"1","list":[1,{"x":null}],"pi":3.5,"ok":true}}"#);
        check(
            "z",
            r#"{"b":1,"a":2}"#,
            r#"{"z":{"b":1,"a":2},"body":{"ref":"A","list":[1,{"x":null}],"pi":3.5,"ok":true}}"#,
        );
        check("new", "", r#"{"z":1,"body":{"ref":"A","list":[1,{"x":null}],"pi":3.5,"ok":true},"new":""}"#);
        check("body.list.1.x", "[]", r#"{"z":1,"body":{"ref":"A","list":[1,{"x":[]}],"pi":3.5,"ok":true}}"#);
        check("body.list.2", "x", r#"{"z":1,"body":{"ref":"A","list":[1,{"x":null},"x"],"pi":3.5,"ok":true}}"#);
        check("body.list.3", "x", r#"the body has no "3" of body.list.3 (there is a list of 2, counted from 0)"#);
        check("body.ref.a", "x", r#"the body has no "a" of body.ref.a (there is a plain value, which has no members)"#);
        check("boddy.ref", "x", r#"the body has no "boddy" of boddy.ref (did you mean "body"?)"#);
    }

    #[test]
    fn what_is_new_names_what_was_perhaps_meant() {
        let mut tree = Tree::read(br#"{"referenceNo":"A"}"#).expect("json");
        let put = |tree: &mut Tree, path: &str| tree.put(path, Tree::of_word("x")).expect("put");
        assert_eq!(put(&mut tree, "refernceNo"), Put::Added { near: Some("referenceNo".to_owned()) });
        assert_eq!(put(&mut tree, "colour"), Put::Added { near: None });
        assert_eq!(put(&mut tree, "colour"), Put::Replaced);
    }
}

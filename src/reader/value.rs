//! One value as its kind wants it, or a complaint that says what was found and what would do.

use std::ops::Range;
use std::time::Duration;

use serde_json::{Value as Json, json};
use toml::de::{DeInteger, DeTable, DeValue};

use super::nearest::{listed, nearest};
use super::phrase::{found, plain, wanted, without_password};
use super::read::Reading;
use super::section::{Item, Value};
use super::spec::{Kind, Table};
use crate::chance::{SpanDraw, parse_span, show_span};
use crate::clock::Timestamp;
use crate::secret::{BLANK, Secret};

type Place = Option<Range<usize>>;

/// A value and how it is shown.
type Read = Option<(Value, Json)>;

impl Reading<'_> {
    /// `value` as `kind`, and how it is shown; `None` after a complaint.
    pub(super) fn value(
        &mut self,
        kind: &'static Kind,
        key: &str,
        value: &DeValue<'_>,
        place: Place,
        path: Option<&str>,
    ) -> Read {
        match (kind, value) {
            (Kind::Text, DeValue::String(text)) => Some((Value::Text(text.to_string()), json!(text))),
            (Kind::Url, DeValue::String(text)) => {
                let shown = without_password(text);
                if shown != *text {
                    self.secrets.extend(place);
                }
                Some((Value::Text(text.to_string()), json!(shown)))
            }
            (Kind::Secret, DeValue::String(text)) => {
                if !text.starts_with("env:") {
                    self.secrets.extend(place.clone());
                }
                let secret = self.secret(key, text, place)?;
                Some((Value::Secret(secret), json!(BLANK)))
            }
            (Kind::Secret, _) => {
                // Of the wrong kind, and perhaps a secret all the same, which lacks its quotes: neither drawn nor quoted.
                self.secrets.extend(place.clone());
                self.complain(place, format!("{key:?} must be {}", wanted(kind)), None);
                None
            }
            (Kind::Word { now, later }, DeValue::String(text)) => self.word(key, text, now, later, place),
            (Kind::Whole { min, max }, DeValue::Integer(n)) => self.whole(key, n, *min, *max, place),
            (Kind::Number { min, max }, DeValue::Integer(_) | DeValue::Float(_)) => {
                self.number(key, value, *min, *max, place)
            }
            (Kind::Switch, DeValue::Boolean(on)) => Some((Value::Switch(*on), json!(on))),
            (Kind::Span { min, max }, DeValue::String(text)) => self.span(key, text, *min, *max, place),
            (Kind::SpanDraw, DeValue::String(text)) => {
                let span: SpanDraw = self.accept(key, text.parse(), place)?;
                Some((Value::SpanDraw(span), json!(text)))
            }
            (Kind::Share, _) => self.share(key, value, place),
            (Kind::Instant, DeValue::Datetime(_) | DeValue::String(_)) => self.instant(key, value, place),
            (Kind::Size, _) => self.size(key, value, place),
            (Kind::Rate, DeValue::String(text)) => self.rate(key, text, place),
            (Kind::Weights(words), _) => self.weights(key, value, words, place),
            (Kind::List(of, most), DeValue::Array(_)) => self.list(of, *most, key, value, place),
            (Kind::OneOrMore(of), DeValue::Array(_)) => self.list(of, usize::MAX, key, value, place),
            (Kind::OneOrMore(of), _) => {
                let item = self.item(of, key, value, place.unwrap_or(0..0), path)?;
                let shown = item.shown.clone();
                Some((Value::List(vec![item]), shown))
            }
            (Kind::Map(of), DeValue::Table(pairs)) => Some(self.map(of, pairs)),
            (Kind::Table(table), DeValue::Table(read)) => {
                Some((Value::Table(self.table(table, read, place, path)), Json::Null))
            }
            (Kind::Tables(table), DeValue::Array(_)) => self.tables(table, key, value, place),
            (Kind::Any, _) => {
                let shown = self.json(key, value, place.unwrap_or(0..0));
                Some((Value::Any, shown))
            }
            _ => self.mismatch(kind, key, value, place),
        }
    }

    /// Any value as JSON; instants become RFC 3339 texts, and are complained of when they lack their offset.
    pub(super) fn json(&mut self, key: &str, value: &DeValue<'_>, span: Range<usize>) -> Json {
        match value {
            DeValue::String(text) => json!(text),
            DeValue::Integer(n) => whole_of(n).map_or_else(|| json!(n.to_string()), |n| json!(n)),
            DeValue::Float(f) => f.as_str().parse::<f64>().map_or(Json::Null, |f| json!(f)),
            DeValue::Boolean(on) => json!(on),
            DeValue::Datetime(_) => match self.instant(key, value, Some(span)) {
                Some((_, shown)) => shown,
                None => Json::Null,
            },
            DeValue::Array(items) => items.iter().map(|v| self.json(key, v.get_ref(), v.span())).collect(),
            DeValue::Table(pairs) => {
                let pairs: serde_json::Map<String, Json> = pairs
                    .iter()
                    .map(|(k, v)| (k.get_ref().to_string(), self.json(k.get_ref(), v.get_ref(), v.span())))
                    .collect();
                Json::Object(pairs)
            }
        }
    }

    fn mismatch(&mut self, kind: &Kind, key: &str, value: &DeValue<'_>, place: Place) -> Read {
        let help = match (kind, value) {
            (Kind::Span { .. } | Kind::SpanDraw, DeValue::Integer(n)) => Some(format!("write \"{n}s\" for seconds")),
            (Kind::Whole { .. } | Kind::Number { .. } | Kind::Switch, DeValue::String(_)) => {
                Some("write it without quotes".to_owned())
            }
            (Kind::Tables(table), DeValue::Table(_)) => {
                Some(format!("write {} with two brackets, once for each", table.name))
            }
            (Kind::List(..), _) => Some("put it in square brackets".to_owned()),
            _ => None,
        };
        self.complain(place, format!("{key:?} must be {}, not {}", wanted(kind), found(value)), help);
        None
    }

    fn accept<T, E: std::fmt::Display>(&mut self, key: &str, read: Result<T, E>, place: Place) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(error) => {
                self.complain(place, format!("{key:?} is wrong: {error}"), None);
                None
            }
        }
    }

    /// A secret as written, or from the variable that it names.
    pub fn secret(&mut self, key: &str, text: &str, place: Place) -> Option<Secret> {
        let Some(name) = text.strip_prefix("env:") else {
            return Some(Secret::new(text));
        };
        match (self.env)(name).filter(|value| !value.is_empty()) {
            Some(value) => Some(Secret::new(value)),
            None => {
                let message = format!("{key:?} names the environment variable {name:?}, which is not set");
                self.complain(place, message, Some(format!("set it before the start: export {name}=...")));
                None
            }
        }
    }

    fn word(
        &mut self,
        key: &str,
        text: &str,
        now: &'static [&'static str],
        later: &'static [&'static str],
        place: Place,
    ) -> Read {
        if now.contains(&text) {
            return Some((Value::Text(text.to_owned()), json!(text)));
        }
        if later.contains(&text) {
            let help = format!("this version has {}", listed(now.iter().copied()).replace(" or ", " and "));
            self.complain(place, format!("{key:?} cannot be {text:?}: it is not available yet"), Some(help));
            return None;
        }
        let message = format!("{key:?} must be {}, not {text:?}", listed(now.iter().copied()));
        let help = nearest(text, now.iter().copied()).map(|near| format!("did you mean {near:?}?"));
        self.complain(place, message, help);
        None
    }

    fn whole(&mut self, key: &str, n: &DeInteger<'_>, min: i64, max: i64, place: Place) -> Read {
        match whole_of(n).filter(|n| (min..=max).contains(n)) {
            Some(n) => Some((Value::Whole(n), json!(n))),
            None => {
                let bounds = if max == i64::MAX { format!("{min} or more") } else { format!("from {min} to {max}") };
                self.complain(place, format!("{key:?} must be a whole number, {bounds}, not {n}"), None);
                None
            }
        }
    }

    fn number(&mut self, key: &str, value: &DeValue<'_>, min: f64, max: f64, place: Place) -> Read {
        match number_of(value).filter(|n| (min..=max).contains(n)) {
            Some(n) => Some((Value::Number(n), json!(n))),
            None => {
                self.complain(place, format!("{key:?} must be from {min} to {max}, not {}", plain(value)), None);
                None
            }
        }
    }

    fn span(&mut self, key: &str, text: &str, min: Duration, max: Duration, place: Place) -> Read {
        let span = self.accept(key, parse_span(text), place.clone())?;
        if span < min || span > max {
            let bounds = format!("from {:?} to {:?}", show_span(min), show_span(max));
            self.complain(place, format!("{key:?} must be {bounds}, not {text:?}"), None);
            return None;
        }
        Some((Value::Span(span), json!(text)))
    }

    fn share(&mut self, key: &str, value: &DeValue<'_>, place: Place) -> Read {
        let share = match value {
            DeValue::String(text) => {
                text.trim().strip_suffix('%').and_then(|t| t.trim().parse::<f64>().ok()).map(|percent| percent / 100.0)
            }
            other => number_of(other),
        };
        match share.filter(|share| (0.0..=1.0).contains(share)) {
            Some(share) => Some((Value::Number(share), shown_scalar(value))),
            None => self.mismatch(&Kind::Share, key, value, place),
        }
    }

    fn instant(&mut self, key: &str, value: &DeValue<'_>, place: Place) -> Read {
        let text = match value {
            DeValue::Datetime(at) => {
                let mut at = *at;
                if let Some(time) = &mut at.time {
                    time.second.get_or_insert(0);
                }
                at.to_string()
            }
            other => plain(other),
        };
        match text.parse::<Timestamp>() {
            Ok(at) => Some((Value::Instant(at), json!(text))),
            Err(_) => {
                let message = match value {
                    DeValue::Datetime(at) if at.date.is_some() && at.time.is_some() && at.offset.is_none() => {
                        format!("{key:?} lacks its offset from UTC: {text}")
                    }
                    _ => format!("{key:?} is not an instant with date, time and offset from UTC: {text}"),
                };
                self.complain(place, message, Some("write it like 2026-11-20T08:00:00Z".to_owned()));
                None
            }
        }
    }

    fn size(&mut self, key: &str, value: &DeValue<'_>, place: Place) -> Read {
        let bytes = match value {
            DeValue::Integer(n) => whole_of(n),
            DeValue::String(text) => size_of(text),
            _ => None,
        };
        match bytes.filter(|n| (0..=1 << 20).contains(n)) {
            Some(n) => Some((Value::Whole(n), shown_scalar(value))),
            None => self.mismatch(&Kind::Size, key, value, place),
        }
    }

    fn rate(&mut self, key: &str, text: &str, place: Place) -> Read {
        if text == "off" {
            return Some((Value::Rate(None), json!(text)));
        }
        let per_second = text.split_once('/').and_then(|(count, unit)| {
            let count: f64 = count.trim().parse().ok()?;
            let seconds = match unit.trim() {
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                _ => return None,
            };
            (count.is_finite() && count > 0.0).then_some(count / seconds)
        });
        match per_second {
            Some(rate) => Some((Value::Rate(Some(rate)), json!(text))),
            None => self.mismatch(&Kind::Rate, key, &DeValue::String(text.into()), place),
        }
    }

    fn weights(&mut self, key: &str, value: &DeValue<'_>, words: &'static [&'static str], place: Place) -> Read {
        match value {
            DeValue::String(text) => {
                let (_, shown) = self.word(key, text, words, &[], place)?;
                Some((Value::Weights(vec![(text.to_string(), 1.0)]), shown))
            }
            DeValue::Table(pairs) => {
                let mut read = Vec::with_capacity(pairs.len());
                let mut sound = true;
                for (word, weight) in pairs {
                    sound &= self.word(key, word.get_ref(), words, &[], Some(word.span())).is_some();
                    match number_of(weight.get_ref()).filter(|w| w.is_finite() && *w >= 0.0) {
                        Some(w) => read.push((word.get_ref().to_string(), w)),
                        None => {
                            let found = found(weight.get_ref());
                            let message =
                                format!("the weight of {:?} must be a number, 0 or more, not {found}", word.get_ref());
                            self.complain(Some(weight.span()), message, None);
                            sound = false;
                        }
                    }
                }
                if sound && read.iter().all(|(_, w)| *w <= 0.0) {
                    let help = "give at least one outcome a weight above 0".to_owned();
                    self.complain(place, format!("the weights of {key:?} add up to 0"), Some(help));
                    return None;
                }
                let shown = read.iter().map(|(word, w)| (word.clone(), json!(w))).collect();
                sound.then_some((Value::Weights(read), Json::Object(shown)))
            }
            other => self.mismatch(&Kind::Weights(words), key, other, place),
        }
    }

    fn list(&mut self, of: &'static Kind, most: usize, key: &str, value: &DeValue<'_>, place: Place) -> Read {
        let entries = value.as_array()?;
        if entries.len() > most {
            self.complain(place, format!("{key:?} has {} entries, more than {most}", entries.len()), None);
            return None;
        }
        let items: Vec<Item> =
            entries.iter().filter_map(|entry| self.item(of, key, entry.get_ref(), entry.span(), None)).collect();
        let shown = items.iter().map(|item| item.shown.clone()).collect();
        Some((Value::List(items), shown))
    }

    fn map(&mut self, of: &'static Kind, pairs: &DeTable<'_>) -> (Value, Json) {
        let mut read = Vec::with_capacity(pairs.len());
        let mut shown = serde_json::Map::new();
        for (name, value) in pairs {
            if let Some(item) = self.item(of, name.get_ref(), value.get_ref(), value.span(), None) {
                shown.insert(name.get_ref().to_string(), item.shown.clone());
                read.push((name.get_ref().to_string(), name.span(), item));
            }
        }
        (Value::Map(read), Json::Object(shown))
    }

    fn tables(&mut self, table: &'static Table, key: &str, value: &DeValue<'_>, place: Place) -> Read {
        let entries = value.as_array()?;
        let mut items = Vec::with_capacity(entries.len());
        let mut sound = true;
        for entry in entries {
            let span = entry.span();
            let place = place.as_ref().map(|_| span.clone());
            match entry.get_ref().as_table() {
                Some(read) => {
                    let section = self.table(table, read, place.clone(), None);
                    let origin = self.origin.clone();
                    items.push(Item { value: Value::Table(section), shown: Json::Null, span: place, origin });
                }
                None => {
                    let found = found(entry.get_ref());
                    self.complain(place, format!("every entry of {key:?} must be a table, not {found}"), None);
                    sound = false;
                }
            }
        }
        sound.then_some((Value::List(items), Json::Null))
    }
}

fn whole_of(n: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(n.as_str(), n.radix()).ok()
}

fn number_of(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Integer(n) => whole_of(n).map(|n| n as f64),
        DeValue::Float(f) => f.as_str().parse().ok(),
        _ => None,
    }
}

fn size_of(text: &str) -> Option<i64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let unit: i64 = match text[digits..].trim() {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "kB" => 1_000,
        "MB" => 1_000_000,
        _ => return None,
    };
    text[..digits].parse::<i64>().ok()?.checked_mul(unit)
}

fn shown_scalar(value: &DeValue<'_>) -> Json {
    match value {
        DeValue::Integer(n) => whole_of(n).map_or(Json::Null, |n| json!(n)),
        other => number_of(other).map_or_else(|| json!(plain(other)), |n| json!(n)),
    }
}

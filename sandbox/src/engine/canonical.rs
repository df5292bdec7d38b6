//! Arguments leave the script here, once: a walk over the value writes canonical bytes (RFC 8785).
//!
//! The walk runs no code of the script and reads each property once, so that what is sent is what was read. Plain
//! data only; everything else is refused with its place.

use std::cell::OnceCell;

use intents::canonical;
use rquickjs::{Ctx, Function, Object, Result, Value};

use crate::engine::raw::{self, Own};

/// Deeper data is a structure that its writer did not mean to send.
const DEPTH_MAX: usize = 64;
/// More values than fit into the bytes of the largest arguments.
const NODES_MAX: usize = 1 << 20;

/// Why a value is no plain data, or too much of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// With its place and kind, in words.
    Unsound(String),
    /// More bytes than may leave.
    TooLong,
}

/// What the engine calls the classes that the walk knows, learnt from examples.
pub(crate) struct Shapes<'js> {
    object: u32,
    learnt: OnceCell<Learnt<'js>>,
}

struct Learnt<'js> {
    array: u32,
    date: u32,
    arguments: u32,
    time_of: Function<'js>,
    stack_of: Function<'js>,
}

impl<'js> Shapes<'js> {
    /// Knows plain objects only.
    pub(crate) fn unlearnt(ctx: &Ctx<'js>) -> Result<Self> {
        Ok(Self { object: raw::class(Object::new(ctx.clone())?.as_value()), learnt: OnceCell::new() })
    }

    /// Learns the other classes, before any script runs.
    pub(crate) fn learn(&self, samples: &Object<'js>) -> Result<()> {
        let class = |name: &str| -> Result<u32> { Ok(raw::class(&samples.get::<_, Value>(name)?)) };
        let learnt = Learnt {
            array: class("array")?,
            date: class("date")?,
            arguments: class("arguments")?,
            time_of: samples.get("timeOf")?,
            stack_of: samples.get("stackOf")?,
        };
        self.learnt.set(learnt).map_err(|_| rquickjs::Error::Unknown)
    }

    fn is(&self, value: &Value<'js>, class: impl Fn(&Learnt<'js>) -> u32) -> bool {
        self.learnt.get().is_some_and(|learnt| raw::class(value) == class(learnt))
    }

    /// Whether a value is an array.
    pub(crate) fn is_array(&self, value: &Value<'js>) -> bool {
        self.is(value, |learnt| learnt.array)
    }

    /// Whether a value is an object without a class of its own.
    pub(crate) fn is_plain(&self, value: &Value<'js>) -> bool {
        raw::class(value) == self.object
    }

    /// The milliseconds of a Date, by the engine's own code.
    pub(crate) fn date(&self, value: &Value<'js>) -> Option<f64> {
        let learnt = self.learnt.get().filter(|learnt| raw::class(value) == learnt.date)?;
        learnt.time_of.call::<_, f64>((value.clone(),)).ok()
    }

    /// The stack of an error, as the engine wrote it.
    pub(crate) fn stack(&self, error: &Value<'js>) -> Option<String> {
        self.learnt.get()?.stack_of.call::<_, String>((error.clone(),)).ok()
    }

    /// Writes a value as canonical text of at most so many bytes.
    pub(crate) fn text(&self, value: &Value<'js>, bytes_max: usize) -> std::result::Result<String, Refused> {
        let mut walk = Walk { shapes: self, out: String::new(), path: String::new(), nodes: 0, bytes_max };
        walk.value(value, 0)?;
        Ok(walk.out)
    }
}

struct Walk<'a, 'js> {
    shapes: &'a Shapes<'js>,
    out: String,
    path: String,
    nodes: usize,
    bytes_max: usize,
}

impl<'js> Walk<'_, 'js> {
    fn value(&mut self, value: &Value<'js>, depth: usize) -> std::result::Result<(), Refused> {
        self.nodes += 1;
        if self.nodes > NODES_MAX || self.out.len() > self.bytes_max {
            return Err(Refused::TooLong);
        }
        if let Some(whole) = value.as_int() {
            self.out.push_str(&whole.to_string());
        } else if let Some(number) = value.as_float() {
            if !number.is_finite() {
                return Err(self.refuse(&format!("is {}, and JSON has no such number", describe(number))));
            }
            self.out.push_str(&canonical::number_to_string(number));
        } else if let Some(text) = value.as_string() {
            let text =
                text.to_string().map_err(|_| self.refuse("is a text with half a character (a lone surrogate)"))?;
            if text.len() > self.bytes_max {
                return Err(Refused::TooLong);
            }
            canonical::write_string(&text, &mut self.out);
        } else if let Some(truth) = value.as_bool() {
            self.out.push_str(if truth { "true" } else { "false" });
        } else if value.is_null() {
            self.out.push_str("null");
        } else if value.is_object() {
            return self.object(value, depth);
        } else {
            return Err(self.refuse(kind(value)));
        }
        if self.out.len() > self.bytes_max { Err(Refused::TooLong) } else { Ok(()) }
    }

    fn object(&mut self, value: &Value<'js>, depth: usize) -> std::result::Result<(), Refused> {
        if depth >= DEPTH_MAX {
            return Err(self.refuse(&format!("is nested deeper than {DEPTH_MAX} levels, or contains itself")));
        }
        if self.shapes.is_array(value) {
            self.array(value, depth)
        } else if self.shapes.is_plain(value) {
            self.members(value, depth)
        } else if self.shapes.is(value, |learnt| learnt.date) {
            let text = self.shapes.date(value).and_then(iso);
            let text = text.ok_or_else(|| self.refuse("is a Date that is no point in time"))?;
            canonical::write_string(&text, &mut self.out);
            Ok(())
        } else if self.shapes.is(value, |learnt| learnt.arguments) {
            Err(self.refuse("is an `arguments` object: spread it into an array"))
        } else {
            Err(self.refuse(kind(value)))
        }
    }

    fn array(&mut self, array: &Value<'js>, depth: usize) -> std::result::Result<(), Refused> {
        let length = raw::length(array);
        // A comma or bracket for each, at least.
        if length as usize > self.bytes_max {
            return Err(Refused::TooLong);
        }
        self.out.push('[');
        for index in 0..length {
            if index > 0 {
                self.out.push(',');
            }
            let before = self.enter(&index.to_string());
            match raw::item(array, index) {
                Some(Own::Data(item)) if !item.is_undefined() => self.value(&item, depth + 1)?,
                Some(Own::Data(_)) | None => {
                    return Err(self.refuse("is undefined, and JSON has no such value: use null"));
                }
                Some(Own::Accessor) => return Err(self.refuse(GETTER)),
            }
            self.path.truncate(before);
        }
        self.out.push(']');
        Ok(())
    }

    fn members(&mut self, object: &Value<'js>, depth: usize) -> std::result::Result<(), Refused> {
        let mut members =
            raw::members(object).map_err(|()| self.refuse("has a member whose name is half a character"))?;
        if members.iter().all(|(name, _)| name.is_ascii()) {
            members.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        } else {
            members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
        }
        self.out.push('{');
        let mut first = true;
        for (name, member) in members {
            let before = self.enter(&name);
            match member {
                Own::Data(member) if member.is_undefined() => {}
                Own::Data(member) => {
                    if !first {
                        self.out.push(',');
                    }
                    first = false;
                    canonical::write_string(&name, &mut self.out);
                    self.out.push(':');
                    self.value(&member, depth + 1)?;
                }
                Own::Accessor => return Err(self.refuse(GETTER)),
            }
            self.path.truncate(before);
        }
        self.out.push('}');
        Ok(())
    }

    /// Goes one step down, and says how long the path was before.
    fn enter(&mut self, name: &str) -> usize {
        let before = self.path.len();
        self.path.push('/');
        if name.contains(['~', '/']) {
            self.path.push_str(&name.replace('~', "~0").replace('/', "~1"));
        } else {
            self.path.push_str(name);
        }
        before
    }

    fn refuse(&self, what: &str) -> Refused {
        /// A path that is longer helps nobody.
        const PATH_SHOWN_MAX: usize = 200;
        let shown: String = self.path.chars().take(PATH_SHOWN_MAX).collect();
        Refused::Unsound(if shown.is_empty() { format!("the value {what}") } else { format!("`{shown}` {what}") })
    }
}

const GETTER: &str = "is a getter or setter: give its value instead";

fn kind(value: &Value<'_>) -> &'static str {
    if value.is_undefined() {
        "is undefined"
    } else if value.is_big_int() {
        "is a BigInt: give it as text"
    } else if value.is_symbol() {
        "is a symbol"
    } else if value.is_proxy() {
        "is a Proxy"
    } else if value.is_function() {
        "is a function"
    } else if value.is_promise() {
        "is a promise: await it first"
    } else if value.is_error() {
        "is an Error: give its message"
    } else {
        "is no plain data (a Map, Set, typed array or other object with a class of its own)"
    }
}

fn describe(number: f64) -> &'static str {
    if number.is_nan() {
        "NaN"
    } else if number > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}

/// Prints milliseconds as `Date.prototype.toISOString` does.
pub(crate) fn iso(millis: f64) -> Option<String> {
    /// Beyond this, a Date is no point in time.
    const TIME_MAX: f64 = 8.64e15;
    if !millis.is_finite() || millis.abs() > TIME_MAX {
        return None;
    }
    let millis = millis as i64;
    let days = millis.div_euclid(86_400_000);
    let rest = millis.rem_euclid(86_400_000);
    let (year, month, day) = civil(days);
    let year = if (0..=9999).contains(&year) { format!("{year:04}") } else { format!("{year:+07}") };
    let (hour, minute, second) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60);
    Some(format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", rest % 1000))
}

/// The proleptic Gregorian date of a day since 1970-01-01 (Hinnant's algorithm: eras of 400 years).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_in_time_print_as_the_language_prints_them() {
        for (millis, printed) in [
            (0.0, "1970-01-01T00:00:00.000Z"),
            (1_774_746_123_456.0, "2026-03-29T01:02:03.456Z"),
            (-1.0, "1969-12-31T23:59:59.999Z"),
            (8.64e15, "+275760-09-13T00:00:00.000Z"),
            (-62_198_755_200_000.0, "-000001-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(iso(millis).as_deref(), Some(printed));
        }
        assert_eq!(iso(8.64e15 + 1.0), None);
        assert_eq!(iso(f64::NAN), None);
    }
}

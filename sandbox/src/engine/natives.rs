//! The native functions that the prelude builds on. None of them reaches beyond the session.

use std::rc::Rc;

use intents::Timestamp;
use intents::id::Ulid;
use intents::time::Span;
use rquickjs::function::{IntoJsFunc, Opt};
use rquickjs::{Ctx, Function, Object, Result, TypedArray, Value};

use crate::engine::session::Session;
use crate::helpers::{self, Problem};

/// Text that a helper reads; the same bound as for an outcome.
const TEXT_BYTES_MAX: usize = crate::limits::OUTCOME_BYTES_MAX as usize;

/// A set of native functions over one session.
struct Natives<'js> {
    object: Object<'js>,
    session: Rc<Session<'js>>,
}

/// Makes all of them.
pub(crate) fn natives<'js>(session: &Rc<Session<'js>>) -> Result<Object<'js>> {
    let ctx = session.ctx.clone();
    let core = Natives { object: Object::new(ctx)?, session: Rc::clone(session) };
    core.execution()?;
    core.object.set("time", core.part()?.time()?)?;
    core.object.set("parse", core.part()?.parse()?)?;
    core.object.set("text", core.part()?.text()?)?;
    core.object.set("url", core.part()?.url()?)?;
    Ok(core.object)
}

impl<'js> Natives<'js> {
    fn part(&self) -> Result<Self> {
        Ok(Self { object: Object::new(self.session.ctx.clone())?, session: Rc::clone(&self.session) })
    }

    fn add<P, F: IntoJsFunc<'js, P> + 'js>(&self, name: &str, function: F) -> Result<()> {
        self.object.set(name, Function::new(self.session.ctx.clone(), function)?)
    }

    fn execution(&self) -> Result<()> {
        let session = Rc::clone(&self.session);
        self.add("now", move || session.now.get() as f64)?;
        let session = Rc::clone(&self.session);
        self.add("random", move || session.chance.borrow_mut().fraction())?;
        let session = Rc::clone(&self.session);
        self.add("id", move || {
            let bits = session.chance.borrow_mut().bits();
            Ulid::from_parts(Timestamp::from_millis(session.now.get()), bits).to_string()
        })?;
        let session = Rc::clone(&self.session);
        self.add("log", move |level: String, values: Vec<Value<'js>>| session.log(&level, &values))?;
        let session = Rc::clone(&self.session);
        self.add("call", move |tool: String, arguments: Opt<Value<'js>>, options: Opt<Value<'js>>| {
            let undefined = || Value::new_undefined(session.ctx.clone());
            let (arguments, options) = (arguments.0.unwrap_or_else(undefined), options.0.unwrap_or_else(undefined));
            session.call(&tool, &arguments, &options)
        })?;
        let session = Rc::clone(&self.session);
        self.add("fail", move |message: String, details: Opt<Value<'js>>| {
            let details = details.0.unwrap_or_else(|| Value::new_undefined(session.ctx.clone()));
            session.stop(&message, &details)
        })?;
        let session = Rc::clone(&self.session);
        self.add("span", move |text: String| match text.parse::<Span>() {
            Ok(span) => Ok(span.duration().as_millis() as f64),
            Err(malformed) => Err(session.throw("TypeError", &malformed.to_string())),
        })
    }

    fn time(self) -> Result<Object<'js>> {
        let session = Rc::clone(&self.session);
        self.add("parts", move |millis: f64, zone: Value<'js>| {
            let parts = helpers::time::parts(millis, &zone_name(&session, &zone)?);
            plain(&session, "RangeError", parts)
        })?;
        let session = Rc::clone(&self.session);
        self.add("format", move |millis: f64, zone: Value<'js>, pattern: String| {
            let text = helpers::time::format(millis, &zone_name(&session, &zone)?, &pattern);
            text.map_err(|problem| throw(&session, "RangeError", &problem))
        })?;
        let session = Rc::clone(&self.session);
        self.add("parse", move |text: String, zone: Value<'js>| {
            let millis = helpers::time::parse(&text, &zone_name(&session, &zone)?);
            millis.map_err(|problem| throw(&session, "ParseError", &problem))
        })?;
        let session = Rc::clone(&self.session);
        self.add("add", move |millis: f64, amounts: Value<'js>, zone: Value<'js>| {
            let amounts = session.canonical("the amounts to add", &amounts)?;
            let millis = helpers::time::add(millis, &amounts, &zone_name(&session, &zone)?);
            millis.map_err(|problem| throw(&session, "RangeError", &problem))
        })?;
        let session = Rc::clone(&self.session);
        self.add("startOf", move |millis: f64, unit: String, zone: Value<'js>| {
            let millis = helpers::time::start_of(millis, &unit, &zone_name(&session, &zone)?);
            millis.map_err(|problem| throw(&session, "RangeError", &problem))
        })?;
        Ok(self.object)
    }

    fn parse(self) -> Result<Object<'js>> {
        let session = Rc::clone(&self.session);
        self.add("csv", move |text: Value<'js>, options: Value<'js>| {
            let options = session.canonical("the options of `csv`", &options)?;
            plain(&session, PARSE_ERROR, helpers::csv::parse(&input(&session, &text)?, &options))
        })?;
        let session = Rc::clone(&self.session);
        self.add("json", move |text: Value<'js>, options: Value<'js>| {
            let options = session.canonical("the options of `json`", &options)?;
            plain(&session, PARSE_ERROR, helpers::json::parse(&input(&session, &text)?, &options))
        })?;
        let parsers: [(&str, Parser); 3] =
            [("xml", helpers::xml::parse), ("feed", helpers::feed::parse), ("ics", helpers::ics::parse)];
        for (name, parser) in parsers {
            let session = Rc::clone(&self.session);
            self.add(name, move |text: Value<'js>| plain(&session, PARSE_ERROR, parser(&input(&session, &text)?)))?;
        }
        let session = Rc::clone(&self.session);
        self.add("html", move |text: Value<'js>, css: String| {
            plain(&session, PARSE_ERROR, helpers::html::select(&input(&session, &text)?, &css))
        })?;
        Ok(self.object)
    }

    fn text(self) -> Result<Object<'js>> {
        self.add("encode", move |ctx: Ctx<'js>, text: String| TypedArray::<u8>::new(ctx, text.into_bytes()))?;
        let session = Rc::clone(&self.session);
        self.add("decode", move |bytes: TypedArray<'js, u8>, fatal: bool, keep_mark: bool| {
            let decoded = helpers::text::decode(&bytes_of(&bytes), fatal, keep_mark);
            decoded.map_err(|problem| throw(&session, "TypeError", &problem))
        })?;
        let session = Rc::clone(&self.session);
        self.add("toBase64", move |binary: String| {
            let encoded = helpers::text::to_base64(&binary);
            encoded.map_err(|problem| throw(&session, "InvalidCharacterError", &problem))
        })?;
        let session = Rc::clone(&self.session);
        self.add("fromBase64", move |text: String| {
            let decoded = helpers::text::from_base64(&text);
            decoded.map_err(|problem| throw(&session, "InvalidCharacterError", &problem))
        })?;
        Ok(self.object)
    }

    fn url(self) -> Result<Object<'js>> {
        self.add("parse", move |text: String, base: Opt<String>| helpers::url::parse(&text, base.0.as_deref()))?;
        self.add("set", move |href: String, part: String, value: String| helpers::url::set(&href, &part, &value))?;
        self.add("origin", move |href: String| helpers::url::origin(&href))?;
        self.add("pairs", move |query: String| helpers::url::pairs(&query))?;
        self.add("query", move |pairs: Vec<Vec<String>>| helpers::url::query(&pairs))?;
        Ok(self.object)
    }
}

/// A helper without options.
type Parser = fn(&str) -> std::result::Result<String, Problem>;

/// The name of the errors that helpers throw at data.
const PARSE_ERROR: &str = "ParseError";

/// Reads the text that a helper is given.
fn input<'js>(session: &Session<'js>, text: &Value<'js>) -> Result<String> {
    let Some(text) = text.as_string() else { return Err(session.throw("TypeError", "what is parsed is a text")) };
    let text = text.to_string().map_err(|_| session.throw(PARSE_ERROR, "the text holds half a character"))?;
    if text.len() > TEXT_BYTES_MAX {
        let message = format!("the text has {} bytes, and at most {TEXT_BYTES_MAX} are parsed", text.len());
        return Err(session.throw(PARSE_ERROR, &message));
    }
    Ok(text)
}

#[expect(unsafe_code, reason = "the bytes are copied before anything else happens to them")]
fn bytes_of(bytes: &TypedArray<'_, u8>) -> Vec<u8> {
    // SAFETY: no script runs between the look and the copy, so the buffer neither moves nor goes.
    unsafe { bytes.as_bytes() }.unwrap_or_default().to_vec()
}

fn zone_name<'js>(session: &Session<'js>, zone: &Value<'js>) -> Result<String> {
    let zone = zone.as_string().and_then(|zone| zone.to_string().ok());
    zone.ok_or_else(|| session.throw("TypeError", "a time zone is given by name, such as \"Europe/Rome\" or \"UTC\""))
}

/// Makes plain data of JSON text that a helper gave.
fn plain<'js>(session: &Session<'js>, name: &str, json: std::result::Result<String, Problem>) -> Result<Value<'js>> {
    match json {
        Ok(json) => session.ctx.json_parse(json),
        Err(problem) => Err(throw(session, name, &problem)),
    }
}

fn throw(session: &Session<'_>, name: &str, problem: &Problem) -> rquickjs::Error {
    let error = session.throw(name, &problem.to_string());
    if let Some(line) = problem.line {
        let thrown = session.ctx.catch();
        if let Some(thrown) = thrown.as_object() {
            let line = rquickjs::object::Property::from(line).writable().configurable().enumerable();
            // An error that cannot take a line is still the error.
            drop(thrown.prop("line", line));
        }
        return session.ctx.throw(thrown);
    }
    error
}

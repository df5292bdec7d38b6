//! The state of an execution: what its native functions share.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use intents::Timestamp;
use intents::effect::Key;
use rquickjs::{Ctx, Error, Function, Object, Promise, Result, Value};

use crate::engine::canonical::{Refused, Shapes};
use crate::engine::chance::Chance;
use crate::engine::raw::{self, Own};
use crate::engine::{describe, outbox};
use crate::limits::{self, Inside};
use crate::replay::{Issued, Replay};
use crate::report::{Fault, FromScript, ScriptFailure, Step, Which};
use crate::wire::{Opening, Outcome, Recorded};

/// Calls that every script may make: they concern the run itself, not the world.
const OWN_CALLS: [&str; 6] =
    ["steward.sleep", "steward.wait_for", "steward.ask", "state.get", "state.set", "state.delete"];

/// What the prelude gives back for our use.
pub(crate) struct Hooks<'js> {
    /// Makes an error at the place where it is called.
    pub(crate) error: Function<'js>,
    /// Fills the error of a refused call.
    pub(crate) refuse: Function<'js>,
    /// Makes the argument of `run`.
    pub(crate) entry: Function<'js>,
}

/// A call whose answer the script waits for.
struct Waiting<'js> {
    resolve: Function<'js>,
    reject: Function<'js>,
    /// Made at the call, so that it knows the script's line.
    error: Object<'js>,
}

/// Everything about one execution that lives outside the engine.
pub(crate) struct Session<'js> {
    pub(crate) ctx: Ctx<'js>,
    pub(crate) shapes: Shapes<'js>,
    pub(crate) hooks: RefCell<Option<Hooks<'js>>>,
    pub(crate) script: RefCell<String>,
    pub(crate) limits: RefCell<Inside>,
    pub(crate) chance: RefCell<Chance>,
    pub(crate) now: Cell<i64>,
    replay: RefCell<Replay>,
    /// A list, since it is a short one.
    granted: RefCell<Vec<String>>,
    /// Whether every record has been passed.
    live: Cell<bool>,
    /// What goes out once that is so.
    held: RefCell<Vec<FromScript>>,
    waiting: RefCell<BTreeMap<u32, Waiting<'js>>>,
    lines: Cell<u32>,
    logged: Cell<u32>,
}

impl<'js> Session<'js> {
    /// Makes the session of a process that has no script yet.
    pub(crate) fn new(ctx: Ctx<'js>, shapes: Shapes<'js>) -> Self {
        Self {
            ctx,
            shapes,
            hooks: RefCell::new(None),
            script: RefCell::default(),
            limits: RefCell::new(Inside::from(&limits::Limits::default())),
            chance: RefCell::default(),
            now: Cell::new(0),
            replay: RefCell::default(),
            granted: RefCell::default(),
            live: Cell::new(false),
            held: RefCell::default(),
            waiting: RefCell::default(),
            lines: Cell::new(0),
            logged: Cell::new(0),
        }
    }

    /// Gives the session its script's circumstances.
    pub(crate) fn open(&self, opening: &Opening, recorded: Vec<Recorded>) {
        self.script.replace(opening.name.clone());
        self.limits.replace(opening.limits.clone());
        self.chance.replace(Chance::new(opening.seed));
        self.now.set(opening.at);
        self.live.set(recorded.is_empty());
        self.replay.replace(Replay::new(recorded));
        self.granted.replace(opening.tools.clone());
        self.logged.set(opening.logged);
    }

    /// Makes an error of the prelude's making, to be thrown.
    pub(crate) fn throw(&self, name: &str, message: &str) -> Error {
        let hooks = self.hooks.borrow();
        let Some(hooks) = hooks.as_ref() else { return Error::Unknown };
        match hooks.error.call::<_, Value>((name, message)) {
            Ok(error) => self.ctx.throw(error),
            Err(error) => error,
        }
    }

    /// Makes a failure of what was thrown.
    pub(crate) fn failure(&self, fault: Fault, thrown: &Value<'js>) -> Box<ScriptFailure> {
        Box::new(describe::failure(&self.shapes, fault, thrown, &self.script.borrow()))
    }

    /// Makes a call: the one way from the script to the world.
    pub(crate) fn call(&self, tool: &str, arguments: &Value<'js>, options: &Value<'js>) -> Result<Promise<'js>> {
        if !OWN_CALLS.contains(&tool) && !self.granted.borrow().iter().any(|granted| granted == tool) {
            return Err(self.throw("TypeError", &format!("`{tool}` is not granted to this script")));
        }
        let step = self.step(tool, arguments, options)?;
        let optional = self.option_of(tool, options)?;
        let calls_max = self.limits.borrow().calls;
        if self.replay.borrow().issued() >= calls_max {
            outbox::end(&FromScript::Limit(Which::Calls.broken()));
        }
        let (promise, resolve, reject) = self.ctx.promise()?;
        let hooks = self.hooks.borrow();
        let hooks = hooks.as_ref().ok_or(Error::Unknown)?;
        let error: Object = hooks.error.call(("Refused", ""))?;
        let issued = self.replay.borrow_mut().issue(step);
        let (call, issued, step) = issued.unwrap_or_else(|mismatch| outbox::end(&FromScript::Differs(mismatch)));
        self.waiting.borrow_mut().insert(call, Waiting { resolve, reject, error });
        match issued {
            Issued::Recorded => {}
            Issued::Live => {
                let Step { tool, arguments, key } = step;
                self.emit(FromScript::Call { call, tool, arguments, key, optional });
            }
        }
        Ok(promise)
    }

    fn step(&self, tool: &str, arguments: &Value<'js>, options: &Value<'js>) -> Result<Step> {
        let arguments = if arguments.is_undefined() {
            "{}".to_owned()
        } else if self.shapes.is_plain(arguments) {
            self.canonical(&format!("the arguments of `{tool}`"), arguments)?
        } else {
            return Err(self.throw("TypeError", &format!("`{tool}` takes an object of named arguments")));
        };
        let key = match self.option(options, "key")? {
            Some(key) if !key.is_undefined() => Some(self.key(tool, &key)?),
            Some(_) | None => None,
        };
        Ok(Step { tool: tool.to_owned(), arguments, key })
    }

    fn key(&self, tool: &str, key: &Value<'js>) -> Result<String> {
        let text = self.canonical(&format!("the key of `{tool}`"), key)?;
        let parsed = serde_json::from_str(&text).map_err(|_| Error::Unknown)?;
        match Key::parse(&parsed) {
            Ok(_) => Ok(text),
            Err(malformed) => Err(self.throw("TypeError", &format!("the key of `{tool}`: {malformed}"))),
        }
    }

    fn option_of(&self, tool: &str, options: &Value<'js>) -> Result<bool> {
        if options.is_object() {
            for (name, _) in raw::members(options).unwrap_or_default() {
                if name != "key" && name != "optional" {
                    let message = format!("`{tool}` has the options `key` and `optional`, and none called `{name}`");
                    return Err(self.throw("TypeError", &message));
                }
            }
        }
        match self.option(options, "optional")? {
            None => Ok(false),
            Some(value) if value.is_undefined() => Ok(false),
            Some(value) => match value.as_bool() {
                Some(optional) => Ok(optional),
                None => Err(self.throw("TypeError", "the option `optional` is true or false")),
            },
        }
    }

    fn option(&self, options: &Value<'js>, name: &str) -> Result<Option<Value<'js>>> {
        if options.is_undefined() {
            return Ok(None);
        }
        if !self.shapes.is_plain(options) {
            return Err(self.throw("TypeError", "the options of a call are an object such as { key: { invoice: 7 } }"));
        }
        match raw::own(options, name) {
            None => Ok(None),
            Some(Own::Data(value)) => Ok(Some(value)),
            Some(Own::Accessor) => Err(self.throw("TypeError", &format!("the option `{name}` is a getter"))),
        }
    }

    /// The canonical text of something that leaves the script.
    pub(crate) fn canonical(&self, what: &str, value: &Value<'js>) -> Result<String> {
        let bytes_max = self.limits.borrow().argument_bytes as usize;
        match self.shapes.text(value, bytes_max) {
            Ok(text) => Ok(text),
            Err(Refused::Unsound(why)) => Err(self.throw("TypeError", &format!("{what}: {why}"))),
            Err(Refused::TooLong) => outbox::end(&FromScript::Limit(Which::ArgumentBytes.broken())),
        }
    }

    /// Writes a line to the run's log.
    pub(crate) fn log(&self, level: &str, values: &[Value<'js>]) {
        let line = self.lines.get();
        if line >= self.limits.borrow().log_lines {
            outbox::end(&FromScript::Limit(Which::LogLines.broken()));
        }
        self.lines.set(line + 1);
        if line >= self.logged.get() {
            let text = describe::line(&self.shapes, values, limits::LOG_LINE_BYTES_MAX as usize);
            let at = Timestamp::from_millis(self.now.get());
            self.emit(FromScript::Log { line, level: level.to_owned(), text, at });
        }
    }

    /// Ends the attempt because the script wants it.
    pub(crate) fn stop(&self, message: &str, details: &Value<'js>) -> Result<()> {
        let details =
            if details.is_undefined() { None } else { Some(self.canonical("the details of `fail`", details)?) };
        self.leave_replay_or_end();
        let mut failure = ScriptFailure::plain(Fault::Stopped, describe::cut(message.to_owned(), STOP_BYTES_MAX));
        failure.details = details;
        outbox::end(&FromScript::Failed(failure))
    }

    /// Delivers the next recorded outcome. Says whether there was one.
    pub(crate) fn deliver_recorded(&self) -> bool {
        let next = self.replay.borrow_mut().next();
        match next {
            Ok(Some((call, settled))) => {
                self.deliver(call, settled.outcome, settled.at);
                true
            }
            Ok(None) => false,
            Err(mismatch) => outbox::end(&FromScript::Differs(mismatch)),
        }
    }

    /// Passes from the records to the present, once all of them are behind the script.
    pub(crate) fn leave_replay_or_end(&self) {
        if self.live.get() {
            return;
        }
        if let Err(mismatch) = self.replay.borrow().complete() {
            outbox::end(&FromScript::Differs(mismatch));
        }
        self.live.set(true);
        for message in self.held.take() {
            outbox::send(&message);
        }
    }

    /// Whether calls are in flight.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.waiting.borrow().is_empty()
    }

    /// Gives the script the outcome of a call. What the script does about it happens when the queue is drained.
    pub(crate) fn deliver(&self, call: u32, outcome: Outcome, at: i64) {
        let Some(waiting) = self.waiting.borrow_mut().remove(&call) else { return };
        self.now.set(self.now.get().max(at));
        if let Err(error) = self.settle(waiting, outcome) {
            let message = format!("an outcome could not be delivered: {error}");
            outbox::end(&FromScript::Crashed { message });
        }
    }

    fn settle(&self, waiting: Waiting<'js>, outcome: Outcome) -> Result<()> {
        match outcome {
            Outcome::Value(json) => waiting.resolve.call((self.ctx.json_parse(json)?,)),
            Outcome::Skipped { clause } => {
                let json = serde_json::json!({ "skipped": true, "clause": clause }).to_string();
                waiting.resolve.call((self.ctx.json_parse(json)?,))
            }
            Outcome::Refused { code, message, data } => {
                let hooks = self.hooks.borrow();
                let hooks = hooks.as_ref().ok_or(Error::Unknown)?;
                let data = self.ctx.json_parse(data)?;
                let error: Value = hooks.refuse.call((waiting.error, code, message, data))?;
                waiting.reject.call((error,))
            }
        }
    }

    fn emit(&self, message: FromScript) {
        if self.live.get() {
            outbox::send(&message);
        } else {
            self.held.borrow_mut().push(message);
        }
    }
}

/// What `steward.fail` says is shown to a person.
const STOP_BYTES_MAX: usize = 4 << 10;

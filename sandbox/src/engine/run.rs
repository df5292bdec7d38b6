//! One execution, from the source to the last word.

#![expect(unsafe_code, reason = "bytecode that our own compiler has just made is loaded")]

use rquickjs::promise::PromiseState;
use rquickjs::{Ctx, Function, Module, Object, Promise, Value, WriteOptions};

use crate::engine::canonical::Refused;
use crate::engine::inbox::Inbox;
use crate::engine::session::Session;
use crate::engine::{describe, heap, interrupt, outbox, raw, rejections};
use crate::report::{Fault, FromScript, ScriptFailure, Which};
use crate::wire::{Opening, Purpose, Recorded, ToScript};

/// Reads what the attempt is, runs it, and ends the process.
pub(crate) fn attempt<'js>(session: &Session<'js>, compiler: &Ctx<'js>, mut inbox: Inbox) -> ! {
    let (opening, recorded) = read_opening(&mut inbox);
    session.open(&opening, recorded);
    raw::collect_from(&session.ctx, heap::used() + collect_after(opening.limits.heap_bytes));
    heap::allow(opening.limits.heap_bytes);
    interrupt::allow(opening.limits.ticks);
    let end = execute(session, compiler, &opening, &mut inbox).unwrap_or_else(|failure| {
        session.leave_replay_or_end();
        FromScript::Failed(*failure)
    });
    outbox::end(&end)
}

/// How many bytes a script allocates before the garbage collector first looks at them.
///
/// Most scripts end sooner. The collector writes to every object that there is, and so makes this process copy all
/// the memory that it shares with the warm one. What counts references frees nearly everything without it.
fn collect_after(heap_bytes: u64) -> usize {
    /// Garbage may take this part of the heap.
    const PART: u64 = 8;
    usize::try_from(heap_bytes / PART).unwrap_or(usize::MAX)
}

fn read_opening(inbox: &mut Inbox) -> (Box<Opening>, Vec<Recorded>) {
    let ToScript::Start(opening) = inbox.next() else { outbox::exit(1) };
    let mut recorded = Vec::new();
    loop {
        match inbox.next() {
            ToScript::Recorded(chunk) => recorded.extend(chunk),
            ToScript::Go => return (opening, recorded),
            ToScript::Start(_) | ToScript::Answer { .. } => outbox::exit(1),
        }
    }
}

fn execute<'js>(
    session: &Session<'js>,
    compiler: &Ctx<'js>,
    opening: &Opening,
    inbox: &mut Inbox,
) -> Result<FromScript, Box<ScriptFailure>> {
    let bytecode = compile(session, compiler, &opening.name, &opening.script)?;
    let entry = load(session, bytecode)?;
    match opening.purpose {
        Purpose::Check => Ok(FromScript::Finished { result: "null".to_owned() }),
        Purpose::Run => run(session, &entry, opening, inbox),
    }
}

/// Makes bytecode of a source, in a context that can compile and never runs anything.
pub(crate) fn compile<'js>(
    session: &Session<'js>,
    compiler: &Ctx<'js>,
    name: &str,
    source: &str,
) -> Result<&'static [u8], Box<ScriptFailure>> {
    let compiled =
        Module::declare(compiler.clone(), name, source).and_then(|module| module.write(WriteOptions::default()));
    match compiled {
        // The engine keeps reading the bytes for as long as the module lives, which is until the process ends.
        Ok(bytecode) => Ok(bytecode.leak()),
        Err(rquickjs::Error::InvalidString(_)) => Err(failed(Fault::Syntax, "the script holds a NUL character")),
        Err(_) => {
            let mut failure = session.failure(Fault::Syntax, &compiler.catch());
            failure.line = failure.line.or_else(|| line_of_import(source));
            Err(failure)
        }
    }
}

/// The engine does not say where an import that it cannot follow is written.
fn line_of_import(source: &str) -> Option<u32> {
    let is_import = |line: &str| {
        let line = line.trim_start();
        line.starts_with("import") || (line.starts_with("export") && line.contains(" from "))
    };
    (1..).zip(source.lines()).find(|(_, line)| is_import(line)).map(|(number, _)| number)
}

/// Runs the top of the script, and finds its entry.
fn load<'js>(session: &Session<'js>, bytecode: &'static [u8]) -> Result<Function<'js>, Box<ScriptFailure>> {
    let ctx = &session.ctx;
    let thrown = |_| session.failure(Fault::Exception, &ctx.catch());
    // SAFETY: the bytes come from `compile`, and live as long as the process.
    let module = unsafe { Module::load(ctx.clone(), bytecode) }.map_err(thrown)?;
    let (module, evaluated) = module.eval().map_err(thrown)?;
    drain(session)?;
    match evaluated.state() {
        PromiseState::Resolved => {}
        PromiseState::Rejected => return Err(session.failure(Fault::Exception, &reason(session, &evaluated))),
        PromiseState::Pending => {
            let message = "the script awaits something outside of `run` that never comes";
            return Err(failed(Fault::Deadlock, message));
        }
    }
    let namespace = module.namespace().map_err(thrown)?;
    // The namespace is the engine's own object: reading an export runs nothing.
    let entry = if namespace.contains_key("default").map_err(thrown)? {
        namespace.get::<_, Value>("default").map_err(thrown)?
    } else {
        Value::new_undefined(ctx.clone())
    };
    entry.into_function().ok_or_else(|| {
        let message = "the script has no entry: it must `export default async function run({ input, tools, state, \
                       steward })`";
        failed(Fault::NoEntry, message)
    })
}

fn run<'js>(
    session: &Session<'js>,
    entry: &Function<'js>,
    opening: &Opening,
    inbox: &mut Inbox,
) -> Result<FromScript, Box<ScriptFailure>> {
    let ctx = &session.ctx;
    let argument = argument(session, opening).map_err(|_| session.failure(Fault::Exception, &ctx.catch()))?;
    let returned = entry.call::<_, Value>((argument,));
    let returned = returned.map_err(|_| session.failure(Fault::Exception, &ctx.catch()));
    let returned = match returned {
        Ok(returned) => returned,
        Err(failure) => {
            settle_rest(session, inbox)?;
            return Err(failure);
        }
    };
    let promise = returned.as_promise().cloned();
    let mut delivered = 0;
    loop {
        drain(session)?;
        if session.deliver_recorded() {
            continue;
        }
        session.leave_replay_or_end();
        if !session.is_waiting() {
            break;
        }
        await_answer(session, inbox, &mut delivered);
    }
    let result = match promise {
        None => returned,
        Some(promise) => match promise.state() {
            PromiseState::Resolved => reason(session, &promise),
            PromiseState::Rejected => return Err(session.failure(Fault::Exception, &reason(session, &promise))),
            PromiseState::Pending => {
                let message = "the script waits for a promise that nothing settles: no call is in flight";
                return Err(failed(Fault::Deadlock, message));
            }
        },
    };
    if let Some(thrown) = rejections::first(ctx) {
        return Err(session.failure(Fault::UnhandledRejection, &thrown));
    }
    finish(session, &result)
}

/// A script that threw at once may have made calls before; their outcomes belong to the journal all the same.
fn settle_rest(session: &Session<'_>, inbox: &mut Inbox) -> Result<(), Box<ScriptFailure>> {
    let mut delivered = 0;
    loop {
        drain(session)?;
        if session.deliver_recorded() {
            continue;
        }
        session.leave_replay_or_end();
        if !session.is_waiting() {
            return Ok(());
        }
        await_answer(session, inbox, &mut delivered);
    }
}

fn await_answer(session: &Session<'_>, inbox: &mut Inbox, delivered: &mut u32) {
    outbox::send(&FromScript::Idle { delivered: *delivered });
    outbox::flush();
    match inbox.next() {
        ToScript::Answer { call, outcome, at } => {
            *delivered += 1;
            session.deliver(call, outcome, at);
        }
        ToScript::Start(_) | ToScript::Recorded(_) | ToScript::Go => outbox::exit(1),
    }
}

fn argument<'js>(session: &Session<'js>, opening: &Opening) -> rquickjs::Result<Object<'js>> {
    let input = session.ctx.json_parse(opening.input.as_str())?;
    let hooks = session.hooks.borrow();
    let hooks = hooks.as_ref().ok_or(rquickjs::Error::Unknown)?;
    hooks.entry.call((input, opening.tools.clone()))
}

/// A failure that no exception stands for.
fn failed(fault: Fault, message: impl Into<String>) -> Box<ScriptFailure> {
    Box::new(ScriptFailure::plain(fault, message))
}

/// Runs the job queue until it is empty.
fn drain(session: &Session<'_>) -> Result<(), Box<ScriptFailure>> {
    loop {
        match raw::run_job(&session.ctx) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(thrown) => return Err(session.failure(Fault::Exception, &thrown)),
        }
    }
}

/// The value or reason of a promise that is settled, by the engine's own reading.
fn reason<'js>(session: &Session<'js>, promise: &Promise<'js>) -> Value<'js> {
    raw::settled(&session.ctx, promise.as_value())
}

fn finish<'js>(session: &Session<'js>, result: &Value<'js>) -> Result<FromScript, Box<ScriptFailure>> {
    if result.is_undefined() {
        return Ok(FromScript::Finished { result: "null".to_owned() });
    }
    let bytes_max = session.limits.borrow().result_bytes as usize;
    match session.shapes.text(result, bytes_max) {
        Ok(result) => Ok(FromScript::Finished { result }),
        Err(Refused::TooLong) => Ok(FromScript::Limit(Which::ResultBytes.broken())),
        Err(Refused::Unsound(why)) => {
            let message = describe::cut(format!("what the script returned is no plain data: {why}"), 1 << 10);
            Err(failed(Fault::Result, message))
        }
    }
}

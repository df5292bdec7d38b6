//! A warm engine: contexts made, prelude run, waiting for a script.

#![expect(unsafe_code, reason = "two contexts of one runtime are used at once")]

use std::rc::Rc;

use rquickjs::context::intrinsic::{Date, Eval, Json, MapSet, Promise, Proxy, RegExp, RegExpCompiler, TypedArrays};
use rquickjs::{Context, Ctx, Runtime};

use crate::engine::heap::Counted;
use crate::engine::inbox::Inbox;
use crate::engine::session::Session;
use crate::engine::{interrupt, outbox, prelude, rejections, run};

/// What a script may use of the engine: no `eval`, nothing that shows the clock or the garbage collector.
type Allowed = (Date, RegExpCompiler, RegExp, Json, Proxy, MapSet, TypedArrays, Promise);
/// What the compiler needs: it makes bytecode and never runs any.
type Compiling = (Eval, RegExpCompiler, RegExp);

/// An engine that is ready for one script.
pub(crate) struct Warm<'js> {
    session: Rc<Session<'js>>,
    compiler: Ctx<'js>,
}

impl<'js> Warm<'js> {
    /// The context in which the script will run.
    pub(crate) fn ctx(&self) -> &Ctx<'js> {
        &self.session.ctx
    }

    /// Runs the script that the host sends, and ends the process.
    pub(crate) fn attempt(&self, socket: i32) -> ! {
        outbox::open(socket);
        run::attempt(&self.session, &self.compiler, Inbox::new(socket))
    }
}

/// Makes an engine and gives it to `then`.
pub(crate) fn warm_up(then: impl FnOnce(&Warm<'_>)) -> rquickjs::Result<()> {
    outbox::prepare();
    let runtime = Runtime::new_with_alloc(Counted)?;
    runtime.set_max_stack_size(if cfg!(target_os = "linux") { 0 } else { crate::limits::STACK_BYTES_MAX as usize });
    runtime.set_interrupt_handler(Some(interrupt::handler()));
    runtime.set_host_promise_rejection_tracker(Some(rejections::tracker()));
    let compiling = Context::custom::<Compiling>(&runtime)?;
    let allowed = Context::custom::<Allowed>(&runtime)?;
    allowed.with(|ctx| {
        // SAFETY: `with` holds the runtime's lock for both contexts, which belong to the same runtime, and the
        // second context outlives the closure.
        let compiler = unsafe { Ctx::from_raw(compiling.as_raw()) };
        let session = prelude::run(&ctx, &compiler)?;
        then(&Warm { session, compiler });
        Ok(())
    })
}

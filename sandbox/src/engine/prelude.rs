//! The JavaScript that runs before any script.

use std::rc::Rc;

use intents::canonical::Digest;
use rquickjs::{Ctx, Function, Module, Object, Result};

use crate::engine::canonical::Shapes;
use crate::engine::describe::OURS;
use crate::engine::natives;
use crate::engine::session::{Hooks, Session};

/// In the order in which they run.
const FILES: [(&str, &str); 5] = [
    ("core.js", include_str!("../prelude/core.js")),
    ("text.js", include_str!("../prelude/text.js")),
    ("url.js", include_str!("../prelude/url.js")),
    ("clone.js", include_str!("../prelude/clone.js")),
    ("run.js", include_str!("../prelude/run.js")),
];

/// Names the behaviour of the native functions: another number is another execution.
const NATIVES: &str = "1";

/// The digest of everything that we put around a script.
pub(crate) fn digest() -> Digest {
    let mut parts: Vec<&[u8]> = vec![NATIVES.as_bytes()];
    parts.extend(FILES.iter().flat_map(|(name, source)| [name.as_bytes(), source.as_bytes()]));
    Digest::of_parts("steward prelude 1", &parts)
}

/// Runs the prelude, and takes what it gives.
pub(crate) fn run<'js>(ctx: &Ctx<'js>, compiler: &Ctx<'js>) -> Result<Rc<Session<'js>>> {
    let shared = Object::new(ctx.clone())?;
    // The classes are learnt from samples that the first file makes, and the first file needs natives.
    let session = Rc::new(Session::new(ctx.clone(), Shapes::unlearnt(ctx)?));
    let natives = natives::natives(&session)?;
    for (name, source) in FILES {
        let bytecode = compile(compiler, &format!("{OURS}{name}"), source)?;
        load(ctx, bytecode)?.call::<_, ()>((natives.clone(), shared.clone()))?;
    }
    session.shapes.learn(&shared.get("samples")?)?;
    let hooks: Object = shared.get("hooks")?;
    let hooks = Hooks { error: hooks.get("error")?, refuse: hooks.get("refuse")?, entry: hooks.get("entry")? };
    session.hooks.replace(Some(hooks));
    Ok(session)
}

fn compile(compiler: &Ctx<'_>, name: &str, source: &str) -> Result<&'static [u8]> {
    Ok(Module::declare(compiler.clone(), name, source)?.write(Default::default())?.leak())
}

#[expect(unsafe_code, reason = "bytecode that our own compiler has just made is loaded")]
fn load<'js>(ctx: &Ctx<'js>, bytecode: &'static [u8]) -> Result<Function<'js>> {
    // SAFETY: the bytes come from `compile`, and live as long as the process.
    let module = unsafe { Module::load(ctx.clone(), bytecode)? };
    let (module, _) = module.eval()?;
    module.get("default")
}

//! The few things that the engine's Rust interface does not offer, made safe.
//!
//! What these have in common: they read a value without running any code of the script. No getter, no Proxy trap,
//! no `toJSON`, no patched prototype is consulted.

#![expect(unsafe_code, reason = "calls of the engine's C interface")]

use std::mem::MaybeUninit;
use std::ptr;

use rquickjs::{Ctx, Value, qjs};

/// An own property.
pub(crate) enum Own<'js> {
    /// Its value.
    Data(Value<'js>),
    /// A getter or setter.
    Accessor,
}

/// Has the garbage collector look at the heap when so many bytes are in use.
pub(crate) fn collect_from(ctx: &Ctx<'_>, bytes: usize) {
    // SAFETY: sets a number of the runtime, which is alive.
    unsafe { qjs::JS_SetGCThreshold(qjs::JS_GetRuntime(ctx.as_raw().as_ptr()), bytes as _) };
}

/// Takes every free block that the engine has kept for small values, for good, so that the next ones come from
/// memory that nothing warm lies in: from behind `edge`. There, one store of blocks of each size is left open, since
/// opening one writes to the one before it.
pub(crate) fn use_up_blocks(ctx: &Ctx<'_>, edge: usize) {
    /// The engine cuts small values from blocks of fixed sizes up to this,
    const SMALL_BYTES_MAX: usize = 512;
    /// which differ by at least this,
    const STEP: usize = 8;
    /// and hold this much beside the value.
    const HEADER: usize = 8;
    /// More than the engine's largest store of free blocks has; a bound should it work in another way one day.
    const BLOCKS_MAX: usize = 100_000;
    // SAFETY: the runtime is alive.
    let runtime = unsafe { qjs::JS_GetRuntime(ctx.as_raw().as_ptr()) };
    for size in (STEP..=SMALL_BYTES_MAX - HEADER).step_by(STEP) {
        for _ in 0..BLOCKS_MAX {
            // SAFETY: allocates; the block is kept for ever.
            let block = unsafe { qjs::js_malloc_rt(runtime, size as _) } as usize;
            if block == 0 || block >= edge {
                break;
            }
        }
    }
}

/// The class of an object; 0 for anything else.
pub(crate) fn class(value: &Value<'_>) -> u32 {
    // SAFETY: the value is alive, and the class is only read.
    if value.is_object() { unsafe { qjs::JS_GetClassID(value.as_raw()) } } else { 0 }
}

/// The own enumerable members with text names, in the order in which they were made.
///
/// Returns none for a name with lone surrogates, as the error.
pub(crate) fn members<'js>(object: &Value<'js>) -> Result<Vec<(String, Own<'js>)>, ()> {
    let ctx = object.ctx();
    let mut table = ptr::null_mut();
    let mut length = 0;
    let flags = (qjs::JS_GPN_STRING_MASK | qjs::JS_GPN_ENUM_ONLY) as i32;
    // SAFETY: the object is alive; the table is freed below.
    let status =
        unsafe { qjs::JS_GetOwnPropertyNames(ctx.as_raw().as_ptr(), &mut table, &mut length, object.as_raw(), flags) };
    if status < 0 {
        drop(ctx.catch());
        return Err(());
    }
    let mut members = Ok(Vec::with_capacity(length as usize));
    for index in 0..length as usize {
        // SAFETY: the table has `length` entries.
        let atom = unsafe { (*table.add(index)).atom };
        if let Ok(list) = &mut members {
            match (atom_text(ctx, atom), own_by_atom(object, atom)) {
                (Some(name), Some(own)) => list.push((name, own)),
                (Some(_), None) => {}
                (None, _) => members = Err(()),
            }
        }
    }
    // SAFETY: the table came from the engine, with this length.
    unsafe { qjs::JS_FreePropertyEnum(ctx.as_raw().as_ptr(), table, length) };
    members
}

/// The own property with this name.
pub(crate) fn own<'js>(object: &Value<'js>, name: &str) -> Option<Own<'js>> {
    let ctx = object.ctx().as_raw().as_ptr();
    // SAFETY: the name is valid for reading; the atom is freed below.
    let atom = unsafe { qjs::JS_NewAtomLen(ctx, name.as_ptr().cast(), name.len() as _) };
    let own = own_by_atom(object, atom);
    // SAFETY: the atom is ours.
    unsafe { qjs::JS_FreeAtom(ctx, atom) };
    own
}

/// The own property with this index.
pub(crate) fn item<'js>(array: &Value<'js>, index: u32) -> Option<Own<'js>> {
    let ctx = array.ctx().as_raw().as_ptr();
    // SAFETY: as above.
    unsafe {
        let atom = qjs::JS_NewAtomUInt32(ctx, index);
        let own = own_by_atom(array, atom);
        qjs::JS_FreeAtom(ctx, atom);
        own
    }
}

/// The length of an array.
pub(crate) fn length(array: &Value<'_>) -> u32 {
    match own(array, "length") {
        Some(Own::Data(length)) => length.as_number().map_or(0, |length| length as u32),
        Some(Own::Accessor) | None => 0,
    }
}

/// The first own property with this name on the chain of prototypes, if it is plain data. Stops at a Proxy.
pub(crate) fn inherited<'js>(object: &Value<'js>, name: &str) -> Option<Value<'js>> {
    /// Chains of classes are short; a longer one was built to be long.
    const CHAIN_MAX: usize = 32;
    let mut object = object.clone();
    for _ in 0..CHAIN_MAX {
        if !object.is_object() || object.is_proxy() {
            return None;
        }
        match own(&object, name) {
            Some(Own::Data(value)) => return Some(value),
            Some(Own::Accessor) => return None,
            None => {}
        }
        let ctx = object.ctx().clone();
        // SAFETY: the object is alive, and no Proxy; the engine gives a value that is ours.
        object = unsafe {
            let prototype = qjs::JS_GetPrototype(ctx.as_raw().as_ptr(), object.as_raw());
            Value::from_raw(ctx, prototype)
        };
    }
    None
}

/// Runs one job of the queue. `Err` holds what a job threw.
pub(crate) fn run_job<'js>(ctx: &Ctx<'js>) -> Result<bool, Value<'js>> {
    let mut of = MaybeUninit::uninit();
    // SAFETY: the runtime is locked by whoever holds `ctx`.
    let status = unsafe { qjs::JS_ExecutePendingJob(qjs::JS_GetRuntime(ctx.as_raw().as_ptr()), of.as_mut_ptr()) };
    if status < 0 { Err(ctx.catch()) } else { Ok(status > 0) }
}

fn own_by_atom<'js>(object: &Value<'js>, atom: qjs::JSAtom) -> Option<Own<'js>> {
    if !object.is_object() || object.is_proxy() {
        return None;
    }
    let ctx = object.ctx();
    let mut descriptor = MaybeUninit::<qjs::JSPropertyDescriptor>::uninit();
    // SAFETY: the object is alive and no Proxy, so no code of the script runs; a positive status means that the
    // descriptor is filled, and its values are ours.
    unsafe {
        let status = qjs::JS_GetOwnProperty(ctx.as_raw().as_ptr(), descriptor.as_mut_ptr(), object.as_raw(), atom);
        if status <= 0 {
            return None;
        }
        let descriptor = descriptor.assume_init();
        let value = Value::from_raw(ctx.clone(), descriptor.value);
        drop(Value::from_raw(ctx.clone(), descriptor.getter));
        drop(Value::from_raw(ctx.clone(), descriptor.setter));
        let accessor = descriptor.flags & qjs::JS_PROP_GETSET as i32 != 0;
        Some(if accessor { Own::Accessor } else { Own::Data(value) })
    }
}

fn atom_text(ctx: &Ctx<'_>, atom: qjs::JSAtom) -> Option<String> {
    let mut length = MaybeUninit::uninit();
    // SAFETY: the atom is alive; the text is copied, then freed.
    unsafe {
        let text = qjs::JS_AtomToCStringLen(ctx.as_raw().as_ptr(), length.as_mut_ptr(), atom);
        if text.is_null() {
            drop(ctx.catch());
            return None;
        }
        let bytes = std::slice::from_raw_parts(text.cast::<u8>(), length.assume_init() as usize);
        let copied = std::str::from_utf8(bytes).map(str::to_owned).ok();
        qjs::JS_FreeCString(ctx.as_raw().as_ptr(), text);
        copied
    }
}

/// What a settled promise was settled with.
pub(crate) fn settled<'js>(ctx: &Ctx<'js>, promise: &Value<'js>) -> Value<'js> {
    // SAFETY: the promise is alive; the engine gives a value that is ours.
    unsafe { Value::from_raw(ctx.clone(), qjs::JS_PromiseResult(ctx.as_raw().as_ptr(), promise.as_raw())) }
}

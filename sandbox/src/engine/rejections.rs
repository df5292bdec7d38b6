//! Promises that were rejected and that nothing in the script has taken notice of.
//!
//! A rejection is looked at when the script ends, not when it happens: a script that starts several calls and awaits
//! them one after another takes notice late, and is right to.

#![expect(unsafe_code, reason = "the engine's callback has a lifetime of its own, so raw values are kept")]

use std::cell::RefCell;
use std::collections::BTreeMap;

use rquickjs::runtime::RejectionTracker;
use rquickjs::{Ctx, Value, qjs};

/// The promise is kept alive, so that its address stays its own.
struct Rejected {
    sequence: u64,
    reason: qjs::JSValue,
    promise: qjs::JSValue,
}

#[derive(Default)]
struct Rejections {
    made: u64,
    open: BTreeMap<usize, Rejected>,
}

thread_local! {
    static REJECTIONS: RefCell<Rejections> = RefCell::default();
}

/// What the engine calls for each promise that is rejected without a handler, and again when it gets one.
pub(crate) fn tracker() -> RejectionTracker {
    Box::new(|ctx, promise, reason, is_handled| {
        REJECTIONS.with_borrow_mut(|rejections| {
            // SAFETY: the address is only compared.
            let address = unsafe { qjs::JS_VALUE_GET_PTR(promise.as_raw()) } as usize;
            if is_handled {
                if let Some(rejected) = rejections.open.remove(&address) {
                    // SAFETY: both were duplicated when they were stored.
                    unsafe {
                        qjs::JS_FreeValue(ctx.as_raw().as_ptr(), rejected.reason);
                        qjs::JS_FreeValue(ctx.as_raw().as_ptr(), rejected.promise);
                    }
                }
            } else {
                rejections.made += 1;
                let sequence = rejections.made;
                // SAFETY: both are alive; the duplicates are freed above, or end with the process.
                let rejected = unsafe {
                    Rejected {
                        sequence,
                        reason: qjs::JS_DupValue(ctx.as_raw().as_ptr(), reason.as_raw()),
                        promise: qjs::JS_DupValue(ctx.as_raw().as_ptr(), promise.as_raw()),
                    }
                };
                rejections.open.insert(address, rejected);
            }
        });
    })
}

/// The reason of the first rejection that nothing took notice of.
pub(crate) fn first<'js>(ctx: &Ctx<'js>) -> Option<Value<'js>> {
    REJECTIONS.with_borrow(|rejections| {
        let first = rejections.open.values().min_by_key(|rejected| rejected.sequence)?;
        // SAFETY: the reason is alive as long as it is stored; the value gets a duplicate of its own.
        Some(unsafe { Value::from_raw(ctx.clone(), qjs::JS_DupValue(ctx.as_raw().as_ptr(), first.reason)) })
    })
}

//! Pure helpers for scripts: text in, plain data out as JSON text. They know neither engine nor clock.

pub(crate) mod csv;
pub(crate) mod feed;
pub(crate) mod html;
pub(crate) mod ics;
pub(crate) mod json;
mod problem;
pub(crate) mod text;
pub(crate) mod time;
pub(crate) mod url;
pub(crate) mod xml;

pub(crate) use problem::Problem;

/// Does once what a jailed process could not do, so that no fork has to.
pub(crate) fn warm() {
    time::warm();
    feed::warm();
}

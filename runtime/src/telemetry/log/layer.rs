//! Turns what is traced into lines.

use std::fmt;
use std::io::Write;
use std::sync::Arc;

use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::file::LogFile;
use super::line::{Form, Line};
use crate::env::Clock;

/// Where lines go.
pub(super) enum Sink {
    /// The error stream.
    Errors,
    /// A file.
    File(Arc<LogFile>),
}

/// Writes each event as a line, with the fields of the spans around it.
pub(super) struct LogLayer {
    form: Form,
    sink: Sink,
    clock: Arc<dyn Clock>,
}

/// The name under which `tracing` hands over an event's own words.
const MESSAGE: &str = "message";

impl LogLayer {
    pub(super) fn new(form: Form, sink: Sink, clock: Arc<dyn Clock>) -> Self {
        Self { form, sink, clock }
    }

    fn write(&self, line: &str) {
        match &self.sink {
            // Where nobody reads errors there is nobody to tell that.
            Sink::Errors => drop(std::io::stderr().lock().write_all(line.as_bytes())),
            Sink::File(file) => file.write(line),
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for LogLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut extensions = span.extensions_mut();
        if let Some(fields) = extensions.get_mut::<Fields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let message = fields.take(MESSAGE).unwrap_or_default();
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(around) = span.extensions().get::<Fields>() {
                fields.0.extend(around.0.iter().cloned());
            }
        }
        let metadata = event.metadata();
        let at = self.clock.now().to_string();
        let line = Line { at, level: *metadata.level(), target: metadata.target(), message, fields: fields.0 };
        self.write(&line.write(self.form));
    }
}

/// The fields of a span or an event.
#[derive(Default)]
struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    /// Takes a text out.
    fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(own, _)| *own == name)?;
        self.0.remove(at).1.as_str().map(str::to_owned)
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push((field.name(), Value::String(format!("{value:?}"))));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), Value::String(value.to_owned())));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.push((field.name(), value.into()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.push((field.name(), value.into()));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.push((field.name(), value.into()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.push((field.name(), value.into()));
    }

    /// An error with all its sources: the line is where the whole chain is told.
    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut text = value.to_string();
        let mut source = value.source();
        while let Some(inner) = source {
            text.push_str(&format!(": {inner}"));
            source = inner.source();
        }
        self.0.push((field.name(), Value::String(text)));
    }
}

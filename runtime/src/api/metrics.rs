//! `/metrics`: what the parts of the server count, and how things stand at this moment.

use actix_web::web::Data;
use actix_web::{HttpResponse, get};
use intents::run::Phase;

use super::faces::Faces;
use crate::error::Error;
use crate::health::Condition;
use crate::ops;
use crate::telemetry::metrics::{CONTENT_TYPE, Exposition, Process};

/// Says in figures how the server is, as Prometheus reads them.
///
/// The access token opens it, and so does `metrics.token`, which opens nothing else.
#[utoipa::path(tag = "health", responses(
    (status = 200, description = "The figures, in the text format of Prometheus", content_type = "text/plain", body = String),
))]
#[get("/metrics")]
pub(super) async fn metrics(faces: Data<Faces>) -> Result<HttpResponse, Error> {
    let mut exposition = Exposition::default();
    let app = &faces.app;
    exposition
        .gauge("steward_build_info", "The version that runs.")
        .value(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    exposition.gauge("steward_active", "Whether this is the active server of its database.").value(&[], 1);
    Process::read().write(&mut exposition);
    parts(&faces, &mut exposition);
    app.meter.write(&mut exposition);
    exposition
        .counter("steward_sandbox_starts_total", "Starts of the warm process: more than one after it died.")
        .value(&[], app.jail.starts());
    app.store.write_figures(&mut exposition);
    standing(&faces, &mut exposition).await;
    if let Some((sent, dropped)) = app.tracer.fate() {
        exposition.counter("steward_spans_total", "Spans of traces, by what became of them.");
        exposition.value(&[("fate", "sent")], sent).value(&[("fate", "dropped")], dropped);
    }
    if let Some(log) = &app.log {
        exposition
            .counter("steward_log_lines_lost_total", "Lines of the log that could not be written.")
            .value(&[], log.lines_lost());
    }
    Ok(HttpResponse::Ok().content_type(CONTENT_TYPE).body(exposition.finish()))
}

/// What is known without asking the store.
fn parts(faces: &Faces, exposition: &mut Exposition) {
    let app = &faces.app;
    let flag = |on: bool| u8::from(on);
    exposition.gauge("steward_part_working", "Whether a part of the server works.");
    for (name, condition) in app.health.parts() {
        let works = match condition {
            Condition::Working => true,
            Condition::Restarting { .. } | Condition::GaveUp { .. } => false,
        };
        exposition.value(&[("part", &name)], flag(works));
    }
    exposition.gauge("steward_ending", "Whether the server was told to end.").value(&[], flag(*faces.closing.borrow()));
    exposition
        .gauge("steward_record_alarm", "Whether the record of events did not go on from its anchor at the start.")
        .value(&[], flag(app.store.alarm().is_some()));
    exposition
        .gauge("steward_disk_full", "Whether the disk is full, so that runs wait.")
        .value(&[], flag(app.store.is_full()));
    if let Some(free) = ops::free_bytes(&app.config.home) {
        exposition.gauge("steward_disk_free_bytes", "What is free on the disk of the data folder.").value(&[], free);
    }
    exposition
        .gauge("steward_event_listeners", "Event streams that are open.")
        .value(&[], faces.listening())
        .gauge("steward_event_listeners_max", "How many event streams may be open.")
        .value(&[], app.config.server.listeners.get());
}

/// How things stand: what the store and the executor say. What cannot be told now is left out, and that is told.
async fn standing(faces: &Faces, exposition: &mut Exposition) {
    let app = &faces.app;
    let under_way = app.control.standing().await;
    exposition
        .gauge("steward_attempts_under_way", "Attempts that are alive.")
        .value(&[], under_way.runs.len())
        .gauge("steward_attempts_max", "How many attempts may be alive at once.")
        .value(&[], app.config.limits.runs_at_once.get());
    let overview = app.store.overview().await;
    exposition.gauge("steward_store_up", "Whether the store answers.").value(&[], u8::from(overview.is_ok()));
    let overview = match overview {
        Ok(overview) => overview,
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "figures are told without the store");
            return;
        }
    };
    exposition.gauge("steward_runs", "Runs that are not over, by phase.");
    let count =
        |phase: Phase| overview.runs.iter().find(|(name, _)| name == phase.as_str()).map_or(0, |(_, count)| *count);
    // What an attempt does not have to write down is known here: which of them are alive.
    let alive = i64::try_from(under_way.runs.len()).unwrap_or(i64::MAX);
    let ready = count(Phase::Queued).saturating_add(count(Phase::Running)).saturating_sub(alive).max(0);
    for (phase, count) in [(Phase::Queued, ready), (Phase::Running, alive), (Phase::Waiting, count(Phase::Waiting))] {
        exposition.value(&[("phase", phase.as_str())], count);
    }
    exposition.gauge("steward_needs_open", "What waits for a person, by kind.");
    for (kind, count) in &overview.needs {
        exposition.value(&[("kind", kind)], count);
    }
    exposition.gauge("steward_effects_unsettled", "Effects of which it is not known whether they happened.");
    for (state, count) in &overview.effects {
        exposition.value(&[("state", state)], count);
    }
    exposition.gauge("steward_automations", "Automations, by mode.");
    for (mode, count) in &overview.automations {
        exposition.value(&[("mode", mode)], count);
    }
    let lag = overview.due_since.map(|since| app.env.now().since(since).as_secs_f64()).unwrap_or_default();
    exposition
        .gauge("steward_stopped", "Whether everything is stopped.")
        .value(&[], u8::from(overview.all_stopped))
        .gauge("steward_schedule_lag_seconds", "How long the longest overdue schedule or sleep has been due.")
        .value(&[], lag);
    if let Some(bytes) = overview.bytes {
        exposition.gauge("steward_store_bytes", "What the database takes on its disk.").value(&[], bytes);
    }
}

//! Whether there are traces, and where each begins.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use connectors::egress::Egress;
use intents::id::RunId;
use reqwest::header::HeaderMap;

use super::attempt::AttemptTrace;
use super::context::{SpanId, TraceContext, TraceId};
use super::export::{Export, Receiver};
use super::span::{Kind, Parent, Span};
use crate::config;
use crate::env::Env;
use crate::store::Run;

/// Makes traces, or none. Clones share everything.
#[derive(Debug, Clone, Default)]
pub struct Tracer(Option<Arc<Inner>>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) env: Env,
    pub(super) export: Export,
    ratio: f64,
    /// The traces that runs were brought along by. Losing one costs a link between two traces, and nothing else.
    brought: Mutex<BTreeMap<RunId, TraceContext>>,
}

/// Runs whose webhook brought a trace along, and which have not ended: more than wait at once.
const BROUGHT_MAX: usize = 4096;
/// Where a receiver takes spans.
const PATH: &str = "v1/traces";

impl Tracer {
    /// Makes no traces.
    pub fn off() -> Self {
        Self(None)
    }

    /// Makes traces if the settings name a receiver. Needs a tokio runtime then.
    pub fn start(settings: &config::Telemetry, egress: &Arc<Egress>, env: &Env) -> Self {
        let otlp = &settings.otlp;
        let Some(endpoint) = &otlp.endpoint else { return Self::off() };
        let mut url = endpoint.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(PATH.split('/'));
        }
        let headers: HeaderMap = otlp.headers.iter().filter_map(config::header).collect();
        let timeout = Duration::from_secs(otlp.timeout_seconds.get().into());
        let export = Export::start(Receiver { url, headers, timeout }, Arc::clone(egress), env);
        let brought = Mutex::default();
        Self(Some(Arc::new(Inner { env: env.clone(), export, ratio: otlp.sample_ratio, brought })))
    }

    /// The trace of an attempt that begins; none where the run is not traced.
    pub(crate) fn attempt(&self, run: &Run, number: u32) -> Option<AttemptTrace> {
        let inner = self.0.as_ref()?;
        let brought = inner.brought.lock().unwrap_or_else(PoisonError::into_inner).get(&run.id).copied();
        let own = TraceId::of(run.id);
        let (trace, parent, sampled) = match brought {
            Some(context) => (context.trace, Some(Parent { id: context.span, is_remote: false }), context.sampled),
            None => (own, None, own.is_sampled(inner.ratio)),
        };
        sampled.then(|| AttemptTrace::begin(Arc::clone(inner), run, number, trace, parent))
    }

    /// A webhook's request begins, with what its `traceparent` says.
    pub fn webhook(&self, trace_parent: Option<&str>) -> Option<WebhookTrace> {
        let inner = Arc::clone(self.0.as_ref()?);
        let remote = trace_parent.and_then(TraceContext::parse)?;
        let from = inner.env.clock.nanos();
        Some(WebhookTrace { inner, remote, from })
    }

    /// Spans that were sent, and spans that were dropped; none where nothing is traced.
    pub fn fate(&self) -> Option<(u64, u64)> {
        self.0.as_ref().map(|inner| inner.export.fate())
    }

    /// Sends what is there, and waits a little for it.
    pub async fn end(&self) {
        if let Some(inner) = &self.0 {
            inner.export.end(&inner.env).await;
        }
    }
}

impl Inner {
    /// Nothing more comes of a run.
    pub(super) fn forget(&self, run: RunId) {
        self.brought.lock().unwrap_or_else(PoisonError::into_inner).remove(&run);
    }
}

/// The request of a webhook that brought a trace along.
#[derive(Debug, Clone)]
pub struct WebhookTrace {
    inner: Arc<Inner>,
    remote: TraceContext,
    from: i64,
}

impl WebhookTrace {
    /// The request is about to lead to a run, which goes on in the same trace. Noted before the run can begin.
    pub fn leads_to(&self, run: RunId) {
        let mut brought = self.inner.brought.lock().unwrap_or_else(PoisonError::into_inner);
        if brought.len() >= BROUGHT_MAX {
            brought.pop_first();
        }
        brought.insert(run, TraceContext { span: self.span(Some(run)), ..self.remote });
    }

    /// The request was taken in.
    pub fn taken(self, run: Option<RunId>) {
        let id = self.span(run);
        let Self { inner, remote, from } = self;
        let until = inner.env.clock.nanos();
        if remote.sampled {
            inner.export.hand_over(Span {
                trace: remote.trace,
                id,
                parent: Some(Parent { id: remote.span, is_remote: true }),
                name: "webhook".to_owned(),
                kind: Kind::Server,
                from,
                until,
                attributes: run.map(|run| ("steward.run", run.to_string().into())).into_iter().collect(),
                failed: false,
            });
        }
    }

    fn span(&self, run: Option<RunId>) -> SpanId {
        let about = run.map(|run| run.ulid().to_u128().to_be_bytes()).unwrap_or_default();
        SpanId::of(&[b"webhook", &self.remote.span.0, &about, &self.from.to_be_bytes()])
    }
}

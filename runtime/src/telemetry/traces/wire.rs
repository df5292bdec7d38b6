//! Spans as OTLP writes them: the messages of `opentelemetry/proto/collector/trace/v1`, as far as we use them.
//!
//! Written out here, since the format is stable and small, and the libraries for it bring an exporter of their own
//! that reads its own environment. The tests read what is written with the official definitions.

use prost::{Message, Oneof};

use super::span::{Kind, Span, Value};

#[derive(Clone, PartialEq, Message)]
struct Request {
    #[prost(message, repeated, tag = "1")]
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct ResourceSpans {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scope_spans: Vec<ScopeSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct ScopeSpans {
    #[prost(message, optional, tag = "1")]
    scope: Option<Scope>,
    #[prost(message, repeated, tag = "2")]
    spans: Vec<WireSpan>,
}

#[derive(Clone, PartialEq, Message)]
struct Scope {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    version: String,
}

#[derive(Clone, PartialEq, Message)]
struct WireSpan {
    #[prost(bytes = "vec", tag = "1")]
    trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    span_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    parent_span_id: Vec<u8>,
    #[prost(string, tag = "5")]
    name: String,
    #[prost(int32, tag = "6")]
    kind: i32,
    #[prost(fixed64, tag = "7")]
    start_time_unix_nano: u64,
    #[prost(fixed64, tag = "8")]
    end_time_unix_nano: u64,
    #[prost(message, repeated, tag = "9")]
    attributes: Vec<KeyValue>,
    #[prost(message, optional, tag = "15")]
    status: Option<Status>,
    #[prost(fixed32, tag = "16")]
    flags: u32,
}

#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "3")]
    code: i32,
}

#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct AnyValue {
    #[prost(oneof = "OneValue", tags = "1, 3")]
    value: Option<OneValue>,
}

#[derive(Clone, PartialEq, Oneof)]
enum OneValue {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(int64, tag = "3")]
    Number(i64),
}

/// The content type of the bytes.
pub(super) const CONTENT_TYPE: &str = "application/x-protobuf";
/// The status of what failed; of anything else nothing is said.
const STATUS_ERROR: i32 = 2;
/// The trace is kept.
const SAMPLED: u32 = 1;
/// It is known whether the parent is somebody else's,
const PARENT_IS_KNOWN: u32 = 0x100;
/// and it is.
const PARENT_IS_REMOTE: u32 = 0x200;

/// The bytes of a request that delivers spans.
pub(super) fn request(spans: &[Span]) -> Vec<u8> {
    let version = env!("CARGO_PKG_VERSION");
    let resource = [("service.name", "steward"), ("service.version", version), ("telemetry.sdk.language", "rust")];
    let attributes = resource.map(|(key, text)| key_value(key, &text.into())).to_vec();
    let scope = Some(Scope { name: "steward".to_owned(), version: version.to_owned() });
    let scope_spans = vec![ScopeSpans { scope, spans: spans.iter().map(wire).collect() }];
    let resource = Some(Resource { attributes });
    Request { resource_spans: vec![ResourceSpans { resource, scope_spans }] }.encode_to_vec()
}

fn wire(span: &Span) -> WireSpan {
    let remote = span.parent.is_some_and(|parent| parent.is_remote);
    WireSpan {
        trace_id: span.trace.0.to_vec(),
        span_id: span.id.0.to_vec(),
        parent_span_id: span.parent.map(|parent| parent.id.0.to_vec()).unwrap_or_default(),
        name: span.name.clone(),
        kind: match span.kind {
            Kind::Internal => 1,
            Kind::Server => 2,
            Kind::Client => 3,
        },
        start_time_unix_nano: u64::try_from(span.from).unwrap_or_default(),
        end_time_unix_nano: u64::try_from(span.until.max(span.from)).unwrap_or_default(),
        attributes: span.attributes.iter().map(|(key, value)| key_value(key, value)).collect(),
        status: span.failed.then_some(Status { code: STATUS_ERROR }),
        flags: SAMPLED | PARENT_IS_KNOWN | if remote { PARENT_IS_REMOTE } else { 0 },
    }
}

fn key_value(key: &str, value: &Value) -> KeyValue {
    let value = match value {
        Value::Text(text) => OneValue::Text(text.clone()),
        Value::Number(number) => OneValue::Number(*number),
    };
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }) }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::common::v1::any_value;

    use super::*;
    use crate::telemetry::traces::context::{SpanId, TraceId};
    use crate::telemetry::traces::span::Parent;

    #[test]
    fn the_official_definitions_read_what_is_written() {
        let span = Span {
            trace: TraceId([1; 16]),
            id: SpanId([2; 8]),
            parent: Some(Parent { id: SpanId([3; 8]), is_remote: true }),
            name: "call http.get".to_owned(),
            kind: Kind::Client,
            from: 1_000,
            until: 2_000,
            attributes: vec![("steward.tool", "http.get".into()), ("steward.call", 7_u32.into())],
            failed: true,
        };
        let read = ExportTraceServiceRequest::decode(request(&[span]).as_slice()).unwrap();
        let resource = &read.resource_spans[0];
        let text = |value: &str| Some(any_value::Value::StringValue(value.to_owned()));
        let service = &resource.resource.as_ref().unwrap().attributes[0];
        assert_eq!((service.key.as_str(), service.value.clone().unwrap().value), ("service.name", text("steward")));
        let span = &resource.scope_spans[0].spans[0];
        assert_eq!((span.trace_id.as_slice(), span.span_id.as_slice()), ([1; 16].as_slice(), [2; 8].as_slice()));
        assert_eq!((span.parent_span_id.as_slice(), span.kind, span.flags), ([3; 8].as_slice(), 3, 0x301));
        assert_eq!(
            (span.name.as_str(), span.start_time_unix_nano, span.end_time_unix_nano),
            ("call http.get", 1_000, 2_000)
        );
        assert_eq!(span.attributes[0].value.clone().unwrap().value, text("http.get"));
        assert_eq!(span.attributes[1].value.clone().unwrap().value, Some(any_value::Value::IntValue(7)));
        assert_eq!(span.status.as_ref().unwrap().code, 2);
    }
}

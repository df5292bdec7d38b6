//! Traces: what a receiver is told of a run, and that nobody waits for it.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyValue;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::{Value, json};

use crate::place::{Place, SOON};
use crate::recorder::Recorder;
use crate::support::wait::until;
use crate::support::webhook;

const SECRET: &str = "a secret that the sender and Steward share";
const BROUGHT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every span that came, by its name.
fn spans(receiver: &Recorder) -> Vec<Span> {
    let requests = receiver.came();
    let read = |body: &[u8]| ExportTraceServiceRequest::decode(body).expect("the receiver reads what is sent");
    let resources = requests.iter().flat_map(|came| read(&came.body).resource_spans);
    resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
}

fn attributes(span: &Span) -> BTreeMap<String, String> {
    let text = |value: Option<AnyValue>| match value {
        Some(AnyValue::StringValue(text)) => text,
        other => format!("{other:?}"),
    };
    span.attributes.iter().map(|pair| (pair.key.clone(), text(pair.value.clone().and_then(|v| v.value)))).collect()
}

fn import(place: &Place, address: &str) {
    let put = place.client.put("/v1/secrets/shop", &json!({ "value": SECRET })).expect("the server answers");
    assert!(put.is_success(), "{}", put.body);
    let contract = json!({
        "title": "Traced",
        "goal": "Pass orders on.",
        "triggers": [{ "manual": true }, { "webhook": { "name": "orders", "secret": "shop", "signature": "steward" } }],
        "capabilities": [
            { "tool": "http.get", "where": { "/url": { "prefix": format!("http://{address}/") } } },
            { "tool": "http.request", "where": { "/url": { "prefix": format!("http://{address}/") } } }
        ],
        "once": [{ "tool": "http.request", "per": ["order"] }]
    });
    let script = format!(
        "export default async function run({{ input, tools }}) {{\n\
         await tools.http.get({{ url: 'http://{address}/secret-path?password=hunter2' }});\n\
         const order = input.data ? String(input.data.order) : 'by hand';\n\
         await tools.http.request({{ method: 'POST', url: 'http://{address}/b' }}, {{ key: {{ order }} }});\n}}\n"
    );
    place.import("traced", &contract, &script, &[]);
}

/// Sends an order and gives its run.
fn order(place: &Place, number: u32, trace_parent: Option<&str>) -> String {
    let body = json!({ "order": number }).to_string();
    let (signature, delivery) = (webhook::signature(SECRET, &body), number.to_string());
    let mut headers = vec![("x-steward-delivery", delivery.as_str()), ("x-steward-signature", signature.as_str())];
    headers.extend(trace_parent.map(|value| ("traceparent", value)));
    let answer = place.client.send("POST", "/hooks/traced/orders", &headers, &body).expect("the server answers");
    assert_eq!(answer.status, 202, "{}", answer.body);
    answer.json()["run"].as_str().expect("it has a run").to_owned()
}

#[test]
fn a_run_is_told_with_its_calls_and_goes_on_in_the_trace_that_a_webhook_brought() {
    let (service, receiver) = (Recorder::start(), Recorder::start());
    let address = service.address().to_string();
    let place = Place::new()
        .with("STEWARD_EGRESS__ALLOW_PRIVATE", &address)
        .with("STEWARD_TELEMETRY__OTLP__ENDPOINT", &format!("http://{}", receiver.address()))
        .with("STEWARD_TELEMETRY__OTLP__HEADERS", "x-tenant=household");
    let server = place.start();
    import(&place, &address);
    let own = place.run("traced", &json!({}));
    place.run_is(&own, "succeeded");
    let brought = order(&place, 1, Some(BROUGHT));
    place.run_is(&brought, "succeeded");
    order(&place, 2, Some("no trace at all"));

    let of_run = |run: &str| {
        until("the receiver knows the run", SOON, || {
            let all: Vec<_> = spans(&receiver)
                .into_iter()
                .filter(|span| attributes(span).get("steward.run").is_some_and(|own| own == run))
                .collect();
            all.iter().any(|span| span.name == "run").then_some(all)
        })
    };
    let named = |spans: &[Span], name: &str| {
        spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no span {name} in {spans:#?}")).clone()
    };
    let spans_of_own = of_run(&own);
    assert_eq!(spans_of_own.len(), 4, "{spans_of_own:#?}");
    let (run, attempt) = (named(&spans_of_own, "run"), named(&spans_of_own, "attempt"));
    let (read, effect) = (named(&spans_of_own, "call http.get"), named(&spans_of_own, "call http.request"));
    assert!(run.parent_span_id.is_empty());
    assert_eq!(attempt.parent_span_id, run.span_id);
    assert_eq!((&read.parent_span_id, &effect.parent_span_id), (&attempt.span_id, &attempt.span_id));
    assert!(spans_of_own.iter().all(|span| span.trace_id == run.trace_id));
    assert_eq!(attributes(&effect)["steward.outcome"], "value");
    assert!(read.start_time_unix_nano >= attempt.start_time_unix_nano);
    assert!(effect.end_time_unix_nano <= attempt.end_time_unix_nano);

    // The run that a webhook started goes on in the trace of the sender, behind the request.
    let spans_of_brought = of_run(&brought);
    let (request, run) = (named(&spans_of_brought, "webhook"), named(&spans_of_brought, "run"));
    assert_eq!(hex(&request.trace_id), &BROUGHT[3..35]);
    assert_eq!((hex(&request.parent_span_id).as_str(), request.kind), (&BROUGHT[36..52], 2));
    assert_eq!((&run.trace_id, &run.parent_span_id), (&request.trace_id, &request.span_id));

    // The service was told which call it was; the journal knows nothing of it, and a replay is equal.
    let came = service.came();
    let parents: Vec<_> = came.iter().filter_map(|request| request.header("traceparent")).collect();
    assert!(parents.contains(&format!("00-{}-{}-01", hex(&read.trace_id), hex(&read.span_id)).as_str()), "{parents:?}");
    let calls = place.get(&format!("/v1/runs/{own}/calls")).to_string();
    assert!(!calls.contains("traceparent") && !calls.contains(&hex(&run.trace_id)), "{calls}");
    let replay = place.post(&format!("/v1/runs/{own}/replay"), &json!({})).json();
    assert_eq!(replay["equal"], Value::Bool(true), "{replay}");

    // Nothing of what the script said is in a span, and the receiver got the header that it wants.
    let told = format!("{:?}", spans(&receiver));
    assert!(!told.contains("hunter2") && !told.contains("secret-path") && !told.contains(&address), "{told}");
    assert!(receiver.came().iter().all(|came| came.header("x-tenant") == Some("household")));
    assert!(receiver.came()[0].head.starts_with("post /v1/traces http/1.1"), "{}", receiver.came()[0].head);
    assert!(server.end().success());
}

#[test]
fn runs_go_on_where_no_receiver_is() {
    let service = Recorder::start();
    let address = service.address().to_string();
    // A port on which nobody listens.
    let nobody =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|taken| taken.local_addr()).expect("a port is free");
    let place = Place::new()
        .with("STEWARD_EGRESS__ALLOW_PRIVATE", &address)
        .with("STEWARD_TELEMETRY__OTLP__ENDPOINT", &format!("http://{nobody}"))
        .with("STEWARD_TELEMETRY__PROPAGATE_TO", "somebody.example");
    let server = place.start();
    import(&place, &address);
    for number in 0..3 {
        let run = order(&place, number, Some(BROUGHT));
        place.run_is(&run, "succeeded");
    }
    assert!(service.came().iter().all(|request| request.header("traceparent").is_none()), "only named hosts are told");
    assert!(server.end().success(), "and the end waits for nobody");
}

#[test]
fn nobody_is_told_what_nobody_wants() {
    let (service, receiver) = (Recorder::start(), Recorder::start());
    let address = service.address().to_string();
    let place = Place::new()
        .with("STEWARD_EGRESS__ALLOW_PRIVATE", &address)
        .with("STEWARD_TELEMETRY__OTLP__ENDPOINT", &format!("http://{}", receiver.address()))
        .with("STEWARD_TELEMETRY__OTLP__SAMPLE_RATIO", "0");
    let server = place.start();
    import(&place, &address);
    let run = place.run("traced", &json!({}));
    place.run_is(&run, "succeeded");
    let unwanted = order(&place, 1, Some(&BROUGHT.replace("-01", "-00")));
    place.run_is(&unwanted, "succeeded");
    // The sender keeps its trace, so it is told although we would draw none.
    let wanted = order(&place, 2, Some(BROUGHT));
    place.run_is(&wanted, "succeeded");
    assert!(server.end().success());
    let runs: Vec<_> = spans(&receiver).iter().map(|span| attributes(span)["steward.run"].clone()).collect();
    assert!(!runs.is_empty() && runs.iter().all(|run| *run == wanted), "{runs:?}");
}

//! The reference page: the OpenAPI document as a page that needs no script and nothing from outside.

use std::fmt::Write;
use std::sync::LazyLock;

use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, get};
use serde_json::Value;

use super::openapi::document;

static PAGE: LazyLock<String> = LazyLock::new(|| {
    let mut page = String::new();
    write_page(&mut page, document()).expect("writing to a string does not fail");
    page
});

const STYLE: &str = include_str!("reference.css");

/// The first page.
#[utoipa::path(tag = "health", responses((status = 303, description = "Go on to the reference")))]
#[get("/")]
pub(super) async fn root() -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, "/reference")).finish()
}

/// The reference of the API, for people.
#[utoipa::path(tag = "health", responses((status = 200, description = "The page", content_type = "text/html", body = String)))]
#[get("/reference")]
pub(super) async fn reference() -> HttpResponse {
    HttpResponse::Ok().content_type("text/html; charset=utf-8").body(PAGE.as_str())
}

/// How the reference looks.
#[utoipa::path(tag = "health", security(()), responses((status = 200, description = "The style", content_type = "text/css", body = String)))]
#[get("/reference.css")]
pub(super) async fn stylesheet() -> HttpResponse {
    HttpResponse::Ok().content_type("text/css; charset=utf-8").body(STYLE)
}

fn write_page(out: &mut String, document: &Value) -> std::fmt::Result {
    let info = &document["info"];
    write!(
        out,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>Steward: the API</title><link rel=\"stylesheet\" href=\"/reference.css\">\
         </head><body><header><h1>{} {}</h1><p>{}</p><p>The same as data: <a href=\"/v1/openapi.json\">openapi.json</a>. \
         Every request needs <code>Authorization: Bearer TOKEN</code> or a session, unless it says otherwise; every error \
         is <code>application/problem+json</code> with a stable code.</p></header>",
        text(&info["title"]),
        text(&info["version"]),
        text(&info["description"])
    )?;
    let tags: Vec<&Value> = document["tags"].as_array().into_iter().flatten().collect();
    out.push_str("<nav><ul>");
    for tag in &tags {
        write!(out, "<li><a href=\"#{0}\">{0}</a></li>", text(&tag["name"]))?;
    }
    out.push_str("<li><a href=\"#shapes\">shapes</a></li></ul></nav><main>");
    for tag in tags {
        write!(out, "<section id=\"{0}\"><h2>{0}</h2><p>{1}</p>", text(&tag["name"]), text(&tag["description"]))?;
        for (path, item) in members(&document["paths"]) {
            for (method, operation) in members(item) {
                if operation["tags"].as_array().is_some_and(|tags| tags.contains(&tag["name"])) {
                    write_operation(out, path, method, operation)?;
                }
            }
        }
        out.push_str("</section>");
    }
    out.push_str("<section id=\"shapes\"><h2>shapes</h2>");
    for (name, schema) in members(&document["components"]["schemas"]) {
        write!(
            out,
            "<details id=\"shape-{0}\"><summary><code>{0}</code> {1}</summary>",
            escaped(name),
            text(&schema["description"])
        )?;
        write_members(out, schema)?;
        out.push_str("</details>");
    }
    out.push_str("</section></main></body></html>");
    Ok(())
}

fn write_operation(out: &mut String, path: &str, method: &str, operation: &Value) -> std::fmt::Result {
    write!(
        out,
        "<details><summary><b class=\"{0}\">{1}</b> <code>{2}</code> {3}</summary>",
        escaped(method),
        escaped(&method.to_uppercase()),
        escaped(path),
        text(&operation["summary"])
    )?;
    if operation["description"].is_string() {
        write!(out, "<p>{}</p>", text(&operation["description"]))?;
    }
    let parameters: Vec<&Value> = operation["parameters"].as_array().into_iter().flatten().collect();
    if !parameters.is_empty() {
        out.push_str("<table><tr><th>Parameter</th><th>In</th><th>Meaning</th></tr>");
        for parameter in parameters {
            write!(
                out,
                "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
                text(&parameter["name"]),
                text(&parameter["in"]),
                text(&parameter["description"])
            )?;
        }
        out.push_str("</table>");
    }
    for (kind, content) in members(&operation["requestBody"]["content"]) {
        write!(out, "<p>Body: {} <code>{}</code></p>", shape(&content["schema"]), escaped(kind))?;
    }
    out.push_str("<table><tr><th>Status</th><th>Meaning</th><th>Body</th></tr>");
    for (status, response) in members(&operation["responses"]) {
        let bodies: Vec<String> = members(&response["content"]).map(|(_, content)| shape(&content["schema"])).collect();
        write!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td></tr>",
            escaped(status),
            text(&response["description"]),
            bodies.join(", ")
        )?;
    }
    out.push_str("</table></details>");
    Ok(())
}

fn write_members(out: &mut String, schema: &Value) -> std::fmt::Result {
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<String> = values.iter().map(text).collect();
        return write!(out, "<p>One of: {}</p>", values.join(", "));
    }
    out.push_str("<table><tr><th>Member</th><th>Type</th><th>Meaning</th></tr>");
    for (name, member) in members(&schema["properties"]) {
        let meaning = text(&member["description"]);
        write!(out, "<tr><td><code>{}</code></td><td>{}</td><td>{meaning}</td></tr>", escaped(name), shape(member))?;
    }
    out.push_str("</table>");
    Ok(())
}

/// A schema in a few words, with a link where it has a name.
fn shape(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return format!("<a href=\"#shape-{0}\">{0}</a>", escaped(name));
    }
    for several in ["oneOf", "allOf", "anyOf"] {
        if let Some(parts) = schema[several].as_array() {
            return parts.iter().map(shape).collect::<Vec<_>>().join(" or ");
        }
    }
    match &schema["type"] {
        Value::String(kind) if kind == "array" => format!("list of {}", shape(&schema["items"])),
        Value::String(kind) => escaped(kind),
        Value::Array(kinds) => kinds.iter().map(text).collect::<Vec<_>>().join(" or "),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => "anything".to_owned(),
    }
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().map(escaped).unwrap_or_default()
}

/// A text that can stand in a page.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

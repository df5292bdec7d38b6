//! The OpenAPI document, made from the code.

use std::sync::LazyLock;

use actix_web::http::Method;
use actix_web::{HttpResponse, get};
use serde_json::Value;
use utoipa::OpenApi;

use super::routes::Document;

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::to_value(Document::openapi()).expect("the document is plain data"));

/// The methods that the document names, in its order.
const METHODS: [(&str, Method); 4] =
    [("get", Method::GET), ("post", Method::POST), ("put", Method::PUT), ("delete", Method::DELETE)];

/// The document.
pub fn document() -> &'static Value {
    &DOCUMENT
}

/// The methods that an address takes; none when there is nothing at it.
pub(super) fn methods_at(path: &str) -> Vec<Method> {
    let Some(paths) = document()["paths"].as_object() else { return Vec::new() };
    let item = paths.iter().find(|(pattern, _)| fits(pattern, path));
    let Some((_, item)) = item else { return Vec::new() };
    METHODS.into_iter().filter(|(name, _)| item.get(name).is_some()).map(|(_, method)| method).collect()
}

fn fits(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<_>, Vec<_>) = (pattern.split('/').collect(), path.split('/').collect());
    let part = |(pattern, part): (&&str, &&str)| (pattern.starts_with('{') && !part.is_empty()) || pattern == part;
    pattern.len() == path.len() && pattern.iter().zip(&path).all(part)
}

/// This document.
#[utoipa::path(tag = "health", responses((status = 200, description = "The OpenAPI 3.1 document", body = Value)))]
#[get("/v1/openapi.json")]
pub(super) async fn openapi() -> HttpResponse {
    HttpResponse::Ok().json(document())
}

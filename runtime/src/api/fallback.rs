//! What is answered where there is nothing, or nothing of the kind.

use actix_web::http::Method;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, ResponseError};

use super::openapi;
use crate::error::{Code, Error};

/// Answers what no route took.
pub(super) async fn fallback(request: HttpRequest) -> HttpResponse {
    let methods = openapi::methods_at(request.path());
    if methods.is_empty() {
        let shown: String = request.path().chars().take(128).collect();
        let message = format!("there is nothing at `{shown}`; `/reference` lists what there is");
        return Error::new(Code::RouteUnknown, message).error_response();
    }
    let list = methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
    let mut response = Error::new(Code::MethodNotAllowed, format!("this address takes {list}")).error_response();
    if let Ok(value) = HeaderValue::from_str(&list) {
        response.headers_mut().insert(ALLOW, value);
    }
    response
}

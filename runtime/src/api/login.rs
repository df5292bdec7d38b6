//! The login link: it turns the token into a session, in one redirect.

use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, get, web};
use serde::Deserialize;
use utoipa::IntoParams;

use super::faces::Faces;
use super::guard::cookie;
use super::problem::Problem;
use crate::error::{Code, Error};

/// The token.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Login {
    /// The token, as in the file `token` of the data folder.
    token: String,
}

/// Opens a session for a browser.
#[utoipa::path(tag = "health", params(Login), security(()), responses(
    (status = 303, description = "A session was opened; go on to the first page"),
    (status = 401, description = "The token is not valid", body = Problem, content_type = "application/problem+json"),
))]
#[get("/login")]
pub(super) async fn login(faces: web::Data<Faces>, query: web::Query<Login>) -> Result<HttpResponse, Error> {
    if !faces.token.is(&query.token) {
        return Err(Error::new(
            Code::TokenWrong,
            "the token of this link is not valid; `steward serve` prints the link",
        ));
    }
    let session = cookie(&faces.sessions, &faces.token, faces.hosts.port(), faces.app.env.now());
    // The token leaves the address bar at once.
    Ok(HttpResponse::SeeOther().cookie(session).insert_header((LOCATION, "/")).finish())
}

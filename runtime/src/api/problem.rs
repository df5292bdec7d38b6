//! Errors as the API tells them: problem+json (RFC 9457), with one map from error to status.

use actix_web::http::StatusCode;
use actix_web::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use intents::failure::Class;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::guard::put_headers;
use crate::error::{Code, Error};
use crate::{config, models, store};

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The page of the error: `/errors/CODE`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What the code means, in one line.
    pub title: String,
    /// The status.
    pub status: u16,
    /// The stable code.
    pub code: String,
    /// What a caller may do: `transient` errors may go away by themselves.
    pub class: String,
    /// What failed, and what to do.
    pub detail: String,
    /// Every single problem, where there may be several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Place>,
}

/// One problem in a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Place {
    /// The stable code.
    pub code: String,
    /// Where: a JSON pointer; in a configuration a line, a variable or a flag.
    pub pointer: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// Callers that are asked to come back wait this long, in seconds.
const RETRY_AFTER_SECONDS: &str = "1";

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        if let Error::Answered { body, .. } = error
            && let Ok(problem) = serde_json::from_value(body.clone())
        {
            return problem;
        }
        let places = match error {
            Error::Contract(problems) => problems.iter().map(Place::from).collect(),
            Error::Config(problems) => problems.iter().map(Place::from).collect(),
            Error::Script(failure) => vec![Place {
                code: failure.code().to_owned(),
                pointer: failure.line.map_or_else(|| "/script".to_owned(), |line| format!("/script/lines/{line}")),
                message: failure.to_string(),
            }],
            Error::Face { .. }
            | Error::Store(_)
            | Error::Connector(_)
            | Error::Model(_)
            | Error::Sandbox(_)
            | Error::Answered { .. } => Vec::new(),
        };
        Self {
            kind: format!("/errors/{}", error.code()),
            title: title(error),
            status: status(error).as_u16(),
            code: error.code().to_owned(),
            class: error.class().as_str().to_owned(),
            detail: error.to_string(),
            problems: places,
        }
    }
}

impl From<&intents::contract::Problem> for Place {
    fn from(problem: &intents::contract::Problem) -> Self {
        Self { code: problem.code.to_owned(), pointer: problem.pointer.clone(), message: problem.message.clone() }
    }
}

impl From<&config::Problem> for Place {
    fn from(problem: &config::Problem) -> Self {
        Self {
            code: problem.code.as_str().to_owned(),
            pointer: problem.at.to_string(),
            message: problem.message.clone(),
        }
    }
}

fn title(error: &Error) -> String {
    let meaning = match error {
        Error::Face { code, .. } => code.meaning(),
        Error::Connector(error) => error.code().meaning(),
        Error::Model(error) => error.code().meaning(),
        Error::Config(_) => "the configuration does not make sense",
        Error::Contract(_) => "the contract does not make sense",
        Error::Script(_) => "the script cannot run",
        Error::Sandbox(_) => "the sandbox failed",
        Error::Answered { .. } => "the server said no",
        Error::Store(store::Error::NotFound { .. }) => "there is no such thing",
        Error::Store(store::Error::Conflict { .. }) => "the request does not fit what is stored",
        Error::Store(_) => "the store failed",
    };
    meaning.to_owned()
}

/// The status of an error. The one place where this is decided.
pub(super) fn status(error: &Error) -> StatusCode {
    match error {
        Error::Face { code, .. } => of_code(*code),
        Error::Config(_) => StatusCode::INTERNAL_SERVER_ERROR,
        Error::Contract(_) | Error::Script(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Error::Store(error) => match error {
            store::Error::NotFound { .. } => StatusCode::NOT_FOUND,
            store::Error::Conflict { .. } => StatusCode::CONFLICT,
            store::Error::Sealed { .. } => StatusCode::GONE,
            store::Error::Full => StatusCode::INSUFFICIENT_STORAGE,
            store::Error::Busy
            | store::Error::Unreachable { .. }
            | store::Error::StandingBy
            | store::Error::Fenced
            | store::Error::Closed => StatusCode::SERVICE_UNAVAILABLE,
            store::Error::Locked { .. }
            | store::Error::Newer { .. }
            | store::Error::Moved { .. }
            | store::Error::LeftBehind { .. }
            | store::Error::OtherKeys
            | store::Error::Folder { .. }
            | store::Error::Damaged { .. }
            | store::Error::Database { .. }
            | store::Error::Unreadable { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        },
        Error::Connector(error) => of_class(error.class()),
        Error::Model(error) => of_model(error.code()),
        Error::Sandbox(error) => of_class(error.class()),
        Error::Answered { status, .. } => StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_GATEWAY),
    }
}

fn of_class(class: Class) -> StatusCode {
    match class {
        Class::Transient => StatusCode::SERVICE_UNAVAILABLE,
        // A missing credential of a connector is a fact about the request's content; 401 is about the caller alone.
        Class::Logic | Class::Auth => StatusCode::UNPROCESSABLE_ENTITY,
        Class::Permission => StatusCode::FORBIDDEN,
        Class::Limit => StatusCode::PAYLOAD_TOO_LARGE,
        Class::Uncertain | Class::Nondeterminism | Class::Internal | Class::Unknown => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

/// The status of what a model or its provider said no to. What fails between us and a provider is a bad gateway.
fn of_model(code: models::Code) -> StatusCode {
    use models::Code;
    match code {
        Code::ModelBudget | Code::ModelQuota => StatusCode::PAYMENT_REQUIRED,
        Code::ModelTimeout => StatusCode::GATEWAY_TIMEOUT,
        Code::ModelAuth | Code::ModelUnknown | Code::ModelFailed | Code::ModelUnreachable | Code::ModelBroken => {
            StatusCode::BAD_GATEWAY
        }
        Code::ModelBusy => StatusCode::SERVICE_UNAVAILABLE,
        Code::ModelUnanswered | Code::ModelUnderWay | Code::ModelStopped => StatusCode::CONFLICT,
        Code::ModelTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::ModelNone | Code::ModelRefused | Code::ModelRecording | Code::ProviderName | Code::ProviderUnfit => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
    }
}

fn of_code(code: Code) -> StatusCode {
    match code {
        Code::BodyMalformed | Code::QueryMalformed | Code::IdempotencyKey | Code::InputMalformed => {
            StatusCode::BAD_REQUEST
        }
        Code::TokenMissing | Code::TokenWrong | Code::WebhookSignature | Code::WebhookStale | Code::WebhookReplayed => {
            StatusCode::UNAUTHORIZED
        }
        Code::OriginRefused
        | Code::PayloadsRefused
        | Code::ConfirmationNeeded
        | Code::EngineTokenNeeded
        | Code::TokenScope => StatusCode::FORBIDDEN,
        Code::RouteUnknown | Code::WebhookUnknown | Code::CallUnknown => StatusCode::NOT_FOUND,
        Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Code::AutomationInactive
        | Code::CardChanged
        | Code::CardDecided
        | Code::GoldenUnverified
        | Code::GoldenDiffers
        | Code::RunOverlap
        | Code::RunNotReplayable
        | Code::TrialNoScript
        | Code::IdempotencyBusy
        | Code::BackupExists
        | Code::RestoreNotEmpty
        | Code::RestoreUnfinished
        | Code::NameReused
        | Code::LeaseLost
        | Code::LeaseNotStarted => StatusCode::CONFLICT,
        Code::BodyTooLarge | Code::EngineLimit | Code::BundleTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::BodySlow => StatusCode::REQUEST_TIMEOUT,
        Code::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Code::HostRefused => StatusCode::MISDIRECTED_REQUEST,
        Code::IdempotencyMismatch
        | Code::MessageLength
        | Code::AutomationName
        | Code::EngineName
        | Code::EngineReport
        | Code::ProgramAmbiguous
        | Code::TrialRefuted
        | Code::BundleUnreadable
        | Code::BundleVersion
        | Code::FolderPath
        | Code::SettingUnknown
        | Code::BackupNewer
        | Code::BackupKey
        | Code::BackupIncomplete
        | Code::SettingValue => StatusCode::UNPROCESSABLE_ENTITY,
        Code::ListenersFull
        | Code::WebhookBusy
        | Code::EngineBusy
        | Code::TrialFailed
        | Code::ShuttingDown
        | Code::NoServer => StatusCode::SERVICE_UNAVAILABLE,
        Code::ConfigHome
        | Code::ConfigUnreadable
        | Code::ConfigSyntax
        | Code::ConfigUnknownKey
        | Code::ConfigValue
        | Code::PortInUse
        | Code::ListenFailed
        | Code::TokenFile
        | Code::ServerFailed
        | Code::AnswerUnreadable
        | Code::BackupUnreadable
        | Code::BackupDamaged
        | Code::BackupFailed
        | Code::FileUnreadable => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        status(self)
    }

    fn error_response(&self) -> HttpResponse {
        let status = status(self);
        if status.is_server_error() && self.class() != Class::Transient {
            tracing::error!(code = self.code(), error = %chain(self), "a request failed");
        }
        let mut response = HttpResponse::build(status);
        if status == StatusCode::UNAUTHORIZED {
            response.insert_header((WWW_AUTHENTICATE, "Bearer"));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.insert_header((RETRY_AFTER, RETRY_AFTER_SECONDS));
        }
        let body = serde_json::to_vec(&Problem::from(self)).expect("a problem is plain data");
        let mut response = response.content_type("application/problem+json").body(body);
        // An error may leave past the guard, which puts them on every other answer.
        put_headers(response.headers_mut());
        response
    }
}

/// An error with all its sources, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(&format!(": {inner}"));
        source = inner.source();
    }
    text
}

impl Problem {
    /// Reads the body of an answer that is a problem.
    pub fn read(body: &Value) -> Option<Self> {
        serde_json::from_value(body.clone()).ok()
    }
}

//! The one list of routes, and the OpenAPI document of the same list.

use actix_web::web::ServiceConfig;
use utoipa::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};

use super::engines::{
    artifacts as engine_artifacts, calls as engine_calls, claims as engine_claims, ends as engine_ends,
    manage as engines, reports as engine_reports,
};
use super::{
    answer, approvals, artifacts, audit, automations, calls, cards, contract, doctor, effects, erasures, errors,
    events, goldens, health, hooks, incidents, login, metrics, needs, notices, notifications, openapi, policy,
    providers, reference, repairs, runs, secrets, settings, shadow, stop, thread_stream, threads, tools, trials, usage,
};

/// Declares each route once, for the server and for the document.
macro_rules! routes {
    ($($module:ident :: $handler:ident),* $(,)?) => {
        /// Puts every route into an app.
        pub(super) fn configure(config: &mut ServiceConfig) {
            $(config.service($module::$handler);)*
        }

        /// The document of every route.
        #[derive(OpenApi)]
        #[openapi(
            info(
                title = "Steward",
                description = "Automations that you delegate rather than build: deterministic, journaled, once or asked.",
                license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
            ),
            paths($($module::$handler),*),
            security(("token" = []), ("session" = [])),
            tags(
                (name = "automations", description = "What the user delegated"),
                (name = "runs", description = "Executions with their journals"),
                (name = "engines", description = "Programs outside that execute the script's part of runs"),
                (name = "effects", description = "What happened under each key"),
                (name = "inbox", description = "What only the person can give, and what automations tell"),
                (name = "repairs", description = "What broke, what changed, what proved it, and how to take it back"),
                (name = "events", description = "What changed, as pages and as live streams"),
                (name = "chat", description = "Conversations, and the cards that come of them"),
                (name = "contracts", description = "The format of contracts, and their plain words"),
                (name = "trials", description = "What a script must show before it goes live"),
                (name = "tools", description = "What contracts may grant"),
                (name = "models", description = "Who provides models, and what they cost"),
                (name = "settings", description = "Granted folders, private hosts, secrets"),
                (name = "webhooks", description = "Signed requests from outside"),
                (name = "stop", description = "The stop of everything"),
                (name = "health", description = "Whether it works"),
            ),
            modifiers(&Security),
        )]
        pub(super) struct Document;
    };
}

routes! {
    automations::list, automations::import, automations::show, automations::show_contract, automations::export,
    automations::run, automations::pause, automations::resume, automations::trust, automations::stop, automations::remove,
    shadow::show, shadow::enter, shadow::leave,
    runs::list, runs::show, calls::list, calls::list_logs, runs::effects, runs::stop, runs::replay, runs::bundle,
    effects::list, erasures::erase,
    artifacts::list_steps, artifacts::list, artifacts::download,
    engines::list_engines, engines::create_token, engines::revoke_token,
    engine_claims::claim, engine_reports::heartbeat, engine_reports::begin, engine_reports::put_step,
    engine_calls::make_call, engine_calls::show_call, engine_artifacts::put_artifact,
    engine_ends::complete, engine_ends::fail, engine_ends::release,
    needs::list, needs::give_answers, needs::show, needs::give_answer, needs::snooze, needs::unsnooze, notices::list,
    notifications::list, notifications::test, answer::show, answer::give,
    repairs::list, repairs::show, repairs::undo, incidents::list, incidents::show,
    approvals::list, approvals::show, approvals::decide, approvals::hold, approvals::take_back,
    events::list_rooms, events::list, events::listen,
    contract::schema, contract::explain, contract::compare, policy::evaluate,
    trials::try_out, trials::show, trials::backtest,
    goldens::list, goldens::keep, goldens::import, goldens::check, goldens::remove,
    threads::begin, threads::list, threads::show, threads::erase, threads::list_messages, threads::say,
    threads::interrupt, threads::go_on, thread_stream::listen, cards::show, cards::confirm, cards::reject,
    tools::list,
    providers::list, providers::add, providers::remove, providers::test, usage::show,
    settings::list, settings::show, settings::set, settings::remove,
    secrets::list, secrets::set, secrets::remove,
    hooks::deliver,
    stop::stop, stop::resume,
    health::alive, health::ready, health::health, metrics::metrics, doctor::doctor, audit::verify,
    login::login,
    openapi::openapi, errors::show, reference::root, reference::reference, reference::stylesheet,
}

/// Names the ways in which a request says who it is.
struct Security;

impl utoipa::Modify for Security {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The content of the file `token` in the data folder."))
            .build();
        components.add_security_scheme("token", SecurityScheme::Http(token));
        let engine = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A token that `steward engines token create NAME` made: it opens nothing but these."));
        components.add_security_scheme("engine", SecurityScheme::Http(engine.build()));
        let session = ApiKeyValue::with_description(
            "steward_session_PORT",
            "The session of a browser that opened the login link; requests that change something need an `Origin` that is ours.",
        );
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(session)));
    }
}

//! Why a model gave no answer.

use std::fmt;

use intents::failure::Class;
use intents::model::{Over, Problem};

intents::error_codes! {
    /// What went wrong with a model or its provider. A code never changes once it is released.
    ModelNone, "MODEL_NONE", Permission, "no model is set up, or none of the name that was asked for";
    ModelAuth, "MODEL_AUTH", Auth, "the provider refused the key";
    ModelUnknown, "MODEL_UNKNOWN", Permission, "the provider has no such model";
    ModelTimeout, "MODEL_TIMEOUT", Transient, "the model did not answer in time";
    ModelQuota, "MODEL_QUOTA", Limit, "nothing is left of what was paid for at the provider";
    ModelBusy, "MODEL_BUSY", Transient, "the provider takes no more calls at this moment";
    ModelFailed, "MODEL_FAILED", Transient, "the provider failed";
    ModelRefused, "MODEL_REFUSED", Logic, "the provider does not take the request";
    ModelUnreachable, "MODEL_UNREACHABLE", Transient, "no connection to the provider could be made";
    ModelBroken, "MODEL_BROKEN", Transient, "the answer makes no sense, or broke off in the middle";
    ModelBudget, "MODEL_BUDGET", Limit, "the call might cost more than a budget allows";
    ModelStopped, "MODEL_STOPPED", Logic, "the call was stopped by whoever asked";
    ModelUnanswered, "MODEL_UNANSWERED", Uncertain, "the call was made before, and its answer never came";
    ModelUnderWay, "MODEL_UNDER_WAY", Transient, "the same call is under way";
    ModelTooLarge, "MODEL_TOO_LARGE", Limit, "the request is larger than the model takes";
    ModelRecording, "MODEL_RECORDING", Permission, "the recording has no answer to this, or cannot be read";
    ProviderName, "PROVIDER_NAME", Logic, "the text is no name for a provider or a profile";
    ProviderUnfit, "PROVIDER_UNFIT", Logic, "what is said of the provider does not make sense";
}

/// Why a model gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    code: Code,
    message: String,
}

impl Error {
    /// Makes one; the message says what failed and what to do, and repeats no secret.
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// What a caller may do about it.
    pub fn class(&self) -> Class {
        self.code.class()
    }

    /// A call would go beyond a budget.
    pub(super) fn over(over: &Over) -> Self {
        let message = format!(
            "the call might cost more than is left: for {} {} USD may be spent, and {} is spent or reserved; raise the \
             budget with `steward settings set`, or wait",
            over.which, over.max, over.spent
        );
        Self::new(Code::ModelBudget, message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// The code of a problem with one call.
pub(super) fn code_of(problem: Problem) -> Code {
    match problem {
        Problem::Unreachable | Problem::NotAllowed => Code::ModelUnreachable,
        Problem::Auth => Code::ModelAuth,
        Problem::UnknownModel => Code::ModelUnknown,
        Problem::Quota => Code::ModelQuota,
        Problem::Busy => Code::ModelBusy,
        Problem::Failed => Code::ModelFailed,
        Problem::Refused => Code::ModelRefused,
        Problem::Timeout => Code::ModelTimeout,
        Problem::Broken => Code::ModelBroken,
        Problem::Stopped => Code::ModelStopped,
    }
}

/// What to do about a problem, in words.
pub(super) fn advice(problem: Problem) -> &'static str {
    match problem {
        Problem::Unreachable => "look whether it runs, and whether its address is right",
        Problem::NotAllowed => "its address is private; name its host in the setting `egress.allow_private`",
        Problem::Auth => "remove the provider and add it again with the right key",
        Problem::UnknownModel => "look up the name of the model at the provider, and add the provider with it",
        Problem::Quota => "look at the billing page of the provider",
        Problem::Busy => "wait a little, or add another provider to fall back on",
        Problem::Failed => "try again later, or add another provider to fall back on",
        Problem::Refused => "look at what it says",
        Problem::Timeout => "try again, or add a faster model to fall back on",
        Problem::Broken => "try again, or add another model to fall back on",
        Problem::Stopped => "ask again when you want to",
    }
}

//! What can go wrong here: a stable code, the class that says what may be done about it, and one line of meaning.

use intents::failure::Class;
use intents::outcome::Failure;

intents::error_codes! {
    /// What went wrong. A code never changes once it is released.
    ArgumentsInvalid, "ARGUMENTS_INVALID", Logic, "the arguments of the call do not make sense together";
    NumberNotExact, "NUMBER_NOT_EXACT", Logic, "the answer holds a number that no double holds exactly";
    ResponseTooLarge, "RESPONSE_TOO_LARGE", Limit, "the answer is larger than an answer may be";
    ResponseNotText, "RESPONSE_NOT_TEXT", Logic, "the answer is not text in the encoding that it declares";
    ResponseNotJson, "RESPONSE_NOT_JSON", Logic, "the answer was to be JSON and is not";
    HeaderNotAllowed, "HEADER_NOT_ALLOWED", Logic, "a script may not set this header";
    HttpTimeout, "HTTP_TIMEOUT", Transient, "the service did not answer in time";
    HttpConnectionLost, "HTTP_CONNECTION_LOST", Transient, "the connection broke before the whole answer was there";
    HttpBusy, "HTTP_BUSY", Transient, "the service asked to come back later";
    HttpServerError, "HTTP_SERVER_ERROR", Transient, "the service failed";
    HttpAuth, "HTTP_AUTH", Auth, "the service refused the credentials";
    HttpForbidden, "HTTP_FORBIDDEN", Permission, "the credentials do not allow this";
    HttpUncertain, "HTTP_UNCERTAIN", Uncertain, "the request was sent, and nobody knows whether it was carried out";
    EgressUrl, "EGRESS_URL", Logic, "the address is no address that a request may go to";
    EgressScheme, "EGRESS_SCHEME", Logic, "only http and https addresses may be called";
    EgressPrivateAddress, "EGRESS_PRIVATE_ADDRESS", Permission, "the host's address is private, local or reserved";
    EgressRedirect, "EGRESS_REDIRECT", Permission, "the service redirects to where this call may not go";
    EgressUnresolved, "EGRESS_UNRESOLVED", Transient, "the name of the host could not be resolved";
    EgressUnreachable, "EGRESS_UNREACHABLE", Transient, "no connection to the host could be made";
    EgressCertificate, "EGRESS_CERTIFICATE", Permission, "the host's certificate is not trusted";
    EgressRateLimited, "EGRESS_RATE_LIMITED", Transient, "too many requests to this host at once";
    FolderUnknown, "FOLDER_UNKNOWN", Permission, "no folder of this name is granted";
    FolderReadOnly, "FOLDER_READ_ONLY", Permission, "the folder is granted for reading only";
    FolderMissing, "FOLDER_MISSING", Permission, "the granted folder does not exist or is no folder";
    FolderTooLarge, "FOLDER_TOO_LARGE", Limit, "the folder holds more entries than a list may";
    PathInvalid, "PATH_INVALID", Logic, "the path is no relative path of a file";
    PathOutside, "PATH_OUTSIDE", Permission, "the path leads out of the granted folder";
    FileSpecial, "FILE_SPECIAL", Logic, "the path names something that is no plain file";
    FileTooLarge, "FILE_TOO_LARGE", Limit, "the file is larger than a script may read";
    FileNotText, "FILE_NOT_TEXT", Logic, "the file is not UTF-8 text";
    FileDenied, "FILE_DENIED", Permission, "the operating system denies access to the file";
    FileDiskFull, "FILE_DISK_FULL", Transient, "there is no room left on the disk";
    FileFailed, "FILE_FAILED", Transient, "the file could not be read or written";
    FileUncertain, "FILE_UNCERTAIN", Uncertain, "the file was being changed, and nobody knows whether it was";
    ContentChanged, "CONTENT_CHANGED", Transient, "a file is not as it was when a person said yes";
    MailAddress, "MAIL_ADDRESS", Logic, "an address, the subject or a name cannot stand in a mail";
    MailAuth, "MAIL_AUTH", Auth, "the mail server refused the credentials";
    MailTls, "MAIL_TLS", Permission, "the mail server offers no trusted encryption";
    MailBusy, "MAIL_BUSY", Transient, "the mail server asked to come back later";
    MailUnreachable, "MAIL_UNREACHABLE", Transient, "the mail server could not be reached or broke off early";
    MailUncertain, "MAIL_UNCERTAIN", Uncertain, "the mail was handed over, and the server never said whether it took it";
    SettingsInvalid, "SETTINGS_INVALID", Permission, "a setting of the connectors does not make sense";
    SecretMissing, "SECRET_MISSING", Auth, "the vault holds no secret of this name";
    SecretName, "SECRET_NAME", Logic, "this is no name for a secret";
    VaultPermissions, "VAULT_PERMISSIONS", Permission, "others than the owner can read a file of the vault";
    VaultWrongKey, "VAULT_WRONG_KEY", Auth, "the vault was not locked with this key or passphrase";
    VaultTampered, "VAULT_TAMPERED", Internal, "the vault was changed by something other than Steward";
    VaultUnreadable, "VAULT_UNREADABLE", Internal, "the vault could not be read";
    VaultNotWritten, "VAULT_NOT_WRITTEN", Transient, "the vault could not be written";
    VaultNewer, "VAULT_NEWER", Internal, "the vault was written by a newer version of Steward";
    RecoveryCode, "RECOVERY_CODE", Auth, "the text is no recovery code: it is not complete, or mistyped";
    KeychainFailed, "KEYCHAIN_FAILED", Permission, "the keychain of the operating system gave no key";
    SealBroken, "SEAL_BROKEN", Internal, "sealed data does not open: it was changed, or the key is another";
    ConnectorInternal, "CONNECTOR_INTERNAL", Internal, "a connector broke one of its own rules";
}

/// An error of this crate. Its message holds no secret and no data of a script.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    code: Code,
    message: String,
    retry_after_ms: Option<u64>,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// Makes an error.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after_ms: None, source: None }
    }

    /// Keeps what caused it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Keeps how long the service asked to wait.
    #[must_use]
    pub fn retry_after(mut self, millis: Option<u64>) -> Self {
        self.retry_after_ms = millis;
        self
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// What a caller may do about it.
    pub fn class(&self) -> Class {
        self.code.class()
    }

    /// The failure that the journal keeps.
    pub fn to_failure(&self) -> Failure {
        let mut failure = Failure::new(self.class(), self.code.as_str(), self.message.clone());
        failure.retry_after_ms = self.retry_after_ms;
        failure
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_has_a_name_of_its_own_and_a_meaning() {
        let names: BTreeSet<_> = CODES.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), CODES.len());
        for (name, meaning) in CODES {
            assert!(name.chars().all(|c| c.is_ascii_uppercase() || c == '_'), "{name}");
            assert!(!meaning.is_empty() && !meaning.ends_with('.'), "{name}");
        }
    }
}

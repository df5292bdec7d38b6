//! The `steward` program: the server and its command line.

mod allocator;

use std::process::ExitCode;

use self::allocator::Allocator;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn main() -> ExitCode {
    // The warm process of the sandbox is this program, too. It must hold nothing of what follows.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == sandbox::ZYGOTE_ARGUMENT) {
        sandbox::zygote_main();
    }
    // The one provider of cryptography; it can be there already only if somebody linked a second one.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        return ExitCode::FAILURE;
    }
    runtime::cli::main()
}

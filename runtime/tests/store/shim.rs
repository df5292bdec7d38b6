//! A child process over the file layer of `tests/powerloss/shim.c`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use tempfile::TempDir;

/// Tells a process that it is the child, and where its files are.
pub(crate) const CHILD: &str = "STORE_TEST_CHILD";

static SHIM: LazyLock<(TempDir, PathBuf)> = LazyLock::new(|| {
    let folder = TempDir::new().unwrap();
    let library = folder.path().join("shim.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/powerloss/shim.c");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o"])
        .arg(&library)
        .arg(source)
        .arg("-lpthread")
        .status()
        .expect("a C compiler is there: the build needs one too");
    assert!(built.success(), "the file layer does not compile");
    (folder, library)
});

/// Where the child keeps its files, unless this process is not the child.
pub(crate) fn child_folder() -> Option<PathBuf> {
    std::env::var_os(CHILD).map(PathBuf::from)
}

/// This very test again, in a process of its own over the file layer. The folder must exist.
pub(crate) fn child(test: &str, folder: &Path, log: Option<&Path>) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    command.env(CHILD, folder).env("SHIM_FOLDER", folder).env("LD_PRELOAD", &SHIM.1);
    if let Some(log) = log {
        command.env("SHIM_LOG", log);
    }
    command
}

/// Makes the child's runtime and runs it.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap().block_on(future)
}

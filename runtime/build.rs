//! Packs the pages of the errors into the program, so that a server shows them wherever it is installed.

use std::fmt::Write;
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/errors");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut pages: Vec<_> =
        fs::read_dir(&folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    // The server looks them up by their order.
    pages.sort();
    let mut list = String::from("&[\n");
    for page in pages {
        if let (Some(code), true) = (page.file_stem(), page.extension().is_some_and(|ending| ending == "md")) {
            let (code, page) = (code.to_string_lossy(), page.to_string_lossy());
            writeln!(list, "    ({code:?}, include_str!({page:?})),").map_err(io::Error::other)?;
        }
    }
    list.push(']');
    let out = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("Cargo names no folder for what is made"))?;
    fs::write(Path::new(&out).join("error_pages.rs"), list)
}

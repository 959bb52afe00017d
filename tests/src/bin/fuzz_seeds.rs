//! Writes what the fuzzers begin with into the folder that is named:
//! `cargo run -p thalweg-tests --bin fuzz_seeds -- FOLDER`.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("usage: fuzz_seeds FOLDER");
        return ExitCode::FAILURE;
    };
    match thalweg_tests::fuzz_seeds::write(Path::new(&folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fuzz_seeds: cannot write to {}: {error}", folder.display());
            ExitCode::FAILURE
        }
    }
}

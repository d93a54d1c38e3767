//! Arguments in, `ExitCode` out.

use std::process::ExitCode;

fn main() -> ExitCode {
    crossconnect::cli::main()
}

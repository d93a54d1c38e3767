//! Arguments in, `ExitCode` out.

use std::process::ExitCode;

/// What a webhook allocates on one thread is often freed on another, which it is made for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    crossconnect::cli::main()
}

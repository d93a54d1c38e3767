//! Arguments in, `ExitCode` out.

fn main() {}

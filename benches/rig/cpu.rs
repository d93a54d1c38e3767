//! What a process has used so far.

use super::process::Server;

/// The folder in which the kernel tells about it.
pub fn proc(server: &Server) -> String {
    format!("/proc/{}", server.0.id())
}

/// Its user and system time in seconds, of which the kernel tells hundredths.
pub fn cpu(server: &Server) -> f64 {
    let stat = std::fs::read_to_string(proc(server) + "/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    assert_ne!(fields[0], "Z", "the server ended; run it by hand to see why");
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

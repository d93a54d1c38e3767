//! A NetBox device update of about 5.3 KB as NetBox 4 tells it: the status went from planned to active.

/// Another batch and number make another event; the marker is carried on by scripts.
pub fn device_update(batch: usize, number: usize, object: usize, marker: &str) -> String {
    include_str!("device_update.json")
        .replace("@MARKER@", marker)
        .replace("@ID@", &object.to_string())
        .replace("@REQUEST@", &format!("{batch:08x}-0000-4000-8000-{number:012x}"))
        .replace("@MICROS@", &format!("{:06}", number % 1_000_000))
}

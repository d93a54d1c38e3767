//! The partitions' keys, and the slots of a cluster that they fall into.

/// Keys by partition.
#[derive(Debug)]
pub(super) struct Slots {
    keys: Vec<String>,
    slots: Vec<u16>,
}

impl Slots {
    pub(super) fn new(prefix: &str, partitions: u32) -> Self {
        let tags: Vec<_> = (0..partitions).map(|partition| format!("{prefix}:{partition}")).collect();
        Self {
            slots: tags.iter().map(|tag| crc16(tag.as_bytes()) % 16384).collect(),
            keys: tags.into_iter().map(|tag| format!("{{{tag}}}")).collect(),
        }
    }

    /// What the keys of a partition begin with. No key is named so: while its slot moves to another
    /// node, that is what makes the cluster refuse scripts before they begin.
    pub(super) fn key(&self, partition: u32) -> Option<&str> {
        self.keys.get(usize::try_from(partition).ok()?).map(String::as_str)
    }

    /// The slot of each partition.
    pub(super) fn all(&self) -> &[u16] {
        &self.slots
    }
}

/// CRC-16/XMODEM, by which clusters spread keys.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_counted_as_the_specification_of_the_cluster_does() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        let slots = Slots::new("foo", 2);
        assert_eq!((slots.key(1), slots.key(2)), (Some("{foo:1}"), None));
        assert_eq!(crc16(b"foo") % 16384, 12182);
    }
}

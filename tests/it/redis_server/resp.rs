//! Where the messages of Redis' protocol (RESP2 and RESP3) end.

/// How long the first message is, once all of it is there.
pub(super) fn length(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    let mut awaited = 1;
    while awaited > 0 {
        let line = line(bytes.get(at..)?)?;
        at += line.len() + 2;
        awaited -= 1;
        let number = || std::str::from_utf8(&line[1..]).unwrap().parse::<i64>().unwrap().max(0) as usize;
        match line.first() {
            Some(b'$' | b'=' | b'!') if line != b"$-1" => at += number() + 2,
            Some(b'*' | b'~' | b'>') => awaited += number(),
            // Attributes stand before what they are about.
            Some(b'|') => awaited += 2 * number() + 1,
            Some(b'%') => awaited += 2 * number(),
            _ => {}
        }
    }
    (at <= bytes.len()).then_some(at)
}

/// The words of a command.
pub(super) fn words(command: &[u8]) -> Vec<&[u8]> {
    let mut words = Vec::new();
    let mut rest = line(command).map_or(&[][..], |head| &command[head.len() + 2..]);
    while let Some(head) = line(rest) {
        let length: usize = std::str::from_utf8(&head[1..]).unwrap().parse().unwrap();
        let begin = head.len() + 2;
        words.push(&rest[begin..begin + length]);
        rest = &rest[begin + length + 2..];
    }
    words
}

/// Whether nobody asked for this message: it came by a subscription.
pub(super) fn is_push(message: &[u8]) -> bool {
    message.first() == Some(&b'>') || message.starts_with(b"*3\r\n$7\r\nmessage\r\n")
}

fn line(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    Some(&bytes[..end])
}

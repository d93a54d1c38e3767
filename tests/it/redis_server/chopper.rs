//! A way to a server that is cut after so many requests: between any two steps of a client.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, Weak};

use super::{Server, resp, until};

/// What becomes of the answer to the last request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// The client gets it, then its connection is cut.
    Passed,
    /// The server did what was asked, and the client never hears of it.
    Swallowed,
}

type Counts = Box<dyn Fn(&[&[u8]]) -> bool + Send>;

/// Passes everything on until it is told to cut; then no connection is left, and none comes up.
pub struct Chopper {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    to: u16,
    state: Mutex<State>,
}

struct State {
    counts: Counts,
    passed: usize,
    /// How many more requests are passed on, and what becomes of the last one's answer.
    left: Option<(usize, Reply)>,
    cut: bool,
    over: bool,
    links: Vec<Weak<Link>>,
}

/// One client's connection.
struct Link {
    client: TcpStream,
    server: TcpStream,
    asked: Mutex<Asked>,
}

#[derive(Default)]
struct Asked {
    requests: usize,
    /// Which of them is the last one of all.
    last: Option<(usize, Reply)>,
}

/// What to do with a request.
enum Pass {
    On,
    AsLast(Reply),
    Never,
}

impl Chopper {
    /// In front of a server that listens on a plain port. Every request counts.
    pub fn start(server: &Server) -> Self {
        Self::counting(server, |_| true)
    }

    /// Only those requests count whose words fulfil `counts`; the others are passed on all the same.
    pub fn counting(server: &Server, counts: impl Fn(&[&[u8]]) -> bool + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = State {
            counts: Box::new(counts),
            passed: 0,
            left: None,
            cut: false,
            over: false,
            links: Vec::new(),
        };
        let shared = Arc::new(Shared { to: server.port(), state: Mutex::new(state) });
        let door = shared.clone();
        std::thread::spawn(move || door.serve(&listener));
        Self { port, shared }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Of the way through here; the server must not ask for a login.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// How many requests that count were passed on so far.
    pub fn passed(&self) -> usize {
        self.shared.state.lock().unwrap().passed
    }

    /// Cuts every connection after `requests` more of those that count. With 0, at once.
    pub fn cut_after(&self, requests: usize, reply: Reply) {
        self.shared.state.lock().unwrap().left = Some((requests, reply));
        if requests == 0 {
            self.shared.cut();
        }
    }

    pub fn is_cut(&self) -> bool {
        self.shared.state.lock().unwrap().cut
    }

    /// Waits for the cut.
    pub fn until_cut(&self) {
        until("the way is cut", || self.is_cut());
    }

    /// Lets connections through again.
    pub fn mend(&self) {
        let mut state = self.shared.state.lock().unwrap();
        (state.cut, state.left) = (false, None);
    }
}

impl Drop for Chopper {
    fn drop(&mut self) {
        self.shared.state.lock().unwrap().over = true;
        self.shared.cut();
        // Wakes the door, which then sees that it is over.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Shared {
    fn serve(self: &Arc<Self>, listener: &TcpListener) {
        for client in listener.incoming() {
            if self.state.lock().unwrap().over {
                return;
            }
            let (Ok(client), Ok(server)) = (client, TcpStream::connect(("127.0.0.1", self.to))) else {
                continue;
            };
            for stream in [&client, &server] {
                stream.set_nodelay(true).unwrap();
            }
            let link = Arc::new(Link { client, server, asked: Mutex::default() });
            if !self.enter(&link) {
                continue;
            }
            let (to, back) = ((self.clone(), link.clone()), (self.clone(), link));
            std::thread::spawn(move || to.1.requests(&to.0));
            std::thread::spawn(move || back.1.answers(&back.0));
        }
    }

    fn enter(&self, link: &Arc<Link>) -> bool {
        let mut state = self.state.lock().unwrap();
        state.links.retain(|link| link.strong_count() > 0);
        state.links.push(Arc::downgrade(link));
        !state.cut
    }

    fn pass(&self, request: &[u8]) -> Pass {
        let mut state = self.state.lock().unwrap();
        if state.cut || matches!(state.left, Some((0, _))) {
            return Pass::Never;
        }
        if !(state.counts)(&resp::words(request)) {
            return Pass::On;
        }
        state.passed += 1;
        match &mut state.left {
            None => Pass::On,
            Some((left, reply)) => {
                *left -= 1;
                if *left == 0 { Pass::AsLast(*reply) } else { Pass::On }
            }
        }
    }

    fn cut(&self) {
        let mut state = self.state.lock().unwrap();
        state.cut = true;
        for link in state.links.drain(..).filter_map(|link| link.upgrade()) {
            link.close();
        }
    }
}

impl Link {
    fn requests(&self, shared: &Shared) {
        messages(&self.client, |request| {
            // Held until it is written, so that its answer finds it counted.
            let mut asked = self.asked.lock().unwrap();
            let pass = shared.pass(request);
            if matches!(pass, Pass::Never) {
                return false;
            }
            asked.requests += 1;
            if let Pass::AsLast(reply) = pass {
                asked.last = Some((asked.requests, reply));
            }
            (&self.server).write_all(request).is_ok()
        });
        // What was asked before is answered; only the last one closes from the other side.
        if self.asked.lock().unwrap().last.is_none() {
            self.close();
        }
    }

    fn answers(&self, shared: &Shared) {
        let mut answers = 0;
        messages(&self.server, |answer| {
            answers += usize::from(!resp::is_push(answer));
            let last = self.asked.lock().unwrap().last.filter(|(request, _)| *request == answers);
            let write = !matches!(last, Some((_, Reply::Swallowed)));
            let written = !write || (&self.client).write_all(answer).is_ok();
            written && last.is_none()
        });
        self.close();
        if self.asked.lock().unwrap().last.is_some() {
            shared.cut();
        }
    }

    fn close(&self) {
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }
}

/// Hands over whole messages until one is not wanted or the stream ends.
fn messages(mut stream: &TcpStream, mut take: impl FnMut(&[u8]) -> bool) {
    let mut buffer = Vec::new();
    let mut piece = vec![0; 1 << 16];
    loop {
        while let Some(length) = resp::length(&buffer) {
            if !take(&buffer[..length]) {
                return;
            }
            buffer.drain(..length);
        }
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return,
            Ok(read) => buffer.extend_from_slice(&piece[..read]),
        }
    }
}

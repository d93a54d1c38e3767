//! A program of its own beside the tests: signalled by its id, and ended with the test whatever
//! ends the test.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{LazyLock, Mutex};

/// A running program and whatever it started itself; killed when dropped.
#[derive(Debug)]
pub struct Program {
    child: Child,
}

impl Program {
    /// `install` is the Debian package that brings it.
    pub fn spawn(command: &mut Command, install: &str) -> Self {
        // A group of its own, so that its children get every signal, too.
        let child = command.stdin(Stdio::null()).process_group(0).spawn().unwrap_or_else(|error| {
            let name = command.get_program().to_string_lossy().into_owned();
            panic!("{name} has to be installed (apt-get install {install}): {error}")
        });
        tell_undertaker("watch", child.id());
        Self { child }
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Sends SIGKILL, and waits until it is gone.
    pub fn kill(&mut self) {
        if !self.has_ended() {
            self.signal("KILL");
        }
        let _ = self.child.wait();
    }

    /// Sends SIGSTOP: it stands still with all its sockets open.
    pub fn stop(&self) {
        self.signal("STOP");
    }

    /// Sends SIGCONT.
    pub fn go_on(&self) {
        self.signal("CONT");
    }

    /// To its whole group. The id is its own as long as nobody waited for it.
    fn signal(&self, name: &str) {
        let script = r#"kill -s "$0" -- "-$1""#;
        let status = Command::new("sh").args(["-c", script, name, &self.child.id().to_string()]).status();
        assert!(status.unwrap().success(), "SIG{name} could not be sent");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
        tell_undertaker("forget", self.child.id());
    }
}

/// Hears of every program, and kills those that are left when this process is gone: then its input
/// ends, whatever the end was.
const UNDERTAKER: &str = r#"
trap '' HUP INT TERM
left=' '
while read -r what id; do
  case $what in
    watch) left="$left$id " ;;
    forget) left="${left%% $id *} ${left#* $id }" ;;
  esac
done
for id in $left; do kill -s KILL -- "-$id"; done
"#;

fn tell_undertaker(what: &str, id: u32) {
    static HEARS: LazyLock<Mutex<ChildStdin>> = LazyLock::new(|| {
        let mut command = Command::new("sh");
        command.args(["-c", UNDERTAKER]).stdin(Stdio::piped()).process_group(0);
        let undertaker = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Mutex::new(undertaker.unwrap().stdin.unwrap())
    });
    writeln!(HEARS.lock().unwrap(), "{what} {id}").unwrap();
}

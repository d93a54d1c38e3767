//! One connection: dialled, encrypted, logged in.

use std::future::Future;
use std::io;
use std::sync::Arc;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ProtocolVersion, PushInfo, RedisConnectionInfo, Value, cmd};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::address::Address;
use super::fault;
use super::way::{ANSWER, CONNECT, HANDSHAKE, Login};
use crate::config::Tls;
use crate::outbound::tls;
use crate::secret::Secret;

/// What an encrypted and a plain connection have in common.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// What a connection hands what the server pushes. It is told nothing but that.
pub(super) type Pushed = Box<dyn Fn(PushInfo) + Send + Sync>;

/// A connection to `address` that is logged in, and what ends it and tells that it ended.
///
/// # Errors
///
/// One line that names the server, the fault, and the remedy.
pub(super) async fn open(
    address: &Address,
    login: &Login,
    encrypt: Option<&Tls>,
    tasks: &TaskTracker,
    pushed: Option<Pushed>,
) -> Result<(MultiplexedConnection, CancellationToken), String> {
    let opening = async {
        let stream = dial(address, encrypt).await?;
        let (connection, over) = speak(address, stream, login, tasks, pushed).await?;
        let guard = over.clone().drop_guard();
        log_in(address, &connection, login).await?;
        guard.disarm();
        Ok((connection, over))
    };
    match timeout(CONNECT, opening).await {
        Ok(opened) => opened,
        Err(_) => Err(fault::slow(address)),
    }
}

async fn dial(address: &Address, encrypt: Option<&Tls>) -> Result<Box<dyn Stream>, String> {
    let unreached = |error: io::Error| fault::unreached(address, &error);
    let (host, port) = match address {
        Address::Unix(path) => {
            return Ok(Box::new(UnixStream::connect(path).await.map_err(|e| fault::no_socket(path, &e))?));
        }
        Address::Tcp(host, port) => (host.as_str(), *port),
    };
    let found = lookup_host((host, port)).await.map_err(|error| fault::unresolved(address, &error))?;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for candidate in found {
        match TcpStream::connect(candidate).await {
            Ok(stream) => {
                stream.set_nodelay(true).map_err(unreached)?;
                return match encrypt {
                    Some(settings) => encrypted(address, host, stream, settings).await,
                    None => Ok(Box::new(stream)),
                };
            }
            Err(error) => last = error,
        }
    }
    Err(unreached(last))
}

/// The files that `settings` name are read for every connection: they may have been renewed.
async fn encrypted(
    address: &Address,
    host: &str,
    stream: TcpStream,
    settings: &Tls,
) -> Result<Box<dyn Stream>, String> {
    let settings = settings.clone();
    let made = tokio::task::spawn_blocking(move || tls::client_config(&settings)).await;
    let config = made.map_err(|error| fault::unreached(address, &error))?;
    let config = config.map_err(|unusable| fault::unreached(address, &unusable))?;
    let name = ServerName::try_from(host.to_owned()).map_err(|error| fault::unresolved(address, &error))?;
    let handshake = TlsConnector::from(Arc::new(config)).connect(name, stream);
    let stream = timeout(HANDSHAKE, handshake).await.map_err(|_| fault::no_handshake(address))?;
    Ok(Box::new(stream.map_err(|error| fault::unreached(address, &error))?))
}

/// A connection that pushes speaks RESP3, which wants the login in its greeting.
async fn speak(
    address: &Address,
    stream: Box<dyn Stream>,
    login: &Login,
    tasks: &TaskTracker,
    pushed: Option<Pushed>,
) -> Result<(MultiplexedConnection, CancellationToken), String> {
    let mut config = AsyncConnectionConfig::new().set_response_timeout(Some(ANSWER));
    let mut info = RedisConnectionInfo::default().set_skip_set_lib_name();
    if let Some(pushed) = pushed {
        info = info.set_protocol(ProtocolVersion::RESP3);
        if login.user.is_some() || login.password.is_some() {
            info = info.set_password(login.password.as_ref().map_or("", Secret::expose));
            info = login.user.iter().fold(info, |info, user| info.set_username(user));
        }
        config = config.set_push_sender(move |info| {
            pushed(info);
            Ok::<_, ()>(())
        });
    }
    let made = MultiplexedConnection::new_with_config(&info, stream, config).await;
    let (connection, driver) = made.map_err(|error| fault::refused(address, &error))?;
    Ok((connection, drive(driver, tasks)))
}

/// Lets the connection work until it is lost, or `over` is called, whichever is first.
fn drive(driver: impl Future<Output = ()> + Send + 'static, tasks: &TaskTracker) -> CancellationToken {
    let over = CancellationToken::new();
    let until = over.clone();
    tasks.spawn(async move {
        tokio::select! {
            () = driver => until.cancel(),
            () = until.cancelled() => {}
        }
    });
    over
}

async fn log_in(address: &Address, connection: &MultiplexedConnection, login: &Login) -> Result<(), String> {
    let mut wanted = Vec::new();
    if login.user.is_some() || login.password.is_some() {
        let mut auth = cmd("AUTH");
        if let Some(user) = &login.user {
            auth.arg(user);
        }
        auth.arg(login.password.as_ref().map_or("", Secret::expose));
        wanted.push(auth);
    }
    if login.database > 0 {
        let mut select = cmd("SELECT");
        select.arg(login.database);
        wanted.push(select);
    }
    for command in wanted {
        let answer = command.query_async::<Value>(&mut connection.clone()).await;
        answer.map_err(|error| fault::refused(address, &error))?;
    }
    Ok(())
}

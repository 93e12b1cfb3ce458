//! Git's protocol over SSH: one session that runs `git-upload-pack`.

use super::address::{self, parse_ssh};
use super::known_hosts::{Known, Verdict, files};
use super::network::Network;
use git2::transport::{Service, SmartSubtransport, SmartSubtransportStream};
use lighter_artifacts::Error;
use lighter_artifacts::retry::Fault;
use russh::client::{self, Handle};
use russh::keys::{PrivateKeyWithHashAlg, PublicKeyOrCertificate, decode_secret_key};
use russh::{Channel, ChannelMsg, Preferred};
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Runtime;

const CONNECT: Duration = Duration::from_secs(30);
/// A silent server is asked for a sign of life; one that gives none three times is gone.
const KEEPALIVE: Duration = Duration::from_secs(30);

pub struct Ssh {
    network: Arc<Network>,
}

impl Ssh {
    pub fn new(network: &Arc<Network>) -> Ssh {
        Ssh { network: Arc::clone(network) }
    }
}

impl SmartSubtransport for Ssh {
    fn action(
        &self,
        url: &str,
        action: Service,
    ) -> Result<Box<dyn SmartSubtransportStream>, git2::Error> {
        if action != Service::UploadPackLs {
            return Err(git2::Error::from_str("pushing is not supported"));
        }
        let session = parse_ssh(url.strip_prefix("ssh://").unwrap_or(url))
            .ok_or_else(|| Fault::lasting("its address is malformed"))
            .and_then(|address| Session::start(&self.network, &address));
        Ok(Box::new(session.map_err(|fault| self.network.failed(fault))?))
    }

    fn close(&self) -> Result<(), git2::Error> {
        Ok(())
    }
}

/// A running `git-upload-pack`, driven by the thread that reads or writes.
struct Session {
    network: Arc<Network>,
    runtime: Runtime,
    channel: Channel<client::Msg>,
    /// Ends the connection when dropped.
    _handle: Handle<Checker>,
    received: io::Cursor<Vec<u8>>,
    /// What it wrote to standard error.
    said: String,
}

impl Session {
    fn start(network: &Arc<Network>, address: &address::Ssh<'_>) -> Result<Session, Fault> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Fault::ours(Error::io("", error)))?;
        let (handle, channel) = runtime.block_on(connect(network, address))?;
        Ok(Session {
            network: Arc::clone(network),
            runtime,
            channel,
            _handle: handle,
            received: io::Cursor::default(),
            said: String::new(),
        })
    }

    /// Waits for more bytes; `false` at the end.
    fn receive(&mut self) -> Result<bool, Fault> {
        loop {
            match self.runtime.block_on(self.channel.wait()) {
                Some(ChannelMsg::Data { data }) => {
                    self.received = io::Cursor::new(data.to_vec());
                    return Ok(true);
                }
                Some(ChannelMsg::ExtendedData { data, .. }) if self.said.len() < 4096 => {
                    self.said.push_str(&String::from_utf8_lossy(&data));
                }
                Some(ChannelMsg::ExitStatus { exit_status }) if exit_status != 0 => {
                    return Err(refused(self.said.trim(), exit_status));
                }
                Some(ChannelMsg::Failure) => {
                    return Err(Fault::lasting("the server runs no git-upload-pack"));
                }
                Some(_) => {}
                None => return Ok(false),
            }
        }
    }
}

/// Servers have no codes for it; these are the words of git, GitHub, GitLab and Bitbucket.
fn refused(said: &str, status: u32) -> Fault {
    let lower = said.to_lowercase();
    let variant =
        if ["not appear to be a git repository", "not found", "could not be found", "no such"]
            .iter()
            .any(|words| lower.contains(words))
        {
            Error::NotFound
        } else if ["denied", "not allowed", "permission"].iter().any(|words| lower.contains(words))
        {
            Error::Denied
        } else {
            Error::Io
        };
    Fault::ours(Error::new(
        variant,
        "",
        format!("git-upload-pack on the server ended with code {status}: {said}"),
    ))
}

impl Read for Session {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.received.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            match self.receive() {
                Ok(true) => {}
                Ok(false) => return Ok(0),
                Err(fault) => return Err(io::Error::other(self.network.failed(fault))),
            }
        }
    }
}

impl Write for Session {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.runtime.block_on(self.channel.data(bytes)) {
            Ok(()) => Ok(bytes.len()),
            // The other side may have ended with a reason, which reading tells.
            Err(error) => match self.receive() {
                Err(fault) => Err(io::Error::other(self.network.failed(fault))),
                Ok(_) => Err(io::Error::other(self.network.failed(lost(&error)))),
            },
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn lost(error: &russh::Error) -> Fault {
    Fault::ours(Error::new(Error::Transient, "", format!("ssh: {error}")))
}

async fn connect(
    network: &Arc<Network>,
    address: &address::Ssh<'_>,
) -> Result<(Handle<Checker>, Channel<client::Msg>), Fault> {
    let mut known = Known::default();
    for file in files() {
        // A file that is not there says nothing; if none says anything, the host is unknown.
        known.add(&std::fs::read_to_string(file).unwrap_or_default(), address.host, address.port);
    }
    let preferred = Preferred::default();
    let key = known.algorithms(&preferred.key).into();
    let config = client::Config {
        preferred: Preferred { key, ..preferred },
        keepalive_interval: Some(KEEPALIVE),
        nodelay: true,
        ..client::Config::default()
    };
    let refusal = Arc::new(Mutex::new(None));
    let checker = Checker {
        known,
        host: format!("{}, port {}", address.host, address.port),
        ignore: network.ignore_host_key,
        refusal: Arc::clone(&refusal),
    };
    let connecting = client::connect(Arc::new(config), (address.host, address.port), checker);
    let connected = tokio::time::timeout(CONNECT, connecting).await;
    let refused = refusal.lock().unwrap_or_else(PoisonError::into_inner).take();
    let mut handle = match (connected, refused) {
        (_, Some(error)) => return Err(Fault::ours(error)),
        (Ok(connected), None) => connected.map_err(|error| lost(&error))?,
        (Err(_), None) => {
            let why = format!("ssh: no connection within {} s", CONNECT.as_secs());
            return Err(Fault::ours(Error::new(Error::Transient, "", why)));
        }
    };
    log_in(network, &mut handle, address.user).await?;
    let channel = handle.channel_open_session().await.map_err(|error| lost(&error))?;
    let path = address.path.replace('\'', r"'\''");
    channel.exec(true, format!("git-upload-pack '{path}'")).await.map_err(|error| lost(&error))?;
    Ok((handle, channel))
}

async fn log_in(network: &Network, handle: &mut Handle<Checker>, user: &str) -> Result<(), Fault> {
    let denied = |why: &str| {
        Fault::ours(
            Error::new(Error::Denied, "", format!("ssh: {why}"))
                .advise("check `git.sshPrivateKeySecret`"),
        )
    };
    let Some(secret) = &network.ssh_key else {
        return Err(denied("there is no key to log in with"));
    };
    // The text of the error is not shown: it might quote the key.
    let key = decode_secret_key(&format!("{}\n", secret.expose()), None).map_err(|_| {
        denied("the private key cannot be read; it must be in PEM and without a passphrase")
    })?;
    let hash = handle.best_supported_rsa_hash().await.map_err(|error| lost(&error))?.flatten();
    let key = PrivateKeyWithHashAlg::new(Arc::new(key), hash);
    let answer = handle.authenticate_publickey(user, key).await.map_err(|error| lost(&error))?;
    if answer.success() {
        Ok(())
    } else {
        Err(denied(&format!("the server does not let {user} in with this key")))
    }
}

/// Looks at the key that the server shows.
struct Checker {
    known: Known,
    host: String,
    ignore: bool,
    refusal: Arc<Mutex<Option<Error>>>,
}

impl client::Handler for Checker {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        shown: &PublicKeyOrCertificate,
    ) -> Result<bool, russh::Error> {
        if self.ignore {
            return Ok(true);
        }
        let verdict = match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => self.known.judge(key),
            PublicKeyOrCertificate::Certificate(_) => Verdict::Unknown,
        };
        let why = match verdict {
            Verdict::Trusted => return Ok(true),
            Verdict::Unknown => "is not known",
            Verdict::Other => "is another than the known one; someone may be in between",
            Verdict::Revoked => "is revoked",
        };
        let why = format!("ssh: the host key of {} {why}", self.host);
        let error = Error::new(Error::Denied, "", why).advise(
            "add it to /etc/ssh/ssh_known_hosts or a file named by SSH_KNOWN_HOSTS, or set `git.insecureIgnoreHostKey`",
        );
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        Ok(false)
    }
}

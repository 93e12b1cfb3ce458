//! Where a repository lies: `https://…`, `ssh://…`, `user@host:path`, `file://…` or an absolute path.

use lighter_artifacts::{Error, Secret};
use percent_encoding::percent_decode_str;
use std::fmt;
use std::path::Path;

/// How a repository is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Http,
    Ssh,
    Local,
}

/// A repository's address, without the credentials that were in it.
#[derive(Clone, Debug)]
pub struct Address {
    pub kind: Kind,
    text: String,
    /// User and password of an HTTP address.
    pub credentials: Option<(Secret, Secret)>,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Address {
    /// Errors: `Invalid` for what is no address, `Unsupported` for protocols that we do not speak.
    pub fn parse(text: &str) -> Result<Address, Error> {
        let invalid = |why: &str| {
            Err(Error::new(Error::Invalid, "read the address of a git repository", why)
                .advise("use https://…, ssh://…, user@host:path, file://… or an absolute path"))
        };
        if text.is_empty() || text.starts_with('-') || text.contains(char::is_control) {
            return invalid("it is empty, starts with `-` or has control characters");
        }
        let helper = text.split_once("::").map_or("/", |(helper, _)| helper);
        if helper.chars().all(char::is_alphanumeric) {
            return invalid("remote helpers are not supported");
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            return match scheme {
                "http" | "https" => Ok(Address::http(scheme, rest)),
                "ssh" | "git+ssh" | "ssh+git" if parse_ssh(rest).is_some() => Ok(Address {
                    kind: Kind::Ssh,
                    text: format!("ssh://{rest}"),
                    credentials: None,
                }),
                "file" if rest.starts_with('/') => Ok(Address::of_machine(text)),
                "ssh" | "file" => invalid("its host or path is missing or malformed"),
                _ => Err(Error::new(
                    Error::Unsupported,
                    "open a git repository",
                    format!("the protocol {scheme} is not supported"),
                )
                .advise("use https or ssh")),
            };
        }
        if text.starts_with('/') {
            return Ok(Address::of_machine(text));
        }
        match text.split_once(':') {
            // As git: `host:path` is ssh, unless a slash comes first.
            Some((host, path)) if !host.contains('/') && !path.is_empty() => {
                let address = format!(
                    "ssh://{host}/{}",
                    path.strip_prefix('/').map_or(format!("./{path}"), str::to_owned)
                );
                if parse_ssh(&address["ssh://".len()..]).is_none() {
                    return invalid("its host or path is malformed");
                }
                Ok(Address { kind: Kind::Ssh, text: address, credentials: None })
            }
            _ => invalid("it names no protocol"),
        }
    }

    /// The folder of a repository of this machine.
    pub fn local(&self) -> Option<&Path> {
        let path = self.text.strip_prefix("file://").unwrap_or(&self.text);
        (self.kind == Kind::Local).then_some(Path::new(path))
    }

    fn of_machine(text: &str) -> Address {
        Address { kind: Kind::Local, text: text.to_owned(), credentials: None }
    }

    fn http(scheme: &str, rest: &str) -> Address {
        let end = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (user_info, host) = match authority.rsplit_once('@') {
            Some((user_info, host)) => (Some(user_info), host),
            None => (None, authority),
        };
        let credentials = user_info.map(|user_info| {
            let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
            (Secret::new(unescaped(user)), Secret::new(unescaped(password)))
        });
        let text = format!("{scheme}://{host}{}", path.trim_end_matches('/'));
        Address { kind: Kind::Http, text, credentials }
    }

    /// The address of a submodule, which may be relative to this one.
    ///
    /// Errors: as [`Address::parse`]; `Invalid` for a path of this machine in a repository that came over the network.
    pub fn submodule(&self, url: &str) -> Result<Address, Error> {
        let address = if url.starts_with("./") || url.starts_with("../") {
            let whole = self.joined(url).ok_or_else(|| {
                let why = format!("{url} leads out of {self}");
                Error::new(Error::Invalid, "load a git submodule", why)
            })?;
            Address::parse(&whole)?
        } else {
            Address::parse(url)?
        };
        if address.kind == Kind::Local && self.kind != Kind::Local {
            let why = format!("{address} lies on this machine, and {self} does not");
            return Err(Error::new(Error::Invalid, "load a git submodule", why)
                .advise("leave submodules out with `git.disableSubmodules: true`"));
        }
        Ok(address)
    }

    /// `None` when it leads above the host.
    fn joined(&self, mut relative: &str) -> Option<String> {
        let host = self.text.find("://").map_or(0, |at| at + 3);
        let (start, path) = self.text.split_at(host);
        let mut path = path.trim_end_matches('/');
        loop {
            if let Some(rest) = relative.strip_prefix("./") {
                relative = rest;
            } else if let Some(rest) = relative.strip_prefix("../") {
                relative = rest;
                (path, _) = path.rsplit_once('/')?;
            } else {
                return Some(format!("{start}{path}/{relative}"));
            }
        }
    }
}

/// The parts of `user@host:port/path`.
#[derive(Debug, PartialEq, Eq)]
pub struct Ssh<'a> {
    pub user: &'a str,
    pub host: &'a str,
    pub port: u16,
    /// As the other side's shell takes it: absolute, or relative to the user's home.
    pub path: &'a str,
}

/// Reads an address after its `ssh://`. `None` when host or path are missing or malformed.
pub fn parse_ssh(rest: &str) -> Option<Ssh<'_>> {
    let (authority, path) = rest.split_at(rest.find('/')?);
    let (user_info, host) = authority.rsplit_once('@').unwrap_or(("git", authority));
    let user = user_info.split(':').next().filter(|user| !user.is_empty())?;
    let (host, port) = match host.strip_prefix('[') {
        Some(bracketed) => {
            let (host, rest) = bracketed.split_once(']')?;
            (host, rest.strip_prefix(':'))
        }
        None => host.split_once(':').map_or((host, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map_or(Some(22), |port| port.parse().ok())?;
    let relative =
        path.strip_prefix("/./").or(path.strip_prefix('/').filter(|path| path.starts_with('~')));
    let path = relative.unwrap_or(path);
    let fine = !host.is_empty() && !host.starts_with('-') && path.len() > 1;
    fine.then_some(Ssh { user, host, port, path })
}

/// Percent-decoding, for user and password.
fn unescaped(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, kind, shown) in [
            ("https://me:p%40ss@host/a/b.git/", Kind::Http, "https://host/a/b.git"),
            ("git@host:a/b.git", Kind::Ssh, "ssh://git@host/./a/b.git"),
            ("host:/srv/b.git", Kind::Ssh, "ssh://host/srv/b.git"),
            ("ssh://me@[::1]:2222/b", Kind::Ssh, "ssh://me@[::1]:2222/b"),
            ("file:///srv/b", Kind::Local, "file:///srv/b"),
            ("/srv/b", Kind::Local, "/srv/b"),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!((address.kind.clone(), address.to_string()), (kind, shown.to_owned()));
        }
        let (user, password) =
            Address::parse("https://me:p%40ss@host/a").unwrap().credentials.unwrap();
        assert_eq!((user.expose(), password.expose()), ("me", "p@ss"));
        for bad in [
            "",
            "-oProxyCommand=x",
            "ssh://-oProxyCommand=x/a",
            "a/b",
            "ssh://host",
            "git@-x:y",
            "ext::sh -c x",
            "a\nb:c",
        ] {
            assert!(matches!(Address::parse(bad), Err(Error::Invalid(_))), "{bad:?}");
        }
        assert!(matches!(Address::parse("ftp://host/x"), Err(Error::Unsupported(_))));
    }

    #[test]
    fn ssh_parts() {
        let ssh = |user, host, port, path| Some(Ssh { user, host, port, path });
        assert_eq!(parse_ssh("host/./a/b"), ssh("git", "host", 22, "a/b"));
        assert_eq!(parse_ssh("me@[::1]:7/b"), ssh("me", "::1", 7, "/b"));
        assert_eq!(parse_ssh("host/~me/b"), ssh("git", "host", 22, "~me/b"));
        assert_eq!(parse_ssh("host:x/b"), None);
    }

    #[test]
    fn submodules_stay_on_their_side() {
        let parent = Address::parse("https://host/group/repo.git").unwrap();
        for (url, whole) in [
            ("../other.git", "https://host/group/other.git"),
            ("./inner", "https://host/group/repo.git/inner"),
            ("ssh://h/x", "ssh://h/x"),
        ] {
            assert_eq!(parent.submodule(url).unwrap().to_string(), whole);
        }
        for url in ["file:///etc", "/etc", "--upload-pack=touch x", "../../../../../../etc"] {
            assert!(parent.submodule(url).is_err(), "{url}");
        }
        let local = Address::parse("/srv/a").unwrap();
        assert_eq!(local.submodule("../b").unwrap().to_string(), "/srv/b");
    }
}

//! Which keys a host may have, by the files that OpenSSH uses too (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT").

use base64::Engine;
use hmac::{Hmac, KeyInit, Mac};
use russh::keys::{Algorithm, PublicKey, parse_public_key_base64};
use sha1::Sha1;
use std::path::PathBuf;

/// The files of `SSH_KNOWN_HOSTS`, separated by `:`; else the user's and the system's.
pub fn files() -> Vec<PathBuf> {
    if let Some(list) = std::env::var_os("SSH_KNOWN_HOSTS").filter(|list| !list.is_empty()) {
        return std::env::split_paths(&list).collect();
    }
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".ssh/known_hosts"));
    home.into_iter().chain([PathBuf::from("/etc/ssh/ssh_known_hosts")]).collect()
}

/// What is known of one host.
#[derive(Debug, Default)]
pub struct Known {
    keys: Vec<PublicKey>,
    revoked: Vec<PublicKey>,
}

/// What is to be thought of a key that a host shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Trusted,
    /// Nothing is known of the host.
    Unknown,
    /// The host is known by other keys only.
    Other,
    Revoked,
}

impl Known {
    /// Reads what the text of a file says of a host. Lines that make no sense are passed over, as OpenSSH does.
    pub fn add(&mut self, text: &str, host: &str, port: u16) {
        let host = host.to_ascii_lowercase();
        let name = if port == 22 { host } else { format!("[{host}]:{port}") };
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let first = words.next().unwrap_or_default();
            let (marker, hosts) = if first.starts_with('@') {
                (first, words.next().unwrap_or_default())
            } else {
                ("", first)
            };
            if hosts.starts_with('#') || !matches(hosts, &name) {
                continue;
            }
            let Some(Ok(key)) = words.nth(1).map(parse_public_key_base64) else { continue };
            match marker {
                "" => self.keys.push(key),
                "@revoked" => self.revoked.push(key),
                _ => {}
            }
        }
    }

    pub fn judge(&self, key: &PublicKey) -> Verdict {
        let same = |known: &&PublicKey| known.key_data() == key.key_data();
        if self.revoked.iter().any(|known| same(&known)) {
            Verdict::Revoked
        } else if self.keys.iter().any(|known| same(&known)) {
            Verdict::Trusted
        } else if self.keys.is_empty() {
            Verdict::Unknown
        } else {
            Verdict::Other
        }
    }

    /// The algorithms of `all`, those of known keys only if there are any: a host shows one of its keys.
    pub fn algorithms(&self, all: &[Algorithm]) -> Vec<Algorithm> {
        let known = |algorithm: &&Algorithm| {
            self.keys.iter().any(|key| {
                let key = key.algorithm();
                key == **algorithm || (key.is_rsa() && (*algorithm).clone().is_rsa())
            })
        };
        let known: Vec<_> = all.iter().filter(known).cloned().collect();
        if known.is_empty() { all.to_vec() } else { known }
    }
}

/// Whether a list of patterns, or a hash, stands for a host. `!` takes a host out.
fn matches(patterns: &str, name: &str) -> bool {
    let mut found = false;
    for pattern in patterns.split(',') {
        if let Some(hashed) = pattern.strip_prefix("|1|") {
            found |= is_hash_of(hashed, name).unwrap_or(false);
        } else if let Some(pattern) = pattern.strip_prefix('!') {
            if fits(pattern.as_bytes(), name.as_bytes()) {
                return false;
            }
        } else {
            found |= fits(pattern.as_bytes(), name.as_bytes());
        }
    }
    found
}

fn is_hash_of(hashed: &str, name: &str) -> Option<bool> {
    let (salt, hash) = hashed.split_once('|')?;
    let decode = |text| base64::engine::general_purpose::STANDARD.decode(text).ok();
    let mac = Hmac::<Sha1>::new_from_slice(&decode(salt)?).ok()?;
    Some(mac.chain_update(name).verify_slice(&decode(hash)?).is_ok())
}

/// `*` stands for any characters, `?` for one.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            fits(rest, name) || name.split_first().is_some_and(|(_, name)| fits(pattern, name))
        }
        (Some((b'?', rest)), Some((_, name))) => fits(rest, name),
        (Some((one, rest)), Some((other, name))) => {
            one.eq_ignore_ascii_case(other) && fits(rest, name)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIazEu89wgQZ4bqs3d63QSMzYVa0MuJ2e2gKTKqu+UUO";
    const TWO: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";

    fn verdict(text: &str, host: &str, port: u16) -> Verdict {
        let mut known = Known::default();
        known.add(text, host, port);
        known.judge(&parse_public_key_base64(ONE.split_once(' ').unwrap().1).unwrap())
    }

    #[test]
    fn hosts_are_found_by_name_pattern_and_hash() {
        // The example of sshd(8): the hash of `192.168.1.61`.
        let hashed = "|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg=";
        for (hosts, host, port, expected) in [
            ("host.example", "HOST.example", 22, Verdict::Trusted),
            ("host.example", "host.example", 2222, Verdict::Unknown),
            ("[host.example]:2222", "host.example", 2222, Verdict::Trusted),
            ("a,*.example", "host.example", 22, Verdict::Trusted),
            ("*.example,!host.example", "host.example", 22, Verdict::Unknown),
            ("@revoked *", "host.example", 22, Verdict::Revoked),
            ("@cert-authority *", "host.example", 22, Verdict::Unknown),
            ("# host.example", "host.example", 22, Verdict::Unknown),
            (hashed, "192.168.1.61", 22, Verdict::Trusted),
            (hashed, "192.168.1.62", 22, Verdict::Unknown),
        ] {
            assert_eq!(
                verdict(&format!("{hosts} {ONE} comment\n"), host, port),
                expected,
                "{hosts}"
            );
        }
        assert_eq!(verdict(&format!("host {TWO}\n"), "host", 22), Verdict::Other);
        assert_eq!(verdict(&format!("host {TWO}\nhost {ONE}\n"), "host", 22), Verdict::Trusted);
        assert_eq!(verdict("host\nhost ssh-rsa\nhost ssh-rsa %%\n", "host", 22), Verdict::Unknown);
    }
}

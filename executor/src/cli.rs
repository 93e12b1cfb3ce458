//! The command line, read by hand: a parser library would cost more than the emissary itself.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use crate::log::{self, Level};

/// Flags with a value that every role takes, most of them for the sake of the stock executor's callers.
const VALUES: &[&str] = &[
    "loglevel",
    "log-format",
    "gloglevel",
    "kubeconfig",
    "namespace",
    "as",
    "as-group",
    "as-uid",
    "certificate-authority",
    "client-certificate",
    "client-key",
    "cluster",
    "context",
    "password",
    "proxy-url",
    "request-timeout",
    "server",
    "tls-server-name",
    "token",
    "user",
    "username",
];
/// Flags without a value that every role takes.
const SWITCHES: &[&str] = &["help", "disable-compression", "insecure-skip-tls-verify"];
const SHORT: &[(&str, &str)] = &[("n", "namespace"), ("h", "help"), ("s", "server")];

/// Roles and what else they take: name, flags with a value, switches.
const ROLES: &[(&str, &[&str], &[&str])] = &[
    ("init", &[], &[]),
    ("wait", &[], &[]),
    ("emissary", &[], &[]),
    ("collect", &["from", "as", "jq", "name", "missing", "out", "on-conflict"], &[]),
    ("kill", &[], &[]),
    ("version", &[], &["short"]),
    ("help", &[], &[]),
    ("supervisor", &[], &[]),
    ("resource", &[], &[]),
    ("data", &[], &[]),
    ("agent", &[], &[]),
    ("artifact", &[], &[]),
    ("artifact-plugin-init", &["plugin-name"], &[]),
    ("artifact-plugin-sidecar", &[], &[]),
    ("completion", &[], &[]),
];

/// A parsed command line.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Invocation {
    /// The first word that is no flag.
    pub role: Option<String>,
    /// Flags that were given a value, in order.
    pub values: Vec<(&'static str, OsString)>,
    /// Flags without a value.
    pub switches: Vec<&'static str>,
    /// Words after the role.
    pub words: Vec<OsString>,
    /// All that follows `--`; `None` without it.
    pub command: Option<Vec<OsString>>,
}

impl Invocation {
    /// Reads the arguments that follow the program's name. The error is a text for the user.
    pub fn parse(args: impl Iterator<Item = OsString>) -> Result<Self, String> {
        let mut parsed = Self::default();
        let mut args = args;
        while let Some(arg) = args.next() {
            if arg == "--" {
                parsed.command = Some(args.collect());
                break;
            }
            match arg.as_bytes() {
                [b'-', b'-', name @ ..] => parsed.long(OsStr::from_bytes(name), &mut args)?,
                [b'-', first, rest @ ..] => {
                    parsed.short(*first, OsStr::from_bytes(rest), &mut args)?;
                }
                _ => parsed.word(arg)?,
            }
        }
        parsed.apply_logging()?;
        Ok(parsed)
    }

    /// The last value given to a flag.
    pub fn value(&self, name: &str) -> Option<&OsStr> {
        self.values.iter().rev().find(|(flag, _)| *flag == name).map(|(_, value)| value.as_os_str())
    }

    /// Whether a switch was given.
    pub fn has(&self, name: &str) -> bool {
        self.switches.contains(&name)
    }

    fn word(&mut self, word: OsString) -> Result<(), String> {
        if self.role.is_some() {
            self.words.push(word);
            return Ok(());
        }
        let known = ROLES.iter().find(|(name, ..)| word == **name);
        let (name, ..) = known.ok_or_else(|| {
            format!("unknown command {:?} for \"argoexec\"", word.to_string_lossy())
        })?;
        self.role = Some((*name).into());
        Ok(())
    }

    fn long(
        &mut self,
        flag: &OsStr,
        args: &mut impl Iterator<Item = OsString>,
    ) -> Result<(), String> {
        let bytes = flag.as_bytes();
        let (name, value) = match bytes.iter().position(|&byte| byte == b'=') {
            Some(at) => (&bytes[..at], Some(OsStr::from_bytes(&bytes[at + 1..]).to_os_string())),
            None => (bytes, None),
        };
        let name = String::from_utf8_lossy(name);
        if let Some(switch) = self.switch(&name) {
            if value.as_deref() != Some(OsStr::new("false")) {
                self.switches.push(switch);
            }
            return Ok(());
        }
        let flag = self.valued(&name).ok_or_else(|| format!("unknown flag: --{name}"))?;
        let value = value
            .or_else(|| args.next())
            .ok_or_else(|| format!("flag needs an argument: --{name}"))?;
        self.values.push((flag, value));
        Ok(())
    }

    fn short(
        &mut self,
        letter: u8,
        rest: &OsStr,
        args: &mut impl Iterator<Item = OsString>,
    ) -> Result<(), String> {
        let letter = char::from(letter).to_string();
        let unknown =
            || format!("unknown shorthand flag: '{letter}' in -{letter}{}", rest.to_string_lossy());
        let (_, name) = SHORT.iter().find(|(short, _)| *short == letter).ok_or_else(unknown)?;
        if let Some(switch) = self.switch(name) {
            self.switches.push(switch);
            return Ok(());
        }
        let flag = self.valued(name).ok_or_else(unknown)?;
        let glued = rest.as_bytes().strip_prefix(b"=").unwrap_or(rest.as_bytes());
        let value = match rest.is_empty() {
            true => args
                .next()
                .ok_or_else(|| format!("flag needs an argument: '{letter}' in -{letter}"))?,
            false => OsStr::from_bytes(glued).to_os_string(),
        };
        self.values.push((flag, value));
        Ok(())
    }

    fn valued(&self, name: &str) -> Option<&'static str> {
        let own = self.own().map_or(&[][..], |(_, values, _)| values);
        VALUES.iter().chain(own).copied().find(|flag| *flag == name)
    }

    fn switch(&self, name: &str) -> Option<&'static str> {
        let own = self.own().map_or(&[][..], |(_, _, switches)| switches);
        SWITCHES.iter().chain(own).copied().find(|flag| *flag == name)
    }

    fn own(
        &self,
    ) -> Option<&'static (&'static str, &'static [&'static str], &'static [&'static str])> {
        let role = self.role.as_deref()?;
        ROLES.iter().find(|(name, ..)| *name == role)
    }

    fn apply_logging(&self) -> Result<(), String> {
        if let Some(level) = self.value("loglevel") {
            let level = level.to_string_lossy();
            log::set_level(Level::parse(&level).ok_or_else(|| {
                format!("invalid argument {level:?} for --loglevel: use debug, info, warn or error")
            })?);
        }
        match self.value("log-format").map(OsStr::as_bytes) {
            None | Some(b"" | b"text") => log::set_json(false),
            Some(b"json") => log::set_json(true),
            Some(other) => {
                let other = String::from_utf8_lossy(other);
                return Err(format!(
                    "invalid argument {other:?} for --log-format: use text or json"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Invocation, String> {
        Invocation::parse(
            line.split(' ').map(|word| if word == "''" { "".into() } else { word.into() }),
        )
    }

    #[test]
    fn flags_stand_anywhere_before_the_command() {
        let parsed = parse("-n ns --loglevel info emissary --log-format=text --gloglevel '' --server=x -- sh -c x -n").unwrap();
        assert_eq!(parsed.role.as_deref(), Some("emissary"));
        assert_eq!(parsed.value("namespace"), Some(OsStr::new("ns")));
        assert_eq!(parsed.value("gloglevel"), Some(OsStr::new("")));
        assert_eq!(parsed.command, Some(vec!["sh".into(), "-c".into(), "x".into(), "-n".into()]));
    }

    #[test]
    fn what_is_unknown_is_refused() {
        for (line, text) in [
            ("nope", "unknown command \"nope\" for \"argoexec\""),
            ("init --nope", "unknown flag: --nope"),
            ("init --short", "unknown flag: --short"),
            ("-x", "unknown shorthand flag: 'x' in -x"),
            ("wait --token", "flag needs an argument: --token"),
            (
                "wait --loglevel loud",
                "invalid argument \"loud\" for --loglevel: use debug, info, warn or error",
            ),
        ] {
            assert_eq!(parse(line).unwrap_err(), text, "{line}");
        }
    }
}

//! What an image asks for: command, environment, working folder, user.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use serde::{Deserialize, Serialize};

use super::{ImageCommand, ImageError};
use crate::sandbox::spec::Root;

/// Most bytes of an image's list of users that are read.
const MAX_USERS: u64 = 4 << 20;

/// The part of an image's configuration that matters to run it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageConfig {
    pub command: ImageCommand,
    pub env: Vec<String>,
    pub working_dir: String,
    /// `user[:group]`, names or numbers.
    pub user: String,
}

/// The same with all names looked up.
#[derive(Clone, Debug, Default)]
pub struct RunConfig {
    pub command: ImageCommand,
    pub env: Vec<(String, String)>,
    pub working_dir: PathBuf,
    /// User and group id.
    pub user: (u32, u32),
}

/// Where a container's root folder comes from, and how to run in it.
#[derive(Clone, Debug)]
pub struct RootSource {
    pub root: Root,
    pub config: RunConfig,
}

impl RootSource {
    /// A root that asks for nothing.
    pub fn new(root: Root) -> Self {
        Self { root, config: RunConfig::default() }
    }
}

/// An image's configuration file, as OCI and Docker write it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ConfigFile {
    config: Option<ConfigSection>,
    pub rootfs: RootFs,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RootFs {
    /// Digests of the layers' tar files, uncompressed.
    pub diff_ids: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct ConfigSection {
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    env: Option<Vec<String>>,
    working_dir: Option<String>,
    user: Option<String>,
}

impl ConfigFile {
    pub fn parse(json: &[u8]) -> Result<Self, ImageError> {
        serde_json::from_slice(json).map_err(|e| {
            ImageError::Invalid(format!("the image's configuration is not valid: {e}"))
        })
    }

    pub fn image_config(self) -> ImageConfig {
        let section = self.config.unwrap_or_default();
        let command = ImageCommand {
            entrypoint: section.entrypoint.unwrap_or_default(),
            cmd: section.cmd.unwrap_or_default(),
        };
        ImageConfig {
            command,
            env: section.env.unwrap_or_default(),
            working_dir: section.working_dir.unwrap_or_default(),
            user: section.user.unwrap_or_default(),
        }
    }
}

impl ImageConfig {
    /// Looks up users in the image's own files below `root`.
    pub fn resolve(&self, root: &Path) -> Result<RunConfig, ImageError> {
        let split = |pair: &String| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (name.to_owned(), value.to_owned())
        };
        Ok(RunConfig {
            command: self.command.clone(),
            env: self.env.iter().map(split).collect(),
            working_dir: PathBuf::from(&self.working_dir),
            user: user(&self.user, root)?,
        })
    }
}

fn user(text: &str, root: &Path) -> Result<(u32, u32), ImageError> {
    if text.is_empty() {
        return Ok((0, 0));
    }
    let (user, group) = text.split_once(':').unwrap_or((text, ""));
    let users = read_inside(root, "etc/passwd");
    let line =
        users.lines().map(fields).find(|f| f.first() == Some(&user) || f.get(2) == Some(&user));
    let unknown = |what: &str, name: &str| {
        ImageError::Invalid(format!(
            "the image's {what} {name:?} is not in its own list of {what}s"
        ))
    };
    let number = |field: Option<&&str>| field.and_then(|text| text.parse::<u32>().ok());
    let uid = number(line.as_ref().and_then(|f| f.get(2)))
        .or_else(|| user.parse().ok())
        .ok_or_else(|| unknown("user", user))?;
    if group.is_empty() {
        return Ok((uid, number(line.as_ref().and_then(|f| f.get(3))).unwrap_or(0)));
    }
    let groups = read_inside(root, "etc/group");
    let line = groups.lines().map(fields).find(|f| f.first() == Some(&group));
    let gid = number(line.as_ref().and_then(|f| f.get(2)))
        .or_else(|| group.parse().ok())
        .ok_or_else(|| unknown("group", group))?;
    Ok((uid, gid))
}

fn fields(line: &str) -> Vec<&str> {
    line.split(':').collect()
}

/// Reads a file of an image; links lead nowhere but into the image.
fn read_inside(root: &Path, path: &str) -> String {
    let mut bytes = Vec::new();
    let opened =
        rustix::fs::open(root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .and_then(|root| {
                let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
                rustix::fs::openat2(
                    &root,
                    path,
                    flags,
                    Mode::empty(),
                    ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS,
                )
            });
    if let Ok(file) = opened {
        // A list that cannot be read has no users.
        let _ = File::from(file).take(MAX_USERS).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

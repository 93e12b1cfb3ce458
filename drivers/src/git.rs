//! Git repositories, cloned as Argo does: a working tree with its `.git`.
//!
//! libgit2 keeps the repository and checks files out; the network is ours. No hook and no filter runs, and what a
//! repository names cannot lead out of the clone.

mod address;
mod clone;
mod http;
mod known_hosts;
mod library;
mod network;
mod ssh;
mod submodules;

use address::Address;
use lighter_api::GitArtifact;
use lighter_artifacts::{Body, Error, Object, Saved, Secret, Source, Store, Target};
use network::Network;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

pub struct Git {
    settings: GitArtifact,
    address: Address,
    secrets: BTreeMap<String, String>,
}

impl Git {
    /// `secrets` are those that the settings name, by `name/key`. Errors: `Invalid` for settings that make no sense.
    pub fn new(settings: &GitArtifact, secrets: &BTreeMap<String, String>) -> Result<Git, Error> {
        let address = Address::parse(&settings.repo)?;
        if settings.single_branch == Some(true) && settings.branch.is_empty() {
            let why = "single branch mode without a branch specified";
            return Err(Error::new(Error::Invalid, doing(&address), why)
                .advise("set `git.branch`, or leave `git.singleBranch` out"));
        }
        if settings.depth.is_some_and(|depth| i32::try_from(depth).is_err() || depth < 0) {
            return Err(Error::new(Error::Invalid, doing(&address), "`git.depth` is out of range"));
        }
        Ok(Git { settings: settings.clone(), address, secrets: secrets.clone() })
    }

    fn unsupported(&self, what: &str, why: &str) -> Error {
        Error::new(Error::Unsupported, format!("{what} {}", self.describe()), why)
    }
}

fn doing(address: &Address) -> String {
    format!("load git repository {address}")
}

const NO_OUTPUT: &str = "git output artifacts unsupported";
const NO_DELETE: &str = "delete not supported for this artifact storage, please check the following issue for details: \
                         https://github.com/argoproj/argo-workflows/issues/3102";

impl Store for Git {
    fn describe(&self) -> String {
        format!("git {}", self.address)
    }

    fn load(&self, _key: &str, target: &Target) -> Result<(), Error> {
        let doing = doing(&self.address);
        let secret =
            |selector: &Option<lighter_api::k8s_openapi::api::core::v1::SecretKeySelector>| {
                let selector = selector.as_ref()?;
                self.secrets.get(&format!("{}/{}", selector.name, selector.key)).map(Secret::new)
            };
        let network = Network::new(
            &self.address,
            (secret(&self.settings.username_secret), secret(&self.settings.password_secret)),
            secret(&self.settings.ssh_private_key_secret),
            &self.settings,
        )?;
        library::set_up(&network).map_err(|error| network.error(&doing, "use libgit2", &error))?;
        // libgit2 knows paths only. The directory is entered by its handle: where it lies does not matter.
        let directory = target.make_directory()?;
        rustix::process::fchdir(&directory)
            .map_err(|error| Error::io("enter the target's directory", error.into()))?;
        clone::clone(&self.settings, &self.address, &network, Path::new("."), &doing)
    }

    fn open(&self, _key: &str) -> Result<Box<dyn Read + Send>, Error> {
        Err(self.unsupported("read as one file", "it is a directory"))
    }

    fn save(&self, _source: &Source, _key: &str) -> Result<Saved, Error> {
        Err(self.unsupported("save to", NO_OUTPUT))
    }

    fn save_stream(&self, _body: &dyn Body, _key: &str) -> Result<Saved, Error> {
        Err(self.unsupported("save to", NO_OUTPUT))
    }

    fn list(&self, _prefix: &str) -> Result<Vec<Object>, Error> {
        Err(self.unsupported("list", "git artifacts cannot be listed"))
    }

    fn delete(&self, _key: &str) -> Result<(), Error> {
        Err(self.unsupported("delete", NO_DELETE))
    }

    fn exists(&self, _key: &str) -> Result<bool, Error> {
        Err(self.unsupported("look for", "a git repository is only known when it is loaded"))
    }

    fn is_directory(&self, _key: &str) -> Result<bool, Error> {
        Ok(true)
    }
}

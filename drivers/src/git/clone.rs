//! The clone itself, with the choices of Argo's git driver.

use super::address::{Address, Kind};
use super::network::{Network, named};
use super::submodules::Submodules;
use git2::build::CheckoutBuilder;
use git2::{
    AutotagOption, Direction, FetchOptions, Object, Repository, RepositoryInitOptions, Tree,
};
use lighter_api::GitArtifact;
use lighter_artifacts::Error;
use lighter_artifacts::retry::{Fault, Retry};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

/// What libgit2 takes for "all of the history".
const WHOLE: i32 = i32::MAX;
/// Deepest tree of directories that is checked out.
const DEEPEST: usize = 400;
const ORIGIN: &str = "origin";

/// Clones into an empty directory and checks the revision out.
pub fn clone(
    settings: &GitArtifact,
    address: &Address,
    network: &Arc<Network>,
    into: &Path,
    doing: &str,
) -> Result<(), Error> {
    let clone = Clone::new(address, network, into, doing)?;
    let failed = format!("failed to clone {:?}", address.to_string());
    let depth = clone.depth(settings);
    let branch = (settings.single_branch == Some(true)).then_some(settings.branch.as_str());
    let mut specs = vec![heads(branch)];
    let remote = clone.fetch(&specs, depth, AutotagOption::All, &failed)?;
    if remote.is_empty {
        let name =
            Some(settings.revision.as_str()).filter(|name| !name.is_empty()).unwrap_or("master");
        return clone
            .track(name)
            .map_err(|error| clone.error("failed to configure the branch", &error));
    }
    if !settings.fetch.is_empty() {
        let failed = format!("failed to fetch {:?}", settings.fetch);
        clone.fetch(&settings.fetch, depth, AutotagOption::Auto, &failed)?;
        specs.extend(settings.fetch.iter().cloned());
    }
    clone.start_branch(branch.map(str::to_owned).or(remote.default_branch.clone()), &failed)?;
    if settings.revision.is_empty() {
        clone.check_out_head(&remote, &failed)?;
    } else {
        clone.check_out(&settings.revision, &specs)?;
    }
    if settings.disable_submodules == Some(true) {
        return Ok(());
    }
    Submodules::new(network, doing).load(&clone.again()?.repository, address, 0)
}

fn heads(branch: Option<&str>) -> String {
    let branch = branch.unwrap_or("*");
    format!("+refs/heads/{branch}:refs/remotes/{ORIGIN}/{branch}")
}

/// What the other side has.
pub struct Remote {
    is_empty: bool,
    /// The name of the branch that HEAD stands for.
    default_branch: Option<String>,
    head: Option<git2::Oid>,
}

/// A repository that is being filled.
pub struct Clone<'a> {
    pub repository: Repository,
    address: &'a Address,
    network: &'a Network,
    doing: &'a str,
}

impl<'a> Clone<'a> {
    pub fn new(
        address: &'a Address,
        network: &'a Network,
        into: &Path,
        doing: &'a str,
    ) -> Result<Self, Error> {
        if address.local().is_some_and(|path| !path.exists()) {
            let why = format!("failed to clone {:?}: it is not there", address.to_string());
            return Err(Error::new(Error::NotFound, doing, why));
        }
        let mut options = RepositoryInitOptions::new();
        options.external_template(false).initial_head("master");
        let made = Repository::init_opts(into, &options).and_then(|repository| {
            repository.remote(ORIGIN, &address.to_string())?;
            Ok(repository)
        });
        let repository =
            made.map_err(|error| network.error(doing, "failed to make the repository", &error))?;
        Ok(Self { repository, address, network, doing })
    }

    fn error(&self, what: &str, error: &git2::Error) -> Error {
        self.network.error(self.doing, what, error)
    }

    /// How much of the history to fetch; 0 means all.
    fn depth(&self, settings: &GitArtifact) -> i32 {
        let depth = settings.depth.and_then(|depth| i32::try_from(depth).ok()).unwrap_or(0);
        if depth > 0 && self.address.kind == Kind::Local {
            eprintln!("git.depth has no effect on a repository of this machine");
            return 0;
        }
        depth
    }

    /// Fetches, again where a fault of the network may pass.
    pub fn fetch(
        &self,
        specs: &[String],
        depth: i32,
        tags: AutotagOption,
        what: &str,
    ) -> Result<Remote, Error> {
        Retry::default().run(self.doing, || {
            self.try_fetch(specs, depth, tags)
                .map_err(|error| named(self.network.fault(&error), "", what))
                .inspect_err(say_again)
        })
    }

    fn try_fetch(
        &self,
        specs: &[String],
        depth: i32,
        tags: AutotagOption,
    ) -> Result<Remote, git2::Error> {
        let mut remote = self.repository.find_remote(ORIGIN)?;
        let mut connection = remote.connect_auth(Direction::Fetch, None, None)?;
        let heads = connection.list()?;
        let head = heads.iter().find(|head| head.name() == "HEAD").map(git2::RemoteHead::oid);
        let is_empty = heads.is_empty();
        let default = connection.default_branch().ok();
        let default = default
            .and_then(|name| Some(name.as_str().ok()?.strip_prefix("refs/heads/")?.to_owned()));
        let found = Remote { is_empty, default_branch: default, head };
        if !is_empty {
            let mut options = FetchOptions::new();
            options.depth(depth).download_tags(tags).update_fetchhead(false);
            connection.remote().fetch(specs, Some(&mut options), None)?;
        }
        Ok(found)
    }

    /// Makes the branch that the clone is on, as a clone by git has it.
    fn start_branch(&self, branch: Option<String>, what: &str) -> Result<(), Error> {
        let Some(branch) = branch else { return Ok(()) };
        let made = (|| {
            let tip = self.repository.refname_to_id(&format!("refs/remotes/{ORIGIN}/{branch}"))?;
            let name = format!("refs/heads/{branch}");
            self.repository.reference(&name, tip, true, "clone")?;
            self.repository.set_head(&name)?;
            self.track(&branch)
        })();
        made.map_err(|error| self.error(&format!("{what}: branch {branch:?}"), &error))
    }

    fn track(&self, branch: &str) -> Result<(), git2::Error> {
        let mut config = self.repository.config()?;
        config.set_str(&format!("branch.{branch}.remote"), ORIGIN)?;
        config.set_str(&format!("branch.{branch}.merge"), &format!("refs/heads/{branch}"))
    }

    fn check_out_head(&self, remote: &Remote, what: &str) -> Result<(), Error> {
        let done = match (&remote.default_branch, remote.head) {
            (None, Some(head)) if self.repository.head().is_err() => {
                self.repository.find_object(head, None).and_then(|object| self.detach(&object))
            }
            _ => self
                .repository
                .head()
                .and_then(|head| self.write_files(&head.peel(git2::ObjectType::Commit)?)),
        };
        done.map_err(|error| self.error(what, &error))
    }

    /// Checks out a branch, tag, commit or what `git rev-parse` takes, detached from branches.
    fn check_out(&self, revision: &str, specs: &[String]) -> Result<(), Error> {
        self.local_branches().map_err(|error| self.error("failed to fetch branches", &error))?;
        if self.resolve(revision).is_ok() || !self.repository.is_shallow() {
            return self.check_out_found(revision);
        }
        eprintln!("{revision} lies below git.depth: fetching all of the history");
        self.fetch(specs, WHOLE, AutotagOption::All, "failed to fetch the history")?;
        self.again()?.check_out_found(revision)
    }

    /// The same repository as it is now: libgit2 remembers where the history ended.
    fn again(&self) -> Result<Clone<'a>, Error> {
        let repository = Repository::open(self.repository.path())
            .map_err(|error| self.error("failed to open the repository", &error))?;
        Ok(Clone { repository, ..*self })
    }

    fn check_out_found(&self, revision: &str) -> Result<(), Error> {
        let object = self.resolve(revision).map_err(|error| {
            self.error("failed to get resolve revision", &error)
                .advise("check `git.revision`; a single-branch clone knows its branch only")
        })?;
        self.detach(&object)
            .map_err(|error| self.error(&format!("failed to checkout {revision:?}"), &error))
    }

    fn resolve(&self, revision: &str) -> Result<Object<'_>, git2::Error> {
        self.repository.revparse_single(revision)?.peel(git2::ObjectType::Commit)
    }

    pub fn detach(&self, commit: &Object<'_>) -> Result<(), git2::Error> {
        self.write_files(commit)?;
        self.repository.set_head_detached(commit.id())
    }

    fn write_files(&self, commit: &Object<'_>) -> Result<(), git2::Error> {
        check_names(&self.repository, &commit.peel_to_tree()?, 0)?;
        self.repository.checkout_tree(commit, Some(&mut as_stored()))
    }

    /// Every branch of the other side gets one of ours, where Argo fetches `refs/heads/*:refs/heads/*`.
    fn local_branches(&self) -> Result<(), git2::Error> {
        let prefix = format!("refs/remotes/{ORIGIN}/");
        for reference in self.repository.references_glob(&format!("{prefix}*"))? {
            let reference = reference?;
            let (Some(name), Some(tip)) = (
                reference.name().ok().and_then(|name| name.strip_prefix(&prefix)),
                reference.target(),
            ) else {
                continue;
            };
            self.repository.reference(&format!("refs/heads/{name}"), tip, true, "clone")?;
        }
        Ok(())
    }
}

/// A name that is there twice, as a link and as a directory, would lead what is written through the link.
fn check_names(repository: &Repository, tree: &Tree<'_>, depth: usize) -> Result<(), git2::Error> {
    if depth > DEEPEST {
        return Err(git2::Error::from_str("its directories are too deep"));
    }
    let mut names = HashSet::new();
    for entry in tree {
        if !names.insert(entry.name_bytes().to_vec()) {
            let name = String::from_utf8_lossy(entry.name_bytes()).into_owned();
            let why = format!("the repository has two entries of one name: {name}");
            return Err(git2::Error::from_str(&why));
        }
        if entry.kind() == Some(git2::ObjectType::Tree) {
            check_names(repository, &repository.find_tree(entry.id())?, depth + 1)?;
        }
    }
    Ok(())
}

/// Bytes as they are stored, whatever `.gitattributes` says: Argo's library knows no filters either.
fn as_stored() -> CheckoutBuilder<'static> {
    let mut options = CheckoutBuilder::new();
    options.force().disable_filters(true);
    options
}

fn say_again(fault: &Fault) {
    if fault.error.retryable() {
        eprintln!("{}", fault.error.details().why);
    }
}

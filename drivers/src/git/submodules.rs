//! Repositories in repositories. Their names, paths and addresses come from the repository itself: none is believed.

use super::address::Address;
use super::clone::Clone;
use super::network::Network;
use git2::{AutotagOption, Repository, Submodule};
use lighter_artifacts::Error;
use rustix::fs::{Mode, OFlags, ResolveFlags};
use std::cell::Cell;
use std::path::Path;

/// Deeper ones are left out, as Argo does.
const DEEPEST: usize = 10;
/// A repository that contains itself twice would have thousands in ten levels.
const MOST: usize = 500;

pub struct Submodules<'a> {
    network: &'a Network,
    doing: &'a str,
    count: Cell<usize>,
}

impl<'a> Submodules<'a> {
    pub fn new(network: &'a Network, doing: &'a str) -> Self {
        Self { network, doing, count: Cell::new(0) }
    }

    /// Loads all submodules of a repository that came from `address`, and theirs.
    pub fn load(
        &self,
        repository: &Repository,
        address: &Address,
        depth: usize,
    ) -> Result<(), Error> {
        let found = repository.submodules();
        let found = found
            .map_err(|error| self.network.error(self.doing, "failed to read submodules", &error))?;
        if depth == DEEPEST && !found.is_empty() {
            eprintln!("submodules of {address} lie more than {DEEPEST} deep and are left out");
            return Ok(());
        }
        for submodule in &found {
            self.load_one(repository, submodule, address, depth)?;
        }
        Ok(())
    }

    fn load_one(
        &self,
        repository: &Repository,
        submodule: &Submodule<'_>,
        parent: &Address,
        depth: usize,
    ) -> Result<(), Error> {
        // One that is named in .gitmodules but not in the tree is nothing.
        let Some(commit) = submodule.index_id().or(submodule.head_id()) else { return Ok(()) };
        let path = submodule.path();
        let failed = format!("failed to update submodule {:?}", path.display().to_string());
        let invalid =
            |why: &str| Error::new(Error::Invalid, self.doing, format!("{failed}: {why}"));
        if self.count.replace(self.count.get() + 1) >= MOST {
            return Err(invalid(&format!("there are more than {MOST}")));
        }
        let url = submodule.url().ok().flatten().filter(|url| !url.is_empty());
        let address = parent.submodule(url.ok_or_else(|| invalid("it has no address"))?)?;
        let root = repository.workdir().ok_or_else(|| invalid("the repository has no files"))?;
        check_directory(root, path).map_err(|error| invalid(&format!("its directory: {error}")))?;
        let clone = Clone::new(&address, self.network, &root.join(path), self.doing)?;
        let specs = ["+refs/heads/*:refs/remotes/origin/*".to_owned()];
        clone.fetch(&specs, 0, AutotagOption::All, &failed)?;
        if clone.repository.find_commit(commit).is_err() {
            let exact = [format!("+{commit}:refs/remotes/origin/submodule")];
            clone.fetch(&exact, 0, AutotagOption::None, &failed)?;
        }
        let done =
            clone.repository.find_object(commit, None).and_then(|object| clone.detach(&object));
        done.and_then(|()| note(repository, submodule, &address))
            .map_err(|error| self.network.error(self.doing, &failed, &error))?;
        self.load(&clone.repository, &address, depth + 1)
    }
}

/// The place must be an empty directory that no link leads to.
fn check_directory(root: &Path, path: &Path) -> std::io::Result<()> {
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
    let root = rustix::fs::open(root, flags, Mode::empty())?;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    let directory = rustix::fs::openat2(&root, path, flags, Mode::empty(), resolve)?;
    let mut entries = rustix::fs::Dir::read_from(&directory)?;
    match entries.find(|entry| {
        !entry.as_ref().is_ok_and(|entry| matches!(entry.file_name().to_bytes(), b"." | b".."))
    }) {
        None => Ok(()),
        Some(entry) => entry
            .map_err(std::io::Error::from)
            .and(Err(std::io::ErrorKind::DirectoryNotEmpty.into())),
    }
}

/// For a user's `git submodule` later on.
fn note(
    repository: &Repository,
    submodule: &Submodule<'_>,
    address: &Address,
) -> Result<(), git2::Error> {
    let name = submodule.name()?;
    repository.config()?.set_str(&format!("submodule.{name}.url"), &address.to_string())
}

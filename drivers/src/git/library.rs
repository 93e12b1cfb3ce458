//! libgit2's settings for the whole process.
#![allow(unsafe_code)]

use super::http::Http;
use super::network::Network;
use super::ssh::Ssh;
use git2::ConfigLevel;
use git2::transport::{Transport, register};
use std::sync::Arc;

/// Bytes of packs that are mapped at once; and the size of one map.
const MAPPED: usize = 64 << 20;
const WINDOW: usize = 8 << 20;

/// Gives libgit2 our network and takes the machine's own configuration from it. To be called once, before anything else of
/// libgit2.
pub fn set_up(network: &Arc<Network>) -> Result<(), git2::Error> {
    // SAFETY: the calls must not run beside other calls of libgit2; this process has made none yet and clones in one thread.
    unsafe {
        for level in
            [ConfigLevel::System, ConfigLevel::Global, ConfigLevel::XDG, ConfigLevel::ProgramData]
        {
            git2::opts::set_search_path(level, "")?;
        }
        // Volumes may show other owners than the one who writes; nothing of a configuration is ever executed.
        git2::opts::set_verify_owner_validation(false)?;
        git2::opts::set_mwindow_size(WINDOW)?;
        git2::opts::set_mwindow_mapped_limit(MAPPED)?;
        for scheme in ["http", "https"] {
            let network = Arc::clone(network);
            register(scheme, move |remote| Transport::smart(remote, true, Http::new(&network)))?;
        }
        let network = Arc::clone(network);
        register("ssh", move |remote| Transport::smart(remote, false, Ssh::new(&network)))
    }
}

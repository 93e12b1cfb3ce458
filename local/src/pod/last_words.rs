//! What a container leaves as its termination message.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use lighter_api::k8s_openapi::api::core::v1::Container;

use super::folder::PodFolder;
use super::status::cut;

/// Most bytes of a termination message, as in Kubernetes.
const MAX_BYTES: usize = 4096;
/// Most bytes of a log that stands for a termination message, as in Kubernetes.
const LOG_TAIL_BYTES: u64 = 2048;

/// The termination message of a container that ended with `code`.
pub fn last_words(folder: &PodFolder, container: &Container, code: i32) -> Option<String> {
    let bytes = read(&folder.message(&container.name), 0, MAX_BYTES as u64).unwrap_or_default();
    let policy = container.termination_message_policy.as_deref();
    if bytes.is_empty() && code != 0 && policy == Some("FallbackToLogsOnError") {
        return tail(&folder.kept.log(&container.name)).ok();
    }
    Some(cut(&bytes, MAX_BYTES))
}

fn tail(log: &Path) -> io::Result<String> {
    let start = log.metadata()?.len().saturating_sub(LOG_TAIL_BYTES);
    Ok(cut(&read(log, start, LOG_TAIL_BYTES)?, MAX_BYTES))
}

fn read(path: &Path, start: u64, limit: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

//! CPU and memory limits of a container, by control groups of version 1 or 2, where they may be made.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use lighter_api::k8s_openapi::apimachinery::pkg::api::resource::Quantity;

const ROOT: &str = "/sys/fs/cgroup";
/// Length of a CPU period in microseconds, as container runtimes set it.
const PERIOD: u64 = 100_000;

/// What a container may use at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    pub memory_bytes: Option<u64>,
    /// Thousandths of a CPU.
    pub cpu_millis: Option<u64>,
}

impl Limits {
    /// Reads `resources.limits`.
    pub fn read(limits: &BTreeMap<String, Quantity>) -> Result<Self, String> {
        let milli = |name: &str| match limits.get(name) {
            None => Ok(None),
            Some(Quantity(text)) => {
                let value = thousandths(text).filter(|n| *n > 0);
                value.map(Some).ok_or_else(|| {
                    format!("resources.limits.{name}: {text:?} is no quantity above 0")
                })
            }
        };
        let memory = milli("memory")?.and_then(|n| u64::try_from(n.div_ceil(1000)).ok());
        let cpu = milli("cpu")?.and_then(|n| u64::try_from(n).ok());
        Ok(Self { memory_bytes: memory, cpu_millis: cpu })
    }

    pub fn is_none(self) -> bool {
        self == Self::default()
    }
}

/// A quantity as Kubernetes writes it, times 1000, rounded up.
fn thousandths(text: &str) -> Option<u128> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(split);
    let factor: u128 = match suffix {
        "n" => return Some(decimal(number, 1000)?.div_ceil(1_000_000_000)),
        "u" => return Some(decimal(number, 1000)?.div_ceil(1_000_000)),
        "m" => return Some(decimal(number, 1000)?.div_ceil(1000)),
        "" => 1,
        "k" => 1000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        _ => {
            let exponent: u32 =
                suffix.strip_prefix(['e', 'E'])?.trim_start_matches('+').parse().ok()?;
            10_u128.checked_pow(exponent).filter(|_| exponent <= 15)?
        }
    };
    decimal(number, factor.checked_mul(1000)?)
}

/// A decimal number times `factor`, rounded up.
fn decimal(number: &str, factor: u128) -> Option<u128> {
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if whole.len() > 18 || part.len() > 12 || (whole.is_empty() && part.is_empty()) {
        return None;
    }
    let parse =
        |digits: &str| if digits.is_empty() { Some(0) } else { digits.parse::<u128>().ok() };
    let scale = 10_u128.checked_pow(u32::try_from(part.len()).ok()?)?;
    let value = parse(whole)?.checked_mul(scale)?.checked_add(parse(part)?)?;
    Some(value.checked_mul(factor)?.div_ceil(scale))
}

/// The control groups of one container; they are removed when it is dropped, after the container's end.
#[derive(Debug)]
pub struct ControlGroup {
    folders: Vec<PathBuf>,
    oom_file: Option<(PathBuf, &'static str)>,
}

impl ControlGroup {
    /// Makes control groups named `name` with these limits.
    pub fn make(name: &str, limits: Limits) -> io::Result<Self> {
        let mut group = Self { folders: Vec::new(), oom_file: None };
        if Path::new(ROOT).join("cgroup.controllers").exists() {
            group.make_v2(name, limits)?;
        } else {
            group.make_v1(name, limits)?;
        }
        Ok(group)
    }

    fn make_v2(&mut self, name: &str, limits: Limits) -> io::Result<()> {
        let parent = Path::new(ROOT).join("lighter");
        fs::write(Path::new(ROOT).join("cgroup.subtree_control"), "+cpu +memory")?;
        fs::create_dir_all(&parent)?;
        fs::write(parent.join("cgroup.subtree_control"), "+cpu +memory")?;
        let folder = self.folder(&parent, name)?;
        if let Some(bytes) = limits.memory_bytes {
            fs::write(folder.join("memory.max"), bytes.to_string())?;
            // As a kubelet does: a container whose memory is used up ends as a whole.
            fs::write(folder.join("memory.oom.group"), "1")?;
            self.oom_file = Some((folder.join("memory.events"), "oom_kill "));
        }
        if let Some(millis) = limits.cpu_millis {
            fs::write(folder.join("cpu.max"), format!("{} {PERIOD}", quota(millis)))?;
        }
        Ok(())
    }

    fn make_v1(&mut self, name: &str, limits: Limits) -> io::Result<()> {
        if let Some(bytes) = limits.memory_bytes {
            let folder = self.folder(&Path::new(ROOT).join("memory/lighter"), name)?;
            fs::write(folder.join("memory.limit_in_bytes"), bytes.to_string())?;
            self.oom_file = Some((folder.join("memory.oom_control"), "oom_kill "));
        }
        if let Some(millis) = limits.cpu_millis {
            let folder = self.folder(&Path::new(ROOT).join("cpu/lighter"), name)?;
            fs::write(folder.join("cpu.cfs_period_us"), PERIOD.to_string())?;
            fs::write(folder.join("cpu.cfs_quota_us"), quota(millis).to_string())?;
        }
        Ok(())
    }

    fn folder(&mut self, parent: &Path, name: &str) -> io::Result<PathBuf> {
        if !parent.parent().is_some_and(Path::is_dir) {
            return Err(io::Error::other(format!("{} is no control group", parent.display())));
        }
        let folder = parent.join(name);
        fs::create_dir_all(&folder)?;
        self.folders.push(folder.clone());
        Ok(folder)
    }

    /// Files that a process joins the groups by.
    pub fn procs(&self) -> Vec<PathBuf> {
        self.folders.iter().map(|folder| folder.join("cgroup.procs")).collect()
    }

    /// Whether the kernel has ended a process of the group for want of memory.
    pub fn out_of_memory(&self) -> bool {
        let Some((file, prefix)) = &self.oom_file else { return false };
        let text = fs::read_to_string(file).unwrap_or_default();
        text.lines().filter_map(|line| line.strip_prefix(prefix)).any(|count| count.trim() != "0")
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        for folder in &self.folders {
            // What cannot be removed is empty and without effect; the next pod of that name takes it over.
            let _ = fs::remove_dir(folder);
        }
    }
}

fn quota(millis: u64) -> u64 {
    (millis.saturating_mul(PERIOD) / 1000).max(1000)
}

#[cfg(test)]
mod tests {
    #[test]
    fn quantities_are_read_as_kubernetes_does() {
        for (text, expected) in [
            ("1", Some(1000)),
            ("100m", Some(100)),
            ("1.5", Some(1500)),
            ("0.0001", Some(1)),
            ("64Mi", Some(64 * 1024 * 1024 * 1000)),
            ("1.5Gi", Some(1_610_612_736_000)),
            ("2k", Some(2_000_000)),
            ("1e3", Some(1_000_000)),
            ("", None),
            ("-1", None),
            ("1x", None),
            ("1.2.3", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(super::thousandths(text), expected, "{text}");
        }
    }
}

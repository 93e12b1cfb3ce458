//! Whom a container runs as and with which capabilities.

use lighter_api::k8s_openapi::api::core::v1::{Container, PodSpec};
use rustix::thread::CapabilitySet;

use crate::sandbox::spec::Identity;

/// What containers of the common runtimes keep, without `MKNOD`: there is no filter of devices here.
const DEFAULT: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::NET_RAW)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::SETFCAP)
    .union(CapabilitySet::SETPCAP)
    .union(CapabilitySet::NET_BIND_SERVICE)
    .union(CapabilitySet::SYS_CHROOT)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::AUDIT_WRITE);

/// Names in the order of their numbers.
const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// Whether this process can make containers without a user namespace: root with `SYS_ADMIN`.
pub fn is_real_root() -> bool {
    let capable = rustix::thread::capabilities(None).is_ok_and(|sets| {
        sets.effective
            .contains(CapabilitySet::SYS_ADMIN | CapabilitySet::SETUID | CapabilitySet::SETPCAP)
    });
    rustix::process::geteuid().is_root() && capable
}

/// User and group of a container: what it asks for, else what its pod asks for, else the image's.
pub fn identity(
    pod: &PodSpec,
    container: &Container,
    image: (u32, u32),
    real_root: bool,
) -> Result<Identity, String> {
    let of_pod = pod.security_context.as_ref();
    let own = container.security_context.as_ref();
    let asked_uid = own.and_then(|c| c.run_as_user).or_else(|| of_pod.and_then(|c| c.run_as_user));
    let asked_gid =
        own.and_then(|c| c.run_as_group).or_else(|| of_pod.and_then(|c| c.run_as_group));
    let id = |field: &str, value: i64| {
        u32::try_from(value).map_err(|_| format!("securityContext.{field}: {value} is no id"))
    };
    let uid = asked_uid.map_or(Ok(image.0), |uid| id("runAsUser", uid))?;
    let gid = match (asked_gid, asked_uid) {
        (Some(gid), _) => id("runAsGroup", gid)?,
        (None, Some(_)) if asked_uid != Some(i64::from(image.0)) => 0,
        (None, _) => image.1,
    };
    let must_not_be_root =
        own.and_then(|c| c.run_as_non_root).or_else(|| of_pod.and_then(|c| c.run_as_non_root))
            == Some(true);
    if must_not_be_root && uid == 0 {
        return Err(String::from(
            "container has runAsNonRoot and image will run as root; set securityContext.runAsUser",
        ));
    }
    let mut groups: Vec<u32> = Vec::new();
    if real_root && let Some(context) = of_pod {
        for group in context.supplemental_groups.iter().flatten().chain(&context.fs_group) {
            groups.push(id("supplementalGroups", *group)?);
        }
    }
    Ok(Identity { uid, gid, groups, user_namespace: !real_root })
}

/// Bits of the capabilities that a container keeps.
pub fn capabilities(container: &Container) -> Result<u64, String> {
    let context = container.security_context.as_ref();
    if context.and_then(|c| c.privileged) == Some(true) {
        return Ok(u64::MAX);
    }
    let Some(asked) = context.and_then(|c| c.capabilities.as_ref()) else {
        return Ok(DEFAULT.bits());
    };
    let mut bits = DEFAULT.bits();
    for name in asked.drop.iter().flatten() {
        bits &= !mask(name)?;
    }
    for name in asked.add.iter().flatten() {
        bits |= mask(name)?;
    }
    Ok(bits)
}

fn mask(name: &str) -> Result<u64, String> {
    let upper = name.to_ascii_uppercase();
    let short = upper.strip_prefix("CAP_").unwrap_or(&upper);
    if short == "ALL" {
        return Ok(u64::MAX);
    }
    let bit = NAMES.iter().position(|known| *known == short);
    bit.map(|bit| 1 << bit)
        .ok_or_else(|| format!("securityContext.capabilities: there is no {name:?}"))
}

/// Whether programs that raise their rights must not.
pub fn no_new_privileges(container: &Container) -> bool {
    container.security_context.as_ref().and_then(|c| c.allow_privilege_escalation) == Some(false)
}

#[cfg(test)]
mod tests {
    use lighter_api::k8s_openapi::api::core::v1::Container;
    use rustix::thread::CapabilitySet;

    #[test]
    fn capabilities_are_dropped_then_added() {
        let container: Container = serde_json::from_str(
            r#"{"name":"c","securityContext":{"capabilities":{"drop":["ALL"],"add":["NET_ADMIN","CAP_CHOWN"]}}}"#,
        )
        .unwrap();
        let expected = CapabilitySet::NET_ADMIN | CapabilitySet::CHOWN;
        assert_eq!(super::capabilities(&container), Ok(expected.bits()));
        assert_eq!(super::mask("checkpoint_restore"), Ok(CapabilitySet::CHECKPOINT_RESTORE.bits()));
        assert!(super::mask("FLY").is_err());
    }
}

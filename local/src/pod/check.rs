//! Refuses, before anything runs, pods that ask for what one machine does not do.

use lighter_api::k8s_openapi::api::core::v1::{Container, Pod, PodSpec};

/// Checks names and fields; the error names the field.
pub fn check(pod: &Pod) -> Result<(), String> {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let said = |why: String| format!("pod {name:?}: {why}");
    if !is_object_name(name) {
        return Err(said(String::from("metadata.name is not a DNS name")));
    }
    if let Some(namespace) = pod.metadata.namespace.as_deref().filter(|n| !is_object_name(n)) {
        return Err(said(format!("metadata.namespace: {namespace:?} is not a DNS name")));
    }
    let spec = pod.spec.as_ref().ok_or_else(|| said(String::from("spec is missing")))?;
    if spec.containers.is_empty() {
        return Err(said(String::from("spec.containers is empty")));
    }
    check_spec(spec).map_err(said)
}

/// Whether `name` is one that Kubernetes takes, and so a safe file name.
pub fn is_object_name(name: &str) -> bool {
    let good = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-' || c == b'.';
    let ends = |c: Option<&u8>| c.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = name.as_bytes();
    bytes.len() <= 253
        && bytes.iter().all(|c| good(*c))
        && ends(bytes.first())
        && ends(bytes.last())
}

fn check_spec(spec: &PodSpec) -> Result<(), String> {
    let restarts = spec.restart_policy.as_deref().is_some_and(|policy| policy != "Never");
    refuse(&[
        ("spec.restartPolicy (other than Never)", restarts),
        ("spec.ephemeralContainers", spec.ephemeral_containers.is_some()),
        ("spec.hostPID", spec.host_pid == Some(true)),
        ("spec.hostIPC", spec.host_ipc == Some(true)),
        ("spec.shareProcessNamespace", spec.share_process_namespace == Some(true)),
        ("spec.runtimeClassName", spec.runtime_class_name.is_some()),
        ("spec.resourceClaims", spec.resource_claims.is_some()),
        ("spec.hostAliases", spec.host_aliases.as_ref().is_some_and(|aliases| !aliases.is_empty())),
        ("spec.dnsConfig", spec.dns_config.is_some()),
        ("spec.os.name (other than linux)", spec.os.as_ref().is_some_and(|os| os.name != "linux")),
    ])?;
    if let Some(context) = &spec.security_context {
        refuse(&[
            (
                "spec.securityContext.sysctls",
                context.sysctls.as_ref().is_some_and(|s| !s.is_empty()),
            ),
            ("spec.securityContext.windowsOptions", context.windows_options.is_some()),
        ])?;
    }
    let mut names = std::collections::BTreeSet::new();
    for (list, containers) in [
        ("initContainers", spec.init_containers.as_deref()),
        ("containers", Some(&*spec.containers)),
    ] {
        for (index, container) in containers.unwrap_or_default().iter().enumerate() {
            let at = format!("spec.{list}[{index}]");
            if !names.insert(container.name.as_str()) {
                return Err(format!("{at}.name: {:?} is used twice", container.name));
            }
            check_container(container).map_err(|why| format!("{at}.{why}"))?;
        }
    }
    Ok(())
}

fn check_container(container: &Container) -> Result<(), String> {
    if !is_object_name(&container.name) || container.name.contains('.') {
        return Err(format!("name: {:?} is not a DNS label", container.name));
    }
    refuse(&[
        ("lifecycle", container.lifecycle.is_some()),
        ("livenessProbe", container.liveness_probe.is_some()),
        ("readinessProbe", container.readiness_probe.is_some()),
        ("startupProbe", container.startup_probe.is_some()),
        ("restartPolicy", container.restart_policy.is_some()),
        ("volumeDevices", container.volume_devices.as_ref().is_some_and(|d| !d.is_empty())),
        ("tty", container.tty == Some(true)),
    ])?;
    for mount in container.volume_mounts.iter().flatten() {
        check_mount(&mount.mount_path)
            .map_err(|why| format!("volumeMounts ({}): {why}", mount.name))?;
    }
    let limits = container.resources.as_ref().and_then(|r| r.limits.as_ref());
    let known = ["cpu", "memory", "ephemeral-storage"];
    match limits.and_then(|limits| limits.keys().find(|name| !known.contains(&name.as_str()))) {
        Some(name) => Err(format!(
            "resources.limits: {name} is not to be had here; remove it to run on this machine"
        )),
        None => Ok(()),
    }
}

fn check_mount(path: &str) -> Result<(), String> {
    let parts = path.split('/').filter(|part| !part.is_empty() && *part != ".");
    if path.contains('\0') || parts.clone().any(|part| part == "..") {
        return Err(format!("mountPath {path:?} must not contain '..' or NUL"));
    }
    match parts.count() {
        0 => Err(format!("mountPath {path:?} is the container's root folder")),
        _ => Ok(()),
    }
}

fn refuse(fields: &[(&str, bool)]) -> Result<(), String> {
    match fields.iter().find(|(_, present)| *present) {
        Some((field, _)) => {
            Err(format!("{field} is not supported when pods run on one machine; remove it"))
        }
        None => Ok(()),
    }
}

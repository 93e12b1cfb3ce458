//! Deterministic names: node IDs and pod names.

/// Longest prefix `<workflow>-<template>`, in bytes: a Kubernetes name has 253, the hash up to 10, a hyphen 1.
const MAX_PREFIX: usize = 242;

/// The ID of a node: the workflow's name for its root, else `<workflow>-<FNV-1a of the node's name>`.
pub fn node_id(workflow: &str, node_name: &str) -> String {
    if node_name == workflow {
        return workflow.to_owned();
    }
    format!("{workflow}-{}", fnv1a(node_name))
}

/// The name of a node's pod (format `v2`). `template` is empty for an inline template.
pub fn pod_name(workflow: &str, template: &str, node_name: &str) -> String {
    if node_name == workflow {
        return workflow.to_owned();
    }
    if template.is_empty() {
        return node_id(workflow, node_name);
    }
    let prefix = format!("{workflow}-{template}");
    format!("{}-{}", cut(&prefix, MAX_PREFIX), fnv1a(node_name))
}

/// The name of a node's pod in workflows whose annotation `pod-name-format` is `v1`.
pub fn pod_name_v1(workflow: &str, node_name: &str) -> String {
    node_id(workflow, node_name)
}

/// 32-bit FNV-1a.
fn fnv1a(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// At most `limit` bytes of the text, whole characters only.
pub(super) fn cut(text: &str, limit: usize) -> &str {
    let mut end = limit.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_names_are_argos() {
        let wf = "hello-abc12";
        for (suffix, hash, template) in [
            ("[0]", "1795930921", ""),
            ("[0].step1", "4218379610", "echo"),
            ("[0].step1(0:a)", "1843900310", "echo"),
            (".A", "882732512", "echo"),
            (".A(0)", "3367594691", "echo"),
            (".A(1:x:1,y:2)(0)", "2359660569", "echo"),
            (".onExit", "1950604604", "exit-handler"),
            (".hooks.running", "4264220146", "http"),
            ("[0].step1.hooks.exit", "2302996570", ""),
            ("[0].step1.onExit", "1567907653", ""),
            (".ctr.main", "314958991", ""),
        ] {
            let node = format!("{wf}{suffix}");
            let id = format!("{wf}-{hash}");
            let pod =
                if template.is_empty() { id.clone() } else { format!("{wf}-{template}-{hash}") };
            assert_eq!(node_id(wf, &node), id);
            assert_eq!(pod_name(wf, template, &node), pod);
            assert_eq!(pod_name_v1(wf, &node), id);
        }
    }

    #[test]
    fn the_root_is_named_as_the_workflow() {
        assert_eq!(node_id("wf", "wf"), "wf");
        assert_eq!(pod_name("wf", "main", "wf"), "wf");
    }

    #[test]
    fn long_names_are_cut() {
        let name = pod_name("wf", &"t".repeat(400), "wf.a");
        assert_eq!(name.len(), 242 + 1 + fnv1a("wf.a").to_string().len());
        assert!(pod_name("wf", &"ä".repeat(400), "wf.a").len() <= 253);
    }
}

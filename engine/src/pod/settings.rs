//! What the workflow, the enclosing template and the template say about the whole pod, and whose word counts.

use std::collections::BTreeMap;

use lighter_api::k8s_openapi::api::core::v1::{
    Affinity, NodeAffinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PodSpec,
};
use lighter_api::k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use lighter_api::k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use lighter_api::{Metadata, Template, WorkflowSpec};

use super::parts::Parts;
use super::{PodConfig, PodError, PodRequest};

const PREFIX: &str = "workflows.argoproj.io";

/// Name, owner, labels and annotations; a template's `metadata` wins over the workflow's `podMetadata`.
pub(super) fn metadata(
    request: &PodRequest<'_>,
    config: &PodConfig,
    default_container: &str,
) -> ObjectMeta {
    let mut labels = BTreeMap::from([
        (format!("{PREFIX}/workflow"), owner_name(request)),
        (format!("{PREFIX}/completed"), "false".to_owned()),
    ]);
    if request.on_exit {
        labels.insert(format!("{PREFIX}/on-exit"), "true".to_owned());
    }
    if !config.instance_id.is_empty() {
        labels.insert(format!("{PREFIX}/controller-instanceid"), config.instance_id.clone());
    }
    let mut annotations = node_annotations(request);
    annotations
        .insert("kubectl.kubernetes.io/default-container".to_owned(), default_container.to_owned());
    if let Some(gc) = &request.spec.pod_gc {
        let own = &gc.delete_delay_duration;
        let delay = if own.is_empty() { &config.pod_gc_delay } else { own };
        annotations.insert(format!("{PREFIX}/pod-gc-strategy"), format!("{}/{delay}", gc.strategy));
    }
    let written = [request.spec.pod_metadata.as_ref(), request.template.metadata.as_ref()];
    for Metadata { labels: more_labels, annotations: more } in written.into_iter().flatten() {
        labels.extend(more_labels.clone());
        annotations.extend(more.clone());
    }
    ObjectMeta {
        name: Some(request.pod_name.to_owned()),
        namespace: request.workflow.metadata.as_ref().and_then(|it| it.namespace.clone()),
        labels: Some(labels),
        annotations: Some(annotations),
        owner_references: Some(vec![owner(request)]),
        ..ObjectMeta::default()
    }
}

/// The metadata of the object that holds what is too large for the pod.
pub(super) fn config_map_metadata(request: &PodRequest<'_>) -> ObjectMeta {
    ObjectMeta {
        name: Some(request.pod_name.to_owned()),
        namespace: request.workflow.metadata.as_ref().and_then(|it| it.namespace.clone()),
        labels: Some(BTreeMap::from([(format!("{PREFIX}/workflow"), owner_name(request))])),
        annotations: Some(node_annotations(request)),
        owner_references: Some(vec![owner(request)]),
        ..ObjectMeta::default()
    }
}

fn node_annotations(request: &PodRequest<'_>) -> BTreeMap<String, String> {
    BTreeMap::from([
        (format!("{PREFIX}/node-name"), request.node_name.to_owned()),
        (format!("{PREFIX}/node-id"), request.node_id.to_owned()),
    ])
}

/// The workflow's name.
pub(super) fn owner_name(request: &PodRequest<'_>) -> String {
    request.workflow.metadata.as_ref().and_then(|it| it.name.clone()).unwrap_or_default()
}

fn owner(request: &PodRequest<'_>) -> OwnerReference {
    let uid = request.workflow.metadata.as_ref().and_then(|metadata| metadata.uid.clone());
    OwnerReference {
        api_version: "argoproj.io/v1alpha1".to_owned(),
        kind: "Workflow".to_owned(),
        name: owner_name(request),
        uid: uid.unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// The pod's spec around its containers.
pub(super) fn pod_spec(request: &PodRequest<'_>, parts: Parts) -> Result<PodSpec, PodError> {
    let PodRequest { spec, template, .. } = *request;
    let boundary = request.boundary_template;
    let active_deadline_seconds = active_deadline(request, &parts)?;
    let init_containers = [vec![parts.init], parts.user_inits].concat();
    let containers = [vec![parts.wait], parts.mains, parts.sidecars].concat();
    Ok(PodSpec {
        restart_policy: Some("Never".to_owned()),
        volumes: Some(parts.volumes),
        init_containers: Some(init_containers),
        containers,
        active_deadline_seconds,
        image_pull_secrets: list(&spec.image_pull_secrets),
        host_network: spec.host_network,
        dns_policy: text(&spec.dns_policy),
        dns_config: spec.dns_config.clone(),
        host_aliases: list(&[spec.host_aliases.as_slice(), &template.host_aliases].concat()),
        node_selector: Some(&template.node_selector)
            .filter(|it| !it.is_empty())
            .or(boundary.map(|it| &it.node_selector).filter(|it| !it.is_empty()))
            .or(Some(&spec.node_selector).filter(|it| !it.is_empty()))
            .cloned(),
        affinity: template
            .affinity
            .as_ref()
            .or(boundary.and_then(|it| it.affinity.as_ref()))
            .or(spec.affinity.as_ref())
            .cloned(),
        tolerations: list(&template.tolerations)
            .or(boundary.and_then(|it| list(&it.tolerations)))
            .or(list(&spec.tolerations)),
        scheduler_name: text(&template.scheduler_name).or(text(&spec.scheduler_name)),
        priority_class_name: text(&template.priority_class_name)
            .or(text(&spec.pod_priority_class_name)),
        security_context: template.security_context.clone().or(spec.security_context.clone()),
        resources: template.pod_resources.clone().or(spec.pod_resources.clone()),
        resource_claims: list(&template.resource_claims).or(list(&spec.resource_claims)),
        service_account_name: text(&template.service_account_name)
            .or(text(&spec.service_account_name)),
        automount_service_account_token: automount(spec, template).filter(|mounted| !mounted),
        ..PodSpec::default()
    })
}

fn automount(spec: &WorkflowSpec, template: &Template) -> Option<bool> {
    template.automount_service_account_token.or(spec.automount_service_account_token)
}

/// The secret with the token of the executor's own service account, if it has one.
pub(super) fn executor_token<'a>(
    request: &PodRequest<'_>,
    config: &'a PodConfig,
) -> Result<Option<&'a str>, PodError> {
    let Some(tokens) = &config.service_account_tokens else { return Ok(None) };
    let PodRequest { spec, template, .. } = *request;
    let named = [template.executor.as_ref(), spec.executor.as_ref()];
    let account = named
        .into_iter()
        .flatten()
        .map(|executor| &executor.service_account_name)
        .find(|account| !account.is_empty());
    match account {
        Some(account) => tokens.get(account).map(|secret| Some(secret.as_str())).ok_or_else(|| {
            PodError::Invalid(format!(
                "executor.serviceAccountName: no token secret is known for '{account}'; create a secret '{account}.service-account-token'"
            ))
        }),
        None if automount(spec, template) == Some(false) => Err(PodError::Invalid(
            "executor.serviceAccountName must not be empty if automountServiceAccountToken is false"
                .to_owned(),
        )),
        None => Ok(None),
    }
}

/// The smallest limit; none for a main container that is paused for debugging.
fn active_deadline(request: &PodRequest<'_>, parts: &Parts) -> Result<Option<i64>, PodError> {
    let is_pause =
        |name: &str| name == "ARGO_DEBUG_PAUSE_BEFORE" || name == "ARGO_DEBUG_PAUSE_AFTER";
    let mut env = parts.mains.iter().flat_map(|main| main.env.iter().flatten());
    if env.any(|variable| is_pause(&variable.name)) {
        return Ok(None);
    }
    if request.active_deadline_seconds.is_some_and(|seconds| seconds < 1) {
        return Err(PodError::Deadline { node: request.node_name.to_owned() });
    }
    let own = request.template.active_deadline_seconds.as_ref().map(seconds).transpose()?;
    Ok(own.into_iter().chain(request.active_deadline_seconds).min())
}

fn seconds(limit: &IntOrString) -> Result<i64, PodError> {
    let seconds = match limit {
        IntOrString::Int(seconds) => Some(i64::from(*seconds)),
        IntOrString::String(text) => text.trim().parse().ok(),
    };
    seconds.filter(|seconds| *seconds > 0).ok_or_else(|| {
        let shown = match limit {
            IntOrString::Int(seconds) => seconds.to_string(),
            IntOrString::String(text) => text.clone(),
        };
        PodError::Invalid(format!(
            "activeDeadlineSeconds: '{shown}' must be a whole number of seconds, 1 or more"
        ))
    })
}

/// Keeps the pod away from hosts where earlier attempts failed: in each way the pod may be placed.
pub(super) fn avoid_hosts(spec: &mut PodSpec, label: &str, hosts: &[String]) {
    if hosts.is_empty() || label.is_empty() {
        return;
    }
    let elsewhere = NodeSelectorRequirement {
        key: label.to_owned(),
        operator: "NotIn".to_owned(),
        values: Some(hosts.to_vec()),
    };
    let affinity: &mut Affinity = spec.affinity.get_or_insert_default();
    let nodes: &mut NodeAffinity = affinity.node_affinity.get_or_insert_default();
    let required: &mut NodeSelector =
        nodes.required_during_scheduling_ignored_during_execution.get_or_insert_default();
    if required.node_selector_terms.is_empty() {
        required.node_selector_terms.push(NodeSelectorTerm::default());
    }
    for term in &mut required.node_selector_terms {
        term.match_expressions.get_or_insert_default().push(elsewhere.clone());
    }
}

fn list<T: Clone>(items: &[T]) -> Option<Vec<T>> {
    Some(items.to_vec()).filter(|items| !items.is_empty())
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

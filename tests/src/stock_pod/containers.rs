//! Containers of a pod: the executor's own, and the user's with the emissary in front of their command.

use serde_json::{Value, json};

use super::mounts::{Mounts, mirrored, writable};
use super::{Layout, Step, Submitted, list};

/// What the controller hands to every role for logging.
const LOG: [&str; 6] = ["--loglevel", "info", "--log-format", "text", "--gloglevel", "0"];

/// The types of templates that have a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Container,
    ContainerSet,
    Script,
    Resource,
    Data,
}

impl Kind {
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::ContainerSet => "containerSet",
            Self::Script => "script",
            Self::Resource => "resource",
            Self::Data => "data",
        }
    }
}

impl Step {
    /// `init` and the user's own.
    pub(super) fn init_containers(&self, names: &Submitted, mounts: &Mounts) -> Vec<Value> {
        let mut containers = Vec::new();
        if self.layout == Layout::Legacy {
            let mut init = self.executor("init", &["init"], names);
            add_env(&mut init, [self.template_variable()]);
            let user = if mounts.inputs.is_empty() { Vec::new() } else { mirrored(&mounts.user) };
            add_mounts(&mut init, [&mounts.secrets, &mounts.staging, &mounts.inputs, &user]);
            containers.push(init);
        }
        for user in list(&self.template["initContainers"]) {
            let mut user = user.clone();
            let name = text(&user["name"]);
            add_env(&mut user, self.common(&name, names));
            add_env(&mut user, [self.template_variable()]);
            containers.push(user);
        }
        containers.into_iter().map(finished).collect()
    }

    /// The executor's helper, main containers, sidecars: in the order in which the kubelet starts them.
    pub(super) fn containers(&self, names: &Submitted, mounts: &Mounts) -> Vec<Value> {
        let mut containers: Vec<_> = self
            .auxiliary()
            .map(|name| self.auxiliary_container(name, names, mounts))
            .into_iter()
            .collect();
        for main in self.mains(names) {
            let mut main = self.wrapped(main, names);
            let is_main = main["name"] == "main";
            add_mounts(&mut main, [&mounts.user]);
            if is_main {
                let inputs =
                    if self.layout == Layout::Legacy { &mounts.artifacts } else { &mounts.inputs };
                add_mounts(&mut main, [inputs, &mounts.staging]);
            }
            if self.kind() == Kind::Data {
                add_mounts(&mut main, [&mounts.secrets]);
            }
            if self.layout == Layout::Initless && self.auxiliary().is_none() {
                add_env(&mut main, [self.template_variable()]);
            }
            containers.push(main);
        }
        containers.extend(
            list(&self.template["sidecars"])
                .iter()
                .map(|sidecar| self.wrapped(sidecar.clone(), names)),
        );
        let containers = containers.into_iter().enumerate().map(|(index, mut container)| {
            if container["image"] == self.executor.as_str() {
                let mount = json!({"name": "tmp-dir-argo", "mountPath": "/tmp", "subPath": index.to_string()});
                add_mounts(&mut container, [&vec![mount]]);
            }
            if let Some(seconds) = self.grace_period {
                add_env(&mut container, [variable("ARGO_TERMINATION_GRACE_PERIOD_SECONDS", seconds.to_string())]);
            }
            finished(container)
        });
        containers.collect()
    }

    fn auxiliary_container(&self, name: &str, names: &Submitted, mounts: &Mounts) -> Value {
        let mut container = self.executor(name, &[name], names);
        let everything = mounts.user.iter().chain(&mounts.staging);
        if self.layout == Layout::Legacy {
            add_env(&mut container, [variable("ARGO_ARTIFACT_PLUGIN_NAMES", "")]);
            let mirror = writable(mirrored(everything.chain(&mounts.artifacts)));
            add_mounts(&mut container, [&mounts.secrets, &mirror]);
        } else {
            add_env(
                &mut container,
                [variable("ARGO_INITLESS_POD", "true"), self.template_variable()],
            );
            let mirror = writable(mirrored(everything.chain(&mounts.inputs)));
            add_mounts(&mut container, [&mounts.secrets, &mounts.staging, &mounts.inputs, &mirror]);
        }
        container
    }

    /// The main containers before they are wrapped.
    fn mains(&self, names: &Submitted) -> Vec<Value> {
        let template = &self.template;
        match self.kind() {
            Kind::Container => vec![named_main(&template["container"])],
            Kind::Script => {
                let mut main = named_main(&template["script"]);
                main.as_object_mut().unwrap().remove("source");
                main["args"] = json!(["/argo/staging/script"]);
                vec![main]
            }
            Kind::ContainerSet => list(&template["containerSet"]["containers"])
                .iter()
                .map(|container| {
                    let mut container = container.clone();
                    container.as_object_mut().unwrap().remove("dependencies");
                    container
                })
                .collect(),
            Kind::Resource => {
                let action = text(&template["resource"]["action"]);
                let mut main = self.executor("main", &["resource", &action], names);
                main["securityContext"] = json!({
                    "capabilities": {"drop": ["ALL"]}, "privileged": false, "runAsNonRoot": true, "runAsUser": 8737,
                    "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                    "seccompProfile": {"type": "RuntimeDefault"}});
                vec![main]
            }
            Kind::Data => {
                vec![self.executor("main", &["data", &template["data"].to_string()], names)]
            }
        }
    }

    /// A container of the executor's image: `argoexec ROLE…`.
    fn executor(&self, name: &str, role: &[&str], names: &Submitted) -> Value {
        let mut command = vec!["argoexec"];
        command.extend(role);
        command.extend(LOG);
        let from_pod = |variable: &str, path: &str| json!({"name": variable, "valueFrom": {"fieldRef": {"fieldPath": path}}});
        let mut container = json!({
            "name": name, "image": self.executor, "imagePullPolicy": "IfNotPresent", "command": command});
        add_env(
            &mut container,
            [
                from_pod("ARGO_POD_NAME", "metadata.name"),
                from_pod("ARGO_POD_UID", "metadata.uid"),
                variable("ARGO_WORKFLOW_NAME", text(&names.workflow["metadata"]["name"])),
                variable("ARGO_WORKFLOW_UID", text(&names.workflow["metadata"]["uid"])),
            ],
        );
        add_env(&mut container, self.instance.iter().map(|id| variable("ARGO_INSTANCE_ID", id)));
        // `main` of a resource or data template gets the common variables when it is wrapped.
        if name != "main" {
            add_env(&mut container, self.common(name, names));
        }
        container
    }

    /// A user's container with the emissary in front of its command.
    fn wrapped(&self, mut container: Value, names: &Submitted) -> Value {
        let mut command = vec![Value::from(self.layout.program()), "emissary".into()];
        command.extend(LOG.map(Value::from));
        command.push("--".into());
        command.extend(list(&container["command"]).iter().cloned());
        container["command"] = command.into();
        if container["imagePullPolicy"].is_null() {
            container["imagePullPolicy"] = "IfNotPresent".into();
        }
        let name = text(&container["name"]);
        add_env(&mut container, self.common(&name, names));
        if self.layout == Layout::Initless {
            let mount = json!({"name": "argoexec-bin", "mountPath": "/argo-bin", "readOnly": true});
            add_mounts(&mut container, [&vec![mount]]);
            add_env(
                &mut container,
                self.auxiliary().map(|_| variable("ARGO_WAIT_FOR_READY", "true")),
            );
        }
        container
    }

    /// The variables of every container.
    fn common(&self, container: &str, names: &Submitted) -> Vec<Value> {
        let workflow = text(&names.workflow["metadata"]["name"]);
        let wants_result = self.wants_result || self.kind() == Kind::Data;
        vec![
            variable("ARGO_CONTAINER_NAME", container),
            variable("ARGO_NODE_ID", names.node.as_str()),
            variable("ARGO_INCLUDE_SCRIPT_OUTPUT", wants_result.to_string()),
            variable("ARGO_DEADLINE", self.deadline.as_str()),
            variable("ARGO_WORKFLOW_NAME", workflow.as_str()),
            variable("TRACESTATE", format!("workflow=test/{workflow}")),
            variable("TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            variable("ARGO_PROGRESS_FILE", "/var/run/argo/progress"),
            variable("ARGO_PROGRESS_PATCH_TICK_DURATION", "1m0s"),
            variable("ARGO_PROGRESS_FILE_TICK_DURATION", "3s"),
        ]
    }

    /// The template as the executor gets it: without the values of its parameters.
    fn template_variable(&self) -> Value {
        let mut template = self.template.clone();
        for group in ["inputs", "outputs", "metadata"] {
            // The controller writes them, empty as they may be.
            template.as_object_mut().unwrap().entry(group).or_insert_with(|| json!({}));
        }
        if let Some(inputs) = template["inputs"].as_object_mut() {
            inputs.remove("parameters");
        }
        variable("ARGO_TEMPLATE", template.to_string())
    }
}

fn named_main(container: &Value) -> Value {
    let mut main = container.clone();
    main["name"] = "main".into();
    // The group of mounts is added for every main container alike.
    main.as_object_mut().unwrap().remove("volumeMounts");
    main
}

/// A container with what the controller adds last.
fn finished(mut container: Value) -> Value {
    add_mounts(
        &mut container,
        [&vec![json!({"name": "var-run-argo", "mountPath": "/var/run/argo"})]],
    );
    container
}

fn variable(name: &str, value: impl Into<String>) -> Value {
    json!({"name": name, "value": value.into()})
}

fn add_env(container: &mut Value, variables: impl IntoIterator<Item = Value>) {
    let mut all = list(&container["env"]).to_vec();
    all.extend(variables);
    container["env"] = all.into();
}

fn add_mounts<'a>(container: &mut Value, groups: impl IntoIterator<Item = &'a Vec<Value>>) {
    let mut all = list(&container["volumeMounts"]).to_vec();
    all.extend(groups.into_iter().flatten().cloned());
    container["volumeMounts"] = all.into();
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().into()
}

//! Structs that are a Kubernetes container with a few fields more.

/// Declares a struct with a container's fields beside its own, and its `container()`.
macro_rules! container_struct {
    ($(#[$doc:meta])* pub struct $name:ident { $($(#[$attr:meta])* pub $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        pub struct $name {
            #[serde(skip_serializing_if = "String::is_empty")]
            pub name: String,
            #[serde(skip_serializing_if = "Option::is_none")]
            pub args: Option<Vec<String>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            pub command: Option<Vec<String>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            pub env: Option<Vec<core::EnvVar>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            pub env_from: Option<Vec<core::EnvFromSource>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            pub image: Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            pub image_pull_policy: Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            pub lifecycle: Option<core::Lifecycle>,
            #[serde(skip_serializing_if = "Option::is_none")]
            pub liveness_probe: Option<core::Probe>,
            #[serde(skip_serializing_if = "Option::is_none")]
            pub ports: Option<Vec<core::ContainerPort>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            pub readiness_probe: Option<core::Probe>,
            #[serde(skip_serializing_if = "Option::is_none")]
            pub resize_policy: Option<Vec<core::ContainerResizePolicy>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            pub resources: Option<core::ResourceRequirements>,
            #[serde(skip_serializing_if = "Option::is_none")]
            pub restart_policy: Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            pub restart_policy_rules: Option<Vec<core::ContainerRestartRule>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            pub security_context: Option<core::SecurityContext>,
            #[serde(skip_serializing_if = "Option::is_none")]
            pub startup_probe: Option<core::Probe>,
            #[serde(skip_serializing_if = "Option::is_none")]
            pub stdin: Option<bool>,
            #[serde(skip_serializing_if = "Option::is_none")]
            pub stdin_once: Option<bool>,
            #[serde(skip_serializing_if = "Option::is_none")]
            pub termination_message_path: Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            pub termination_message_policy: Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            pub tty: Option<bool>,
            #[serde(skip_serializing_if = "Option::is_none")]
            pub volume_devices: Option<Vec<core::VolumeDevice>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            pub volume_mounts: Option<Vec<core::VolumeMount>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            pub working_dir: Option<String>,
            $($(#[$attr])* pub $field: $type,)*
        }

        impl $name {
            /// The plain container in it.
            pub fn container(&self) -> core::Container {
                core::Container {
                    name: self.name.clone(),
                    args: self.args.clone(),
                    command: self.command.clone(),
                    env: self.env.clone(),
                    env_from: self.env_from.clone(),
                    image: self.image.clone(),
                    image_pull_policy: self.image_pull_policy.clone(),
                    lifecycle: self.lifecycle.clone(),
                    liveness_probe: self.liveness_probe.clone(),
                    ports: self.ports.clone(),
                    readiness_probe: self.readiness_probe.clone(),
                    resize_policy: self.resize_policy.clone(),
                    resources: self.resources.clone(),
                    restart_policy: self.restart_policy.clone(),
                    restart_policy_rules: self.restart_policy_rules.clone(),
                    security_context: self.security_context.clone(),
                    startup_probe: self.startup_probe.clone(),
                    stdin: self.stdin.clone(),
                    stdin_once: self.stdin_once.clone(),
                    termination_message_path: self.termination_message_path.clone(),
                    termination_message_policy: self.termination_message_policy.clone(),
                    tty: self.tty.clone(),
                    volume_devices: self.volume_devices.clone(),
                    volume_mounts: self.volume_mounts.clone(),
                    working_dir: self.working_dir.clone(),
                }
            }
        }
    };
}

pub(crate) use container_struct;

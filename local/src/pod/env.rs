//! Environment variables of a container, and `$(VAR)` in its command, as a kubelet makes them.

use std::collections::BTreeMap;

use lighter_api::k8s_openapi::api::core::v1::{
    ConfigMap, Container, EnvFromSource, EnvVarSource, ObjectFieldSelector, Pod, Secret,
};

/// Name of the node in pods that ask for it.
pub const NODE_NAME: &str = "localhost";
/// Address of pods: the network is the machine's.
pub const POD_IP: &str = "127.0.0.1";

/// The ConfigMaps and Secrets of one namespace, by name.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    pub config_maps: BTreeMap<String, ConfigMap>,
    pub secrets: BTreeMap<String, Secret>,
}

/// Variables in order; a later one replaces an earlier of the same name.
#[derive(Debug, Default)]
pub struct Environment(Vec<(String, String)>);

impl Environment {
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value.into(),
            None => self.0.push((name.to_owned(), value.into())),
        }
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn into_vec(self) -> Vec<(String, String)> {
        self.0
    }

    /// Adds what `container` asks for, on top of what is there.
    pub fn add(
        &mut self,
        pod: &Pod,
        container: &Container,
        objects: &Objects,
    ) -> Result<(), String> {
        for source in container.env_from.iter().flatten() {
            self.add_all_of(source, objects)?;
        }
        for var in container.env.iter().flatten() {
            let value = match (&var.value, &var.value_from) {
                (_, Some(source)) => match value_from(pod, source, objects)
                    .map_err(|why| format!("env {}: {why}", var.name))?
                {
                    Some(value) => value,
                    None => continue,
                },
                (value, None) => self.expand(value.as_deref().unwrap_or_default()),
            };
            if var.name.is_empty() || var.name.contains(['=', '\0']) || value.contains('\0') {
                return Err(format!(
                    "env {:?}: names must not be empty or contain '=', and NUL is not allowed",
                    var.name
                ));
            }
            self.set(&var.name, value);
        }
        Ok(())
    }

    fn add_all_of(&mut self, source: &EnvFromSource, objects: &Objects) -> Result<(), String> {
        let prefix = source.prefix.as_deref().unwrap_or_default();
        if let Some(reference) = &source.config_map_ref {
            match objects.config_maps.get(&reference.name) {
                Some(map) => map
                    .data
                    .iter()
                    .flatten()
                    .for_each(|(k, v)| self.set(&format!("{prefix}{k}"), v.as_str())),
                None if reference.optional == Some(true) => {}
                None => return Err(format!("envFrom: there is no ConfigMap {:?}", reference.name)),
            }
        }
        if let Some(reference) = &source.secret_ref {
            match objects.secrets.get(&reference.name) {
                Some(secret) => {
                    for key in secret_keys(secret) {
                        let value = secret_value(secret, &key).unwrap_or_default();
                        self.set(&format!("{prefix}{key}"), String::from_utf8_lossy(&value));
                    }
                }
                None if reference.optional == Some(true) => {}
                None => return Err(format!("envFrom: there is no Secret {:?}", reference.name)),
            }
        }
        Ok(())
    }

    /// Replaces `$(NAME)` where NAME is known; `$$` is a dollar sign.
    pub fn expand(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('$') {
                out.push('$');
                rest = after;
            } else if let Some((name, after)) =
                rest.strip_prefix('(').and_then(|r| r.split_once(')'))
            {
                match self.get(name) {
                    Some(value) => out.push_str(value),
                    None => out.extend(["$(", name, ")"]),
                }
                rest = after;
            } else {
                out.push('$');
            }
        }
        out.push_str(rest);
        out
    }
}

fn value_from(
    pod: &Pod,
    source: &EnvVarSource,
    objects: &Objects,
) -> Result<Option<String>, String> {
    if let Some(field) = &source.field_ref {
        return field_value(pod, field).map(Some);
    }
    if let Some(reference) = &source.config_map_key_ref {
        let value = objects
            .config_maps
            .get(&reference.name)
            .and_then(|map| map.data.as_ref()?.get(&reference.key));
        return match value {
            Some(value) => Ok(Some(value.clone())),
            None if reference.optional == Some(true) => Ok(None),
            None => Err(format!(
                "there is no key {:?} in a ConfigMap {:?}",
                reference.key, reference.name
            )),
        };
    }
    if let Some(reference) = &source.secret_key_ref {
        let value = objects
            .secrets
            .get(&reference.name)
            .and_then(|secret| secret_value(secret, &reference.key));
        return match value {
            Some(value) => String::from_utf8(value)
                .map(Some)
                .map_err(|_| String::from("the Secret's value is not UTF-8")),
            None if reference.optional == Some(true) => Ok(None),
            None => {
                Err(format!("there is no key {:?} in a Secret {:?}", reference.key, reference.name))
            }
        };
    }
    Err(String::from(
        "valueFrom: only fieldRef, configMapKeyRef and secretKeyRef are supported on one machine",
    ))
}

/// A field of the pod as the downward API shows it.
pub fn field_value(pod: &Pod, field: &ObjectFieldSelector) -> Result<String, String> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let path = field.field_path.as_str();
    let subscript = |maps: &Option<BTreeMap<String, String>>, name: &str| {
        let key = path.strip_prefix(name)?.strip_prefix("['")?.strip_suffix("']")?;
        Some(maps.as_ref().and_then(|map| map.get(key)).cloned().unwrap_or_default())
    };
    if let Some(value) = subscript(&pod.metadata.labels, "metadata.labels") {
        return Ok(value);
    }
    if let Some(value) = subscript(&pod.metadata.annotations, "metadata.annotations") {
        return Ok(value);
    }
    match path {
        "metadata.name" => Ok(text(&pod.metadata.name)),
        "metadata.namespace" => {
            Ok(pod.metadata.namespace.clone().unwrap_or_else(|| String::from("default")))
        }
        "metadata.uid" => Ok(text(&pod.metadata.uid)),
        "metadata.labels" => Ok(lines(&pod.metadata.labels)),
        "metadata.annotations" => Ok(lines(&pod.metadata.annotations)),
        "spec.nodeName" => Ok(String::from(NODE_NAME)),
        "spec.serviceAccountName" => {
            Ok(pod.spec.as_ref().map(|s| text(&s.service_account_name)).unwrap_or_default())
        }
        "status.podIP" | "status.podIPs" | "status.hostIP" | "status.hostIPs" => {
            Ok(String::from(POD_IP))
        }
        _ => Err(format!("fieldRef: there is no field {path:?}")),
    }
}

fn lines(map: &Option<BTreeMap<String, String>>) -> String {
    let line = |(key, value): (&String, &String)| {
        format!("{key}={}", serde_json::Value::from(value.as_str()))
    };
    map.iter().flatten().map(line).collect::<Vec<_>>().join("\n")
}

/// The keys of a Secret, given as `data` or as `stringData`.
pub fn secret_keys(secret: &Secret) -> Vec<String> {
    let data = secret.data.iter().flat_map(BTreeMap::keys);
    let mut keys: Vec<String> =
        data.chain(secret.string_data.iter().flat_map(BTreeMap::keys)).cloned().collect();
    keys.sort();
    keys.dedup();
    keys
}

/// A value of a Secret; `stringData` wins, as on an API server.
pub fn secret_value(secret: &Secret, key: &str) -> Option<Vec<u8>> {
    let text = secret.string_data.as_ref().and_then(|data| data.get(key));
    text.map(|text| text.clone().into_bytes())
        .or_else(|| secret.data.as_ref()?.get(key).map(|bytes| bytes.0.clone()))
}

#[cfg(test)]
mod tests {
    use super::Environment;

    #[test]
    fn expands_as_a_kubelet() {
        let mut env = Environment::default();
        env.set("A", "1");
        env.set("B", "$(A)");
        for (text, expected) in [
            ("$(A)$(B)", "1$(A)"),
            ("$$(A)", "$(A)"),
            ("$(NONE) $A ${A}", "$(NONE) $A ${A}"),
            ("$", "$"),
            ("$(A", "$(A"),
            ("a$$b", "a$b"),
            ("ü$(A)é", "ü1é"),
        ] {
            assert_eq!(env.expand(text), expected, "{text}");
        }
    }
}

use lighter_api::k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use proptest::prelude::*;

use super::*;

/// Words that mean something to the builder, and others that should not.
fn word() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "",
        "main",
        "wait",
        "init",
        "v",
        "w",
        "/",
        "/a",
        "/a/b",
        "a/../..",
        "/x/../y",
        "..",
        "{{pod.name}}",
        "{{=",
        "\0",
        "with-entry:1",
        "var-run-argo",
        "input-artifacts",
        "ARGO_TEMPLATE",
        "{containers: [{name: main, $patch: delete}]}",
        "{volumes: [{name: v, $patch: replace}]}",
        "{containers: [{name: x}]}",
        "{initContainers: null}",
        "[",
        "{a: &x [*x]}",
    ]);
    prop_oneof![4 => known.prop_map(str::to_owned), 1 => any::<String>()]
}

fn mounts() -> impl Strategy<Value = Vec<core::VolumeMount>> {
    let mount = (word(), word()).prop_map(|(name, mount_path)| core::VolumeMount {
        name,
        mount_path,
        ..Default::default()
    });
    prop::collection::vec(mount, 0..3)
}

fn artifacts() -> impl Strategy<Value = Vec<lighter_api::Artifact>> {
    let place = (0..5, word(), word());
    let artifact =
        (word(), word(), any::<bool>(), place).prop_map(|(name, path, optional, (kind, a, b))| {
            let mut artifact = lighter_api::Artifact {
                name,
                path,
                optional: Some(optional),
                ..Default::default()
            };
            match kind {
                0 => artifact.raw = Some(Default::default()),
                1 => artifact.folder = Some(lighter_api::FolderArtifact { path: a, key: b }),
                2 => artifact.volume = Some(lighter_api::VolumeArtifact { claim_name: a, key: b }),
                3 => artifact.collection = Some(Default::default()),
                _ => {}
            }
            artifact
        });
    prop::collection::vec(artifact, 0..3)
}

prop_compose! {
    fn template()(
        kind in 0..4,
        names in prop::collection::vec(word(), 4),
        mounts in mounts(),
        inputs in artifacts(),
        outputs in artifacts(),
        patch in word(),
        deadline in prop::option::of(word()),
    ) -> Template {
        let [name, image, source, sidecar] = names.try_into().unwrap();
        let container = core::Container {
            image: Some(image.clone()),
            volume_mounts: Some(mounts.clone()),
            ..Default::default()
        };
        let mut template = Template {
            name,
            inputs: Some(lighter_api::Inputs { artifacts: inputs, ..Default::default() }),
            outputs: Some(lighter_api::Outputs { artifacts: outputs, ..Default::default() }),
            volumes: yaml("[{name: v, emptyDir: {}}]"),
            sidecars: vec![lighter_api::UserContainer {
                name: sidecar,
                image: Some(image.clone()),
                mirror_volume_mounts: Some(true),
                ..Default::default()
            }],
            pod_spec_patch: patch,
            active_deadline_seconds: deadline.map(IntOrString::String),
            ..Default::default()
        };
        match kind {
            0 => template.container = Some(container),
            1 => template.script = Some(lighter_api::ScriptTemplate {
                source,
                image: Some(image),
                volume_mounts: Some(mounts),
                ..Default::default()
            }),
            2 => template.container_set = Some(lighter_api::ContainerSetTemplate {
                volume_mounts: mounts,
                containers: vec![lighter_api::ContainerNode { name: source, image: Some(image), ..Default::default() }],
                ..Default::default()
            }),
            _ => {}
        }
        template
    }
}

proptest! {
    #[test]
    fn odd_templates_never_panic_and_pods_are_sound(template in template(), patch in word()) {
        let mut case = Case::new("{}");
        case.template = template;
        case.spec.pod_spec_patch = patch;
        if let Ok(built) = case.build() {
            let spec = built.pod.spec.unwrap();
            let volumes: Vec<_> = spec.volumes.iter().flatten().map(|volume| &volume.name).collect();
            for container in spec.init_containers.iter().flatten().chain(&spec.containers) {
                let mut paths = mount_paths(container);
                paths.sort_unstable();
                paths.dedup();
                prop_assert_eq!(paths.len(), container.volume_mounts.iter().flatten().count());
                for mount in container.volume_mounts.iter().flatten() {
                    prop_assert!(volumes.contains(&&mount.name));
                    let executors = ["init", "wait"].contains(&container.name.as_str());
                    prop_assert!(!executors || !mount.mount_path.contains("/.."), "{}", mount.mount_path);
                }
            }
        }
    }
}

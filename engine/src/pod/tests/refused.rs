use super::*;

#[test]
fn each_mistake_is_named() {
    let plain = "container: {image: i, command: [c]}";
    let artifact = |artifact: &str| format!("{{{plain}, inputs: {{artifacts: [{artifact}]}}}}");
    let mounts = |mounts: &str| {
        format!(
            "{{container: {{image: i, command: [c], volumeMounts: [{mounts}]}}, volumes: [{{name: v, emptyDir: {{}}}}]}}"
        )
    };
    let patch = |patch: &str| format!("{{{plain}, podSpecPatch: '{patch}'}}");
    let table = [
        ("{name: t}".to_owned(), "template 't' has no pod"),
        (
            "{name: t, resource: {action: get}}".to_owned(),
            "template 't': `resource` templates are not supported",
        ),
        ("{name: t, containerSet: {}}".to_owned(), "template 't': containerSet has no containers"),
        ("{container: {command: [c]}}".to_owned(), "container 'main': needs `image`"),
        ("{container: {}}".to_owned(), "container 'main': needs `image`"),
        (
            format!("{{{plain}, sidecars: [{{name: wait, image: i}}]}}"),
            "container 'wait': this name is the executor's",
        ),
        (
            format!("{{{plain}, sidecars: [{{name: main, image: i}}]}}"),
            "container 'main': two containers have this name",
        ),
        (format!("{{{plain}, initContainers: [{{image: i}}]}}"), "a container needs `name`"),
        (
            mounts("{name: sea, mountPath: /a}"),
            "container 'main': volumeMounts: volume 'sea' not found in workflow spec",
        ),
        (
            mounts("{name: v, mountPath: /a}, {name: v, mountPath: /a/}"),
            "container 'main': volumeMounts: two mounts at '/a/'",
        ),
        (
            mounts("{name: v, mountPath: /var/run/argo}"),
            "container 'main': volumeMounts: two mounts at '/var/run/argo'",
        ),
        (
            mounts("{name: v, mountPath: 'a:b'}"),
            "container 'main': volumeMounts: mountPath \"a:b\" must be",
        ),
        (
            mounts("{name: var-run-argo, mountPath: /a}"),
            "container 'main': volumeMounts: volume 'var-run-argo' not found",
        ),
        (
            format!("{{{plain}, volumes: [{{name: tmp-dir-argo, emptyDir: {{}}}}]}}"),
            "volumes: 'tmp-dir-argo' is there twice",
        ),
        (artifact("{name: a, path: /a}"), "inputs.artifacts.a: required artifact 'a' not supplied"),
        (
            artifact("{name: a, raw: {data: x}}"),
            "inputs.artifacts.a: Artifact 'a' did not specify a path",
        ),
        (
            artifact("{name: a, path: /s/../b, raw: {data: x}}"),
            "inputs.artifacts.a: Artifact 'a' attempted to use a path containing '..'",
        ),
        (
            artifact("{name: a/b, path: /a, raw: {data: x}}"),
            "inputs.artifacts.a/b: \"a/b\" cannot be an artifact's name",
        ),
        (
            artifact("{name: a, path: /x, raw: {data: x}}, {name: b, path: /x, raw: {data: x}}"),
            "container 'main': volumeMounts: two mounts at '/x'",
        ),
        (
            artifact("{name: a, path: /a, plugin: {name: p, key: k}}"),
            "artifacts of type `plugin` are not supported",
        ),
        (
            artifact("{name: a, path: /a, folder: {path: rel, key: k}}"),
            "folder.path: \"rel\" must be an absolute path",
        ),
        (
            artifact("{name: a, path: /a, folder: {path: /a/../b, key: k}}"),
            "folder.path: \"/a/../b\" must be",
        ),
        (
            artifact("{name: a, path: /a, volume: {claimName: ../up, key: k}}"),
            "volume.claimName: \"../up\" cannot be",
        ),
        (
            format!("{{{plain}, archiveLocation: {{folder: {{path: /x}}}}}}"),
            "archiveLocation.folder: needs both",
        ),
        (patch("{containers: [{image: x}]}"), "podSpecPatch: containers[0]: needs `name`"),
        (patch("{contaners: []}"), "podSpecPatch: unknown field `contaners`"),
        (
            patch("{containers: [{name: main, resources: {limit: {cpu: 1}}}]}"),
            "podSpecPatch: unknown field `containers[0].resources.limit`",
        ),
        (patch("{hostNetwork: maybe}"), "podSpecPatch: "),
        (patch("{a: [}"), "podSpecPatch:"),
        (patch("just words"), "podSpecPatch: must be an object"),
    ];
    for (template, problem) in table {
        let error = Case::new(&template).refusal();
        assert!(error.starts_with(problem), "{template}\n  {error}");
    }
}

#[test]
fn artifacts_need_a_repository_or_a_place_of_their_own() {
    let refusal = |template: &str, spec: &str| {
        let mut case = Case::new(template).spec(spec);
        case.repository = None;
        case.build().err().map(|error| error.to_string()).unwrap_or_default()
    };
    let plain = "container: {image: i, command: [c]}";
    let output =
        |more: &str| format!("{{{plain}, outputs: {{artifacts: [{{name: o, path: /o{more}}}]}}}}");
    assert!(
        refusal(&output(""), "{}").starts_with("outputs.artifacts.o: there is no place to save it")
    );
    assert_eq!(refusal(&output(", optional: true"), "{}"), "");
    assert_eq!(refusal(&output(", folder: {path: /f, key: k}"), "{}"), "");
    let input =
        format!("{{{plain}, inputs: {{artifacts: [{{name: a, path: /a, s3: {{key: k}}}}]}}}}");
    assert!(refusal(&input, "{}").starts_with("inputs.artifacts.a: only a key is known"));
    assert!(
        refusal(&format!("{{{plain}}}"), "{archiveLogs: true}").starts_with("archiveLogs is on")
    );
}

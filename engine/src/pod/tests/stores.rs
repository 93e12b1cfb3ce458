use super::*;

const STORES: &str = "
name: t
inputs:
  artifacts:
  - {name: a, path: /in/a, folder: {path: /srv/other/, key: a}}
  - name: b
    path: /in/b
    collection:
      from: steps.x.outputs.artifacts.z
      count: 2
      parts:
      - {index: 0, item: 0, file: z, location: {volume: {claimName: shared, key: z}}}
      - {index: 1, item: 1, file: z, location: {git: {repo: r, sshPrivateKeySecret: {name: my.key, key: id}}}}
  - {name: c, path: /in/c, http: {url: 'http://h/c', auth: {basicAuth: {usernameSecret: {name: work, key: u}, passwordSecret: {name: work, key: p}}}}}
outputs:
  artifacts: [{name: o, path: /out/o}]
container: {image: i, command: [c], volumeMounts: [{name: work, mountPath: /work}]}
volumes: [{name: work, emptyDir: {}}]
";

#[test]
fn stores_and_credentials_are_mounted_in_both_executor_containers() {
    let spec = Case::new(STORES).pod_spec();
    let expected = [
        "/argo/secret/work",
        "/argo/secret/my.key",
        "/argo/folder/srv/other",
        "/argo/folder/srv/store",
        "/argo/volume/shared",
    ];
    for name in ["init", "wait"] {
        let mounts = mount_paths(container(&spec, name));
        assert_eq!(mounts[..5], expected, "{name}");
    }
    for path in mount_paths(container(&spec, "main")) {
        assert!(!expected.contains(&path), "the user's container sees no store: {path}");
    }
    let volumes = spec.volumes.unwrap();
    let volume = |name: &str| volumes.iter().find(|volume| volume.name == name).unwrap();
    // Two secrets whose names a volume already has, or cannot have.
    assert_eq!(volume("work-2").secret.as_ref().unwrap().secret_name.as_deref(), Some("work"));
    let key = volume("my-key").secret.as_ref().unwrap();
    assert_eq!(key.secret_name.as_deref(), Some("my.key"));
    assert_eq!(key.items.as_ref().unwrap()[0].path, "id");
    let folder = volume("folder-store").host_path.as_ref().unwrap();
    assert_eq!(
        (folder.path.as_str(), folder.type_.as_deref()),
        ("/srv/other", Some("DirectoryOrCreate"))
    );
    let claim = volume("volume-store").persistent_volume_claim.as_ref().unwrap();
    assert_eq!(claim.claim_name, "shared");
}

#[test]
fn only_the_named_keys_of_a_secret_are_shown() {
    let mut case = Case::new(
        "{container: {image: i, command: [c]}, outputs: {artifacts: [{name: o, path: /o}]}}",
    );
    let s3 = "{s3: {endpoint: e, bucket: b, key: k,
        accessKeySecret: {name: cred, key: user}, secretKeySecret: {name: cred, key: pass},
        caSecret: {name: ca, key: crt}, sessionTokenSecret: {name: cred, key: ''},
        encryptionOptions: {serverSideCustomerKeySecret: {name: unused, key: x}}}}";
    case.repository = Some(yaml(s3));
    let secrets: Vec<_> = case
        .pod_spec()
        .volumes
        .unwrap()
        .into_iter()
        .filter_map(|volume| volume.secret)
        .map(|secret| {
            let keys: Vec<_> = secret.items.unwrap().into_iter().map(|item| item.key).collect();
            format!("{}: {}", secret.secret_name.unwrap(), keys.join(","))
        })
        .collect();
    assert_eq!(secrets, ["cred: pass,user", "ca: crt"]);
}

/// The archive location that the executor is told of.
fn location(case: &Case) -> Option<ArtifactLocation> {
    let spec = case.pod_spec();
    let template = variable_of(container(&spec, "init"), "ARGO_TEMPLATE").unwrap().to_owned();
    yaml::<Template>(&template).archive_location
}

#[test]
fn the_archive_location_is_set_only_where_something_needs_it() {
    let plain = "container: {image: i, command: [c]}";
    let with_output = format!("{{{plain}, outputs: {{artifacts: [{{name: o, path: /o}}]}}}}");
    let own = "archiveLocation: {folder: {path: /mine, key: k}}";

    assert_eq!(location(&Case::new(&format!("{{{plain}}}"))), None);
    let repository = location(&Case::new(&with_output)).unwrap();
    assert_eq!(repository.folder.unwrap().key, "harbour/pod");
    assert_eq!(repository.archive_logs, Some(false));

    let case = Case::new(&format!("{{{plain}, {own}}}"));
    assert_eq!(location(&case).unwrap().folder.unwrap().path, "/mine");

    // Logs: the repository's `true` wins, then the template, then the workflow.
    let logs = |repository: bool, template: Option<bool>, workflow: Option<bool>| {
        let mut case = Case::new(&with_output);
        case.repository.as_mut().unwrap().archive_logs = Some(repository);
        case.spec.archive_logs = workflow;
        case.template.archive_location = template.map(|logs| ArtifactLocation {
            archive_logs: Some(logs),
            ..ArtifactLocation::default()
        });
        location(&case).unwrap().archive_logs.unwrap()
    };
    assert!(logs(true, Some(false), Some(false)));
    assert!(logs(false, Some(true), Some(false)));
    assert!(!logs(false, Some(false), Some(true)));
    assert!(logs(false, None, Some(true)));
    assert!(!logs(false, None, None));
}

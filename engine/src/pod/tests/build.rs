use super::*;

/// A container with artifacts from a bucket, in a volume and absent, with a sidecar and an init container.
const LOADER: &str = "
name: load
inputs:
  parameters: [{name: crane, value: big}]
  artifacts:
  - {name: manifest, path: /in/manifest, s3: {endpoint: s3.local, bucket: b, key: m.tgz, accessKeySecret: {name: quay, key: user}, secretKeySecret: {name: quay, key: pass}}}
  - {name: note, path: /data/sub/note, raw: {data: hello}}
  - {name: spare, path: /in/spare, optional: true}
outputs:
  artifacts: [{name: receipt, path: /tmp/receipt}]
  parameters: [{name: weight, valueFrom: {path: /tmp/weight}}]
container:
  image: with-entry:1
  env: [{name: BERTH, value: '7'}]
  volumeMounts: [{name: work, mountPath: /data, readOnly: true}]
initContainers:
- {name: sweep, image: broom:1, command: [sweep]}
sidecars:
- {name: gull, image: bird:1, command: [sh, -c], args: ['sleep 9'], mirrorVolumeMounts: true}
";

#[test]
fn a_container() {
    let case = Case::new(LOADER).spec(
        "
volumes: [{name: work, emptyDir: {}}, {name: unused, emptyDir: {}}]
archiveLogs: true
serviceAccountName: docker
podGC: {strategy: OnPodCompletion}
",
    );
    let built = case.build().unwrap();
    assert_eq!(built.config_map, None);
    insta::assert_yaml_snapshot!(built.pod);
}

#[test]
fn a_script_with_a_collection_and_a_patch() {
    let mut case = Case::new("
name: merge
inputs:
  artifacts:
  - name: parts
    path: /in/parts.json
    collect: {as: json}
    collection:
      from: steps.map.outputs.artifacts.part
      count: 2
      parts:
      - {index: 0, item: a, file: part.json, key: harbour/map-1/part.tgz}
      - {index: 1, item: {k: 1e3}, file: part.json, location: {volume: {claimName: shared, key: part.tgz}}}
script:
  image: python:3
  command: [python]
  source: print(1)
podSpecPatch: |
  terminationGracePeriodSeconds: 7
  containers:
  - name: main
    resources: {limits: {memory: 1Gi, cpu: 2}}
")
    .spec("{podSpecPatch: '{\"terminationGracePeriodSeconds\": 3, \"hostIPC\": true}'}");
    case.config.instance_id = "north".to_owned();
    let mut request = case.request();
    request.include_result = true;
    request.on_exit = true;
    request.deadline = Some("2030-01-02T03:04:05.678Z".parse().unwrap());
    request.active_deadline_seconds = Some(60);
    let built = build_pod(&request, &case.config).unwrap();
    assert_eq!(built.config_map, None);
    insta::assert_yaml_snapshot!(built.pod);
}

#[test]
fn the_same_request_gives_the_same_pod() {
    let case = Case::new(LOADER).spec("{volumes: [{name: work, emptyDir: {}}]}");
    assert_eq!(case.build(), case.build());
}

#[test]
fn a_container_set() {
    let spec = Case::new(
        "
name: crew
inputs: {artifacts: [{name: plan, path: /in/plan, raw: {data: x}}]}
containerSet:
  volumeMounts: [{name: deck, mountPath: /deck}]
  containers:
  - {name: mate, image: m:1, command: [mate]}
  - {name: main, image: m:1, command: [main], dependencies: [mate]}
volumes: [{name: deck, emptyDir: {}}]
",
    )
    .pod_spec();
    let order: Vec<_> = spec.containers.iter().map(|container| container.name.as_str()).collect();
    assert_eq!(order, ["wait", "mate", "main"]);
    assert_eq!(mount_paths(container(&spec, "mate")), ["/deck", "/var/run/argo"]);
    assert_eq!(mount_paths(container(&spec, "main")), ["/deck", "/in/plan", "/var/run/argo"]);
    assert_eq!(
        mount_paths(container(&spec, "wait")),
        ["/mainctrfs/deck", "/mainctrfs/in/plan", "/tmp", "/var/run/argo"]
    );
}

#[test]
fn the_nearest_word_counts() {
    let settings = |n: u8| {
        format!(
            "nodeSelector: {{from: '{n}'}}
tolerations: [{{key: k{n}}}]
affinity: {{nodeAffinity: {{preferredDuringSchedulingIgnoredDuringExecution: [{{weight: {n}, preference: {{}}}}]}}}}
schedulerName: s{n}
serviceAccountName: a{n}
securityContext: {{runAsUser: {n}}}
hostAliases: [{{ip: 10.0.0.{n}}}]
"
        )
    };
    let plain = "{name: t, container: {image: i, command: [c]}}";
    let mut case = Case::new(plain).spec(&format!("{}hostNetwork: true\ndnsPolicy: Default\nimagePullSecrets: [{{name: p}}]\npodPriorityClassName: high", settings(1)));
    let spec = case.pod_spec();
    assert_eq!(spec.node_selector.as_ref().unwrap()["from"], "1");
    assert_eq!(spec.host_network, Some(true));
    assert_eq!(spec.dns_policy.as_deref(), Some("Default"));
    assert_eq!(spec.image_pull_secrets.unwrap()[0].name, "p");
    assert_eq!(spec.priority_class_name.as_deref(), Some("high"));

    case.boundary = Some(yaml(&settings(2)));
    let spec = case.pod_spec();
    assert_eq!(spec.node_selector.as_ref().unwrap()["from"], "2");
    assert_eq!(spec.tolerations.as_ref().unwrap()[0].key.as_deref(), Some("k2"));
    let preferred = |spec: &core::PodSpec| {
        let affinity = spec.affinity.clone().unwrap().node_affinity.unwrap();
        affinity.preferred_during_scheduling_ignored_during_execution.unwrap()[0].weight
    };
    assert_eq!(preferred(&spec), 2);
    assert_eq!(spec.scheduler_name.as_deref(), Some("s1"), "the boundary has no say in this");
    assert_eq!(spec.service_account_name.as_deref(), Some("a1"));

    case.template = yaml(&format!("{}container: {{image: i, command: [c]}}", settings(3)));
    let spec = case.pod_spec();
    assert_eq!(spec.node_selector.as_ref().unwrap()["from"], "3");
    assert_eq!(preferred(&spec), 3);
    assert_eq!(spec.scheduler_name.as_deref(), Some("s3"));
    assert_eq!(spec.service_account_name.as_deref(), Some("a3"));
    assert_eq!(spec.security_context.unwrap().run_as_user, Some(3));
    let aliases: Vec<_> = spec.host_aliases.unwrap().into_iter().map(|alias| alias.ip).collect();
    assert_eq!(aliases, ["10.0.0.1", "10.0.0.3"]);
}

#[test]
fn metadata_of_the_template_wins() {
    let pod = Case::new("{metadata: {labels: {a: t}, annotations: {x: t}}, container: {image: i, command: [c]}}")
        .spec("{podMetadata: {labels: {a: w, b: w}, annotations: {x: w, why: 'of {{pod.name}}, {{other}}'}}}")
        .pod();
    let labels = pod.metadata.labels.unwrap();
    let annotations = pod.metadata.annotations.unwrap();
    assert_eq!((labels["a"].as_str(), labels["b"].as_str()), ("t", "w"));
    assert_eq!(annotations["x"], "t");
    assert_eq!(annotations["why"], "of harbour-load-4014604545, {{other}}");
}

#[test]
fn main_container_defaults_go_under_main() {
    let mut case = Case::new(
        "{container: {image: i, command: [c], env: [{name: A, value: mine}]}, sidecars: [{name: s, image: i, command: [c]}]}",
    );
    case.config.main_container = Some(yaml(
        "{name: x, image: other, imagePullPolicy: Always, env: [{name: A, value: theirs}, {name: B, value: theirs}]}",
    ));
    let spec = case.pod_spec();
    let main = container(&spec, "main");
    assert_eq!(main.image.as_deref(), Some("i"));
    assert_eq!(main.image_pull_policy.as_deref(), Some("Always"));
    assert_eq!((variable_of(main, "A"), variable_of(main, "B")), (Some("mine"), Some("theirs")));
    assert_eq!(container(&spec, "s").image_pull_policy, None);
}

#[test]
fn commands_of_images() {
    let built = |container: &str| Case::new(&format!("container: {container}")).pod_spec();
    let run = |container: &str| {
        let spec = built(container);
        let main = spec.containers[1].clone();
        (main.command.unwrap().split_off(9), main.args)
    };
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        run("{image: with-entry:1}"),
        (words(&["/entry"]), Some(words(&["serve", "--all"])))
    );
    assert_eq!(run("{image: with-entry:1, args: [a]}"), (words(&["/entry"]), Some(words(&["a"]))));
    assert_eq!(run("{image: with-entry:1, args: []}"), (words(&["/entry"]), Some(vec![])));
    assert_eq!(run("{image: with-entry:1, command: [c]}"), (words(&["c"]), None));

    let mut case = Case::new("container: {image: bare:1, args: [ls]}");
    let needed = PodError::NeedsImage { container: "main".to_owned(), image: "bare:1".to_owned() };
    assert_eq!(case.build(), Err(needed));
    case.config.images.insert("bare:1".to_owned(), ImageCommand::default());
    let main = case.pod_spec().containers.remove(1);
    assert_eq!(main.command.unwrap().last().unwrap(), "--", "the first argument is the program");
    case.template = yaml("container: {image: bare:1}");
    assert!(case.refusal().contains("nothing to run"), "{}", case.refusal());
}

#[test]
fn deadlines() {
    let seconds = |template: &str, outside: Option<i64>| {
        let case = Case::new(template);
        let request = PodRequest { active_deadline_seconds: outside, ..case.request() };
        build_pod(&request, &case.config)
            .map(|built| built.pod.spec.unwrap().active_deadline_seconds)
    };
    let plain = "{container: {image: i, command: [c]}";
    assert_eq!(seconds(&format!("{plain}}}"), None), Ok(None));
    assert_eq!(seconds(&format!("{plain}}}"), Some(9)), Ok(Some(9)));
    assert_eq!(seconds(&format!("{plain}, activeDeadlineSeconds: 5}}"), Some(9)), Ok(Some(5)));
    assert_eq!(seconds(&format!("{plain}, activeDeadlineSeconds: '12'}}"), Some(9)), Ok(Some(9)));
    let paused = "{container: {image: i, command: [c], env: [{name: ARGO_DEBUG_PAUSE_AFTER, value: 'true'}]}}";
    assert_eq!(seconds(paused, Some(9)), Ok(None));
    let over = PodError::Deadline { node: "harbour[0].load".to_owned() };
    assert_eq!(seconds(&format!("{plain}}}"), Some(0)), Err(over));
    for bad in ["0", "-1", "soon"] {
        let error =
            seconds(&format!("{plain}, activeDeadlineSeconds: '{bad}'}}"), None).unwrap_err();
        assert!(error.to_string().starts_with("activeDeadlineSeconds: "), "{error}");
    }
}

#[test]
fn a_retry_keeps_away_from_failed_hosts() {
    let mut case = Case::new(
        "
container: {image: i, command: [c]}
affinity:
  nodeAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      nodeSelectorTerms:
      - {matchExpressions: [{key: disk, operator: Exists}]}
      - {matchExpressions: [{key: gpu, operator: Exists}]}
",
    );
    let hosts = ["ship-1".to_owned(), "ship-2".to_owned()];
    let affinity = |case: &Case| {
        let request = PodRequest { failed_hosts: &hosts, ..case.request() };
        build_pod(&request, &case.config).unwrap().pod.spec.unwrap().affinity
    };
    insta::assert_yaml_snapshot!(affinity(&case));
    case.template.affinity = None;
    insta::assert_yaml_snapshot!(affinity(&case));
}

#[test]
fn large_templates_and_arguments_move_out() {
    let mut case = Case::new(
        "
name: bulk
initContainers: [{name: sweep, image: broom:1, command: [sweep]}]
container: {image: i, command: [c]}
",
    );
    case.template.container.as_mut().unwrap().args = Some(vec!["x".repeat(131_080)]);
    let built = case.build().unwrap();
    let map = built.config_map.unwrap();
    assert_eq!(map.metadata.name.as_deref(), Some("harbour-load-4014604545"));
    assert_eq!(map.metadata.owner_references.as_ref().unwrap()[0].name, "harbour");
    let data = map.data.unwrap();
    let template: Template = serde_json::from_str(&data["ARGO_TEMPLATE"]).unwrap();
    assert_eq!(template.name, "bulk");
    let args: Vec<String> = serde_json::from_str(&data["ARGO_CONTAINER_ARGS_FILE"]).unwrap();
    assert_eq!(args[0].len(), 131_080);

    let spec = built.pod.spec.unwrap();
    for name in ["init", "sweep"] {
        assert_eq!(variable_of(container(&spec, name), "ARGO_TEMPLATE"), Some("offloaded"));
        assert!(mount_paths(container(&spec, name)).contains(&"/argo/config"));
    }
    let main = container(&spec, "main");
    assert_eq!(main.args, None);
    let file = variable_of(main, "ARGO_CONTAINER_ARGS_FILE");
    assert_eq!(file, Some("/argo/config/ARGO_CONTAINER_ARGS_FILE"));
    assert!(mount_paths(main).contains(&"/argo/config"));
    assert!(!mount_paths(container(&spec, "wait")).contains(&"/argo/config"));
}

#[test]
fn claims_of_the_workflow() {
    let mut case = Case::new(
        "{container: {image: i, command: [c], volumeMounts: [{name: hold, mountPath: /hold}]}}",
    )
    .spec(
        "{volumeClaimTemplates: [{metadata: {name: hold}, spec: {accessModes: [ReadWriteOnce]}}]}",
    );
    let claim = |case: &Case| {
        let volumes = case.pod_spec().volumes.unwrap();
        let hold = volumes.into_iter().find(|volume| volume.name == "hold").unwrap();
        hold.persistent_volume_claim.unwrap().claim_name
    };
    assert_eq!(claim(&case), "harbour-hold");
    case.workflow.status = Some(yaml(
        "{persistentVolumeClaims: [{name: hold, persistentVolumeClaim: {claimName: made-before}}]}",
    ));
    assert_eq!(claim(&case), "made-before");
}

#[test]
fn a_patch_may_touch_the_executor() {
    let spec = Case::new("{container: {image: i, command: [c]}}")
        .spec("{podSpecPatch: \"{initContainers: [{name: init, resources: {limits: {cpu: 1}}}], containers: [{name: extra, image: i, command: [x]}, {name: wait, env: [{name: ME, value: '{{pod.name}}'}]}]}\"}")
        .pod_spec();
    let init = container(&spec, "init");
    assert_eq!(init.resources.as_ref().unwrap().limits.as_ref().unwrap()["cpu"].0, "1");
    assert_eq!(variable_of(container(&spec, "wait"), "ME"), Some("harbour-load-4014604545"));
    let extra = container(&spec, "extra").command.clone().unwrap();
    assert_eq!((extra[0].as_str(), extra[1].as_str()), ("/var/run/argo/argoexec", "emissary"));
}

#[test]
fn the_executors_own_account() {
    let mut case = Case::new(
        "{container: {image: i, command: [c]}, executor: {serviceAccountName: clerk}, automountServiceAccountToken: false}",
    );
    assert_eq!(mount_paths(container(&case.pod_spec(), "wait"))[0], "/tmp", "no accounts here");
    case.config.service_account_tokens = Some(BTreeMap::new());
    assert!(case.refusal().contains("no token secret is known for 'clerk'"), "{}", case.refusal());
    let tokens = BTreeMap::from([("clerk".to_owned(), "clerk-token".to_owned())]);
    case.config.service_account_tokens = Some(tokens);
    let spec = case.pod_spec();
    let token = "/var/run/secrets/kubernetes.io/serviceaccount";
    assert_eq!(mount_paths(container(&spec, "init"))[0], token);
    assert_eq!(mount_paths(container(&spec, "wait"))[0], token);
    assert_eq!(spec.automount_service_account_token, Some(false));
    case.template.executor = None;
    assert!(case.refusal().starts_with("executor.serviceAccountName must not be empty"));
}

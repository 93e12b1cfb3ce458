//! One pod at a time: what its containers see, and how they end.

use std::fs;
use std::path::Path;

use lighter_api::k8s_openapi::api::core::v1::{ConfigMap, Secret};
use lighter_local::{HostError, ImagePolicy};
use serde_json::{Value, json};

use crate::bench::{Bench, EXECUTOR, Run, assert_no_mounts, end, phase, pod, script};

pub fn hello(bench: &Bench) {
    let mut run = bench.host();
    let ended = run.finish(script(
        "hello",
        "echo hello; echo oops >&2; hostname; pwd",
        json!({"workingDir": "/some/where"}),
    ));
    assert_eq!(phase(&ended), "Succeeded", "{:?}", ended.status);
    assert_eq!(run.log("hello", "main"), "hello\noops\nhello\n/some/where\n");
    let main = end(&ended, "main");
    assert_eq!(
        (main.exit_code, main.reason.as_deref(), main.message),
        (0, Some("Completed"), None)
    );
    assert!(main.started_at <= main.finished_at);
    run.host.shutdown();
    assert_no_mounts(&bench.state());
    let left: Vec<_> = fs::read_dir(bench.state().join("pods/hello"))
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(left.len(), 2, "only logs and the outcome stay: {left:?}");
}

pub fn exit_codes(bench: &Bench) {
    let mut run = bench.host();
    let spec = json!({
        "initContainers": [{"name": "first", "image": "any", "command": ["true"]}],
        "containers": [
            {"name": "main", "image": "any", "command": ["sh", "-c", "exit 3"]},
            {"name": "other", "image": "any", "command": ["true"]},
        ],
    });
    let ended = run.finish(pod("codes", spec));
    assert_eq!(phase(&ended), "Failed");
    let main = end(&ended, "main");
    assert_eq!((main.exit_code, main.reason.as_deref(), main.message), (3, Some("Error"), None));
    assert_eq!((end(&ended, "first").exit_code, end(&ended, "other").exit_code), (0, 0));

    let spec = json!({
        "initContainers": [{"name": "first", "image": "any", "command": ["false"]}],
        "containers": [{"name": "main", "image": "any", "command": ["true"]}],
    });
    let ended = run.finish(pod("init-fails", spec));
    assert_eq!(phase(&ended), "Failed");
    let status = ended.status.unwrap();
    let waiting = status.container_statuses.unwrap().remove(0).state.unwrap().waiting.unwrap();
    assert_eq!(waiting.reason.as_deref(), Some("PodInitializing"));
}

pub fn start_errors(bench: &Bench) {
    let mut run = bench.host();
    let cases = [
        (json!(["no-such-program"]), "executable file not found in $PATH"),
        (json!(["/etc/passwd"]), "ermission denied"),
        (json!(["/no/such"]), "no such file"),
        (json!([""]), "empty string"),
    ];
    for (number, (command, expected)) in cases.into_iter().enumerate() {
        let name = format!("bad-{number}");
        let spec = json!({"containers": [{"name": "main", "image": "any", "command": command}]});
        let main = end(&run.finish(pod(&name, spec)), "main");
        assert_eq!((main.exit_code, main.reason.as_deref()), (128, Some("StartError")));
        assert!(
            main.message.as_deref().unwrap_or_default().contains(expected),
            "{:?}",
            main.message
        );
    }
    let ended =
        run.finish(pod("no-command", json!({"containers": [{"name": "main", "image": "any"}]})));
    let message = ended.status.unwrap().message.unwrap();
    assert!(message.contains("give `command`"), "{message}");
}

pub fn environment(bench: &Bench) {
    let mut run = bench.host();
    let map: ConfigMap =
        serde_json::from_value(json!({"metadata": {"name": "map"}, "data": {"a": "1", "b": "2"}}))
            .unwrap();
    let secret: Secret =
        serde_json::from_value(json!({"metadata": {"name": "safe"}, "data": {"key": "aHVzaA=="}}))
            .unwrap();
    run.host.create_config_map(map);
    run.host.create_secret(secret);
    let env = json!([
        {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "WF", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['workflows.argoproj.io/workflow']"}}},
        {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "safe", "key": "key"}}},
        {"name": "NONE", "valueFrom": {"configMapKeyRef": {"name": "map", "key": "zz", "optional": true}}},
        {"name": "BOTH", "value": "$(M_a)-$(KEY)-$$(KEY)-$(NONE)"},
    ]);
    let source = r#"echo "$NAME $WF $KEY $M_a $M_b $BOTH ${NONE-unset} $0""#;
    let container = json!({
        "env": env,
        "envFrom": [{"prefix": "M_", "configMapRef": {"name": "map"}}, {"secretRef": {"name": "no", "optional": true}}],
        "args": ["$(NAME)!"],
    });
    let output = run.output(script("env", source, container));
    assert_eq!(output, "env wf hush 1 2 1-hush-$(KEY)-$(NONE) unset env!\n");

    let missing =
        json!({"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "no", "key": "k"}}}]});
    let ended = run.finish(script("env-missing", "true", missing));
    assert_eq!(phase(&ended), "Failed");
    let message = ended.status.unwrap().message.unwrap();
    assert!(message.contains("no key \"k\" in a Secret \"no\""), "{message}");
}

pub fn users(bench: &Bench) {
    let mut run = bench.host();
    assert_eq!(run.output(script("root", "id -u; id -g", json!({}))), "0\n0\n");
    let context = json!({"securityContext": {"runAsUser": 1234, "runAsGroup": 5678}});
    assert_eq!(
        run.output(script("user", "id -u; id -g; touch /tmp/x && stat -c %u /tmp/x", context)),
        "1234\n5678\n1234\n"
    );
    let ended =
        run.finish(script("non-root", "true", json!({"securityContext": {"runAsNonRoot": true}})));
    assert!(ended.status.unwrap().message.unwrap().contains("runAsNonRoot"));
    let dropped = json!({"securityContext": {"capabilities": {"drop": ["ALL"]}, "allowPrivilegeEscalation": false}});
    let output =
        run.output(script("dropped", "grep -E 'CapEff|NoNewPrivs' /proc/self/status", dropped));
    assert_eq!(output, "CapEff:\t0000000000000000\nNoNewPrivs:\t1\n");
}

pub fn isolation(bench: &Bench) {
    let mut run = bench.host();
    let state = bench.state();
    let source = format!(
        "echo pid $$$$; ls -d /proc/[0-9]* | wc -l; ls -A /tmp | wc -l; ls -A {} 2>/dev/null | wc -l; \
         echo $(ls /dev | sort); echo x >/dev/null; head -c1 /dev/zero | wc -c; test -t 0 || echo no tty; \
         mount -t tmpfs none /mnt 2>/dev/null || echo no mounts; test -w /sys/kernel || echo sys is read-only; echo $LIGHTER_TEST",
        state.display()
    );
    let output = run.output(script("alone", &source, json!({})));
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines[0], "pid 1");
    assert!(lines[1].parse::<u32>().unwrap() <= 4, "{output}");
    let visible = if state.starts_with("/tmp") { "0" } else { lines[3] };
    assert_eq!((lines[2], lines[3]), ("0", visible), "{output}");
    assert_eq!(
        &lines[4..],
        [
            "core fd full null ptmx pts random shm stderr stdin stdout termination-log tty urandom zero"
                .trim_start_matches("core "),
            "1",
            "no tty",
            "no mounts",
            "sys is read-only",
            ""
        ]
    );
}

pub fn writes_stay_inside(bench: &Bench) {
    let mut run = bench.host();
    let marker = format!("lighter-test-{}", std::process::id());
    let places = ["/", "/tmp/", "/run/", "/etc/", "/usr/", "/var/", "/root/", "/opt/", "/home/"];
    let source = format!(
        "for p in {}; do touch ${{p}}{marker} 2>/dev/null && echo $p; done; ls /{marker}",
        places.join(" ")
    );
    let output = run.output(script("writes", &source, json!({})));
    assert!(output.starts_with("/\n/tmp/\n/run/\n"), "{output}");
    if rustix::process::geteuid().is_root() {
        assert_eq!(output.lines().count(), places.len() + 1, "{output}");
    }
    for place in places {
        assert!(!Path::new(place).join(&marker).exists(), "{place}");
    }
    assert_eq!(
        run.output(script(
            "again",
            &format!("ls -d /{marker} /etc/{marker} 2>/dev/null; true"),
            json!({})
        )),
        ""
    );
}

pub fn read_only_root(bench: &Bench) {
    let mut run = bench.host();
    let mut read_only = script(
        "read-only",
        "touch /x 2>/dev/null || echo refused; echo ok > /data/x && cat /data/x",
        json!({
            "securityContext": {"readOnlyRootFilesystem": true},
            "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        }),
    );
    read_only.spec.as_mut().unwrap().volumes =
        serde_json::from_value(json!([{"name": "data", "emptyDir": {}}])).unwrap();
    assert_eq!(run.output(read_only), "refused\nok\n");
}

pub fn termination_messages(bench: &Bench) {
    let mut run = bench.host();
    let ended =
        run.finish(script("words", "printf 'it broke' > /dev/termination-log; exit 1", json!({})));
    assert_eq!(end(&ended, "main").message.as_deref(), Some("it broke"));
    let long = "head -c 9000 /dev/zero | tr '\\0' a > /dev/termination-log";
    assert_eq!(
        end(&run.finish(script("long", long, json!({}))), "main").message.unwrap().len(),
        4096
    );
    let policy = json!({"terminationMessagePolicy": "FallbackToLogsOnError"});
    let ended = run.finish(script("logged", "echo last words; exit 1", policy));
    assert_eq!(end(&ended, "main").message.as_deref(), Some("last words\n"));
}

/// What this program does as `argoexec` in a container.
pub fn argoexec() {
    let role = std::env::args().nth(1).unwrap_or_default();
    if role == "init" {
        assert!(std::env::var_os("LIGHTER_TASK_RESULT").is_none());
        assert!(fs::metadata("/var/run/argo/argoexec").unwrap().len() > 1000);
        fs::write("/var/run/argo/template", "{}").unwrap();
        return;
    }
    let result = json!({"metadata": {"name": "node-1"}, "outputs": {"result": fs::read_to_string("/var/run/argo/template").unwrap()}});
    fs::write(std::env::var_os("LIGHTER_TASK_RESULT").unwrap(), result.to_string()).unwrap();
    assert!(!Path::new("/root").exists());
    println!("saved");
}

pub fn executor_containers(bench: &Bench) {
    let mut run = bench.host();
    // This program is not static: its libraries come from the machine.
    let libraries = ["/usr", "/lib", "/lib64"];
    let mut volumes = vec![json!({"name": "argo", "emptyDir": {}})];
    let mut mounts = vec![json!({"name": "argo", "mountPath": "/var/run/argo"})];
    for (number, path) in libraries.iter().enumerate().filter(|(_, path)| Path::new(path).exists())
    {
        volumes.push(json!({"name": format!("lib{number}"), "hostPath": {"path": path}}));
        mounts.push(json!({"name": format!("lib{number}"), "mountPath": path, "readOnly": true}));
    }
    let spec = json!({
        "volumes": volumes,
        "initContainers": [{"name": "init", "image": EXECUTOR, "command": ["argoexec", "init"], "volumeMounts": mounts}],
        "containers": [
            {"name": "wait", "image": EXECUTOR, "command": ["argoexec", "wait"], "volumeMounts": mounts},
            {"name": "main", "image": "any", "command": ["sh", "-c", "test -x /var/run/argo/argoexec && ls /var/run/argo"],
             "volumeMounts": [mounts[0]]},
        ],
    });
    let output = run.output(pod("executor", spec));
    assert_eq!(output, "argoexec\ntemplate\n");
    assert_eq!(run.task_results, 1, "the result comes before the pod's end");
    assert_eq!(run.log("executor", "wait"), "saved\n");
}

pub fn limits(bench: &Bench) {
    let mut run = bench.host();
    let limited = json!({"resources": {"limits": {"memory": "32Mi", "cpu": "500m"}}});
    let ended = run.finish(script("small", "true", limited.clone()));
    assert_eq!(phase(&ended), "Succeeded", "{:?}", ended.status);
    if !run.notices.is_empty() {
        assert!(
            run.notices[0].contains("limits of containers are not enforced"),
            "{:?}",
            run.notices
        );
        return;
    }
    let ended = run.finish(script("greedy", "tail /dev/zero; exit 137", limited));
    assert_eq!(end(&ended, "main").reason.as_deref(), Some("OOMKilled"));
}

pub fn refused_fields(bench: &Bench) {
    let run = bench.host();
    let main = |more: Value| {
        let mut container = json!({"name": "main", "image": "any", "command": ["true"]});
        container.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"containers": [container]})
    };
    let cases = [
        (
            "spec.restartPolicy",
            json!({"restartPolicy": "Always", "containers": [{"name": "main"}]}),
        ),
        ("spec.hostPID", json!({"hostPID": true, "containers": [{"name": "main"}]})),
        ("spec.containers is empty", json!({"containers": []})),
        ("spec.containers[0].livenessProbe", main(json!({"livenessProbe": {}}))),
        ("spec.containers[0].lifecycle", main(json!({"lifecycle": {}}))),
        ("nvidia.com/gpu", main(json!({"resources": {"limits": {"nvidia.com/gpu": "1"}}}))),
        ("root folder", main(json!({"volumeMounts": [{"name": "v", "mountPath": "/"}]}))),
        ("'..'", main(json!({"volumeMounts": [{"name": "v", "mountPath": "/a/../.."}]}))),
        ("DNS label", json!({"containers": [{"name": "../../x"}]})),
        ("used twice", json!({"containers": [{"name": "a"}, {"name": "a"}]})),
    ];
    for (expected, spec) in cases {
        match run.host.create_pod(pod("refused", spec)) {
            Err(HostError::Invalid(text)) => assert!(text.contains(expected), "{text}"),
            other => panic!("{expected}: {other:?}"),
        }
    }
    assert!(run.host.create_pod(pod("../up", json!({"containers": [{"name": "a"}]}))).is_err());
    assert!(run.host.delete_pod("../..").is_err());
    assert!(run.host.delete_claim("..", "x").is_err());
}

pub fn live_logs(bench: &Bench) {
    let config =
        lighter_local::PodHostConfig { live_logs: true, ..bench.config(ImagePolicy::Host) };
    let mut run = Run::new(config);
    let output = run.output(script("talk", "echo one; printf 'two\\nthree'", json!({})));
    assert_eq!(output, "one\ntwo\nthree");
    assert_eq!(run.log_lines, ["talk/main: one", "talk/main: two", "talk/main: three"]);
}

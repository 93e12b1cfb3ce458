use lighter_api::read_value;
use serde_json::Value;

use super::merge;

fn merged(base: &str, patch: &str) -> Result<Value, String> {
    let mut value = read_value("base", base).unwrap();
    merge(&mut value, read_value("patch", patch).unwrap())?;
    Ok(value)
}

#[test]
fn merges_as_kubernetes_does() {
    let table = [
        // Maps merge, scalars are replaced, null deletes, also what was never there.
        ("{a: {b: 1, c: 2}}", "{a: {b: 3}}", "{a: {b: 3, c: 2}}"),
        ("{a: 1, b: 2}", "{a: null, x: null}", "{b: 2}"),
        ("{}", "{a: {b: null, c: 1}}", "{a: {c: 1}}"),
        ("{a: 1}", "{a: {b: 1}}", "{a: {b: 1}}"),
        // Lists without a key are replaced as a whole.
        (
            "{tolerations: [{key: a}], args: [x, y]}",
            "{tolerations: [{key: b}], args: [z]}",
            "{tolerations: [{key: b}], args: [z]}",
        ),
        // Lists with one merge: changed in place, untouched ones keep their order.
        (
            "{containers: [{name: wait, image: e}, {name: main, image: i, env: [{name: A, value: '1'}]}]}",
            "{containers: [{name: main, env: [{name: A, value: '2'}]}]}",
            "{containers: [{name: wait, image: e}, {name: main, image: i, env: [{name: A, value: '2'}]}]}",
        ),
        // New elements come before those that the patch does not name.
        ("{volumes: [{name: a}]}", "{volumes: [{name: b}]}", "{volumes: [{name: b}, {name: a}]}"),
        // The patch's own order holds for what it names.
        (
            "{containers: [{name: a}, {name: b}, {name: c}]}",
            "{containers: [{name: c, tty: true}, {name: a, tty: true}]}",
            "{containers: [{name: b}, {name: c, tty: true}, {name: a, tty: true}]}",
        ),
        (
            "{initContainers: [{name: a, volumeMounts: [{mountPath: /x, name: v}]}]}",
            "{initContainers: [{name: a, volumeMounts: [{mountPath: /x, readOnly: true}, {mountPath: /y, name: w}]}]}",
            "{initContainers: [{name: a, volumeMounts: [{mountPath: /x, name: v, readOnly: true}, {mountPath: /y, name: w}]}]}",
        ),
        (
            "{containers: [{name: a, ports: [{containerPort: 80, name: x}]}]}",
            "{containers: [{name: a, ports: [{containerPort: 80, hostPort: 8080}, {containerPort: 81}]}]}",
            "{containers: [{name: a, ports: [{containerPort: 80, hostPort: 8080, name: x}, {containerPort: 81}]}]}",
        ),
        (
            "{hostAliases: [{ip: 1.1.1.1, hostnames: [a]}]}",
            "{hostAliases: [{ip: 1.1.1.1, hostnames: [b]}]}",
            "{hostAliases: [{ip: 1.1.1.1, hostnames: [b]}]}",
        ),
        // Directives.
        (
            "{containers: [{name: a}, {name: b}]}",
            "{containers: [{name: a, $patch: delete}, {name: x, $patch: delete}]}",
            "{containers: [{name: b}]}",
        ),
        (
            "{volumes: [{name: a}, {name: b}]}",
            "{volumes: [{$patch: replace}, {name: c}, {name: d, $patch: delete}]}",
            "{volumes: [{name: c}]}",
        ),
        ("{a: {b: 1}}", "{a: {$patch: replace, c: 2}}", "{a: {c: 2}}"),
        ("{a: {b: 1}}", "{a: {$patch: delete}}", "{a: {}}"),
        (
            "{volumes: [{name: a, emptyDir: {}}]}",
            "{volumes: [{name: a, $retainKeys: [name, hostPath], hostPath: {path: /x}}]}",
            "{volumes: [{name: a, hostPath: {path: /x}}]}",
        ),
        // Directives leave no trace where there was nothing to change.
        ("{}", "{a: {$patch: delete}, b: {$patch: replace, c: 1}}", "{b: {c: 1}}"),
        ("{}", "{containers: [{name: a, $patch: delete}, {name: b}]}", "{containers: [{name: b}]}"),
    ];
    for (base, patch, expected) in table {
        let expected = read_value("expected", expected).unwrap();
        assert_eq!(merged(base, patch), Ok(expected), "{base} with {patch}");
    }
}

#[test]
fn refuses_what_it_cannot_follow() {
    for (patch, problem) in [
        ("{containers: [{image: x}]}", "containers[0]: needs `name`"),
        ("{containers: [1]}", "containers[0]: must be an object"),
        ("{containers: [{name: a, env: [{value: x}]}]}", "containers[0].env[0]: needs `name`"),
        ("{a: {$patch: remove}}", "a.$patch: \"remove\" is neither"),
        (
            "{$setElementOrder/containers: [{name: a}]}",
            "$setElementOrder/containers: this directive",
        ),
        (
            "{containers: [{$patch: replace, name: a}]}",
            "containers[0]: `$patch: replace` stands alone",
        ),
        ("{a: {$retainKeys: b}}", "a.$retainKeys: must be a list"),
        ("[1]", "must be an object"),
    ] {
        let error = merged("{containers: [{name: a}], a: {}}", patch).unwrap_err();
        assert!(error.starts_with(problem), "{patch}: {error}");
    }
}

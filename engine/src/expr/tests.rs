//! Tables made by running Go's own libraries: expr 1.17.8, sprig 3.3.0, govaluate and jsonpath.

mod limits;

use serde::Deserialize;
use serde_json::json;

use super::*;

/// What Go answered: a text, or an error.
#[derive(Deserialize)]
struct Row {
    #[serde(rename = "in")]
    input: String,
    out: Option<String>,
}

fn rows(table: &str) -> Vec<Row> {
    serde_json::from_str(table).expect("a table")
}

fn now() -> jiff::Timestamp {
    "2024-03-04T05:06:07Z".parse().expect("a time")
}

/// The scope that the tables were made with.
fn scope() -> Scope {
    let mut scope = Scope::new();
    scope.extend([
        ("inputs.parameters.x", "3"),
        ("inputs.parameters.my-p", "he\"llo\n"),
        ("inputs.parameters.list", r#"["a","b"]"#),
        ("inputs.parameters.empty", ""),
        ("inputs.parameters", "[]"),
        ("item", "5"),
        (
            "j",
            r#"{"a":[1,2],"b":{"c":"d"},"e":[{"n":"x","v":1.5},{"n":"y","v":2}],"t":true,"z":null,"q":"s"}"#,
        ),
    ]);
    scope.set("absent", Var::Absent);
    scope.set("m", json!({"k": "v", "n": 1, "f": 2.5, "l": [1, 2, 3], "nil": null}));
    scope.set(
        "people",
        json!([
            {"name": "Ann", "age": 30, "ok": true},
            {"name": "Bob", "age": 25, "ok": false},
            {"name": "Cid", "age": 30, "ok": true}
        ]),
    );
    scope
}

/// Differences between our answers and Go's, one line each, less those that are wanted.
fn differences(
    table: &str,
    wanted: &[&str],
    answer: impl Fn(&str) -> Result<String, ExprError>,
) -> Vec<String> {
    rows(table)
        .into_iter()
        .filter(|row| !wanted.contains(&row.input.as_str()))
        .filter_map(|row| {
            let ours = answer(&row.input);
            (ours.as_ref().ok() != row.out.as_ref())
                .then(|| format!("{}\n  go   {:?}\n  ours {ours:?}", row.input, row.out))
        })
        .collect()
}

fn assert_same(found: Vec<String>) {
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
}

fn tag(expression: &str) -> Result<String, ExprError> {
    let scope = scope();
    let cx = Context::new(&scope, 7, now());
    let expression = expression.replace("}}", "} }").replace("}}", "} }");
    substitute(&format!("{{{{={expression} }}}}"), &cx, Mode::StrictOn(&["x"])).and_then(|text| {
        match has_tags(&text) {
            true => Err(ExprError::Evaluation { message: "kept".to_owned() }),
            false => Ok(text),
        }
    })
}

#[test]
fn expressions_answer_as_gos() {
    // Maps with keys of any type cannot be written as JSON in Go; ours have texts for keys.
    let wanted =
        ["groupBy(people, .ok)", "groupBy(people, .name)", "fromPairs([[\"a\",1],[\"b\",2]])"];
    assert_same(differences(include_str!("testdata/expr.json"), &wanted, tag));
}

#[test]
fn conditions_answer_as_gos() {
    assert_same(differences(include_str!("testdata/when.json"), &[], |condition| {
        when(condition).map(|answer| answer.to_string())
    }));
}

#[test]
fn sprig_answers_as_gos() {
    // Go refuses an int for the counter; an empty list is a list here, `null` there.
    let mut wanted = vec!["sprig.initial([])", "sprig.rest([])"];
    let rows = rows(include_str!("testdata/sprig.json"));
    let derived = rows.iter().map(|row| row.input.as_str());
    wanted.extend(derived.filter(|input| input.starts_with("sprig.derivePassword")));
    assert_same(differences(include_str!("testdata/sprig.json"), &wanted, tag));
}

#[test]
fn passwords_are_derived_as_sprig_does() {
    for (counter, kind, expected) in DERIVED {
        let call =
            format!("sprig.derivePassword({counter}, '{kind}', 'password', 'user', 'example.com')");
        assert_eq!(tag(&call).as_deref(), Ok(expected), "{call}");
    }
}

#[test]
fn jsonpath_answers_as_gos() {
    let mut scope = Scope::new();
    scope.set(
        "doc",
        r#"{"a":[1,2,3],"b":{"c":"d","d":2},"e":[{"n":"x","v":1.5,"opt":true},{"n":"y","v":2}],"t":true,"z":null,"s":"str","nested":{"deep":[[1,2],[3,4]]},"a b":{"x":1},"k-1":5,"m":{"1":"one"}}"#,
    );
    let cx = Context::new(&scope, 0, now());
    assert_same(differences(include_str!("testdata/jsonpath.json"), &[], |path| {
        evaluate(&format!("toJson(jsonpath(doc, `{path}`))"), &cx)
            .map(|value| value.as_str().unwrap_or_default().to_owned())
    }));
}

fn substituted(text: &str, mode: Mode) -> Result<String, String> {
    let mut scope = scope();
    scope.set("inputs.parameters.j", r#"{"a":[1,2],"b":{"c":"d"}}"#);
    scope.set("steps.a.outputs.result", "done");
    scope.set("workflow.3", "outer");
    let cx = Context::new(&scope, 0, now());
    substitute(text, &cx, mode).map_err(|e| e.to_string())
}

#[test]
fn tags_are_replaced_as_the_contract_says() {
    let keep = Mode::AllowUnresolved;
    for (text, expected) in [
        ("a {{inputs.parameters.x}} b", "a 3 b"),
        ("{{ inputs.parameters.x }}", "3"),
        ("{{missing}}", "{{missing}}"),
        ("{{=asInt(inputs.parameters.x)+1}}", "4"),
        ("{{=int(inputs.parameters.x)*1.5}}", "4.5"),
        ("{{=inputs.parameters.my-p}}", "{{=inputs.parameters.my-p}}"),
        ("{{=toJson([1,2])}}", "[1,2]"),
        ("{{=toJSON([1,2])}}", "[\n  1,\n  2\n]"),
        ("{{=jsonpath(inputs.parameters.j,'$.a')}}", "[1,2]"),
        ("{{=jsonpath(inputs.parameters.j,'$.b.c')}}", "d"),
        ("{{=map([1,2], {# * 2})}}", "[2,4]"),
        ("{{=absent ?? 'dflt'}}", "dflt"),
        ("{{=absent}}", "{{=absent}}"),
        ("{{=unknown ?? 'x'}}", "{{=unknown ?? 'x'}}"),
        ("{{workflow.{{inputs.parameters.x}}}}", "{{workflow.3}}"),
        ("{{workflow.3}}", "outer"),
        (
            "{{=workflow.status == 'Succeeded' ? 1 : 2}}",
            "{{=workflow.status == 'Succeeded' ? 1 : 2}}",
        ),
        ("{{=retries + 1}}", "{{=retries + 1}}"),
        ("{{=steps.a.outputs.result}}", "done"),
        ("{{=steps.b.outputs.result ?? 'none'}}", "{{=steps.b.outputs.result ?? 'none'}}"),
        ("{{=steps.a.outputs.parameters?.x ?? 'none'}}", "none"),
        ("{{=sprig.dict('a', 1)}}", "{\"a\":1}"),
        ("{{=sprig.env('HOME')}}", "{{=sprig.env('HOME')}}"),
        ("open {{ only", "open {{ only"),
        ("{{inputs.parameters}}", "[]"),
        ("{{=inputs.parameters.x == '3' && 'empty' in inputs.parameters}}", "true"),
    ] {
        assert_eq!(substituted(text, keep).as_deref(), Ok(expected), "{text}");
    }
    for (text, mode, expected) in [
        ("{{missing}}", Mode::Strict, "failed to resolve {{missing}}"),
        ("{{=missing}}", Mode::Strict, "failed to evaluate expression: missing is missing"),
        ("{{steps.b.id}}", Mode::StrictOn(&["steps"]), "failed to resolve {{steps.b.id}}"),
        (
            "{{=steps.b.id}}",
            Mode::StrictOn(&["steps"]),
            "failed to evaluate expression: steps.b is missing",
        ),
        (
            "{{absent}}",
            keep,
            "unable to substitute {{absent}}: output is an absent optional (skipped/omitted node with no default)",
        ),
        (
            "{{={'a':1}}}",
            keep,
            "failed to evaluate expression: unexpected token EOF (1:6)\n | {'a':1\n | .....^",
        ),
        (
            "{{=item == 5}}",
            Mode::Strict,
            "failed to evaluate expression: invalid operation: == (mismatched types string and int) (1:6)\n | item == 5\n | .....^",
        ),
    ] {
        assert_eq!(substituted(text, mode), Err(expected.to_owned()), "{text}");
    }
    for text in ["{{stepsB.id}}", "{{steps.b.outputs.artifacts.x}}", "{{=stepsB}}"] {
        assert_eq!(substituted(text, Mode::StrictOn(&["steps"])).as_deref(), Ok(text));
    }
}

#[test]
fn objects_keep_their_shape() {
    let scope = scope();
    let cx = Context::new(&scope, 0, now());
    let value =
        json!({"{{item}}": ["{{inputs.parameters.my-p}}", 1, {"a": "{{=1+1}}"}], "n": 1.50});
    let expected = json!({"5": ["he\"llo\n", 1, {"a": "2"}], "n": 1.50});
    assert_eq!(substitute_json(&value, &cx, Mode::Strict), Ok(expected));
}

#[test]
fn retry_expressions_answer_as_gos() {
    let mut scope = Scope::new();
    scope.extend([
        ("lastRetry.exitCode", "2"),
        ("lastRetry.status", "Failed"),
        ("lastRetry.duration", "2"),
        ("retries", "1"),
    ]);
    let cx = Context::new(&scope, 0, now());
    assert_eq!(evaluate_bool("asInt(lastRetry.exitCode) > 1", &cx), Ok(true));
    assert_eq!(evaluate_bool("asFloat(lastRetry.duration) > 1", &cx), Ok(true));
    assert_eq!(evaluate_bool("int(retries) < 3", &cx), Ok(true));
    let error = evaluate_bool("lastRetry.exitCode > 1", &cx).expect_err("an error").to_string();
    assert!(error.contains("string > int"), "{error}");
    assert!(evaluate_bool("retries", &cx).is_err());
    assert!(evaluate("nope", &cx).is_err_and(|e| e.is_unresolved()));
}

#[test]
fn randomness_comes_from_the_seed() {
    let scope = Scope::new();
    let text = "{{=sprig.randAlphaNum(12)}} {{=sprig.randAlphaNum(12)}}";
    let with =
        |seed| substitute(text, &Context::new(&scope, seed, now()), Mode::Strict).expect("a text");
    assert_eq!(with(1), with(1));
    assert_ne!(with(1), with(2));
    let first = with(1);
    let (a, b) = first.split_once(' ').expect("two words");
    assert_ne!(a, b);
}

const DERIVED: [(u32, &str, &str); 7] = [
    (1, "maximum", "pf4zS1LjCg&LjhsZ7T2~"),
    (2, "maximum", "O8-6Bwz1*I5XVPPq)@H!"),
    (1, "long", "ZedaFaxcZaso9*"),
    (2, "medium", "Fov2-Jal"),
    (1, "short", "Zed5"),
    (2, "basic", "OQe2Zwl7"),
    (2, "pin", "3882"),
];

#[test]
fn certificates_are_made_and_signed() {
    use x509_cert::Certificate;
    use x509_cert::der::DecodePem;
    let scope = Scope::new();
    let cx = Context::new(&scope, 3, now());
    let get = |expression: &str| evaluate(expression, &cx).map_err(|e| e.to_string());
    for kind in ["ecdsa", "ed25519"] {
        let expression = format!(
            "let ca = sprig.genCAWithKey('ca, of mine', 10, sprig.genPrivateKey('{kind}'));
             let key = sprig.genPrivateKey('{kind}');
             let cert = sprig.genSignedCertWithKey('me', ['10.0.0.1'], ['a.b'], 5, ca, key);
             let own = sprig.buildCustomCert(toBase64(cert.Cert), toBase64(cert.Key));
             [ca.Cert, own.Cert, own.Key == key]"
        );
        let made = get(&expression).expect("certificates");
        let cert = |at: usize| {
            Certificate::from_pem(made[at].as_str().expect("a text")).expect("a certificate")
        };
        let (ca, cert) = (cert(0), cert(1));
        assert_eq!(ca.tbs_certificate().subject().to_string(), "CN=ca\\, of mine");
        assert_eq!(cert.tbs_certificate().issuer(), ca.tbs_certificate().subject());
        assert_eq!(made[2], json!(true));
        assert_eq!(get(&expression), Ok(made), "the same seed gives the same keys");
    }
    let error = get("sprig.genPrivateKey('dsa')").expect_err("an error");
    assert!(error.contains("dsa keys are not supported"), "{error}");
    assert_eq!(get("sprig.genPrivateKey('x')"), Ok(json!("Unknown type x")));
    let rsa = get("sprig.genSelfSignedCert('me', nil, nil, 5)").expect("a certificate");
    let cert = Certificate::from_pem(rsa["Cert"].as_str().unwrap_or("")).expect("a certificate");
    assert_eq!(cert.tbs_certificate().issuer(), cert.tbs_certificate().subject());
    assert!(rsa["Key"].as_str().is_some_and(|key| key.starts_with("-----BEGIN RSA PRIVATE KEY")));
}

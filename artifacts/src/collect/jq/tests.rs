//! What filters can do, and what they cannot.

use super::*;

fn run(filter: &str, document: &str, bounds: Bounds) -> Result<String, Error> {
    let mut out = Vec::new();
    Jq::start(filter, Style::Compact, bounds)?.run(document.as_bytes().to_vec(), &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn filters_as_jq() {
    for (filter, document, output) in [
        (
            "map(select(.ok))",
            r#"[{"ok":true,"z":1,"a":2},{"ok":false}]"#,
            "[{\"ok\":true,\"z\":1,\"a\":2}]\n",
        ),
        (".[]", "[1,2]", "1\n2\n"),
        ("empty", "[]", ""),
        ("map(.n)", r#"[{"n":12345678901234567890123}]"#, "[12345678901234567890123]\n"),
        (".", "[1.0, 1e2]", "[1.0,1e2]\n"),
        (
            "group_by(.k)|map({k:.[0].k,n:length})",
            r#"[{"k":"b"},{"k":"a"},{"k":"b"}]"#,
            "[{\"k\":\"a\",\"n\":1},{\"k\":\"b\",\"n\":2}]\n",
        ),
        ("add", "[[1],[2]]", "[1,2]\n"),
    ] {
        assert_eq!(run(filter, document, Bounds::default()).unwrap(), output, "{filter}");
    }
}

#[test]
fn filters_see_nothing_of_the_machine() {
    assert_eq!(run("env, $ENV", "null", Bounds::default()).unwrap(), "{}\n{}\n");
    for filter in [
        "input_filename",
        "input",
        "import \"x\" as x; .",
        "include \"/etc/passwd\"; .",
        "$__prog_args",
    ] {
        assert!(
            matches!(run(filter, "null", Bounds::default()), Err(Error::Invalid(_))),
            "{filter}"
        );
    }
}

#[test]
fn filters_end() {
    let bounds = Bounds { time: Duration::from_millis(200), output: 1000 };
    for (filter, why) in [
        ("def f: f; f", "it was not done after 0 s"),
        ("repeat(1)", "it put out more than 1000 bytes"),
        ("halt", "it called `halt`"),
        ("error(\"no\")", "no"),
        (".a", "cannot index"),
        (".[", "expected"),
        ("nonsense", "it uses the undefined filter `nonsense`"),
        ("$x", "it uses the undefined variable `$x`"),
    ] {
        let text = run(filter, "[1]", bounds).unwrap_err().to_string();
        assert!(
            text.starts_with(&format!("cannot run the jq filter `{filter}`: "))
                && text.contains(why),
            "{text}"
        );
    }
}

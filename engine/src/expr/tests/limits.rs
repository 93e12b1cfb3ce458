//! Nothing that is written into an expression can take the process down.

use super::*;

#[test]
fn work_is_bounded() {
    let deep = format!("{}1{}", "(".repeat(5_000), ")".repeat(5_000));
    let long = vec!["a"; 3_000].join(" == ");
    for expression in [
        "1..999999999",
        "repeat('a', 999999999)",
        "sprig.repeat(999999999, 'a')",
        "sprig.until(999999999)",
        "sprig.seq(1, 1, 999999999)",
        "sprig.randAlpha(999999999)",
        "sprig.indent(999999999, 'a')",
        "map(1..1000, map(1..1000, map(1..1000, #)))",
        "reduce(1..200, [#acc, #acc], [1])",
        "reduce(1..40, [#acc, #acc], 'x')",
        "reduce(1..100, #acc + #acc, 'xxxxxxxx')",
        "sprig.replace('', repeat('a', 100000), repeat('b', 100000))",
        "map(1..1000, sprig.bcrypt('x'))",
        "'a' matches '(a{1000}){1000}'",
        deep.as_str(),
        long.as_str(),
        &"!".repeat(10_000),
        &"[".repeat(10_000),
        &format!("x{}", ".a".repeat(10_000)),
    ] {
        assert!(
            evaluate(expression, &Context::new(&scope(), 0, now())).is_err(),
            "{expression:.60}"
        );
    }
    for condition in ["(".repeat(9_000) + "1" + &")".repeat(9_000), "! ".repeat(9_000)] {
        assert!(when(&condition).is_err());
    }
    // A long chain is not deep.
    let chain = vec!["true"; 1_000].join(" && ");
    assert_eq!(evaluate_bool(&chain, &Context::new(&Scope::new(), 0, now())), Ok(true));
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,80}") {
        let scope = scope();
        let cx = Context::new(&scope, 0, now());
        let _ = evaluate(&text, &cx);
        let _ = substitute(&text, &cx, Mode::Strict);
        let _ = when(&text);
        let _ = tags(&text);
    }

    #[test]
    fn no_likely_text_panics(parts in proptest::collection::vec(proptest::sample::select(PARTS), 0..14)) {
        let scope = scope();
        let cx = Context::new(&scope, 0, now());
        let text = parts.concat();
        let _ = evaluate(&text, &cx);
        let _ = substitute(&format!("{{{{={text}}}}}"), &cx, Mode::AllowUnresolved);
        let _ = when(&text);
        let _ = evaluate(&format!("jsonpath(j, '{text}')"), &cx);
    }

    #[test]
    fn no_argument_panics(
        name in proptest::sample::select(sprig::NAMES.as_slice()),
        args in proptest::collection::vec(proptest::sample::select(ARGUMENTS), 0..5),
    ) {
        // Slow by design; their arguments are covered by the tables.
        proptest::prop_assume!(!name.starts_with("gen") && !matches!(name, "bcrypt" | "htpasswd" | "derivePassword"));
        let scope = scope();
        let cx = Context::new(&scope, 0, now());
        let _ = evaluate(&format!("sprig.{name}({})", args.join(", ")), &cx);
    }
}

const PARTS: &[&str] = &[
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "#",
    ".",
    "?.",
    "??",
    "..",
    "+",
    "-",
    "*",
    "/",
    "%",
    "**",
    "==",
    "!=",
    "<",
    ">",
    "&&",
    "||",
    "!",
    "not ",
    " in ",
    "|",
    ",",
    ":",
    "?",
    ";",
    "let x = ",
    "if ",
    " else ",
    "1",
    "2.5",
    "'a'",
    "\"b\"",
    "m",
    "item",
    "people",
    "absent",
    "map(",
    "filter(",
    "len(",
    "date(",
    "now()",
    "sprig.",
    "upper(",
    "$",
    "@",
    "*",
    " matches ",
    "{{",
    "}}",
    "\\",
    "é",
    " ",
    "=~",
    "0x",
    "1e",
    "nil",
    "true",
];

const ARGUMENTS: &[&str] = &[
    "0",
    "1",
    "-1",
    "3",
    "9223372036854775807",
    "-9223372036854775807 - 1",
    "1.5",
    "-0.0",
    "1/0",
    "0/0",
    "''",
    "'a'",
    "'é'",
    "'a,b'",
    "'%'",
    "'2006-01-02'",
    "'1h'",
    "'^[a-z]+$'",
    "'('",
    "nil",
    "true",
    "false",
    "[]",
    "[1,2,3]",
    "['a','b']",
    "[nil]",
    "{}",
    "{'a':1}",
    "{'a':{'b':2}}",
    "now()",
    "duration('1h')",
    "'1.2.3'",
    "'>=1.2 || ~3'",
    "timezone('Europe/Berlin')",
    "'http://u:p@h:1/p?q#f'",
    "'\\u0000'",
    "date('2024-01-02').Month()",
];

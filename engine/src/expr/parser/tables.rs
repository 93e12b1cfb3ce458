//! The operators and built-in functions of expr-lang 1.17.

/// How strongly a binary operator binds, and whether it does so from the right.
pub(super) fn binary(op: &str) -> Option<(&'static str, u32, bool)> {
    Some(match op {
        "|" => ("|", 0, false),
        "or" => ("or", 10, false),
        "||" => ("||", 10, false),
        "and" => ("and", 15, false),
        "&&" => ("&&", 15, false),
        "==" => ("==", 20, false),
        "!=" => ("!=", 20, false),
        "<" => ("<", 20, false),
        ">" => (">", 20, false),
        ">=" => (">=", 20, false),
        "<=" => ("<=", 20, false),
        "in" => ("in", 20, false),
        "matches" => ("matches", 20, false),
        "contains" => ("contains", 20, false),
        "startsWith" => ("startsWith", 20, false),
        "endsWith" => ("endsWith", 20, false),
        ".." => ("..", 25, false),
        "+" => ("+", 30, false),
        "-" => ("-", 30, false),
        "*" => ("*", 60, false),
        "/" => ("/", 60, false),
        "%" => ("%", 60, false),
        "**" => ("**", 100, true),
        "^" => ("^", 100, true),
        "??" => ("??", 500, false),
        _ => return None,
    })
}

/// How strongly a unary operator binds.
pub(super) fn unary(op: &str) -> Option<(&'static str, u32)> {
    Some(match op {
        "not" => ("not", 50),
        "!" => ("!", 50),
        "-" => ("-", 90),
        "+" => ("+", 90),
        _ => return None,
    })
}

/// Operators that may follow `not`.
pub(super) const AFTER_NOT: [&str; 5] = ["in", "matches", "contains", "startsWith", "endsWith"];

/// What an argument of a function with a predicate is.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Arg {
    Plain,
    PlainOptional,
    Predicate,
    PredicateOptional,
}

/// The arguments of a function that takes a predicate.
pub(super) fn predicate(name: &str) -> Option<(&'static str, &'static [Arg])> {
    use Arg::*;
    const PLAIN: &[Arg] = &[Plain, Predicate];
    const OPTIONAL: &[Arg] = &[Plain, PredicateOptional];
    const MORE: &[Arg] = &[Plain, Predicate, PlainOptional];
    const ALL: [(&str, &[Arg]); 16] = [
        ("all", PLAIN),
        ("none", PLAIN),
        ("any", PLAIN),
        ("one", PLAIN),
        ("filter", PLAIN),
        ("map", PLAIN),
        ("find", PLAIN),
        ("findIndex", PLAIN),
        ("findLast", PLAIN),
        ("findLastIndex", PLAIN),
        ("groupBy", PLAIN),
        ("count", OPTIONAL),
        ("sum", OPTIONAL),
        ("sortBy", MORE),
        ("reduce", MORE),
        ("", PLAIN),
    ];
    ALL.into_iter().find(|(known, _)| *known == name && !name.is_empty())
}

/// A built-in function without a predicate, with the least and the greatest number of arguments.
pub(super) fn builtin(name: &str) -> Option<(&'static str, usize, usize)> {
    const MANY: usize = usize::MAX;
    const ALL: [(&str, usize, usize); 56] = [
        ("abs", 1, 1),
        ("bitand", 2, 2),
        ("bitnand", 2, 2),
        ("bitnot", 1, 1),
        ("bitor", 2, 2),
        ("bitshl", 2, 2),
        ("bitshr", 2, 2),
        ("bitushr", 2, 2),
        ("bitxor", 2, 2),
        ("ceil", 1, 1),
        ("concat", 1, MANY),
        ("date", 1, 4),
        ("duration", 1, 1),
        ("first", 1, 1),
        ("flatten", 1, 1),
        ("float", 1, 1),
        ("floor", 1, 1),
        ("fromBase64", 1, 1),
        ("fromJSON", 1, 1),
        ("fromPairs", 1, 1),
        ("get", 2, 2),
        ("hasPrefix", 2, 2),
        ("hasSuffix", 2, 2),
        ("indexOf", 2, 2),
        ("int", 1, 1),
        ("join", 1, 2),
        ("keys", 1, 1),
        ("last", 1, 1),
        ("lastIndexOf", 2, 2),
        ("len", 1, 1),
        ("lower", 1, 1),
        ("max", 1, MANY),
        ("mean", 1, MANY),
        ("median", 1, MANY),
        ("min", 1, MANY),
        ("now", 0, 1),
        ("repeat", 2, 2),
        ("replace", 3, 4),
        ("reverse", 1, 1),
        ("round", 1, 1),
        ("sort", 1, 2),
        ("split", 2, 3),
        ("splitAfter", 2, 3),
        ("string", 1, 1),
        ("take", 2, 2),
        ("timezone", 1, 1),
        ("toBase64", 1, 1),
        ("toJSON", 1, 1),
        ("toPairs", 1, 1),
        ("trim", 1, 2),
        ("trimPrefix", 1, 2),
        ("trimSuffix", 1, 2),
        ("type", 1, 1),
        ("uniq", 1, 1),
        ("upper", 1, 1),
        ("values", 1, 1),
    ];
    ALL.into_iter().find(|(known, ..)| *known == name)
}

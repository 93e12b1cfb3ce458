//! The functions of sprig 3.3, with its order of arguments and its results.

mod cases;
mod cast;
mod certs;
mod crypto;
mod dates;
mod dicts;
mod general;
mod lists;
mod math;
mod passwords;
mod paths;
mod random;
mod regexes;
mod semver;
mod strings;
mod urls;
mod words;

pub(crate) use semver::method as version_method;

use super::run::{Outcome, Run};
use super::value::Val;

/// All functions; `env` and `expandenv` are left out, as Argo does.
#[rustfmt::skip]
pub(super) const NAMES: [&str; 209] = [
    "abbrev", "abbrevboth", "add", "add1", "add1f", "addf", "adler32sum", "ago", "all", "any",
    "append", "atoi", "b32dec", "b32enc", "b64dec", "b64enc", "base", "bcrypt", "biggest",
    "buildCustomCert", "camelcase", "cat", "ceil", "chunk", "clean", "coalesce", "compact",
    "concat", "contains", "date", "dateInZone", "dateModify", "date_in_zone", "date_modify",
    "decryptAES", "deepCopy", "deepEqual", "default", "derivePassword", "dict", "dig", "dir",
    "div", "divf", "duration", "durationRound", "empty", "encryptAES", "ext", "fail", "first",
    "float64", "floor", "fromJson", "genCA", "genCAWithKey", "genPrivateKey",
    "genSelfSignedCert", "genSelfSignedCertWithKey", "genSignedCert", "genSignedCertWithKey",
    "get", "getHostByName", "has", "hasKey", "hasPrefix", "hasSuffix", "hello", "htmlDate",
    "htmlDateInZone", "htpasswd", "indent", "initial", "initials", "int", "int64", "isAbs",
    "join", "kebabcase", "keys", "kindIs", "kindOf", "last", "list", "lower", "max", "maxf",
    "merge", "mergeOverwrite", "min", "minf", "mod", "mul", "mulf", "mustAppend", "mustChunk",
    "mustCompact", "mustDateModify", "mustDeepCopy", "mustFirst", "mustFromJson", "mustHas",
    "mustInitial", "mustLast", "mustMerge", "mustMergeOverwrite", "mustPrepend", "mustPush",
    "mustRegexFind", "mustRegexFindAll", "mustRegexMatch", "mustRegexReplaceAll",
    "mustRegexReplaceAllLiteral", "mustRegexSplit", "mustRest", "mustReverse", "mustSlice",
    "mustToDate", "mustToJson", "mustToPrettyJson", "mustToRawJson", "mustUniq", "mustWithout",
    "must_date_modify", "nindent", "nospace", "now", "omit", "osBase", "osClean", "osDir",
    "osExt", "osIsAbs", "pick", "pluck", "plural", "prepend", "push", "quote", "randAlpha",
    "randAlphaNum", "randAscii", "randBytes", "randInt", "randNumeric", "regexFind",
    "regexFindAll", "regexMatch", "regexQuoteMeta", "regexReplaceAll", "regexReplaceAllLiteral",
    "regexSplit", "repeat", "replace", "rest", "reverse", "round", "semver", "semverCompare",
    "seq", "set", "sha1sum", "sha256sum", "sha512sum", "shuffle", "slice", "snakecase",
    "sortAlpha", "split", "splitList", "splitn", "squote", "sub", "subf", "substr", "swapcase",
    "ternary", "title", "toDate", "toDecimal", "toJson", "toPrettyJson", "toRawJson",
    "toString", "toStrings", "trim", "trimAll", "trimPrefix", "trimSuffix", "trimall", "trunc",
    "tuple", "typeIs", "typeIsLike", "typeOf", "uniq", "unixEpoch", "unset", "until",
    "untilStep", "untitle", "upper", "urlJoin", "urlParse", "uuidv4", "values", "without",
    "wrap", "wrapWith",
];

/// Calls `sprig.<name>`.
pub(crate) fn call(run: &Run<'_>, name: &str, args: &[Val]) -> Outcome {
    if !NAMES.contains(&name) {
        return Err(
            format!("invalid operation: cannot call nil: sprig has no function {name}").into()
        );
    }
    run.spend(args.iter().map(Val::weight).sum::<usize>() / 64)?;
    // The `must` functions report errors where the others panic; both are errors here.
    let plain = match name {
        "date_modify" => "dateModify".to_owned(),
        "must_date_modify" | "mustDateModify" => "mustDateModify".to_owned(),
        "date_in_zone" => "dateInZone".to_owned(),
        "tuple" => "list".to_owned(),
        "push" | "mustPush" | "mustAppend" => "append".to_owned(),
        "trimall" => "trimAll".to_owned(),
        "biggest" => "max".to_owned(),
        "mustToDate" | "mustFromJson" | "mustToRawJson" | "mustRegexMatch" => name.to_owned(),
        _ => match name.strip_prefix("must").map(|rest| (rest.chars().next(), rest)) {
            Some((Some(first), rest)) if first.is_uppercase() => {
                let tail = rest.get(first.len_utf8()..).unwrap_or("");
                format!("{}{tail}", first.to_lowercase())
            }
            _ => name.to_owned(),
        },
    };
    any(run, &plain, args).or_else(|| zeros(run, &plain, args)).unwrap_or_else(|| {
        let types: Vec<&str> = args.iter().map(Val::type_name).collect();
        Err(format!("wrong arguments to call sprig.{name}: ({})", types.join(", ")).into())
    })
}

/// Go passes the zero value of the parameter's type for nil.
fn zeros(run: &Run<'_>, name: &str, args: &[Val]) -> Option<Outcome> {
    if !args.iter().any(Val::is_nil) {
        return None;
    }
    let with = |zero: Val| -> Vec<Val> {
        args.iter().map(|arg| if arg.is_nil() { zero.clone() } else { arg.clone() }).collect()
    };
    any(run, name, &with(Val::from(""))).or_else(|| any(run, name, &with(Val::Int(0))))
}

fn any(run: &Run<'_>, name: &str, args: &[Val]) -> Option<Outcome> {
    strings::call(run, name, args)
        .or_else(|| words::call(run, name, args))
        .or_else(|| lists::call(run, name, args))
        .or_else(|| dicts::call(run, name, args))
        .or_else(|| general::call(run, name, args))
        .or_else(|| math::call(run, name, args))
        .or_else(|| dates::call(run, name, args))
        .or_else(|| regexes::call(run, name, args))
        .or_else(|| paths::call(name, args))
        .or_else(|| urls::call(name, args))
        .or_else(|| semver::call(name, args))
        .or_else(|| random::call(run, name, args))
        .or_else(|| crypto::call(run, name, args))
        .or_else(|| passwords::call(run, name, args))
        .or_else(|| certs::call(run, name, args))
}

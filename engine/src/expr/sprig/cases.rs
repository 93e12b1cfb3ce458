//! `snakecase`, `kebabcase` and `camelcase`, with the word boundaries that sprig finds.

/// What a run of characters is.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    Number,
    /// Capitals, or one capital and small letters.
    Upper,
    Letters,
    Connector,
    Punctuation,
    Other,
}

fn is_connector(c: char) -> bool {
    matches!(c, '-' | '_') || c.is_whitespace()
}

fn is_letter(c: char) -> bool {
    c.is_uppercase() || c.is_lowercase()
}

fn kind(c: char) -> Kind {
    match c {
        c if is_connector(c) => Kind::Connector,
        c if c.is_ascii_punctuation() && !"$+<=>^`|~".contains(c) => Kind::Punctuation,
        c if c.is_uppercase() => Kind::Upper,
        c if c.is_lowercase() => Kind::Letters,
        c if c.is_numeric() => Kind::Number,
        _ => Kind::Other,
    }
}

/// Cuts a text into runs: `HTTPStatus2` is `HTTP`, `Status`, `2`.
fn words(text: &str) -> Vec<(Kind, String)> {
    let chars: Vec<char> = text.chars().collect();
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(first) = chars.get(at) {
        let here = kind(*first);
        let run = |from: usize, test: &dyn Fn(char) -> bool| {
            from + chars.iter().skip(from).take_while(|c| test(**c)).count()
        };
        let small = |c: char| is_letter(c) && !c.is_uppercase();
        let end = match here {
            Kind::Upper => match run(at + 1, &|c| c.is_uppercase()) {
                one if one == at + 1 => run(one, &small),
                // The last capital belongs to the small letters that follow it.
                many if chars.get(many).is_some_and(|c| is_letter(*c)) => many - 1,
                many => many,
            },
            Kind::Letters => run(at + 1, &small),
            other => run(at + 1, &|c| kind(c) == other),
        };
        words.push((here, chars.iter().take(end).skip(at).collect()));
        at = end;
    }
    words
}

/// Words in small letters with `by` between them. Digits belong to the word before them, unless
/// small letters follow.
pub(super) fn delimited(text: &str, by: char) -> String {
    let words = words(text);
    let mut out = String::with_capacity(text.len() + 8);
    let kind = |at: usize| words.get(at).map(|(kind, _)| *kind);
    let write = |out: &mut String, at: usize| {
        let Some((kind, word)) = words.get(at) else { return };
        match kind {
            Kind::Connector => out.extend(word.chars().map(|_| by)),
            Kind::Upper => out.extend(word.chars().flat_map(char::to_lowercase)),
            _ => out.push_str(word),
        }
    };
    let joins =
        |kind: Option<Kind>| !matches!(kind, None | Some(Kind::Connector | Kind::Punctuation));
    let run = |out: &mut String, mut at: usize| {
        while matches!(kind(at), Some(Kind::Letters | Kind::Number)) {
            write(out, at);
            at += 1;
        }
        at
    };
    let mut at = 0;
    while at + 1 < words.len() {
        write(&mut out, at);
        let before = kind(at);
        at += 1;
        match before {
            Some(Kind::Number) => {
                at = run(&mut out, at);
                if joins(kind(at)) {
                    out.push(by);
                }
            }
            Some(Kind::Connector | Kind::Punctuation) | None => {}
            Some(_) if kind(at) != Some(Kind::Number) => {
                if joins(kind(at)) {
                    out.push(by);
                }
            }
            Some(_) if at + 1 >= words.len() => {}
            Some(_) if kind(at + 1) != Some(Kind::Letters) => {
                write(&mut out, at);
                at += 1;
                if joins(kind(at)) {
                    out.push(by);
                }
            }
            Some(_) => {
                out.push(by);
                at = run(&mut out, at);
                if joins(kind(at)) {
                    out.push(by);
                }
            }
        }
    }
    write(&mut out, at);
    out
}

/// `http_server` is `HttpServer`. Connectors at the start stay.
pub(super) fn pascal(text: &str) -> String {
    let lead = text.find(|c| !is_connector(c)).unwrap_or(text.len());
    let (start, rest) = text.split_at(lead);
    let mut out = start.to_owned();
    let mut chars = rest.chars();
    let Some(first) = chars.next() else { return out };
    let mut capital = first.is_uppercase();
    let mut last: String = first.to_uppercase().collect();
    let mut last_connects = false;
    for c in chars {
        if is_connector(c) && last_connects {
            out.push_str(&last);
            continue;
        }
        let mut shown = c.to_string();
        if last_connects {
            capital = c.is_uppercase();
            shown = c.to_uppercase().collect();
        } else {
            if capital && c.is_uppercase() {
                shown = c.to_lowercase().collect();
            } else if capital {
                capital = false;
            }
            out.push_str(&last);
        }
        last_connects = is_connector(c);
        last = shown;
    }
    out.push_str(&last);
    out
}

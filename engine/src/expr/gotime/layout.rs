//! Go's layouts: `2006-01-02T15:04:05Z07:00` and the like, cut into elements, and times printed by them.

use jiff::Zoned;

use super::{DAYS, MONTHS};

/// An element of a layout.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Element {
    LongMonth,
    Month,
    NumMonth,
    ZeroMonth,
    LongWeekday,
    Weekday,
    Day,
    UnderDay,
    ZeroDay,
    UnderYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    Year,
    UpperPm,
    LowerPm,
    ZoneName,
    /// An offset: `Z` for zero, colons, and how many parts (hours, minutes, seconds).
    Offset {
        z: bool,
        colon: bool,
        parts: u8,
    },
    /// A fraction of a second: its separator, digits, and whether all are printed.
    Fraction {
        separator: char,
        digits: usize,
        all: bool,
    },
}

/// Longest first, where one is the start of another.
const ELEMENTS: [(&str, Element); 34] = {
    use Element::*;
    const fn offset(z: bool, colon: bool, parts: u8) -> Element {
        Element::Offset { z, colon, parts }
    }
    [
        ("January", LongMonth),
        ("Jan", Month),
        ("Monday", LongWeekday),
        ("Mon", Weekday),
        ("MST", ZoneName),
        ("002", ZeroYearDay),
        ("01", ZeroMonth),
        ("02", ZeroDay),
        ("03", ZeroHour12),
        ("04", ZeroMinute),
        ("05", ZeroSecond),
        ("06", Year),
        ("15", Hour),
        ("1", NumMonth),
        ("2006", LongYear),
        ("2", Day),
        ("__2", UnderYearDay),
        ("_2006", LongYear),
        ("_2", UnderDay),
        ("3", Hour12),
        ("4", Minute),
        ("5", Second),
        ("PM", UpperPm),
        ("pm", LowerPm),
        ("-070000", offset(false, false, 3)),
        ("-07:00:00", offset(false, true, 3)),
        ("-0700", offset(false, false, 2)),
        ("-07:00", offset(false, true, 2)),
        ("-07", offset(false, false, 1)),
        ("Z070000", offset(true, false, 3)),
        ("Z07:00:00", offset(true, true, 3)),
        ("Z0700", offset(true, false, 2)),
        ("Z07:00", offset(true, true, 2)),
        ("Z07", offset(true, false, 1)),
    ]
};

/// The first element of a layout: the text before it, the element, the rest.
pub(super) fn next(layout: &str) -> Option<(&str, Element, &str)> {
    for (at, _) in layout.char_indices() {
        let (before, here) = layout.split_at(at);
        if let Some((element, rest)) = fraction(here) {
            return Some((before, element, rest));
        }
        let found = ELEMENTS.iter().find(|(text, _)| here.starts_with(text));
        let Some((text, element)) = found else { continue };
        let rest = here.get(text.len()..).unwrap_or("");
        match *text {
            // "Month" is a word, not a weekday; "_2006" is an underscore and a year.
            "Jan" | "Mon" if rest.starts_with(|c: char| c.is_ascii_lowercase()) => continue,
            "_2006" => return layout.split_at_checked(at + 1).map(|(b, _)| (b, *element, rest)),
            _ => return Some((before, *element, rest)),
        }
    }
    None
}

/// `.000` or `,999`: a run of one digit that no other digit follows.
fn fraction(text: &str) -> Option<(Element, &str)> {
    let separator = text.chars().next().filter(|c| matches!(c, '.' | ','))?;
    let digits = text.get(1..)?;
    let digit = digits.chars().next().filter(|c| matches!(c, '0' | '9'))?;
    let rest = digits.trim_start_matches(digit);
    if rest.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let count = digits.len() - rest.len();
    Some((Element::Fraction { separator, digits: count, all: digit == '0' }, rest))
}

/// Prints a time by a layout.
pub(crate) fn format(time: &Zoned, layout: &str) -> String {
    let mut out = String::with_capacity(layout.len());
    let mut rest = layout;
    while let Some((before, element, after)) = next(rest) {
        out.push_str(before);
        out.push_str(&print(time, element));
        rest = after;
    }
    out.push_str(rest);
    out
}

fn print(time: &Zoned, element: Element) -> String {
    use Element::*;
    let month = usize::try_from(time.month()).unwrap_or(1);
    let day = usize::try_from(time.weekday().to_sunday_zero_offset()).unwrap_or(0);
    let month_name = MONTHS.get(month - 1).copied().unwrap_or("");
    let day_name = DAYS.get(day).copied().unwrap_or("");
    let hour12 = (time.hour() + 11) % 12 + 1;
    let pm = time.hour() >= 12;
    match element {
        LongMonth => month_name.to_owned(),
        Month => month_name.chars().take(3).collect(),
        NumMonth => month.to_string(),
        ZeroMonth => format!("{month:02}"),
        LongWeekday => day_name.to_owned(),
        Weekday => day_name.chars().take(3).collect(),
        Day => time.day().to_string(),
        UnderDay => format!("{:2}", time.day()),
        ZeroDay => format!("{:02}", time.day()),
        UnderYearDay => format!("{:3}", time.day_of_year()),
        ZeroYearDay => format!("{:03}", time.day_of_year()),
        Hour => format!("{:02}", time.hour()),
        Hour12 => hour12.to_string(),
        ZeroHour12 => format!("{hour12:02}"),
        Minute => time.minute().to_string(),
        ZeroMinute => format!("{:02}", time.minute()),
        Second => time.second().to_string(),
        ZeroSecond => format!("{:02}", time.second()),
        LongYear => format!("{:04}", time.year()),
        Year => format!("{:02}", time.year().rem_euclid(100)),
        UpperPm => if pm { "PM" } else { "AM" }.to_owned(),
        LowerPm => if pm { "pm" } else { "am" }.to_owned(),
        ZoneName => abbreviation(time),
        Offset { z, colon, parts } => offset(time.offset().seconds(), z, colon, parts),
        Fraction { separator, digits, all } => {
            let nanos = format!("{:09}", time.subsec_nanosecond());
            let text: String = nanos.chars().chain(std::iter::repeat('0')).take(digits).collect();
            let text = if all { &text } else { text.trim_end_matches('0') };
            if text.is_empty() { String::new() } else { format!("{separator}{text}") }
        }
    }
}

fn offset(seconds: i32, z: bool, colon: bool, parts: u8) -> String {
    if z && seconds == 0 {
        return "Z".to_owned();
    }
    let sign = if seconds < 0 { '-' } else { '+' };
    let size = seconds.unsigned_abs();
    let colon = if colon { ":" } else { "" };
    let mut out = format!("{sign}{:02}", size / 3600);
    if parts > 1 {
        out.push_str(&format!("{colon}{:02}", size / 60 % 60));
    }
    if parts > 2 {
        out.push_str(&format!("{colon}{:02}", size % 60));
    }
    out
}

/// The name of a time's zone at that time; its offset where it has none.
pub(super) fn abbreviation(time: &Zoned) -> String {
    let zone = time.time_zone();
    if zone.iana_name().is_some() {
        return zone.to_offset_info(time.timestamp()).abbreviation().to_owned();
    }
    match time.offset().seconds() {
        0 => "UTC".to_owned(),
        seconds => offset(seconds, false, false, 2),
    }
}

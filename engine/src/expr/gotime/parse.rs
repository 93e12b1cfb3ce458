//! Times read by Go's layouts.

use jiff::Zoned;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

use super::layout::{Element, next};
use super::{DAYS, MONTHS, fixed};
use crate::expr::run::Fail;

/// What `date()` of expr-lang tries, in this order.
const LAYOUTS: [&str; 7] = [
    "2006-01-02",
    "15:04:05",
    "2006-01-02 15:04:05",
    "2006-01-02T15:04:05Z07:00",
    "02 Jan 06 15:04 MST",
    "Monday, 02-Jan-06 15:04:05 MST",
    "Mon, 02 Jan 2006 15:04:05 MST",
];

/// Reads a time by the first layout that fits.
pub(crate) fn parse_any(text: &str, zone: &TimeZone) -> Result<Zoned, Fail> {
    LAYOUTS
        .iter()
        .find_map(|layout| parse(layout, text, zone).ok())
        .ok_or_else(|| format!("invalid date {text}").into())
}

/// Reads a time by a layout. Without an offset in the text it is in `zone`.
pub(crate) fn parse(layout: &str, text: &str, zone: &TimeZone) -> Result<Zoned, Fail> {
    read(layout, text, zone).ok_or_else(|| {
        format!("parsing time {text:?} as {layout:?}: cannot parse {text:?} as {layout:?}").into()
    })
}

/// What was read so far.
struct Fields {
    year: i16,
    month: i8,
    day: i8,
    year_day: Option<i16>,
    hour: i8,
    minute: i8,
    second: i8,
    nanos: i32,
    pm: Option<bool>,
    offset: Option<i32>,
}

fn read(layout: &str, text: &str, zone: &TimeZone) -> Option<Zoned> {
    let mut fields = Fields {
        year: 0,
        month: 1,
        day: 1,
        year_day: None,
        hour: 0,
        minute: 0,
        second: 0,
        nanos: 0,
        pm: None,
        offset: None,
    };
    let mut layout = layout;
    let mut text = text;
    while let Some((before, element, after)) = next(layout) {
        text = literal(before, text)?;
        text = fields.element(element, text, after)?;
        layout = after;
    }
    if !literal(layout, text)?.is_empty() {
        return None;
    }
    fields.finish(zone)
}

/// Steps over literal text; any run of spaces stands for any other.
fn literal<'a>(expected: &str, text: &'a str) -> Option<&'a str> {
    let mut text = text;
    let mut expected = expected;
    while let Some(c) = expected.chars().next() {
        if c == ' ' {
            if !text.is_empty() && !text.starts_with(' ') {
                return None;
            }
            expected = expected.trim_start_matches(' ');
            text = text.trim_start_matches(' ');
        } else {
            text = text.strip_prefix(c)?;
            expected = expected.strip_prefix(c)?;
        }
    }
    Some(text)
}

/// A number of `least` to `most` digits.
fn digits(text: &str, least: usize, most: usize) -> Option<(i32, &str)> {
    let count = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if count < least {
        return None;
    }
    let (number, rest) = text.split_at_checked(count)?;
    Some((number.parse().ok()?, rest))
}

fn name<'a>(text: &'a str, names: &[&str], length: Option<usize>) -> Option<(usize, &'a str)> {
    names.iter().enumerate().find_map(|(index, name)| {
        let name = length.map_or(*name, |length| name.get(..length).unwrap_or(name));
        let (start, rest) = text.split_at_checked(name.len())?;
        start.eq_ignore_ascii_case(name).then_some((index, rest))
    })
}

impl Fields {
    fn element<'a>(&mut self, element: Element, text: &'a str, after: &str) -> Option<&'a str> {
        use Element::*;
        let small = |text, least| {
            digits(text, least, 2).and_then(|(n, rest)| Some((i8::try_from(n).ok()?, rest)))
        };
        let rest = match element {
            LongYear => {
                let (number, rest) = digits(text, 4, 4)?;
                self.year = i16::try_from(number).ok()?;
                rest
            }
            Year => {
                let (number, rest) = digits(text, 2, 2)?;
                self.year = i16::try_from(number + if number >= 69 { 1900 } else { 2000 }).ok()?;
                rest
            }
            LongMonth | Month => {
                let length = (element == Month).then_some(3);
                let (index, rest) = name(text, &MONTHS, length)?;
                self.month = i8::try_from(index + 1).ok()?;
                rest
            }
            NumMonth => set(&mut self.month, small(text, 1)?),
            ZeroMonth => set(&mut self.month, small(text, 2)?),
            LongWeekday => name(text, &DAYS, None)?.1,
            Weekday => name(text, &DAYS, Some(3))?.1,
            Day => set(&mut self.day, small(text, 1)?),
            UnderDay => set(&mut self.day, small(text.trim_start_matches(' '), 1)?),
            ZeroDay => set(&mut self.day, small(text, 2)?),
            UnderYearDay | ZeroYearDay => {
                let (number, rest) = digits(text.trim_start_matches(' '), 1, 3)?;
                self.year_day = Some(i16::try_from(number).ok()?);
                rest
            }
            Hour => set(&mut self.hour, small(text, 2)?),
            Hour12 => set(&mut self.hour, small(text, 1)?),
            ZeroHour12 => set(&mut self.hour, small(text, 2)?),
            Minute => set(&mut self.minute, small(text, 1)?),
            ZeroMinute => set(&mut self.minute, small(text, 2)?),
            Second => self.second(small(text, 1)?, after)?,
            ZeroSecond => self.second(small(text, 2)?, after)?,
            UpperPm | LowerPm => {
                let (index, rest) = name(text, &["AM", "PM"], None)?;
                self.pm = Some(index == 1);
                rest
            }
            ZoneName => self.zone_name(text)?,
            Offset { z, colon, parts } => self.offset(text, z, colon, parts)?,
            Fraction { separator, digits, all } => {
                if !all && !text.starts_with(separator) {
                    return Some(text);
                }
                let rest = self.fraction(text)?;
                if all && text.len() - rest.len() != digits + 1 {
                    return None;
                }
                rest
            }
        };
        Some(rest)
    }

    /// A fraction may follow the seconds even where the layout has none.
    fn second<'a>(&mut self, found: (i8, &'a str), after: &str) -> Option<&'a str> {
        let rest = set(&mut self.second, found);
        let expected = matches!(next(after), Some(("", Element::Fraction { .. }, _)));
        let follows = rest.strip_prefix(['.', ',']);
        if expected || !follows.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
            return Some(rest);
        }
        self.fraction(rest)
    }

    fn fraction<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        let rest = text.strip_prefix(['.', ','])?;
        let count = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = rest.split_at_checked(count)?;
        let nanos: String = number.chars().chain(std::iter::repeat('0')).take(9).collect();
        self.nanos = nanos.parse().ok()?;
        (count > 0).then_some(rest)
    }

    /// An abbreviation says nothing sure about its offset: only UTC's own names are used.
    fn zone_name<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        let count = text.bytes().take_while(u8::is_ascii_uppercase).count();
        if !(3..=5).contains(&count) {
            return None;
        }
        self.offset = Some(0);
        text.get(count..)
    }

    fn offset<'a>(&mut self, text: &'a str, z: bool, colon: bool, parts: u8) -> Option<&'a str> {
        if z && let Some(rest) = text.strip_prefix('Z') {
            self.offset = Some(0);
            return Some(rest);
        }
        let (sign, mut rest) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text.strip_prefix('+')?),
        };
        let mut seconds = 0;
        for part in 0..parts {
            if colon && part > 0 {
                rest = rest.strip_prefix(':')?;
            }
            let (number, after) = digits(rest, 2, 2)?;
            if number > if part == 0 { 24 } else { 60 } {
                return None;
            }
            seconds += number * [3600, 60, 1].get(usize::from(part))?;
            rest = after;
        }
        self.offset = Some(sign * seconds);
        Some(rest)
    }

    fn finish(self, zone: &TimeZone) -> Option<Zoned> {
        let hour = match self.pm {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let time = Time::new(hour, self.minute, self.second, self.nanos).ok()?;
        let date = match self.year_day {
            Some(day) => Date::new(self.year, 1, 1).ok()?.with().day_of_year(day).build().ok()?,
            None => Date::new(self.year, self.month, self.day).ok()?,
        };
        let zone = match self.offset {
            Some(seconds) => fixed(seconds)?,
            None => zone.clone(),
        };
        DateTime::from_parts(date, time).to_zoned(zone).ok()
    }
}

fn set<'a>(field: &mut i8, (value, rest): (i8, &'a str)) -> &'a str {
    *field = value;
    rest
}

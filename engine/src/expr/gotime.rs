//! Times and durations with the methods and texts of Go's `time` package.

mod duration;
mod layout;
mod parse;

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Span, Timestamp, Zoned};

use super::run::Fail;
use super::value::Val;

pub(crate) use duration::{duration_method, duration_string, parse_duration};
pub(crate) use layout::format;
pub(crate) use parse::{parse, parse_any};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// A time zone by its IANA name; `Local` is UTC, as it is in a pod.
pub(crate) fn zone(name: &str) -> Result<TimeZone, Fail> {
    match name {
        "" | "UTC" | "Local" => Ok(TimeZone::UTC),
        _ => TimeZone::get(name).map_err(|_| Fail::from(format!("unknown time zone {name}"))),
    }
}

/// The moment `seconds` after the epoch, in UTC.
pub(crate) fn from_unix(seconds: i64) -> Result<Zoned, Fail> {
    let moment = Timestamp::from_second(seconds).map_err(|e| Fail::from(e.to_string()))?;
    Ok(moment.to_zoned(TimeZone::UTC))
}

/// `time` later by a number of nanoseconds.
pub(crate) fn add(time: &Zoned, nanos: i64) -> Result<Val, Fail> {
    time.checked_add(SignedDuration::from_nanos(nanos))
        .map(Val::from)
        .map_err(|_| "time is out of range".into())
}

/// `a - b` in nanoseconds, at most what an `i64` holds.
pub(crate) fn between(a: &Zoned, b: &Zoned) -> i64 {
    let nanos = a.timestamp().as_nanosecond() - b.timestamp().as_nanosecond();
    i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}

/// As Go prints a time with `%v`.
pub(crate) fn to_string(time: &Zoned) -> String {
    format(time, "2006-01-02 15:04:05.999999999 -0700 MST")
}

/// As Go writes a time into JSON.
pub(crate) fn rfc3339_nano(time: &Zoned) -> String {
    format(time, "2006-01-02T15:04:05.999999999Z07:00")
}

fn month(time: &Zoned) -> Val {
    let number = i64::from(time.month());
    Val::Named(number, MONTHS.get(number as usize - 1).copied().unwrap_or(""))
}

fn weekday(time: &Zoned) -> Val {
    let number = time.weekday().to_sunday_zero_offset();
    Val::Named(i64::from(number), DAYS.get(number as usize).copied().unwrap_or(""))
}

/// A method of a time. `None` when Go has none of this name with such arguments.
pub(crate) fn time_method(time: &Zoned, name: &str, args: &[Val]) -> Result<Option<Val>, Fail> {
    let value = match (name, args) {
        ("Year" | "Date", []) => Val::Int(time.year().into()),
        ("Month", []) => month(time),
        ("Day", []) => Val::Int(time.day().into()),
        ("Hour" | "Clock", []) => Val::Int(time.hour().into()),
        ("Minute", []) => Val::Int(time.minute().into()),
        ("Second", []) => Val::Int(time.second().into()),
        ("Nanosecond", []) => Val::Int(time.subsec_nanosecond().into()),
        ("Weekday", []) => weekday(time),
        ("YearDay", []) => Val::Int(time.day_of_year().into()),
        ("ISOWeek", []) => Val::Int(time.date().iso_week_date().year().into()),
        ("Unix", []) => Val::Int(time.timestamp().as_nanosecond().div_euclid(1_000_000_000) as i64),
        ("UnixMilli", []) => {
            Val::Int(time.timestamp().as_nanosecond().div_euclid(1_000_000) as i64)
        }
        ("UnixMicro", []) => Val::Int(time.timestamp().as_nanosecond().div_euclid(1_000) as i64),
        ("UnixNano", []) => Val::Int(time.timestamp().as_nanosecond() as i64),
        ("IsZero", []) => Val::Bool(time.timestamp().as_second() == zero_second()),
        ("UTC" | "Local", []) => Val::from(time.with_time_zone(TimeZone::UTC)),
        ("In", [Val::Zone(zone)]) => Val::from(time.with_time_zone((**zone).clone())),
        ("Location", []) => Val::Zone(Box::new(time.time_zone().clone())),
        ("Zone", []) => Val::from(layout::abbreviation(time)),
        ("String", []) => Val::from(to_string(time)),
        ("Format", [Val::Str(layout)]) => Val::from(format(time, layout)),
        ("Add", [Val::Duration(nanos)]) => add(time, *nanos)?,
        ("Sub", [Val::Time(other)]) => Val::Duration(between(time, other)),
        ("Before", [Val::Time(other)]) => Val::Bool(time.timestamp() < other.timestamp()),
        ("After", [Val::Time(other)]) => Val::Bool(time.timestamp() > other.timestamp()),
        ("Equal", [Val::Time(other)]) => Val::Bool(time.timestamp() == other.timestamp()),
        ("Compare", [Val::Time(other)]) => {
            Val::Int(time.timestamp().cmp(&other.timestamp()) as i64)
        }
        ("AddDate", [Val::Int(years), Val::Int(months), Val::Int(days)]) => {
            add_date(time, *years, *months, *days)
                .ok_or_else(|| Fail::from("time is out of range"))?
        }
        ("Truncate", [Val::Duration(unit)]) => rounded(time, *unit, false)?,
        ("Round", [Val::Duration(unit)]) => rounded(time, *unit, true)?,
        _ => return Ok(None),
    };
    Ok(Some(value))
}

/// Go's zero time, in seconds of the epoch.
fn zero_second() -> i64 {
    -62_135_596_800
}

/// Go's zero time.
pub(crate) fn zero() -> Zoned {
    Timestamp::from_second(zero_second()).unwrap_or_default().to_zoned(TimeZone::UTC)
}

/// Calendar arithmetic that lets the 31st of a short month run over, as Go does.
fn add_date(time: &Zoned, years: i64, months: i64, days: i64) -> Option<Val> {
    let month = i64::from(time.month()).checked_sub(1)?.checked_add(months)?;
    let year = i64::from(time.year()).checked_add(years)?.checked_add(month.div_euclid(12))?;
    let first = jiff::civil::Date::new(
        i16::try_from(year).ok()?,
        i8::try_from(month.rem_euclid(12) + 1).ok()?,
        1,
    )
    .ok()?;
    let days = i64::from(time.day()).checked_sub(1)?.checked_add(days)?;
    let date = first.checked_add(Span::new().try_days(days).ok()?).ok()?;
    let moment = DateTime::from_parts(date, time.time());
    moment.to_zoned(time.time_zone().clone()).ok().map(Val::from)
}

/// To a multiple of `unit` since Go's zero time.
fn rounded(time: &Zoned, unit: i64, up: bool) -> Result<Val, Fail> {
    if unit <= 0 {
        return Ok(Val::from(time.clone()));
    }
    let since = time.timestamp().as_nanosecond() - i128::from(zero_second()) * 1_000_000_000;
    let rest = since.rem_euclid(unit.into()) as i64;
    let shift = if up && rest >= unit - rest { unit - rest } else { -rest };
    add(time, shift)
}

/// The zone of a number of seconds east of Greenwich.
fn fixed(seconds: i32) -> Option<TimeZone> {
    if seconds == 0 {
        return Some(TimeZone::UTC);
    }
    Offset::from_seconds(seconds).ok().map(TimeZone::fixed)
}

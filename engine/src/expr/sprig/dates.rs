//! Dates and durations.

use jiff::Zoned;
use jiff::tz::TimeZone;

use super::cast;
use crate::expr::gotime;
use crate::expr::run::{Fail, Outcome, Run};
use crate::expr::value::Val;

const SECOND: i64 = 1_000_000_000;

pub(super) fn call(run: &Run<'_>, name: &str, args: &[Val]) -> Option<Outcome> {
    Some(match (name, args) {
        ("now", []) => Ok(Val::from(now(run))),
        ("date", [Val::Str(layout), date]) => format(run, layout, date, "UTC"),
        ("dateInZone", [Val::Str(layout), date, Val::Str(zone)]) => format(run, layout, date, zone),
        ("htmlDate", [date]) => format(run, "2006-01-02", date, "UTC"),
        ("htmlDateInZone", [date, Val::Str(zone)]) => format(run, "2006-01-02", date, zone),
        ("dateModify", [Val::Str(by), Val::Time(time)]) => {
            gotime::add(time, gotime::parse_duration(by).unwrap_or(0))
        }
        ("mustDateModify", [Val::Str(by), Val::Time(time)]) => {
            gotime::parse_duration(by).and_then(|nanos| gotime::add(time, nanos))
        }
        ("toDate", [Val::Str(layout), Val::Str(text)]) => {
            let time = gotime::parse(layout, text, &TimeZone::UTC);
            Ok(Val::from(time.unwrap_or_else(|_| gotime::zero())))
        }
        ("mustToDate", [Val::Str(layout), Val::Str(text)]) => {
            gotime::parse(layout, text, &TimeZone::UTC).map(Val::from)
        }
        ("unixEpoch", [Val::Time(time)]) => Ok(Val::from(time.timestamp().as_second().to_string())),
        ("ago", [date]) => moment(run, date).map(|time| {
            let nanos = gotime::between(&now(run), &time);
            let seconds = nanos.saturating_add(nanos.signum() * SECOND / 2) / SECOND;
            Val::from(gotime::duration_string(seconds.saturating_mul(SECOND)))
        }),
        ("duration", [seconds]) => {
            let nanos = cast::int(seconds).saturating_mul(SECOND);
            Ok(Val::from(gotime::duration_string(nanos)))
        }
        ("durationRound", [value]) => Ok(Val::from(rounded(match value {
            Val::Str(text) => gotime::parse_duration(text).unwrap_or(0),
            Val::Int(nanos) | Val::Duration(nanos) => *nanos,
            Val::Time(time) => gotime::between(&now(run), time),
            _ => 0,
        }))),
        _ => return None,
    })
}

fn now(run: &Run<'_>) -> Zoned {
    run.cx.now.to_zoned(TimeZone::UTC)
}

/// A time, or seconds of the epoch; anything else is the present, as in sprig.
fn moment(run: &Run<'_>, date: &Val) -> Result<Zoned, Fail> {
    match date {
        Val::Time(time) => Ok((**time).clone()),
        Val::Int(seconds) => gotime::from_unix(*seconds),
        _ => Ok(now(run)),
    }
}

fn format(run: &Run<'_>, layout: &str, date: &Val, zone: &str) -> Outcome {
    let zone = gotime::zone(zone).unwrap_or(TimeZone::UTC);
    let time = moment(run, date)?.with_time_zone(zone);
    run.room(layout.len().saturating_mul(4))?;
    Ok(Val::from(gotime::format(&time, layout)))
}

/// The largest unit that a duration is longer than, cut to a whole number.
fn rounded(nanos: i64) -> String {
    let hour = 3_600 * SECOND.unsigned_abs();
    let size = nanos.unsigned_abs();
    let units = [
        (24 * 365 * hour, "y"),
        (24 * 30 * hour, "mo"),
        (24 * hour, "d"),
        (hour, "h"),
        (hour / 60, "m"),
        (hour / 3_600, "s"),
    ];
    match units.iter().find(|(unit, _)| size > *unit) {
        Some((unit, name)) => format!("{}{name}", size / unit),
        None => "0s".to_owned(),
    }
}

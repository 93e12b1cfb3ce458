//! Words for people: durations, ages, symbols, colours, tables.

use std::time::Duration;

/// Whether escape codes for colours are written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Paint(pub bool);

impl Paint {
    /// Colours on a terminal, unless they are not wanted.
    pub fn when(terminal: bool, no_color: bool) -> Paint {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Paint(terminal && !no_color && !refused)
    }

    pub fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    pub fn red(self, text: &str) -> String {
        self.wrap("31", text)
    }

    /// The symbol of a phase, in its colour.
    pub fn symbol(self, phase: &str) -> String {
        self.wrap(phase_colour(phase), symbol(phase))
    }

    /// A text in the colour of a phase.
    pub fn phase(self, phase: &str, text: &str) -> String {
        self.wrap(phase_colour(phase), text)
    }

    fn wrap(self, code: &str, text: &str) -> String {
        match self.0 && !text.is_empty() {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_string(),
        }
    }
}

fn phase_colour(phase: &str) -> &'static str {
    match phase {
        "Succeeded" => "32",
        "Failed" | "Error" => "31",
        "Running" => "36",
        "Pending" | "" => "33",
        _ => "2",
    }
}

/// As `argo get` draws phases.
pub fn symbol(phase: &str) -> &'static str {
    match phase {
        "Succeeded" => "✔",
        "Failed" => "✖",
        "Error" => "⚠",
        "Running" => "●",
        "Skipped" | "Omitted" => "○",
        _ => "◷",
    }
}

/// `0.4s`, `12s`, `3m05s`, `2h10m`, `4d2h`: two units at most.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{:.1}s", time.as_secs_f64()),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86400 => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{}h", seconds / 86400, seconds / 3600 % 24),
    }
}

/// A duration known to the second only.
pub fn whole_seconds(seconds: i64) -> String {
    let seconds = u64::try_from(seconds).unwrap_or_default();
    match seconds {
        0..60 => format!("{seconds}s"),
        _ => duration(Duration::from_secs(seconds)),
    }
}

/// `12 B`, `3.4 KiB`, `120 MiB`.
pub fn size(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut shown = None;
    for unit in units {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        shown = Some(unit);
    }
    match shown {
        None => format!("{bytes} B"),
        Some(unit) if value < 10.0 => format!("{value:.1} {unit}"),
        Some(unit) => format!("{value:.0} {unit}"),
    }
}

/// One line without control characters, at most `width` characters long.
pub fn one_line(text: &str, width: usize) -> String {
    let clean: String = text
        .trim()
        .chars()
        .map(|c| if c == '\n' || c == '\t' { ' ' } else { c })
        .filter(|c| !c.is_control())
        .collect();
    if clean.chars().count() <= width {
        return clean;
    }
    let mut cut: String = clean.chars().take(width.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// Columns padded to their widest cell, two spaces apart; the last one is left as it is.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| visible_width(cell)).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.push_str(&" ".repeat(width + 2 - visible_width(cell)));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Characters that are seen: escape codes for colours are not.
pub fn visible_width(text: &str) -> usize {
    let mut count = 0;
    let mut escaped = false;
    for c in text.chars() {
        match (escaped, c) {
            (false, '\x1b') => escaped = true,
            (false, _) => count += 1,
            (true, 'm') => escaped = false,
            (true, _) => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes() {
        let cases = [
            (0, "0.0s"),
            (9, "9.0s"),
            (10, "10s"),
            (185, "3m05s"),
            (7805, "2h10m"),
            (352_800, "4d2h"),
        ];
        for (seconds, text) in cases {
            assert_eq!(duration(Duration::from_secs(seconds)), text);
        }
        assert_eq!(whole_seconds(-3), "0s");
        for (bytes, text) in
            [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (100 << 20, "100 MiB")]
        {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn tables_look_through_colours() {
        let paint = Paint(true);
        let rows = [vec![paint.red("ab"), "c".into()], vec!["abc".into(), "d".into()]];
        assert_eq!(table(&rows), "\x1b[31mab\x1b[0m   c\nabc  d\n");
    }

    #[test]
    fn lines_are_made_harmless() {
        assert_eq!(one_line("a\nb\x1b[2J\tc", 80), "a b[2J c");
        assert_eq!(one_line("abcdef", 4), "abc…");
    }
}

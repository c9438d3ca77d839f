//! Counts, sizes and times as a person reads them.
//!
//! Invariant: unit and digits fit the number as it is written: what rounds up to 1,000 of a unit is 1 of the next.

/// With three significant digits or so.
pub fn time(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} us"),
        1_000..9_995 => format!("{:.2} ms", us as f64 / 1e3),
        9_995..999_500 => format!("{:.0} ms", us as f64 / 1e3),
        _ => format!("{:.1} s", us as f64 / 1e6),
    }
}

/// With a decimal prefix.
pub fn bytes(count: f64) -> String {
    match count {
        999.95e6.. => format!("{:.2} GB", count / 1e9),
        999.95e3.. => format!("{:.1} MB", count / 1e6),
        999.5.. => format!("{:.1} kB", count / 1e3),
        _ => format!("{count:.0} B"),
    }
}

/// Digits in threes.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rounds_up_to_the_next_unit_is_written_in_it() {
        let times = [
            (999, "999 us"),
            (1_000, "1.00 ms"),
            (9_994, "9.99 ms"),
            (9_995, "10 ms"),
            (9_999, "10 ms"),
            (999_499, "999 ms"),
            (999_500, "1.0 s"),
            (999_999, "1.0 s"),
            (59_960_000, "60.0 s"),
        ];
        for (us, text) in times {
            assert_eq!(time(us), text, "{us} us");
        }
        let sizes = [
            (999.4, "999 B"),
            (999.6, "1.0 kB"),
            (999_949.0, "999.9 kB"),
            (999_950.0, "1.0 MB"),
            (999_949_000.0, "999.9 MB"),
            (999_950_000.0, "1.00 GB"),
        ];
        for (count, text) in sizes {
            assert_eq!(bytes(count), text, "{count} bytes");
        }
    }

    #[test]
    fn no_number_of_a_unit_reaches_a_thousand() {
        let mantissa = |text: String| text.split(' ').next().and_then(|number| number.parse::<f64>().ok());
        for exponent in 0..40 {
            let near = 1.7_f64.powi(exponent);
            for count in [near, 10_f64.powi(exponent % 10) * 0.999_7, 10_f64.powi(exponent % 10) - 0.4] {
                if count < 999e9 {
                    assert!(mantissa(bytes(count)).is_some_and(|number| number < 1e3), "{count}");
                }
                if count < 999e6 {
                    assert!(mantissa(time(count as u64)).is_some_and(|number| number < 1e3), "{count}");
                }
            }
        }
    }
}

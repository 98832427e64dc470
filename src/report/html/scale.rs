//! An axis: values to places on a drawing, and where its ticks are.

/// A linear axis. Of the ends of the drawing, `to` may lie below `from`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// An axis over all finite values with a little room, within `range`, drawn from `from` to `to`; from 0 to 1 without any value.
    pub(super) fn over(values: impl Iterator<Item = f64>, range: (f64, f64), from: f64, to: f64) -> Self {
        let (low, high) = values
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        if low > high {
            return Self { low: 0.0, high: 1.0, from, to };
        }
        // Values that are all alike stand in the middle.
        let room = if high > low { 0.04 * (high - low) } else { (0.05 * low.abs()).max(0.05) };
        let (low, high) = ((low - room).max(range.0.min(low)), (high + room).min(range.1.max(high)));
        Self { low, high: if high > low { high } else { low + 1.0 }, from, to }
    }

    /// Where a value stands.
    pub(super) fn at(&self, value: f64) -> f64 {
        self.from + (value - self.low) / (self.high - self.low) * (self.to - self.from)
    }

    /// About `wanted` ticks at round values, with their texts.
    pub(super) fn ticks(&self, wanted: usize) -> Vec<(f64, String)> {
        let rough = (self.high - self.low) / wanted.max(1) as f64;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * power).find(|step| *step >= rough * 0.999);
        let step = step.unwrap_or(10.0 * power);
        let digits = (-step.log10().floor()).clamp(0.0, 12.0) as usize;
        let first = (self.low / step - 1e-9).ceil();
        let n = ((self.high / step + 1e-9).floor() - first).clamp(0.0, 100.0) as usize;
        let tick = |index: usize| {
            let value = (first + index as f64) * step;
            let text = format!("{value:.digits$}");
            (value, if text.trim_start_matches('-').chars().all(|c| c == '0' || c == '.') { "0".into() } else { text })
        };
        (0..=n).map(tick).collect()
    }
}

/// A place on a drawing, to a tenth of a pixel.
pub(super) fn px(value: f64) -> String {
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);

    #[test]
    fn fractions_stay_within_what_a_metric_can_be() {
        let scale = Scale::over([0.5, 1.0].into_iter(), (0.0, 1.0), 0.0, 100.0);
        assert_eq!(scale.at(1.0), 100.0);
        assert_eq!(scale.at(0.5).round(), 4.0);
        let texts: Vec<String> = scale.ticks(6).into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["0.5", "0.6", "0.7", "0.8", "0.9", "1.0"]);
    }

    #[test]
    fn log_likelihoods_equal_values_and_nothing_have_axes_too() {
        let texts = |scale: Scale| scale.ticks(4).into_iter().map(|(_, text)| text).collect::<Vec<_>>();
        assert_eq!(texts(Scale::over([-812.0, -790.0].into_iter(), ANY, 0.0, 1.0)), ["-810", "-800", "-790"]);
        let equal = Scale::over([0.5, 0.5].into_iter(), ANY, 0.0, 100.0);
        assert_eq!(equal.at(0.5).round(), 50.0);
        let least = Scale::over([0.0, f64::NAN].into_iter(), (0.0, 1.0), 0.0, 100.0);
        assert!(least.at(0.0).is_finite() && !texts(least).is_empty());
        assert_eq!(texts(Scale::over(std::iter::empty(), ANY, 0.0, 1.0)).first().unwrap(), "0");
    }

    #[test]
    fn places_are_written_short() {
        assert_eq!([px(12.0), px(0.25), px(-0.01), px(3.125)], ["12", "0.2", "0", "3.1"]);
    }
}

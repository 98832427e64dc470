//! A run that is killed at any moment goes on to the same bytes (contract, definition 12).

use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

use super::workplace::Workplace;

/// Moments at which the run is killed.
const POINTS: usize = 50;

/// Two numbers of shots, two seeds, three methods: 10 trials, small ones, since a hundred runs are made.
const RUN: [&str; 9] = [
    "run",
    "toy.yaml",
    "--set=shots=[0, 8]",
    "--set=budget.evaluations=128",
    "--set=limits.test=12",
    "--set=limits.unlabelled=16",
    "--device",
    "cpu",
    "--quiet",
];

/// Random numbers that a failure can be repeated with: splitmix64 from `PROMPTMINE_KILL_SEED`, or from the clock.
struct Numbers {
    seed: u64,
    state: u64,
}

impl Numbers {
    fn new() -> Self {
        let clock = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as u64;
        let seed = std::env::var("PROMPTMINE_KILL_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(clock);
        Self { seed, state: seed }
    }

    fn below(&mut self, n: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((u128::from(z ^ (z >> 31)) * u128::from(n)) >> 64) as u64
    }
}

/// When a run is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// So long after its start.
    After(Duration),
    /// As soon as so many events are recorded.
    Events(usize),
}

fn n_events(workplace: &Workplace, results: &str) -> usize {
    let events = |trial: std::path::PathBuf| std::fs::read(trial.join("events.jsonl")).unwrap_or_default();
    let lines = |bytes: Vec<u8>| bytes.iter().filter(|&&byte| byte == b'\n').count();
    workplace.trials(results).into_iter().map(|trial| lines(events(trial))).sum()
}

/// Starts the run and kills it; false if it came to its end first.
fn killed(workplace: &Workplace, results: &str, jobs: &str, moment: Moment) -> bool {
    let arguments = [&RUN[..], &["--results", results, "--jobs", jobs]].concat();
    let mut child = workplace.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    let folder = format!("{results}/toy");
    let due = || match moment {
        Moment::After(wait) => begun.elapsed() >= wait,
        Moment::Events(n) => n_events(workplace, &folder) >= n,
    };
    while !due() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_micros(300));
    }
    child.kill().unwrap();
    !child.wait().unwrap().success()
}

#[test]
fn a_run_that_is_killed_at_fifty_random_moments_goes_on_to_the_same_bytes() {
    let workplace = Workplace::new();
    let run = |results: &str, jobs: &str| workplace.done(&[&RUN[..], &["--results", results, "--jobs", jobs]].concat());
    run("whole", "2");
    let whole = workplace.record("whole/toy");
    assert!(whole.len() > 10 * 4, "{:?}", whole.keys());
    let all_events = n_events(&workplace, "whole/toy");
    let begun = Instant::now();
    run("again", "2");
    let duration = begun.elapsed();
    workplace.assert_same_record(&whole, "again/toy", "undisturbed");

    let mut numbers = Numbers::new();
    let seed = numbers.seed;
    let mut n_killed = 0;
    for point in 0..POINTS {
        let jobs = if numbers.below(3) == 0 { "1" } else { "2" };
        let mut moment = |part: u64| match numbers.below(2) {
            0 => Moment::After(duration.mul_f64(numbers.below(950) as f64 / 1000.0 / part as f64)),
            _ => Moment::Events(numbers.below(all_events as u64) as usize),
        };
        let moments = [moment(1), moment(2)];
        // Every fifth run is killed once more while it goes on.
        let n_kills = if point % 5 == 0 { 2 } else { 1 };
        for moment in &moments[..n_kills] {
            n_killed += usize::from(killed(&workplace, "killed", jobs, *moment));
        }
        run("killed", "2");
        let when = format!("PROMPTMINE_KILL_SEED={seed}, point {point}, jobs {jobs}, {:?}", &moments[..n_kills]);
        workplace.assert_same_record(&whole, "killed/toy", &when);
        std::fs::remove_dir_all(workplace.path("killed")).unwrap();
    }
    // Some come to their end before their moment; most must not, or nothing was tested.
    assert!(n_killed >= 40, "PROMPTMINE_KILL_SEED={seed}: only {n_killed} runs were killed before their end");
}

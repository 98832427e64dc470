//! Help texts.

use super::workplace::Workplace;

const COMMANDS: [&str; 20] = [
    "run",
    "merge",
    "submit",
    "plan",
    "validate",
    "explain",
    "score",
    "predict",
    "fill",
    "generate",
    "leaderboard",
    "report",
    "compare",
    "replay",
    "select",
    "models",
    "datasets",
    "doctor",
    "init",
    "completions",
];

#[test]
fn the_help_lists_every_command_and_the_exit_codes() {
    let help = Workplace::new().done(&["--help"]).stdout;
    for command in COMMANDS {
        assert!(help.lines().any(|line| line.trim_start().starts_with(&format!("{command} "))), "{command}\n{help}");
    }
    for code in ["0 ", "2 ", "3 ", "4 ", "5 ", "6 ", "7 ", "130 "] {
        assert!(help.lines().any(|line| line.trim_start().starts_with(code)), "{code}\n{help}");
    }
}

#[test]
fn the_help_of_every_command_has_an_example() {
    let workplace = Workplace::new();
    for command in COMMANDS {
        let help = workplace.done(&[command, "--help"]).stdout;
        assert!(help.contains(&format!("  promptmine {command}")), "{help}");
    }
}

#[test]
fn usage_errors_exit_with_2_and_write_nothing_to_standard_output() {
    let workplace = Workplace::new();
    let wrong: [&[&str]; 9] = [
        &[],
        &["frobnicate"],
        &["run"],
        &["run", "toy.yaml", "--jobs", "0"],
        &["run", "toy.yaml", "--device", "tpu"],
        &["run", "toy.yaml", "--only", "gcg", "--device", "cpu"],
        &["fill", "no model is given {mask}"],
        &["score", "--model", "builtin:toy", "--template", "{text} {mask}", "--input", "test.tsv"],
        &["fill", "--model", "builtin:toy", "--device", "cpu", "no place to fill"],
    ];
    for arguments in wrong {
        let ran = super::workplace::Ran::from(workplace.command(arguments).output().unwrap());
        assert_eq!(ran.code, 2, "{arguments:?}\n{}", ran.stderr);
        assert!(ran.stdout.is_empty() && !ran.stderr.is_empty(), "{arguments:?}");
    }
    assert!(!workplace.path("results").exists());
}

#[test]
fn the_version_is_that_of_the_crate() {
    assert_eq!(Workplace::new().done(&["--version"]).stdout, format!("promptmine {}\n", env!("CARGO_PKG_VERSION")));
}

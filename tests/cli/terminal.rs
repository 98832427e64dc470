//! What a shell sees: pipes, logs, quiet.

use std::io::Read;
use std::process::Stdio;

use super::workplace::Workplace;

#[test]
fn a_closed_pipe_ends_the_program_quietly() {
    let workplace = Workplace::new();
    let arguments = ["completions", "bash"];
    let mut child = workplace.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The reader goes away at once.
    drop(child.stdout.take());
    let status = child.wait().unwrap();
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((status.code(), stderr.as_str()), (Some(0), ""));
}

#[test]
fn quiet_leaves_standard_error_empty_and_the_results_whole() {
    let workplace = Workplace::new();
    let loud = workplace.done(&["run", "toy.yaml", "--results", "a"]);
    let quiet = workplace.done(&["run", "toy.yaml", "--results", "b", "--quiet"]);
    assert!(loud.stderr.contains("[6/6]"), "{}", loud.stderr);
    assert_eq!(quiet.stderr, "");
    assert_eq!(loud.stdout.replace("a/toy", "b/toy"), quiet.stdout);
}

#[test]
fn every_line_of_a_json_log_is_an_object_errors_too() {
    let workplace = Workplace::new();
    let good = workplace.done(&["run", "toy.yaml", "--log-format", "json"]);
    let bad = workplace.run(&["run", "absent.yaml", "--log-format", "json"]);
    assert_eq!(bad.code, 3);
    for line in good.stderr.lines().chain(bad.stderr.lines()) {
        let object: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        assert!(object["level"].is_string() && object["message"].is_string(), "{line}");
    }
    assert!(good.stderr.contains(r#""outcome":"#), "{}", good.stderr);
    assert!(bad.stderr.contains(r#""exit_code":3"#), "{}", bad.stderr);
}

#[test]
fn nothing_but_results_stands_on_standard_output_and_no_escape_codes_anywhere() {
    let ran = Workplace::new().done(&["run", "toy.yaml"]);
    assert!(!ran.stdout.contains('\u{1b}') && !ran.stderr.contains('\u{1b}'));
    assert!(!ran.stdout.contains("[1/6]"), "{}", ran.stdout);
}

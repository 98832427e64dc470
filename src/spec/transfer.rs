//! `transfer:` where else the chosen prompts are scored, once every choice is recorded.

use super::error::SpecError;
use super::reader::{At, Reader};
use super::task::{TaskSpec, task};

/// Chosen prompts asked of the other models of the experiment, and of other tasks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Transfer {
    /// The other tasks by their names, in the order written: on the test set of each the chosen prompts are scored with its label
    /// words in place of their own. Its template, where it has one, is what they are compared with.
    pub tasks: Vec<(String, TaskSpec)>,
}

/// `transfer: true`, or `transfer: { tasks: { NAME: { dataset: ..., verbalizer: ... } } }`; `None` where nothing is asked.
pub(super) fn transfer(reader: &mut Reader, at: Option<At>) -> Result<Option<Transfer>, SpecError> {
    let Some(at) = at else { return Ok(None) };
    if at.is_scalar() {
        return Ok(reader.flag(&at)?.then(Transfer::default));
    }
    let fields = reader.fields(at, &["tasks"])?;
    let mut transfer = Transfer::default();
    let Some(at) = fields.get("tasks") else { return Ok(Some(transfer)) };
    let Some(entries) = at.entries() else {
        let what = "a mapping from names to tasks is expected, as in { hotels: { dataset: hotels, verbalizer: ... } }";
        return Err(reader.shape(&at, format!("{what}, found {}", at.node.kind())));
    };
    if entries.is_empty() {
        reader.value(&at, "no task is named; leave `tasks` out to transfer between models alone");
    }
    for (name, at) in entries {
        if name.trim().is_empty() {
            reader.value(&at, "an empty name");
        }
        let read = task(reader, at.clone())?;
        if !read.words.is_empty() {
            reader.value(&at, "`verbalizer` is a search, and a task that prompts are transferred to needs words");
        }
        if read.target.is_some() || read.facts.is_some() {
            reader.value(&at, "prompts are transferred to tasks of labels, not to references or facts");
        }
        transfer.tasks.push((name, read));
    }
    Ok(Some(transfer))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Experiment;

    fn read(transfer: &str) -> Result<Experiment, String> {
        let yaml = format!(
            "format: 1\nname: x\ntask: {{ dataset: builtin:film-reviews }}\nmodels: [builtin:toy]\ntransfer: {transfer}\n"
        );
        Experiment::from_yaml(&yaml, Path::new("x.yaml"), &[]).map_err(|e| e.to_string())
    }

    #[test]
    fn nothing_is_transferred_unless_it_is_asked() {
        for nothing in ["", "false", "null"] {
            let experiment = read(nothing).unwrap();
            assert_eq!(experiment.transfer, None);
            assert!(!experiment.to_yaml().contains("transfer"));
        }
    }

    #[test]
    fn tasks_are_read_as_a_task_is_and_written_back() {
        assert_eq!(read("true").unwrap().transfer.unwrap().tasks, []);
        assert!(read("true").unwrap().to_yaml().ends_with("transfer: true\n"), "{}", read("true").unwrap().to_yaml());
        let experiment =
            read("{ tasks: { hotels: { dataset: hotels, verbalizer: { no: bad, yes: good }, metric: macro_f1 } } }")
                .unwrap();
        let (name, task) = &experiment.transfer.as_ref().unwrap().tasks[0];
        assert_eq!((name.as_str(), task.metric.name()), ("hotels", "macro_f1"));
        let again = Experiment::from_yaml(&experiment.to_yaml(), Path::new("x.yaml"), &[]).unwrap();
        assert_eq!(again, experiment);
        assert_eq!(again.shared_hash(), read("false").unwrap().shared_hash(), "the trials stay");
    }

    #[test]
    fn faults_are_told_with_their_place() {
        for (transfer, expected) in [
            ("maybe", "x.yaml:5:11: transfer: true or false is expected"),
            ("{ task: 1 }", "unknown key `task`"),
            ("{ tasks: {} }", "x.yaml:5:20: transfer.tasks: no task is named"),
            ("{ tasks: [a] }", "a mapping from names to tasks is expected"),
            ("{ tasks: { hotels: { data: x } } }", "transfer.tasks.hotels: unknown key `data`"),
            ("{ tasks: { hotels: { verbalizer: { a: b, c: d } } } }", "transfer.tasks.hotels: `dataset` is missing"),
            ("{ tasks: { hotels: { dataset: x, verbalizer: { search: greedy } } } }", "needs words"),
        ] {
            let message = read(transfer).unwrap_err();
            assert!(message.contains(expected), "{transfer}: {message}");
        }
    }
}

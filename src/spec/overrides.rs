//! `--set KEY=VALUE`: values put into the tree before it is read, so that they are checked like the file's own.

use super::error::SpecError;
use super::node::{Entry, Node, Place, Value, shortened};
use super::yaml;

/// Splits `KEY=VALUE`.
///
/// # Errors
/// If there is no `=` or no key.
pub fn parse_override(text: &str) -> Result<(String, String), SpecError> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err(fault(text, "is not KEY=VALUE, as in budget.evaluations=100 or search.1.n_trigger=5")),
    }
}

/// How an override is named in messages.
pub(super) fn shown(set: &(String, String)) -> String {
    format!("{}={}", set.0, shortened(&set.1))
}

/// Puts the value of override number `number` at its key: dots lead into mappings, numbers (from 0) into lists.
pub(super) fn apply(root: &mut Node, set: &(String, String), number: usize) -> Result<(), SpecError> {
    let place = Place::Override(number);
    let mut node = root;
    let mut way = String::new();
    for part in set.0.split('.') {
        if part.is_empty() {
            return Err(fault(&shown(set), "the key has an empty part"));
        }
        if node.is_nothing() {
            node.value = Value::Map(Vec::new());
        }
        let kind = node.kind();
        node = match &mut node.value {
            Value::Map(entries) => entry(entries, part, place),
            Value::List(items) => {
                let n = items.len();
                match part.parse::<usize>().ok().and_then(|index| items.get_mut(index)) {
                    Some(item) => item,
                    None => {
                        let part = shortened(part);
                        let allowed = if n == 0 { "it is empty".to_owned() } else { format!("0 to {}", n - 1) };
                        return Err(fault(&shown(set), format!("`{part}` is no place in the list {way} ({allowed})")));
                    }
                }
            }
            Value::Scalar { .. } => {
                return Err(fault(&shown(set), format!("{way} is {kind} and holds no `{}`", shortened(part))));
            }
        };
        way = if way.is_empty() { part.to_owned() } else { format!("{way}.{part}") };
    }
    let value = value(&set.1, place)?;
    node.place = value.place;
    node.value = value.value;
    Ok(())
}

fn entry<'a>(entries: &'a mut Vec<Entry>, key: &str, place: Place) -> &'a mut Node {
    let index = entries.iter().position(|entry| entry.key == key).unwrap_or_else(|| {
        let node = Node { place, value: Value::Scalar { text: String::new(), plain: true } };
        entries.push(Entry { key: key.to_owned(), place, node });
        entries.len() - 1
    });
    &mut entries[index].node
}

/// The value as YAML; what is no YAML, such as `{text} was {mask}`, is text.
fn value(text: &str, place: Place) -> Result<Node, SpecError> {
    let parsed = yaml::text_of(text.as_bytes()).and_then(yaml::tree);
    let mut node = match parsed {
        Ok(Some(node)) => node,
        Ok(None) => Node { place, value: Value::Scalar { text: String::new(), plain: true } },
        Err(_) => Node { place, value: Value::Scalar { text: text.to_owned(), plain: false } },
    };
    relocate(&mut node, place);
    Ok(node)
}

fn relocate(node: &mut Node, place: Place) {
    node.place = place;
    match &mut node.value {
        Value::Scalar { .. } => {}
        Value::List(items) => items.iter_mut().for_each(|item| relocate(item, place)),
        Value::Map(entries) => entries.iter_mut().for_each(|entry| {
            entry.place = place;
            relocate(&mut entry.node, place);
        }),
    }
}

fn fault(set: &str, what: impl Into<String>) -> SpecError {
    SpecError::Override { set: set.to_owned(), what: what.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(key: &str, value: &str) -> Result<Node, String> {
        let mut root = yaml::tree("a: {b: 1}\nlist: [{c: 2}, 3]\n").unwrap().unwrap();
        apply(&mut root, &(key.to_owned(), value.to_owned()), 0).map_err(|error| error.to_string())?;
        Ok(root)
    }

    #[test]
    fn a_key_leads_through_mappings_and_lists_and_makes_what_is_absent() {
        let expected = |yaml: &str| {
            let mut node = yaml::tree(yaml).unwrap().unwrap();
            relocate(&mut node, Place::Override(0));
            node
        };
        let same = |key, value, yaml| {
            let mut node = applied(key, value).unwrap();
            relocate(&mut node, Place::Override(0));
            assert_eq!(node, expected(yaml));
        };
        same("a.b", "[5, 6]", "a: {b: [5, 6]}\nlist: [{c: 2}, 3]\n");
        same("list.0.c", "7", "a: {b: 1}\nlist: [{c: 7}, 3]\n");
        same("x.y", "true", "a: {b: 1}\nlist: [{c: 2}, 3]\nx: {y: true}\n");
        same("a.b", "{text} was {mask}", "a: {b: '{text} was {mask}'}\nlist: [{c: 2}, 3]\n");
    }

    #[test]
    fn a_key_that_leads_nowhere_is_refused() {
        assert_eq!(
            applied("list.2.c", "1").unwrap_err(),
            "--set list.2.c=1: `2` is no place in the list list (0 to 1)"
        );
        assert_eq!(applied("a.b.c", "1").unwrap_err(), "--set a.b.c=1: a.b is `1` and holds no `c`");
        assert_eq!(applied("a..b", "1").unwrap_err(), "--set a..b=1: the key has an empty part");
        assert_eq!(
            parse_override("budget").unwrap_err().to_string(),
            "--set budget: is not KEY=VALUE, as in budget.evaluations=100 or search.1.n_trigger=5"
        );
        assert_eq!(parse_override("a.b=c=d").unwrap(), ("a.b".to_owned(), "c=d".to_owned()));
    }
}

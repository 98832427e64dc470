//! Several requests to a service at a time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use super::EndpointError;
use super::question::Question;
use super::service::{Reply, Service};

/// What comes from a request.
enum Event {
    /// An attempt failed.
    Note(String),
    /// The answer to the question in that place, or that there is none.
    Answer(usize, Result<Reply, EndpointError>),
}

/// Asks `questions`, at most `parallel` at a time and begun in their order; `take` gets the answers as they come. After a failure
/// none is begun, and what is on its way is still taken: it may be paid for.
///
/// # Errors
/// That of the first question that failed, or of `take`.
pub(super) fn ask_all<'q>(
    service: &Service<'_>,
    questions: &[&'q Question],
    parallel: usize,
    note: &dyn Fn(&str),
    take: &mut dyn FnMut(&'q Question, Reply) -> Result<(), EndpointError>,
) -> Result<(), EndpointError> {
    let next = AtomicUsize::new(0);
    let (sender, events) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..parallel.clamp(1, questions.len().max(1)) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(question) = questions.get(place).filter(|_| !service.is_given_up()) else { break };
                    // The receiver outlives the threads.
                    let note = |text: &str| drop(sender.send(Event::Note(text.to_owned())));
                    let answer = service.answer(question, &note);
                    if answer.is_err() {
                        service.give_up();
                    }
                    drop(sender.send(Event::Answer(place, answer)));
                }
            });
        }
        drop(sender);
        let mut fault: Option<(usize, EndpointError)> = None;
        for event in events {
            let (place, answer) = match event {
                Event::Note(text) => {
                    note(&text);
                    continue;
                }
                Event::Answer(place, answer) => (place, answer),
            };
            if let Err(error) = answer.and_then(|reply| take(questions[place], reply)) {
                service.give_up();
                if fault.as_ref().is_none_or(|(first, _)| place < *first) {
                    fault = Some((place, error));
                }
            }
        }
        fault.map_or(Ok(()), |(_, error)| Err(error))
    })
}

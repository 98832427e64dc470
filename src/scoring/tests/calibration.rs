//! Calibration against numbers worked out by hand and against the papers' own formulas.

use super::*;
use crate::scoring::{Calibrator, Prior, ScoringError};
use crate::spec::Calibration;

fn close(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9)
}

fn logs(probabilities: &[f64]) -> Vec<f64> {
    probabilities.iter().map(|p| p.ln()).collect()
}

#[test]
fn contextual_calibration_gives_the_numbers_worked_out_by_hand() {
    // Content-free inputs say 0.7, 0.8 and 0.9: the mean is 0.8 to 0.2. 0.8 / 0.8 = 1 and 0.2 / 0.2 = 1: even.
    let prior = Prior::of(Calibration::Contextual, &[logs(&[0.7, 0.3]), logs(&[0.8, 0.2]), logs(&[0.9, 0.1])]);
    assert!(close(&prior.logprobs, &logs(&[0.8, 0.2])));
    let words = Verbalizer::parse("a=x,b=y").unwrap();
    assert!(close(&prior.calibrate(&words, &logs(&[0.8, 0.2])), &logs(&[0.5, 0.5])));
    // 0.6 / 0.8 = 0.75 and 0.4 / 0.2 = 2: 3 to 8.
    assert!(close(&prior.calibrate(&words, &logs(&[0.6, 0.4])), &logs(&[3.0 / 11.0, 8.0 / 11.0])));
}

#[test]
fn pmi_takes_every_words_own_prior() {
    // Words of label a are 0.5 and 0.1 without input, that of b is 0.4.
    let prior = Prior::of(Calibration::PmiDc, &[logs(&[0.5, 0.1, 0.4])]);
    let words = Verbalizer::parse("a=x|z,b=y").unwrap();
    assert!(prior.fits(&words) && !prior.fits(&Verbalizer::parse("a=x,b=y").unwrap()));
    // 0.5 / 0.5 + 0.3 / 0.1 = 4, 0.2 / 0.4 = 0.5.
    assert!(close(&prior.calibrate(&words, &logs(&[0.5, 0.3, 0.2])), &logs(&[8.0 / 9.0, 1.0 / 9.0])));
}

/// The label distribution of one prompt and text, by the scorer alone.
fn alone(scorer: &Scorer, prompt: &Prompt, text: &str) -> Vec<f64> {
    scorer.score(std::slice::from_ref(prompt), &names(&["text"]), &[&example(0, text, 0)]).unwrap().scores[0][0].clone()
}

#[test]
fn every_way_is_the_papers_ratio_on_its_own_texts() {
    let scorer = scorer(MultiToken::Joint);
    let prompt = prompt("{text} It was {mask}.", "bad=terrible,good=great", &[]);
    let (examples, unlabelled) = (examples(), examples());
    let unlabelled: Vec<&Example> = unlabelled[..3].iter().collect();
    let texts: Vec<String> = unlabelled.iter().map(|text| text.fields[0].clone()).collect();
    let content_free: Vec<String> = ["N/A", "", "[MASK]"].map(String::from).to_vec();
    for (way, texts) in [
        (Calibration::Contextual, content_free),
        (Calibration::PmiDc, vec![String::new()]),
        (Calibration::Batch, texts),
    ] {
        let calibrator = Calibrator::new(way, 1, &unlabelled, 10).unwrap();
        let round =
            calibrator.score(&scorer, std::slice::from_ref(&prompt), &names(&["text"]), &every(&examples)).unwrap();
        let mut prior = [0.0; 2];
        for text in &texts {
            let p = alone(&scorer, &prompt, text);
            prior.iter_mut().zip(p).for_each(|(sum, p)| *sum += p.exp() / texts.len() as f64);
        }
        for (example, found) in examples.iter().zip(&round.scores[0]) {
            let ratio: Vec<f64> = alone(&scorer, &prompt, &example.fields[0])
                .iter()
                .zip(prior)
                .map(|(p, prior)| p.exp() / prior)
                .collect();
            let total: f64 = ratio.iter().sum();
            let expected: Vec<f64> = ratio.iter().map(|ratio| (ratio / total).ln()).collect();
            assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5), "{way:?} {found:?} {expected:?}");
        }
        let n = examples.len() + texts.len();
        assert_eq!(round.costs[0].evaluations as usize, n, "{way:?}");
    }
}

#[test]
fn words_of_several_tokens_are_calibrated_by_the_same_rule() {
    let scorer = scorer(MultiToken::Joint);
    let prompt = prompt("{text}酒店{mask}。", "差=差|很差,好=很好|满意", &[]);
    let calibrator = Calibrator::new(Calibration::PmiDc, 1, &[], 0).unwrap();
    let asked = calibrator.asked(&prompt);
    assert_eq!(asked.verbalizer.labels.len(), 4);
    assert_eq!(scorer.evaluations_per_example(&asked).unwrap(), scorer.evaluations_per_example(&prompt).unwrap());
    let examples = examples();
    let columns = names(&["text"]);
    let round = calibrator.score(&scorer, std::slice::from_ref(&prompt), &columns, &every(&examples)).unwrap();
    let empty = alone(&scorer, &asked, "");
    for (example, found) in examples.iter().zip(&round.scores[0]) {
        let pmi: Vec<f64> =
            alone(&scorer, &asked, &example.fields[0]).iter().zip(&empty).map(|(a, b)| (a - b).exp()).collect();
        let labels = [pmi[0] + pmi[1], pmi[2] + pmi[3]];
        let expected = labels.map(|label| (label / (labels[0] + labels[1])).ln());
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?} {expected:?}");
    }
}

#[test]
fn a_score_does_not_depend_on_the_other_examples_and_batch_texts_not_on_their_order() {
    let scorer = scorer(MultiToken::Joint);
    let prompt = prompt("{text} It was {mask}.", "bad=terrible,good=great", &[]);
    let all = examples();
    let unlabelled: Vec<&Example> = all.iter().collect();
    let backwards: Vec<&Example> = all.iter().rev().collect();
    let calibrator = Calibrator::new(Calibration::Batch, 1, &unlabelled, 4).unwrap();
    assert_eq!(calibrator, Calibrator::new(Calibration::Batch, 1, &backwards, 4).unwrap());
    assert!(calibrator.texts().iter().all(|text| text.label.is_none()));
    let score = |examples: &[&Example]| {
        calibrator.score(&scorer, std::slice::from_ref(&prompt), &names(&["text"]), examples).unwrap().scores.remove(0)
    };
    let (one, many) = (score(&unlabelled[2..3]), score(&unlabelled));
    assert!(one[0].iter().zip(&many[2]).all(|(a, b)| (a - b).abs() < 1e-5));
}

#[test]
fn what_cannot_be_calibrated_is_refused() {
    let error = Calibrator::new(Calibration::Batch, 1, &[], 16).unwrap_err();
    assert!(matches!(error, ScoringError::CalibrationTexts));
    let blind = prompt("It was {mask}.", "bad=terrible,good=great", &[]);
    let error = Calibrator::new(Calibration::Contextual, 1, &[], 0).unwrap().check(&blind).unwrap_err();
    assert!(error.to_string().contains("no slot for an input"), "{error}");
}

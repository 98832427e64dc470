use super::*;

#[test]
fn perplexity_is_that_of_template_and_trigger_tokens_each_masked_in_turn() {
    let scorer = scorer(MultiToken::Joint);
    let tokenizer = &scorer.loaded().tokenizer;
    let columns = names(&["text"]);
    let prompt = prompt("it was {text} {trigger:1} {mask}.", "a=bad,b=good", &["very"]);
    let texts = ["good film", "bad"];
    let examples: Vec<Example> =
        texts.iter().map(|t| Example { row: 0, fields: vec![(*t).to_owned()], label: None }).collect();
    let found = scorer.perplexity(&prompt, &columns, &examples.iter().collect::<Vec<_>>()).unwrap().unwrap();

    let mask = tokenizer.mask_id().unwrap();
    let (mut sum, mut n) = (0.0, 0.0);
    for text in texts {
        let mut ids = tokenizer.encode_text("it was");
        let mut own: Vec<usize> = (1..=ids.len()).collect();
        ids.extend(tokenizer.encode_text(text));
        own.push(ids.len() + 1);
        ids.extend(prompt.triggers.0.iter());
        ids.push(mask);
        own.push(ids.len() + 1);
        ids.extend(tokenizer.encode_text("."));
        let ids = tokenizer.wrap(ids);
        for place in own {
            let mut masked = ids.clone();
            masked[place] = mask;
            let all = scorer.top_tokens(&masked, &[place], usize::MAX).unwrap().remove(0);
            sum -= all.iter().find(|filled| filled.token_id == ids[place]).unwrap().logprob;
            n += 1.0;
        }
    }
    let expected = f64::exp(sum / n);
    assert!((found / expected - 1.0).abs() < 1e-4, "{found} {expected}");
}

#[test]
fn a_prompt_without_tokens_of_its_own_has_no_perplexity() {
    let scorer = scorer(MultiToken::Joint);
    let example = Example { row: 0, fields: vec!["good film".to_owned()], label: None };
    let bare = prompt("{text} {mask}", "a=bad,b=good", &[]);
    assert_eq!(scorer.perplexity(&bare, &names(&["text"]), &[&example]).unwrap(), None);
    let words = prompt("it was {text} {mask}", "a=bad,b=good", &[]);
    assert_eq!(scorer.perplexity(&words, &names(&["text"]), &[]).unwrap(), None);
}

//! How a service is asked that `--model endpoint:MODEL@URL` names.

use std::path::PathBuf;

use clap::Args;

use crate::error::Result;
use crate::spec::{Endpoint, NO_VARIABLE, Price};

use super::CliError;

/// Tokens that an answer may have, where it is a label word.
const MAX_TOKENS: u64 = 16;
/// Requests at most, where nobody says.
const MAX_REQUESTS: u64 = 1_000;

/// Options of a service.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "With --model endpoint:MODEL@URL")]
pub struct EndpointOptions {
    /// The variable of the environment that holds the key of the service
    #[arg(long, value_name = "VARIABLE", requires = "model")]
    key: Option<String>,
    /// More templates, scored beside --template
    #[arg(long, value_name = "TEMPLATE", requires = "model")]
    against: Vec<String>,
    /// Rewordings of each template that the service is asked for and that are scored, too
    #[arg(long, value_name = "N", requires = "model", value_parser = clap::value_parser!(u16).range(1..=100))]
    paraphrases: Option<u16>,
    /// What a million tokens cost, those sent and those received: 0.1,0.4
    #[arg(long, value_name = "INPUT,OUTPUT", requires = "max_cost")]
    price: Option<String>,
    /// What all requests together may cost
    #[arg(long, value_name = "COST", requires = "price")]
    max_cost: Option<f64>,
    /// Requests at most in all [default: 1000]
    #[arg(long, value_name = "N", requires = "model")]
    max_requests: Option<u64>,
    /// Requests a minute at most [default: 60]
    #[arg(long, value_name = "N", requires = "model", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    requests_per_minute: Option<u64>,
    /// Requests that may be on their way at a time [default: 4]
    #[arg(long, value_name = "N", requires = "model", value_parser = clap::value_parser!(u64).range(1..=256))]
    parallel: Option<u64>,
    /// Tokens of an answer at most; more for a model that thinks before it answers [default: 16, rewordings 1024]
    #[arg(long, value_name = "N", requires = "model", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    max_tokens: Option<u64>,
    /// Seconds that an answer may take [default: 60]
    #[arg(long, value_name = "SECONDS", requires = "model", value_parser = clap::value_parser!(u64).range(1..=3_600))]
    timeout: Option<u64>,
    /// The folder of results folders, beside which answers are kept so that none is asked for twice [default: results]
    #[arg(long, value_name = "DIR", requires = "model")]
    results: Option<PathBuf>,
}

impl EndpointOptions {
    /// Whether any of them was given.
    pub fn any(&self) -> bool {
        let numbers = [self.max_requests, self.requests_per_minute, self.parallel, self.max_tokens, self.timeout];
        let texts = self.key.is_some() || self.price.is_some() || !self.against.is_empty() || self.results.is_some();
        texts || self.paraphrases.is_some() || self.max_cost.is_some() || numbers.iter().any(Option::is_some)
    }

    /// The service of that name.
    ///
    /// # Errors
    /// [`CliError::ModelName`] and [`CliError::Usage`].
    pub fn endpoint(&self, model: &str) -> Result<Endpoint> {
        let mut endpoint = Endpoint::named(model).map_err(CliError::ModelName)?;
        if let Some(key) = &self.key {
            if !Endpoint::is_variable(key) {
                return Err(CliError::Usage(format!("--key: {NO_VARIABLE}")).into());
            }
            endpoint.key = Some(key.clone());
        }
        if let Some(what) = endpoint.address_fault() {
            return Err(CliError::ModelName(what).into());
        }
        endpoint.price = self.price()?;
        endpoint.max_requests = self.max_requests.unwrap_or(MAX_REQUESTS);
        endpoint.requests_per_minute = self.requests_per_minute.unwrap_or(endpoint.requests_per_minute);
        endpoint.parallel = self.parallel.map_or(endpoint.parallel, |n| n as usize);
        endpoint.timeout = self.timeout.unwrap_or(endpoint.timeout);
        endpoint.n_paraphrases = self.paraphrases.map_or(endpoint.n_paraphrases, usize::from);
        Ok(endpoint)
    }

    /// The same for answers that are label words.
    pub fn for_labels(&self, endpoint: &Endpoint) -> Endpoint {
        Endpoint { max_tokens: self.max_tokens.unwrap_or(MAX_TOKENS), ..endpoint.clone() }
    }

    /// Templates to score beside the first.
    pub fn against(&self) -> &[String] {
        &self.against
    }

    /// Whether rewordings are to be asked for.
    pub fn rewords(&self) -> bool {
        self.paraphrases.is_some()
    }

    /// The folder of results folders.
    pub fn results(&self) -> PathBuf {
        self.results.clone().unwrap_or_else(|| "results".into())
    }

    fn price(&self) -> Result<Option<Price>> {
        let (Some(text), Some(most)) = (&self.price, self.max_cost) else { return Ok(None) };
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| (0.0..=1e9).contains(number));
        let prices = text.split_once(',').and_then(|(input, output)| Some((number(input)?, number(output)?)));
        let Some((input, output)) = prices else {
            let what = format!("--price {text}: two numbers are expected, what a million tokens cost, as in 0.1,0.4");
            return Err(CliError::Usage(what).into());
        };
        if !(0.0..=1e9).contains(&most) {
            return Err(CliError::Usage(format!("--max-cost {most}: a number of 0 or more is expected")).into());
        }
        Ok(Some(Price { input, output, most }))
    }
}

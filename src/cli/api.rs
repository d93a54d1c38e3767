//! The admin API of a running gateway, as the operator's commands use it.

use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use clap::Args;
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::Full;

use super::args;
use super::http::{Answer, Http, USER_AGENT, encode, url};
use crate::model::{Json, json};
use crate::secret::Secret;

/// How many lines one page of a followed list has.
const PAGE: usize = 200;

/// Which gateway.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Gateway")]
pub struct Gateway {
    /// The admin address of the gateway
    #[arg(long, env = "CROSSCONNECT_URL", default_value = "http://127.0.0.1:8081", value_parser = url)]
    pub url: Uri,
    /// The admin token
    #[arg(long, env = "CROSSCONNECT_TOKEN", hide_env_values = true, value_parser = args::secret)]
    pub token: Option<Secret>,
    /// For one request and its answer
    #[arg(long, default_value = "30s", value_parser = args::duration)]
    pub timeout: Duration,
}

/// Which part of a list.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Pages")]
pub struct Paging {
    /// Lines of one page
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
    /// Begin where an earlier page ended
    #[arg(long)]
    pub cursor: Option<String>,
    /// All pages
    #[arg(long, conflicts_with = "limit")]
    pub all: bool,
}

/// Name and value of what stands behind the question mark.
pub type Query = Vec<(&'static str, String)>;

/// A client of one gateway.
#[derive(Debug)]
pub struct Api {
    base: String,
    token: Option<Secret>,
    http: Http,
}

/// A problem document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the gateway answered {status}: {text}{}", help(*.status))]
pub struct ApiError {
    pub status: u16,
    pub code: Option<String>,
    pub text: String,
}

fn help(status: u16) -> &'static str {
    match status {
        401 | 403 => "\n  help: give the admin token by --token or CROSSCONNECT_TOKEN",
        _ => "",
    }
}

impl Gateway {
    /// A client; connects only when it is used.
    pub fn client(&self) -> anyhow::Result<Api> {
        Ok(Api {
            base: self.url.to_string().trim_end_matches('/').to_owned(),
            token: self.token.clone().filter(|token| !token.expose().is_empty()),
            http: Http::new(self.timeout)?,
        })
    }
}

impl Api {
    /// GET below `/api/v1/`.
    pub async fn get(&self, path: &str, query: &Query) -> anyhow::Result<Json> {
        let pairs: Vec<String> =
            query.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let mark = if pairs.is_empty() { "" } else { "?" };
        self.call(Method::GET, &format!("{path}{mark}{}", pairs.join("&")), Bytes::new()).await
    }

    /// POST below `/api/v1/`.
    pub async fn post(&self, path: &str, body: &Json) -> anyhow::Result<Json> {
        self.call(Method::POST, path, body.to_string().into()).await
    }

    /// The pages of a list, one after the other.
    pub fn pages<'a>(&'a self, path: &'a str, query: Query, paging: &Paging) -> Pages<'a> {
        let limit = if paging.all { PAGE } else { paging.limit as usize };
        Pages { api: self, path, query, limit, cursor: paging.cursor.clone(), all: paging.all, done: false }
    }

    async fn call(&self, method: Method, path: &str, body: Bytes) -> anyhow::Result<Json> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}/api/v1/{path}", self.base))
            .header(header::USER_AGENT, USER_AGENT)
            .header(header::ACCEPT, "application/json");
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.expose()));
        }
        let request = request.body(Full::new(body)).context("could not make the request")?;
        let answer = self.http.send(request).await.context(UNREACHABLE)?;
        understand(&answer)
    }
}

const UNREACHABLE: &str =
    "no answer (is the gateway running? --url or CROSSCONNECT_URL names its admin address)";

fn understand(answer: &Answer) -> anyhow::Result<Json> {
    let document = serde_json::from_slice::<Json>(&answer.body);
    if answer.status.is_success() {
        return document.context("the gateway's answer is no JSON; is --url its admin address?");
    }
    Err(problem(answer.status, document.ok()).into())
}

fn problem(status: StatusCode, document: Option<Json>) -> ApiError {
    let text = |name| document.as_ref()?.get(name)?.as_str().map(str::to_owned);
    let title = text("title").unwrap_or_else(|| status.canonical_reason().unwrap_or("an error").to_owned());
    let text_of_all = match text("detail") {
        Some(detail) => format!("{title}: {detail}"),
        None => title,
    };
    ApiError { status: status.as_u16(), code: text("code"), text: text_of_all }
}

/// A list, read page by page.
#[derive(Debug)]
pub struct Pages<'a> {
    api: &'a Api,
    path: &'a str,
    query: Query,
    limit: usize,
    cursor: Option<String>,
    all: bool,
    done: bool,
}

impl Pages<'_> {
    /// The next page's items; `None` after the last one.
    pub async fn next(&mut self) -> anyhow::Result<Option<Vec<Json>>> {
        if self.done {
            return Ok(None);
        }
        let mut query = self.query.clone();
        query.push(("limit", self.limit.to_string()));
        query.extend(self.cursor.clone().map(|cursor| ("cursor", cursor)));
        let mut page = self.api.get(self.path, &query).await?;
        let next = page.get("next").and_then(Json::as_str).map(str::to_owned);
        // A cursor that stands still would never end.
        self.done = !self.all || next.is_none() || next == self.cursor;
        self.cursor = next;
        match page.get_mut("items").map(Json::take) {
            Some(Json::Array(items)) => Ok(Some(items)),
            _ => anyhow::bail!("the gateway's answer has no list of items"),
        }
    }

    /// Where a further page begins, if there is one.
    pub fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }
}

/// The filters that are set, as a JSON object.
pub fn filter(query: &Query) -> Json {
    query.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect::<crate::model::Map>().into()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "servers of tests end with their runtime")]
mod tests;

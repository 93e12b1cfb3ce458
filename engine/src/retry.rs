//! Retries: whether a failed attempt is followed by another one, and when.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use lighter_api::k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use lighter_api::{Backoff, NodeStatus, RetryStrategy};

use crate::call::Extra;
use crate::duration;
use crate::engine::Engine;
use crate::expr::{Scope, evaluate_bool};
use crate::phase;
use crate::run::{Call, Key, State};
use crate::tree::is_attempt;

/// Parts of messages that stand for troubles which pass by themselves.
const TRANSIENT: [&str; 9] = [
    "i/o timeout",
    "connection reset by peer",
    "connection refused",
    "TLS handshake timeout",
    "net/http: request canceled",
    "too many requests",
    "etcdserver: leader changed",
    "etcdserver: request timed out",
    "client rate limiter Wait returned an error",
];

/// A call that is tried again.
#[derive(Debug)]
pub(crate) struct Retry {
    call: Arc<Call>,
    strategy: RetryStrategy,
    /// Node ids of the attempts so far.
    attempts: Vec<String>,
}

impl Retry {
    pub(crate) fn new(call: Arc<Call>, strategy: RetryStrategy, attempts: Vec<String>) -> Self {
        Self { call, strategy, attempts }
    }
}

enum Decision {
    Again(Extra),
    Wait(Timestamp, String),
    End(Option<String>),
}

impl Engine {
    fn retry(&self, key: Key) -> Option<&Retry> {
        match &self.runs.get(key)?.state {
            State::Retry(retry) => Some(retry),
            _ => None,
        }
    }

    /// The attempts that a Retry node had before a restart.
    pub(crate) fn restored_attempts(&self, key: Key) -> Vec<String> {
        let node = self.runs.get(key).and_then(|run| self.node(&run.id));
        let children = node.map(|node| node.children.clone()).unwrap_or_default();
        children.into_iter().filter(|id| self.node(id).is_some_and(is_attempt)).collect()
    }

    /// Looks at the last attempt: it runs, it is the last one, or another one follows.
    pub(crate) fn retry_proceed(&mut self, key: Key) {
        let Some(retry) = self.retry(key) else { return };
        let (call, count) = (Arc::clone(&retry.call), retry.attempts.len());
        let Some(last) = retry.attempts.last().cloned() else {
            return self.next_attempt(key, call, self.first_extra());
        };
        let Some(node) = self.node(&last) else { return };
        if !phase::fulfilled(&node.phase) {
            if !self.index.contains_key(&last) {
                let name = node.name.clone();
                let extra = self.extra_of(key, count - 1);
                self.start_attempt(key, name, call, extra);
            }
            return;
        }
        if !phase::bad(&node.phase) {
            return self.end_retry(key, &last, phase::SUCCEEDED.to_owned(), None);
        }
        match self.decide(key, &last) {
            Err(message) => self.end_retry(key, &last, phase::ERROR.to_owned(), Some(message)),
            Ok(Decision::End(message)) => {
                let ended = self.phase_of(&last).to_owned();
                self.end_retry(key, &last, ended, message);
            }
            Ok(Decision::Wait(until, message)) => {
                let id = self.runs.get(key).map(|run| run.id.clone()).unwrap_or_default();
                self.set_phase(&id, phase::RUNNING, Some(&message));
                self.timers.insert((until, key));
            }
            Ok(Decision::Again(extra)) => {
                let boundary = self.runs.get(key).and_then(|run| run.boundary);
                if self.may_start(key, boundary) {
                    let id = self.runs.get(key).map(|run| run.id.clone()).unwrap_or_default();
                    self.set_phase(&id, phase::RUNNING, Some(""));
                    self.next_attempt(key, call, extra);
                }
            }
        }
    }

    fn next_attempt(&mut self, key: Key, call: Arc<Call>, extra: Extra) {
        let Some(run) = self.runs.get(key) else { return };
        let (retry_name, retry_id) = (run.name.clone(), run.id.clone());
        let count = self.retry(key).map_or(0, |retry| retry.attempts.len());
        let name = format!("{retry_name}({count})");
        let id = self.id_of(&name);
        if let Some(State::Retry(retry)) = self.runs.get_mut(key).map(|run| &mut run.state) {
            retry.attempts.push(id.clone());
        }
        self.start_attempt(key, name, call, extra);
        self.link(&retry_id, &id);
    }

    fn end_retry(&mut self, key: Key, last: &str, ended: String, message: Option<String>) {
        let outputs = self.node(last).and_then(|node| node.outputs.clone());
        let id = self.runs.get(key).map(|run| run.id.clone()).unwrap_or_default();
        if let Some(node) = self.node_mut(&id) {
            node.outputs = outputs;
        }
        let message = message.or_else(|| (!phase::bad(&ended)).then(String::new));
        self.end(key, &ended, message.as_deref());
    }

    /// What to do after a failed attempt, in Argo's order.
    fn decide(&self, key: Key, last: &str) -> Result<Decision, String> {
        let (Some(run), Some(retry), Some(node)) =
            (self.runs.get(key), self.retry(key), self.node(last))
        else {
            return Ok(Decision::End(None));
        };
        if let Some(reason) = self.no_more_starts(None, run.on_exit) {
            let reason = match self.workflow_deadline() {
                Some(deadline) if self.stop.is_none() => {
                    format!("retry exceeded workflow deadline {deadline}")
                }
                _ => reason,
            };
            return Ok(Decision::End(Some(reason)));
        }
        let strategy = &retry.strategy;
        let limit =
            strategy.limit.as_ref().map(|l| number("retryStrategy.limit", l)).transpose()?;
        let attempts = i64::try_from(retry.attempts.len()).unwrap_or(i64::MAX);
        if let Some(backoff) = &strategy.backoff
            && let Some(decision) = self.back_off(retry, backoff, node, limit, attempts)?
        {
            return Ok(decision);
        }
        let default = if strategy.expression.is_empty() { "OnFailure" } else { "Always" };
        let policy =
            if strategy.retry_policy.is_empty() { default } else { &strategy.retry_policy };
        let failed = node.phase == phase::FAILED;
        let again = match policy {
            "Always" => true,
            "OnFailure" => failed,
            "OnError" => !failed,
            "OnTransientError" => TRANSIENT.iter().any(|text| node.message.contains(text)),
            other => return Err(format!("{other} is not a valid RetryPolicy")),
        };
        if !again {
            return Ok(Decision::End(Some(node.message.clone())));
        }
        if limit.is_some_and(|limit| attempts > limit) {
            return Ok(Decision::End(Some("No more retries left".to_owned())));
        }
        if !strategy.expression.is_empty() {
            let mut scope = Scope::child(&self.globals);
            scope.extend(last_vars(Some(node), "-1"));
            scope.set("retries", (attempts - 1).to_string());
            let cx = self.context(&scope, last);
            if !evaluate_bool(&strategy.expression, &cx).map_err(|e| e.to_string())? {
                let text = "retryStrategy.expression evaluated to false".to_owned();
                return Ok(Decision::End(Some(text)));
            }
        }
        Ok(Decision::Again(self.extra_of(key, retry.attempts.len())))
    }

    fn back_off(
        &self,
        retry: &Retry,
        backoff: &Backoff,
        last: &NodeStatus,
        limit: Option<i64>,
        attempts: i64,
    ) -> Result<Option<Decision>, String> {
        let give_up = self.max_duration_end(retry)?;
        if give_up.is_some_and(|end| self.now > end) {
            return Ok(Some(Decision::End(Some("Max duration limit exceeded".to_owned()))));
        }
        if backoff.duration.is_empty() {
            return Err("no base duration specified for retryStrategy".to_owned());
        }
        let mut wait = duration::parse(&backoff.duration)?;
        let factor = backoff.factor.as_ref().map(|f| number("backoff.factor", f)).transpose()?;
        if let Some(factor) = factor.filter(|factor| *factor > 0) {
            let power = (factor as f64).powf((attempts - 1) as f64);
            let seconds = wait.as_secs_f64() * power;
            wait = SignedDuration::try_from_secs_f64(seconds).unwrap_or(SignedDuration::MAX);
        }
        if !backoff.cap.is_empty() {
            wait = wait.min(duration::parse(&backoff.cap)?);
        }
        let ended = last.finished_at.as_ref().map_or(self.now, |time| time.0);
        let until = ended.checked_add(wait).unwrap_or(Timestamp::MAX);
        if give_up.is_some_and(|end| until > end) {
            let text = "Backoff would exceed max duration limit".to_owned();
            return Ok(Some(Decision::End(Some(text))));
        }
        if self.now < until && limit.is_some_and(|limit| attempts <= limit) {
            let text = format!("Backoff for {}", duration::human(wait));
            return Ok(Some(Decision::Wait(until, text)));
        }
        Ok(None)
    }

    /// When the time for all attempts together is over.
    fn max_duration_end(&self, retry: &Retry) -> Result<Option<Timestamp>, String> {
        let text = retry.strategy.backoff.as_ref().map_or("", |b| b.max_duration.as_str());
        if text.is_empty() {
            return Ok(None);
        }
        let max = duration::parse(text)?;
        let first = retry.attempts.first().and_then(|id| self.node(id));
        let start = first.and_then(|node| node.started_at.as_ref()).map(|time| time.0);
        Ok(start.map(|start| start.checked_add(max).unwrap_or(Timestamp::MAX)))
    }

    fn first_extra(&self) -> Extra {
        let mut locals = last_vars(None, "0");
        locals.push(("retries".to_owned(), "0".to_owned()));
        Extra { locals, ..Extra::default() }
    }

    /// What attempt number `count` is given.
    fn extra_of(&self, key: Key, count: usize) -> Extra {
        let Some(retry) = self.retry(key).filter(|_| count > 0) else { return self.first_extra() };
        let last = retry.attempts.get(count - 1).and_then(|id| self.node(id));
        let mut locals = last_vars(last, "0");
        locals.push(("retries".to_owned(), count.to_string()));
        let affinity = retry.strategy.affinity.as_ref();
        let apart = affinity.is_some_and(|affinity| affinity.node_anti_affinity.is_some());
        let mut failed_hosts: Vec<String> = Vec::new();
        if apart {
            let nodes = retry.attempts.iter().take(count).filter_map(|id| self.node(id));
            failed_hosts = nodes.map(|node| node.host_node_name.clone()).collect();
            failed_hosts.retain(|host| !host.is_empty());
            failed_hosts.sort_unstable();
            failed_hosts.dedup();
        }
        let deadline = self.max_duration_end(retry).ok().flatten();
        Extra { locals, deadline, failed_hosts }
    }
}

/// `lastRetry.…`
fn last_vars(last: Option<&NodeStatus>, unknown_code: &str) -> Vec<(String, String)> {
    let code = last
        .and_then(|node| node.outputs.as_ref())
        .and_then(|outputs| outputs.exit_code.clone())
        .unwrap_or_else(|| unknown_code.to_owned());
    let seconds = last.map_or(0, |node| match (&node.started_at, &node.finished_at) {
        (Some(start), Some(end)) => end.0.as_second() - start.0.as_second(),
        _ => 0,
    });
    let text = |f: fn(&NodeStatus) -> &String| last.map(f).cloned().unwrap_or_default();
    vec![
        ("lastRetry.exitCode".to_owned(), code),
        ("lastRetry.duration".to_owned(), seconds.to_string()),
        ("lastRetry.status".to_owned(), text(|node| &node.phase)),
        ("lastRetry.message".to_owned(), text(|node| &node.message)),
    ]
}

fn number(field: &str, value: &IntOrString) -> Result<i64, String> {
    match value {
        IntOrString::Int(n) => Ok(i64::from(*n)),
        IntOrString::String(text) => {
            text.trim().parse().map_err(|_| format!("{field}: '{text}' is not a whole number"))
        }
    }
}

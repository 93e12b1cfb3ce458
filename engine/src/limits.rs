//! Parallelism: places for pods in the workflow, for children in a template, and who waits for one.

use std::collections::VecDeque;

use crate::engine::Engine;
use crate::run::{Key, State, Task};

/// Places taken in the whole workflow, and the runs that wait for one.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    /// Pods that are created and not at their end.
    pub active: usize,
    /// Those of them that do not run yet.
    pub pending: usize,
    pub waiters: VecDeque<Key>,
}

/// Places taken in one steps or DAG instance.
#[derive(Debug, Default)]
pub(crate) struct Places {
    pub active: usize,
    /// A child ended badly and the template says `failFast`.
    pub failed: bool,
    pub waiters: VecDeque<Key>,
}

/// Message of a template that stopped at its first failed child.
pub(crate) const FAIL_FAST: &str = "template has failed or errored children and failFast enabled";

impl Engine {
    /// True if a run inside `boundary` may start a child now. Otherwise `key` is queued and woken later.
    pub(crate) fn may_start(&mut self, key: Key, boundary: Option<Key>) -> bool {
        if self.adopting || self.workflow_is_full() {
            self.queue(key, None);
            return false;
        }
        if boundary.is_some_and(|boundary| self.boundary_is_full(boundary)) {
            self.queue(key, boundary);
            return false;
        }
        true
    }

    fn workflow_is_full(&self) -> bool {
        let pods = self.spec.parallelism.and_then(|n| usize::try_from(n).ok());
        pods.is_some_and(|max| self.limits.active >= max)
            || self.config.max_pending_pods.is_some_and(|max| self.limits.pending >= max.max(1))
    }

    fn boundary_is_full(&self, key: Key) -> bool {
        let Some(boundary) = self.boundary(key) else { return false };
        let max = boundary.template.parallelism.and_then(|n| usize::try_from(n).ok());
        max.is_some_and(|max| boundary.places.active >= max)
    }

    fn queue(&mut self, key: Key, boundary: Option<Key>) {
        let Some(run) = self.runs.get_mut(key) else { return };
        if std::mem::replace(&mut run.queued, true) {
            return;
        }
        match boundary.and_then(|boundary| self.boundary_mut(boundary)) {
            Some(boundary) => boundary.places.waiters.push_back(key),
            None => self.limits.waiters.push_back(key),
        }
    }

    /// Lets the first in the queue go on if there is a place.
    pub(crate) fn wake_waiters(&mut self) -> bool {
        if self.adopting || self.workflow_is_full() {
            return false;
        }
        let Some(key) = self.limits.waiters.pop_front() else { return false };
        self.wake(key);
        true
    }

    fn wake(&mut self, key: Key) {
        if let Some(run) = self.runs.get_mut(key) {
            run.queued = false;
            self.tasks.push_back(Task::Proceed(key));
        }
    }

    /// Lets all who wait look again, e.g. because nothing starts any more.
    pub(crate) fn wake_all(&mut self) {
        let mut waiting = std::mem::take(&mut self.limits.waiters);
        for key in 0..self.runs.len() {
            if let Some(boundary) = self.boundary_mut(key) {
                waiting.append(&mut boundary.places.waiters);
            }
        }
        for key in waiting {
            self.wake(key);
        }
    }

    /// Takes a place for a node that was just started or adopted.
    pub(crate) fn occupy(&mut self, key: Key) {
        let Some(run) = self.runs.get(key) else { return };
        let (is_pod, boundary) = (matches!(run.state, State::Pod(_)), run.boundary);
        if is_pod {
            self.limits.active += 1;
            self.limits.pending += 1;
        }
        if let Some(boundary) = boundary.and_then(|b| self.boundary_mut(b)) {
            boundary.places.active += 1;
        }
    }

    /// The pod runs: another one may be created.
    pub(crate) fn pod_runs(&mut self, key: Key) {
        let Some(State::Pod(pod)) = self.runs.get_mut(key).map(|run| &mut run.state) else {
            return;
        };
        if !std::mem::replace(&mut pod.running, true) {
            self.limits.pending = self.limits.pending.saturating_sub(1);
        }
    }

    /// Frees the places of a run that ends.
    pub(crate) fn release(&mut self, key: Key) {
        let Some(run) = self.runs.get(key) else { return };
        let boundary = run.boundary;
        let counted = match &run.state {
            State::Pod(pod) => {
                let pending = !pod.running;
                self.limits.active = self.limits.active.saturating_sub(1);
                self.limits.pending = self.limits.pending.saturating_sub(usize::from(pending));
                true
            }
            State::Steps(_) | State::Dag(_) => true,
            _ => false,
        };
        let Some(boundary) = boundary.and_then(|b| self.boundary_mut(b)) else { return };
        if !counted {
            return;
        }
        boundary.places.active = boundary.places.active.saturating_sub(1);
        if let Some(next) = boundary.places.waiters.pop_front() {
            self.wake(next);
        }
    }
}

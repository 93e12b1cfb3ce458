//! What ends a workflow before its time: a stop, the deadline; and what goes on by itself: timers, suspended nodes.

use jiff::{SignedDuration, Timestamp};
use lighter_api::Template;

use crate::action::{Action, StopStrategy};
use crate::duration;
use crate::engine::Engine;
use crate::limits::FAIL_FAST;
use crate::phase;
use crate::run::{Key, State, Task};

const DEADLINE: &str = "Step exceeded its deadline";

impl Engine {
    /// Why nothing new is started: in the whole workflow, or in this boundary. Exit handlers outlive most reasons.
    pub(crate) fn no_more_starts(&self, boundary: Option<Key>, on_exit: bool) -> Option<String> {
        match self.stop {
            Some(StopStrategy::Stop) if on_exit => {}
            Some(strategy) => {
                return Some(format!("Stopped with strategy '{}'", strategy.as_str()));
            }
            None => {}
        }
        if self.deadline_hit && !on_exit {
            return Some(DEADLINE.to_owned());
        }
        let failed = boundary.and_then(|b| self.boundary(b)).is_some_and(|b| b.places.failed);
        failed.then(|| FAIL_FAST.to_owned())
    }

    pub(crate) fn observe_stop(&mut self, strategy: StopStrategy) {
        if self.stop.is_some_and(|stop| stop >= strategy) {
            return;
        }
        self.stop = Some(strategy);
        if let Some(spec) = &mut self.workflow.spec {
            strategy.as_str().clone_into(&mut spec.shutdown);
        }
        let name = strategy.as_str();
        self.end_all(
            strategy == StopStrategy::Stop,
            &format!("workflow shutdown with strategy:  {name}"),
            &format!("Stopped with strategy '{name}'"),
        );
    }

    /// When the workflow has to be done, exit handlers excepted.
    pub(crate) fn workflow_deadline(&self) -> Option<Timestamp> {
        let start = self.status().started_at.as_ref()?.0;
        let limit = self.spec.active_deadline_seconds?;
        start.checked_add(SignedDuration::from_secs(limit)).ok()
    }

    pub(crate) fn check_deadline(&mut self) {
        let over = self.workflow_deadline().is_some_and(|deadline| self.now >= deadline);
        if self.deadline_hit || !over {
            return;
        }
        self.deadline_hit = true;
        self.end_all(true, DEADLINE, DEADLINE);
    }

    /// Ends all pods and suspended nodes, and lets all others see that nothing starts any more.
    fn end_all(&mut self, spare_exit: bool, of_pods: &str, of_others: &str) {
        for key in 0..self.runs.len() {
            let Some(run) = self.runs.get(key) else { continue };
            let spared = spare_exit && run.on_exit;
            match &run.state {
                _ if spared => {}
                State::Pod(_) => self.kill_pod(key, of_pods),
                State::Suspend => self.end(key, phase::FAILED, Some(of_others)),
                State::Fan(_) | State::Dag(_) | State::Steps(_) | State::Retry(_) => {
                    self.tasks.push_back(Task::Proceed(key));
                }
                State::Ended => {}
            }
        }
        self.wake_all();
    }

    /// Lets runs go on whose time has come.
    pub(crate) fn fire_timers(&mut self) {
        while let Some((time, key)) = self.timers.first().copied() {
            if time > self.now {
                break;
            }
            self.timers.pop_first();
            self.tasks.push_back(Task::Proceed(key));
        }
    }

    /// Asks to be called at the next time that matters.
    pub(crate) fn wake_later(&mut self) {
        if self.is_finished() {
            return;
        }
        let ended =
            |key: Key| matches!(self.runs.get(key).map(|r| &r.state), Some(State::Ended) | None);
        while self.timers.first().is_some_and(|(_, key)| ended(*key)) {
            self.timers.pop_first();
        }
        let deadline = self.workflow_deadline().filter(|_| !self.deadline_hit);
        let next = self.timers.first().map(|(time, _)| *time).into_iter().chain(deadline).min();
        if next != self.woken_at {
            self.woken_at = next;
            self.actions.extend(next.map(Action::WakeAt));
        }
    }

    pub(crate) fn start_suspend(&mut self, key: Key, template: &Template) {
        let text = template.suspend.as_ref().map_or("", |suspend| suspend.duration.as_str());
        if text.is_empty() {
            return;
        }
        let id = self.runs.get(key).map(|run| run.id.clone()).unwrap_or_default();
        let start = self.node(&id).and_then(|n| n.started_at.as_ref()).map_or(self.now, |t| t.0);
        match duration::parse(text).map(|wait| start.checked_add(wait).unwrap_or(Timestamp::MAX)) {
            Ok(end) => {
                self.timers.insert((end, key));
            }
            Err(error) => self.end(key, phase::ERROR, Some(&format!("suspend.duration: {error}"))),
        }
    }

    /// The duration of a suspended node is over.
    pub(crate) fn suspend_proceed(&mut self, key: Key) {
        self.count_suspend_end(key);
        self.end(key, phase::SUCCEEDED, None);
    }

    pub(crate) fn observe_resume(&mut self, node: Option<&str>) {
        let wanted = |id: &str| node.is_none_or(|node| node == id);
        let waiting: Vec<Key> = (0..self.runs.len())
            .filter(|key| {
                let run = self.runs.get(*key);
                run.is_some_and(|run| matches!(run.state, State::Suspend) && wanted(&run.id))
            })
            .collect();
        for key in waiting {
            self.suspend_proceed(key);
        }
    }
}

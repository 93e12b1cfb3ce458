//! A made-up world: pods that end as a test wants them to, claims that are there at once, a clock that jumps.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use lighter_api::k8s_openapi::api::core::v1::{Container, Pod};
use lighter_api::{
    Artifact, ArtifactRepository, FolderArtifact, FolderArtifactRepository, NodeStatus, Object,
    Outputs, Template, Workflow, WorkflowTaskResult,
};
use lighter_engine::pod::PodConfig;
use lighter_engine::{Action, Config, Engine, Observation};
use serde_json::json;

/// How a pod ends.
#[derive(Clone, Debug, Default)]
pub struct End {
    pub code: i32,
    pub result: Option<String>,
    /// Values of output parameters; others get their name as value.
    pub parameters: BTreeMap<String, String>,
    /// Declared artifacts that are not written.
    pub lost: Vec<String>,
}

impl End {
    pub fn code(code: i32) -> Self {
        Self { code, ..Self::default() }
    }

    pub fn result(text: &str) -> Self {
        Self { result: Some(text.to_owned()), ..Self::default() }
    }
}

/// What a test decides on: the node's name after the workflow's, and its template as the executor gets it.
pub type Script = fn(&str, &Template) -> End;

pub struct World {
    pub engine: Engine,
    pub config: Config,
    pub script: Script,
    pub now: Timestamp,
    /// Pods that were created and have not ended, in the order of their creation.
    pub queue: VecDeque<Pod>,
    /// How often a pod was created, by node id.
    pub created: BTreeMap<String, usize>,
    /// The templates of all pods, by node name.
    pub templates: BTreeMap<String, Template>,
    /// Templates that are too large for their pods, by pod name.
    offloaded: BTreeMap<String, String>,
    pub deleted: Vec<String>,
    pub signalled: Vec<String>,
    pub claims: Vec<String>,
    pub observed: Vec<Observation>,
    pub wake: Option<Timestamp>,
    pub most_live: usize,
}

pub fn config() -> Config {
    Config {
        pod: PodConfig { executor_image: "argoexec".to_owned(), ..PodConfig::default() },
        repository: Some(ArtifactRepository {
            folder: Some(FolderArtifactRepository {
                path: "/store".to_owned(),
                ..FolderArtifactRepository::default()
            }),
            ..ArtifactRepository::default()
        }),
        ..Config::default()
    }
}

/// A workflow named `w` of this spec.
pub fn workflow(spec: &str) -> Workflow {
    let indented: String = spec.lines().map(|line| format!("  {line}\n")).collect();
    let text = format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {{name: w, uid: u-1}}\nspec:\n{indented}"
    );
    let mut documents =
        lighter_api::read("test.yaml", text.as_bytes()).unwrap_or_else(|e| panic!("{e}\n{text}"));
    match documents.remove(0).object {
        Object::Workflow(workflow) => *workflow,
        other => panic!("not a workflow: {other:?}"),
    }
}

pub fn start() -> Timestamp {
    "2024-05-06T07:08:09Z".parse().unwrap()
}

impl World {
    pub fn new(spec: &str, script: Script) -> Self {
        Self::with(workflow(spec), config(), script)
    }

    pub fn with(workflow: Workflow, config: Config, script: Script) -> Self {
        let now = start();
        let engine = Engine::new(workflow, config.clone(), now).unwrap();
        Self {
            engine,
            config,
            script,
            now,
            queue: VecDeque::new(),
            created: BTreeMap::new(),
            templates: BTreeMap::new(),
            offloaded: BTreeMap::new(),
            deleted: Vec::new(),
            signalled: Vec::new(),
            claims: Vec::new(),
            observed: Vec::new(),
            wake: None,
            most_live: 0,
        }
    }

    /// Hands over what was observed and carries out what the engine says.
    pub fn step(&mut self) {
        let observed = std::mem::take(&mut self.observed);
        for action in self.engine.advance(observed, self.now) {
            match action {
                Action::CreatePod(pod) => self.create(*pod),
                Action::DeletePod { name } => {
                    self.queue.retain(|pod| pod.metadata.name.as_deref() != Some(&name));
                    self.deleted.push(name);
                }
                Action::SignalPod { name } => {
                    self.queue.retain(|pod| pod.metadata.name.as_deref() != Some(&name));
                    self.signalled.push(name);
                }
                Action::CreateClaim(claim) => {
                    let name = claim.metadata.name.unwrap();
                    self.claims.push(name.clone());
                    self.observed.push(Observation::Claim { name, result: Ok(()) });
                }
                Action::CreateConfigMap(map) => {
                    let data = map.data.unwrap();
                    self.offloaded
                        .insert(map.metadata.name.unwrap(), data["ARGO_TEMPLATE"].clone());
                }
                Action::DeleteClaim { name } => self.claims.retain(|claim| *claim != name),
                Action::WakeAt(time) => self.wake = Some(time),
                other => panic!("unexpected {other:?}"),
            }
        }
        self.most_live = self.most_live.max(self.queue.len());
    }

    fn create(&mut self, pod: Pod) {
        if self.queue.iter().any(|live| live.metadata.name == pod.metadata.name) {
            return;
        }
        let name = node_name(&pod);
        let id =
            pod.metadata.annotations.as_ref().unwrap()["workflows.argoproj.io/node-id"].clone();
        *self.created.entry(id).or_insert(0) += 1;
        let template = self.template_of(&pod);
        self.templates.insert(name, template);
        self.queue.push_back(pod);
    }

    /// The template that the executor gets.
    fn template_of(&self, pod: &Pod) -> Template {
        let spec = pod.spec.as_ref().unwrap();
        let init = spec.init_containers.as_ref().unwrap().first().unwrap();
        let text = match env(init, "ARGO_TEMPLATE").unwrap().as_str() {
            "offloaded" => self.offloaded[pod.metadata.name.as_ref().unwrap()].clone(),
            text => text.to_owned(),
        };
        serde_json::from_str(&text).unwrap()
    }

    /// Takes the n-th live pod to its end; says all that there is to be observed about it.
    pub fn end_pod(&mut self, n: usize) -> Vec<Observation> {
        let pod = self.queue.remove(n).unwrap();
        let template = self.template_of(&pod);
        let end = (self.script)(&node_name(&pod), &template);
        vec![
            Observation::Pod(Box::new(with_phase(&pod, "Running", None))),
            Observation::TaskResult(Box::new(result(&pod, &template, &end, false))),
            Observation::Pod(Box::new(with_phase(
                &pod,
                if end.code == 0 { "Succeeded" } else { "Failed" },
                Some(end.code),
            ))),
            Observation::TaskResult(Box::new(result(&pod, &template, &end, true))),
        ]
    }

    /// Runs to the end: the oldest pod first, a second for each; the clock jumps when there is nothing else to do.
    pub fn run(mut self) -> Self {
        self.go();
        self
    }

    pub fn go(&mut self) {
        for _ in 0..1_000_000 {
            self.step();
            if self.engine.is_finished() {
                return;
            }
            if !self.observed.is_empty() {
                continue;
            }
            if self.queue.is_empty() {
                let Some(wake) = self.wake.take() else { panic!("stuck:\n{}", self.tree()) };
                self.now = self.now.max(wake);
                continue;
            }
            self.now += SignedDuration::from_secs(1);
            self.observed = self.end_pod(0);
        }
        panic!("no end:\n{}", self.tree());
    }

    pub fn node(&self, name: &str) -> &NodeStatus {
        let nodes = &self.engine.workflow().status.as_ref().unwrap().nodes;
        let full = format!("w{name}");
        nodes
            .values()
            .find(|node| node.name == full)
            .unwrap_or_else(|| panic!("no node {full}:\n{}", self.tree()))
    }

    pub fn has(&self, name: &str) -> bool {
        let nodes = &self.engine.workflow().status.as_ref().unwrap().nodes;
        nodes.values().any(|node| node.name == format!("w{name}"))
    }

    pub fn phase(&self) -> &str {
        &self.engine.workflow().status.as_ref().unwrap().phase
    }

    pub fn message(&self) -> &str {
        &self.engine.workflow().status.as_ref().unwrap().message
    }

    pub fn progress(&self) -> &str {
        &self.engine.workflow().status.as_ref().unwrap().progress
    }

    /// The template of a pod's node.
    pub fn template(&self, name: &str) -> &Template {
        self.templates.get(name).unwrap_or_else(|| panic!("no pod {name}:\n{}", self.tree()))
    }

    /// A line a node: name, type, phase, children, then what is not empty of outbound nodes, flags and message.
    pub fn tree(&self) -> String {
        let nodes = &self.engine.workflow().status.as_ref().unwrap().nodes;
        let short = |id: &String| {
            nodes.get(id).map_or_else(
                || format!("?{id}"),
                |n| n.name.get(1..).unwrap_or_default().to_owned(),
            )
        };
        let mut lines: Vec<String> = nodes
            .values()
            .map(|node| {
                let list = |ids: &[String]| ids.iter().map(short).collect::<Vec<_>>().join(" ");
                let flag = node.node_flag.clone().unwrap_or_default();
                let mut line = format!(
                    "{} {} {} [{}]",
                    node.name,
                    node.r#type,
                    node.phase,
                    list(&node.children)
                );
                if !node.outbound_nodes.is_empty() {
                    line.push_str(&format!(" out [{}]", list(&node.outbound_nodes)));
                }
                for (set, name) in [(flag.hooked, " hooked"), (flag.retried, " retried")] {
                    line.push_str(if set == Some(true) { name } else { "" });
                }
                if !node.message.is_empty() {
                    line.push_str(&format!(" # {}", node.message));
                }
                line
            })
            .collect();
        lines.sort_by_key(|line| line.split(' ').next().map(str::to_owned));
        lines.join("\n")
    }
}

pub fn node_name(pod: &Pod) -> String {
    let full = &pod.metadata.annotations.as_ref().unwrap()["workflows.argoproj.io/node-name"];
    full.strip_prefix('w').unwrap().to_owned()
}

pub fn env(container: &Container, name: &str) -> Option<String> {
    container.env.as_ref()?.iter().find(|var| var.name == name)?.value.clone()
}

fn wants_result(pod: &Pod) -> bool {
    let main = pod.spec.as_ref().unwrap().containers.iter().find(|c| c.name == "main").unwrap();
    env(main, "ARGO_INCLUDE_SCRIPT_OUTPUT").as_deref() == Some("true")
}

pub fn with_phase(pod: &Pod, phase: &str, code: Option<i32>) -> Pod {
    let state = |code: i32| match code {
        0 => json!({"terminated": {"exitCode": 0, "reason": "Completed"}}),
        code => json!({"terminated": {"exitCode": code, "reason": "Error"}}),
    };
    let running = json!({"running": {}});
    let status = |name: &str, code: Option<i32>| {
        json!({"name": name, "image": "", "imageID": "", "ready": false, "restartCount": 0,
            "state": code.map_or_else(|| running.clone(), state)})
    };
    let mut pod = pod.clone();
    pod.status = serde_json::from_value(json!({
        "phase": phase,
        "initContainerStatuses": [status("init", Some(0))],
        "containerStatuses": [status("wait", code.map(|_| 0)), status("main", code)],
    }))
    .unwrap();
    pod
}

fn result(pod: &Pod, template: &Template, end: &End, complete: bool) -> WorkflowTaskResult {
    let mut outputs = Outputs::default();
    let declared = template.outputs.clone().unwrap_or_default();
    for mut parameter in declared.parameters {
        let value = end.parameters.get(&parameter.name).unwrap_or(&parameter.name).clone();
        parameter.value = Some(value.into());
        outputs.parameters.push(parameter);
    }
    for mut artifact in declared.artifacts {
        if end.code != 0 || end.lost.contains(&artifact.name) {
            continue;
        }
        let pod_name = pod.metadata.name.clone().unwrap();
        let key = format!("w/{pod_name}/{}.tgz", artifact.name);
        artifact.folder = Some(FolderArtifact { path: String::new(), key });
        outputs.artifacts.push(artifact);
    }
    if wants_result(pod) {
        outputs.result = end.result.clone();
    }
    let mut result = WorkflowTaskResult { outputs: Some(outputs), ..WorkflowTaskResult::default() };
    result.metadata.name =
        Some(pod.metadata.annotations.as_ref().unwrap()["workflows.argoproj.io/node-id"].clone());
    result.metadata.labels = Some(BTreeMap::from([(
        "workflows.argoproj.io/report-outputs-completed".to_owned(),
        complete.to_string(),
    )]));
    result
}

/// The input artifact of a template.
pub fn input<'a>(template: &'a Template, name: &str) -> &'a Artifact {
    template.inputs.as_ref().unwrap().artifacts.iter().find(|a| a.name == name).unwrap()
}

//! Repositories made and asked by git itself.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use tempfile::TempDir;

pub struct Repository {
    pub path: PathBuf,
    /// The temporary folder that it is in, if it is to live as long.
    pub keep: Option<Arc<TempDir>>,
}

impl Repository {
    /// One that is there.
    pub fn at(path: &Path) -> Repository {
        Repository { path: path.to_owned(), keep: None }
    }

    /// A new one with a branch `main` and nothing in it.
    pub fn make(path: &Path) -> Repository {
        std::fs::create_dir_all(path).unwrap();
        let made = Repository::at(path);
        made.git("init -q -b main");
        made.git("config uploadpack.allowFilter true");
        made
    }

    /// As the issues of real life: `main` with three commits, `dev` with one more, an annotated tag on the first, and a
    /// request that is no branch.
    pub fn sample(path: &Path) -> Repository {
        let made = Repository::make(path);
        made.commit("one");
        made.git("tag -a v1 -m v1");
        made.commit("two");
        made.commit("three");
        made.git("checkout -q -b dev");
        made.commit("dev");
        made.git("update-ref refs/pull/7/head HEAD~1");
        made.git("checkout -q main");
        made
    }

    /// Writes the text to `file` and commits everything.
    pub fn commit(&self, text: &str) {
        std::fs::write(self.path.join("file"), format!("{text}\n")).unwrap();
        self.git("add -A");
        self.git(&format!("commit -q -m {text}"));
    }

    /// What git prints, without the last newline.
    pub fn git(&self, args: &str) -> String {
        self.git_words(&args.split(' ').collect::<Vec<_>>())
    }

    pub fn git_words(&self, args: &[&str]) -> String {
        let output = Command::new("git")
            .args([
                "-c",
                "user.name=A",
                "-c",
                "user.email=a@example.org",
                "-c",
                "protocol.file.allow=always",
            ])
            .args(args)
            .current_dir(&self.path)
            .env("GIT_AUTHOR_DATE", "2020-01-01T00:00:00Z")
            .env("GIT_COMMITTER_DATE", "2020-01-01T00:00:00Z")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "git {args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    pub fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.path.join(file)).unwrap()
    }

    /// Whole, and nothing differs from what is checked out.
    pub fn is_sound(&self) -> bool {
        self.git("fsck --strict");
        self.git("status --porcelain").is_empty()
    }
}

//! Merging of JSON documents: what we print is JSON to another reader, and merging it again changes nothing.

#![no_main]

use lighter_api::{Collect, CollectForm};
use lighter_artifacts::Target;
use lighter_artifacts::archive::Limits;
use lighter_artifacts::collect::files;
use lighter_artifacts::place::Policy;
use serde::de::IgnoredAny;
use std::path::PathBuf;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some(lines) = merge(bytes, CollectForm::Ndjson) else {
        assert!(merge(bytes, CollectForm::Json).is_none(), "only one form takes it");
        return;
    };
    let array = merge(bytes, CollectForm::Json).expect("both forms take it");
    assert_eq!(merge(&lines, CollectForm::Ndjson).as_ref(), Some(&lines));
    assert_eq!(merge(&lines, CollectForm::Json).as_ref(), Some(&array));
    // The other reader gives up at a depth of 128.
    let mut depth = 0_u32;
    let deepest = lines.iter().map(|byte| {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth
    });
    if deepest.max().unwrap_or(0) < 120 {
        serde_json::from_slice::<Vec<IgnoredAny>>(&array).expect("an array");
    }
});

fn merge(bytes: &[u8], form: CollectForm) -> Option<Vec<u8>> {
    let directory = lighter_fuzz::directory();
    let (input, output): (PathBuf, PathBuf) = (directory.join("in"), directory.join("out"));
    std::fs::write(&input, bytes).expect("the input");
    let how = Collect { form: Some(form), ..Collect::default() };
    let target = Target::at(&output).expect("a target");
    files(&[input], &how, &target, Policy::Replace, &Limits::default()).ok()?;
    Some(std::fs::read(&output).expect("the output"))
}

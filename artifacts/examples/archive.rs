//! Packs, unpacks and collects from the command line, to be measured: benches/archive.py runs it.

use lighter_api::{ArtifactLocation, Collect, Collection, FolderArtifact, Part};
use lighter_artifacts::archive::{Archive, Limits, Unpacking, pack, unpack};
use lighter_artifacts::collect::{Origin, materialise};
use lighter_artifacts::{Mounts, SecretFiles, Source, Target};
use std::error::Error;
use std::fs::File;
use std::path::Path;

const USAGE: &str = "archive pack gzip|zstd|zip LEVEL PATH | unpack FILE TARGET | collect FORM JQ FOLDER COUNT TARGET";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *arguments {
        ["pack", format, level, path] => {
            let archive = match format {
                "gzip" => Archive::TarGz { level: level.parse()? },
                "zstd" => Archive::TarZstd { level: level.parse()? },
                _ => Archive::Zip,
            };
            pack(&Source::open(Path::new(path))?, archive, &mut std::io::stdout().lock())?;
        }
        ["unpack", file, target] => {
            let how = if file.ends_with(".zip") { Unpacking::Zip } else { Unpacking::Detect };
            let target = Target::at(Path::new(target))?;
            unpack(Box::new(File::open(file)?), how, &target, &Limits::default(), "unpack it")?;
        }
        ["collect", form, jq, folder, count, target] => {
            collect(form, jq, folder, count.parse()?, target)?;
        }
        _ => return Err(USAGE.into()),
    }
    // What wait4(2) tells includes the program that started this one.
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    eprintln!("{}", peak.unwrap_or_default().trim());
    Ok(())
}

/// Brings the objects `0` to `count - 1` of a folder store together.
fn collect(
    form: &str,
    jq: &str,
    folder: &str,
    count: u64,
    target: &str,
) -> Result<(), Box<dyn Error>> {
    let how: Collect = serde_json::from_value(serde_json::json!({"as": form, "jq": jq}))?;
    let part = |index: u64| -> Result<Part, Box<dyn Error>> {
        let key = index.to_string();
        let size = Some(std::fs::metadata(Path::new(folder).join(&key))?.len());
        Ok(Part {
            index,
            item: index.into(),
            file: "part.json".into(),
            key,
            size,
            ..Part::default()
        })
    };
    let parts = (0..count).map(part).collect::<Result<Vec<_>, _>>()?;
    let store = FolderArtifact { path: folder.into(), key: String::new() };
    let repository = ArtifactLocation { folder: Some(store), ..ArtifactLocation::default() };
    let mounts = Mounts { folder_root: "/".into(), volume_root: "/".into(), ..Mounts::default() };
    let secrets = SecretFiles { root: "/".into() };
    let origin = Origin { repository: Some(&repository), mounts: &mounts, secrets: &secrets };
    let collection = Collection { from: "bench".into(), count, parts };
    Ok(materialise(
        &collection,
        &how,
        &origin,
        &Target::at(Path::new(target))?,
        &Limits::default(),
    )?)
}

//! The volumes of a pod: which folder, file or contents each name stands for.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use lighter_api::k8s_openapi::ByteString;
use lighter_api::k8s_openapi::api::core::v1::{
    DownwardAPIVolumeFile, HostPathVolumeSource, KeyToPath, Pod, Volume, VolumeMount,
    VolumeProjection,
};

use super::check::is_object_name;
use super::env::{Environment, Objects, field_value, secret_keys, secret_value};
use super::folder::{PodFolder, folder_of_mode, private_folder};
use crate::sandbox::spec::{FileSpec, FilesVolume, MountSpec, Source};

const DEFAULT_MODE: i32 = 0o644;

/// What a volume's name stands for.
#[derive(Debug)]
enum Backing {
    Folder { path: PathBuf, read_only: bool },
    File(PathBuf),
    Files(FilesVolume),
}

/// The volumes of one pod, made and ready to be mounted.
#[derive(Debug, Default)]
pub struct Volumes {
    backings: BTreeMap<String, Backing>,
    /// What the user should hear of.
    pub notices: Vec<String>,
}

/// The folder of a claim.
pub fn claim_folder(state: &Path, namespace: &str, claim: &str) -> Result<PathBuf, String> {
    if !is_object_name(namespace) || !is_object_name(claim) {
        return Err(format!("{namespace:?}/{claim:?} is not the name of a PersistentVolumeClaim"));
    }
    Ok(state.join("volumes").join(namespace).join(claim))
}

/// Makes the folder of a claim; says whether it was not there.
pub fn make_claim(folder: &Path) -> std::io::Result<bool> {
    if folder.is_dir() {
        return Ok(false);
    }
    private_folder(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o777))?;
    Ok(true)
}

impl Volumes {
    /// Makes all volumes of `pod`; the error names the volume.
    pub fn make(
        pod: &Pod,
        folder: &PodFolder,
        state: &Path,
        objects: &Objects,
        real_root: bool,
    ) -> Result<Self, String> {
        let mut made = Self::default();
        let Some(spec) = &pod.spec else { return Ok(made) };
        let group = spec
            .security_context
            .as_ref()
            .and_then(|c| c.fs_group)
            .and_then(|g| u32::try_from(g).ok());
        let maker = Maker { pod, folder, state, objects, group: group.filter(|_| real_root) };
        for volume in spec.volumes.iter().flatten() {
            if !is_object_name(&volume.name) {
                return Err(format!("spec.volumes: {:?} is not a DNS name", volume.name));
            }
            let backing = maker.make(volume, &mut made.notices);
            made.backings.insert(
                volume.name.clone(),
                backing.map_err(|why| format!("volume {:?}: {why}", volume.name))?,
            );
        }
        Ok(made)
    }

    /// What one mount of a container shows where.
    pub fn mount(&self, mount: &VolumeMount, env: &Environment) -> Result<MountSpec, String> {
        let backing = self.backings.get(&mount.name);
        let backing =
            backing.ok_or_else(|| format!("volumeMounts: there is no volume {:?}", mount.name))?;
        let sub_path = match (&mount.sub_path_expr, &mount.sub_path) {
            (Some(expr), _) => PathBuf::from(env.expand(expr)),
            (None, Some(path)) => PathBuf::from(path),
            (None, None) => PathBuf::new(),
        };
        check_relative(&sub_path)
            .map_err(|why| format!("volumeMounts ({}): subPath {why}", mount.name))?;
        let (source, always_read_only) = match backing {
            Backing::Folder { path, read_only } => {
                (Source::Within { folder: path.clone(), sub_path }, *read_only)
            }
            Backing::Files(volume) => {
                (Source::Files { volume: volume.name.clone(), sub_path }, true)
            }
            Backing::File(_) if !sub_path.as_os_str().is_empty() => {
                return Err(format!("volumeMounts ({}): a file has no subPath", mount.name));
            }
            Backing::File(path) => (Source::Path(path.clone()), false),
        };
        Ok(MountSpec {
            source,
            target: Path::new("/").join(&mount.mount_path),
            read_only: always_read_only || mount.read_only == Some(true),
        })
    }

    /// Contents of the volumes that `mounts` show.
    pub fn files(&self, mounts: &[MountSpec]) -> Vec<FilesVolume> {
        let used = |name: &str| {
            mounts
                .iter()
                .any(|m| matches!(&m.source, Source::Files { volume, .. } if volume == name))
        };
        let volumes = self.backings.values().filter_map(|backing| match backing {
            Backing::Files(volume) if used(&volume.name) => Some(volume.clone()),
            _ => None,
        });
        volumes.collect()
    }

    /// The folder that a mount shows whole, if it does and may be written.
    pub fn whole_folder(&self, mount: &VolumeMount) -> Option<&Path> {
        match self.backings.get(&mount.name)? {
            Backing::Folder { path, read_only: false }
                if mount.sub_path.is_none() && mount.sub_path_expr.is_none() =>
            {
                Some(path)
            }
            _ => None,
        }
    }
}

struct Maker<'a> {
    pod: &'a Pod,
    folder: &'a PodFolder,
    state: &'a Path,
    objects: &'a Objects,
    group: Option<u32>,
}

impl Maker<'_> {
    fn make(&self, volume: &Volume, notices: &mut Vec<String>) -> Result<Backing, String> {
        if let Some(source) = &volume.empty_dir {
            let in_memory = source.medium.as_deref() == Some("Memory");
            return self.empty_folder(&volume.name, in_memory);
        }
        if volume.ephemeral.is_some() {
            return self.empty_folder(&volume.name, false);
        }
        if let Some(source) = &volume.persistent_volume_claim {
            let namespace = self.pod.metadata.namespace.as_deref().unwrap_or("default");
            let path = claim_folder(self.state, namespace, &source.claim_name)?;
            if make_claim(&path).map_err(|e| format!("cannot make {}: {e}", path.display()))? {
                notices.push(format!(
                    "there was no PersistentVolumeClaim {:?}; an empty folder stands for it: {}",
                    source.claim_name,
                    path.display()
                ));
            }
            return Ok(Backing::Folder { path, read_only: source.read_only == Some(true) });
        }
        if let Some(source) = &volume.host_path {
            return host_path(source);
        }
        let files = self.files(volume)?.ok_or_else(|| unknown_type(volume))?;
        Ok(Backing::Files(FilesVolume { name: volume.name.clone(), group: self.group, files }))
    }

    fn empty_folder(&self, name: &str, in_memory: bool) -> Result<Backing, String> {
        let path = self.folder.volume(name, in_memory);
        let ready = folder_of_mode(&path, 0o777).and_then(|()| match self.group {
            None => Ok(()),
            Some(group) => {
                std::os::unix::fs::chown(&path, None, Some(group))?;
                fs::set_permissions(&path, fs::Permissions::from_mode(0o2777))
            }
        });
        ready.map_err(|e| format!("cannot make its folder: {e}"))?;
        Ok(Backing::Folder { path, read_only: false })
    }

    fn files(&self, volume: &Volume) -> Result<Option<Vec<FileSpec>>, String> {
        if let Some(source) = &volume.secret {
            let name = source.secret_name.as_deref().unwrap_or_default();
            let mode = source.default_mode.unwrap_or(DEFAULT_MODE);
            return self.secret(name, source.items.as_deref(), source.optional, mode).map(Some);
        }
        if let Some(source) = &volume.config_map {
            let mode = source.default_mode.unwrap_or(DEFAULT_MODE);
            return self
                .config_map(&source.name, source.items.as_deref(), source.optional, mode)
                .map(Some);
        }
        if let Some(source) = &volume.downward_api {
            let mode = source.default_mode.unwrap_or(DEFAULT_MODE);
            return self.downward(source.items.iter().flatten(), mode).map(Some);
        }
        let Some(source) = &volume.projected else { return Ok(None) };
        let mode = source.default_mode.unwrap_or(DEFAULT_MODE);
        let mut files = Vec::new();
        for part in source.sources.iter().flatten() {
            files.extend(self.projection(part, mode)?);
        }
        Ok(Some(files))
    }

    fn projection(&self, part: &VolumeProjection, mode: i32) -> Result<Vec<FileSpec>, String> {
        if let Some(source) = &part.secret {
            return self.secret(&source.name, source.items.as_deref(), source.optional, mode);
        }
        if let Some(source) = &part.config_map {
            return self.config_map(&source.name, source.items.as_deref(), source.optional, mode);
        }
        if let Some(source) = &part.downward_api {
            return self.downward(source.items.iter().flatten(), mode);
        }
        Err(String::from(
            "projected: only secret, configMap and downwardAPI are to be had without a cluster",
        ))
    }

    fn secret(
        &self,
        name: &str,
        items: Option<&[KeyToPath]>,
        optional: Option<bool>,
        mode: i32,
    ) -> Result<Vec<FileSpec>, String> {
        let Some(secret) = self.objects.secrets.get(name) else {
            return missing(optional, || format!("there is no Secret {name:?}"));
        };
        let keys = secret_keys(secret);
        choose(&keys, items, optional, mode, |key| secret_value(secret, key))
    }

    fn config_map(
        &self,
        name: &str,
        items: Option<&[KeyToPath]>,
        optional: Option<bool>,
        mode: i32,
    ) -> Result<Vec<FileSpec>, String> {
        let Some(map) = self.objects.config_maps.get(name) else {
            return missing(optional, || format!("there is no ConfigMap {name:?}"));
        };
        let text = map.data.iter().flat_map(BTreeMap::keys);
        let keys: Vec<String> =
            text.chain(map.binary_data.iter().flat_map(BTreeMap::keys)).cloned().collect();
        choose(&keys, items, optional, mode, |key| {
            let text = map
                .data
                .as_ref()
                .and_then(|data| data.get(key))
                .map(|text| text.clone().into_bytes());
            text.or_else(|| map.binary_data.as_ref()?.get(key).map(|bytes| bytes.0.clone()))
        })
    }

    fn downward<'f>(
        &self,
        items: impl Iterator<Item = &'f DownwardAPIVolumeFile>,
        mode: i32,
    ) -> Result<Vec<FileSpec>, String> {
        let file = |item: &DownwardAPIVolumeFile| {
            let field = item
                .field_ref
                .as_ref()
                .ok_or("downwardAPI: resourceFieldRef is not supported on one machine")?;
            let content = field_value(self.pod, field)?.into_bytes();
            file_spec(&item.path, item.mode.unwrap_or(mode), content)
        };
        items.map(file).collect()
    }
}

fn missing(optional: Option<bool>, why: impl Fn() -> String) -> Result<Vec<FileSpec>, String> {
    if optional == Some(true) { Ok(Vec::new()) } else { Err(why()) }
}

fn choose(
    keys: &[String],
    items: Option<&[KeyToPath]>,
    optional: Option<bool>,
    mode: i32,
    value: impl Fn(&str) -> Option<Vec<u8>>,
) -> Result<Vec<FileSpec>, String> {
    let mut files = Vec::new();
    let Some(items) = items.filter(|items| !items.is_empty()) else {
        for key in keys {
            files.push(file_spec(key, mode, value(key).unwrap_or_default())?);
        }
        return Ok(files);
    };
    for item in items {
        match value(&item.key) {
            Some(content) => files.push(file_spec(&item.path, item.mode.unwrap_or(mode), content)?),
            None if optional == Some(true) => {}
            None => return Err(format!("there is no key {:?}", item.key)),
        }
    }
    Ok(files)
}

fn file_spec(path: &str, mode: i32, content: Vec<u8>) -> Result<FileSpec, String> {
    let relative = PathBuf::from(path);
    check_relative(&relative).map_err(|why| format!("path {why}"))?;
    if relative.file_name().is_none() {
        return Err(format!("path {path:?} names no file"));
    }
    let mode = u32::try_from(mode)
        .ok()
        .filter(|mode| *mode <= 0o777)
        .ok_or_else(|| format!("mode {mode} is not one of 0 to 0777"))?;
    Ok(FileSpec { path: relative, mode, content: ByteString(content) })
}

fn check_relative(path: &Path) -> Result<(), String> {
    let inside =
        path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if inside && !path.to_string_lossy().contains('\0') {
        return Ok(());
    }
    Err(format!("{:?} must be relative, without '..'", path.display().to_string()))
}

fn host_path(source: &HostPathVolumeSource) -> Result<Backing, String> {
    let path = PathBuf::from(&source.path);
    if !path.is_absolute() || path.components().any(|part| part == Component::ParentDir) {
        return Err(format!("hostPath.path {:?} must be absolute, without '..'", source.path));
    }
    let kind = source.type_.as_deref().unwrap_or_default();
    let failed = |e: std::io::Error| format!("hostPath {}: {e}", path.display());
    match kind {
        "DirectoryOrCreate" => fs::create_dir_all(&path).map_err(failed)?,
        "FileOrCreate" if !path.exists() => fs::File::create(&path).map(drop).map_err(failed)?,
        _ => {}
    }
    let meta = fs::metadata(&path).map_err(failed)?;
    let fits = match kind {
        "" => true,
        "Directory" | "DirectoryOrCreate" => meta.is_dir(),
        "File" | "FileOrCreate" => meta.is_file(),
        "Socket" => meta.file_type().is_socket(),
        "CharDevice" => meta.file_type().is_char_device(),
        "BlockDevice" => meta.file_type().is_block_device(),
        _ => return Err(format!("hostPath.type: there is no {kind:?}")),
    };
    if !fits {
        return Err(format!("hostPath {} is not a {kind}", path.display()));
    }
    Ok(if meta.is_dir() { Backing::Folder { path, read_only: false } } else { Backing::File(path) })
}

fn unknown_type(volume: &Volume) -> String {
    let json = serde_json::to_value(volume).unwrap_or_default();
    let kind =
        json.as_object().and_then(|object| object.keys().find(|key| *key != "name")).cloned();
    let kind = kind.unwrap_or_else(|| String::from("no source"));
    format!(
        "{kind} is not to be had on one machine; use persistentVolumeClaim, hostPath or emptyDir"
    )
}

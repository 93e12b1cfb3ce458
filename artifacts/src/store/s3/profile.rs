//! Keys in the SDK's profile files: <https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html>.

use super::credentials::checked;
use crate::error::Error;
use object_store::aws::AwsCredential;
use std::collections::HashMap;
use std::io;

/// What a profile may name to get credentials elsewhere.
const ELSEWHERE: [&str; 5] =
    ["role_arn", "credential_process", "sso_session", "sso_start_url", "web_identity_token_file"];

/// The keys of the profile in use; none without files or without that profile.
pub(super) fn read(env: impl Fn(&str) -> Option<String>) -> Result<Option<AwsCredential>, Error> {
    let name = env("AWS_PROFILE").unwrap_or_else(|| "default".to_owned());
    let home = env("HOME").unwrap_or_default();
    let file = |variable: &str, plain: &str| {
        env(variable).unwrap_or_else(|| format!("{home}/.aws/{plain}"))
    };
    let mut profile = section(&file("AWS_CONFIG_FILE", "config"), &format!("profile {name}"))?;
    if name == "default" {
        profile.extend(section(&file("AWS_CONFIG_FILE", "config"), &name)?);
    }
    profile.extend(section(&file("AWS_SHARED_CREDENTIALS_FILE", "credentials"), &name)?);
    let invalid = |why: String| {
        Error::new(Error::Unsupported, format!("use the AWS profile `{name}`"), why)
            .advise("put keys into the profile, or into secrets")
    };
    let text = |key: &str| profile.get(key).map(|value| checked(value)).transpose();
    match (text("aws_access_key_id")?, text("aws_secret_access_key")?) {
        (Some(key_id), Some(secret_key)) => {
            Ok(Some(AwsCredential { key_id, secret_key, token: text("aws_session_token")? }))
        }
        _ => match ELSEWHERE.iter().find(|key| profile.contains_key(**key)) {
            Some(key) => Err(invalid(format!("`{key}` in a profile is not supported"))),
            None => Ok(None),
        },
    }
}

/// The settings of a section; nested ones and unreadable lines are left out.
fn section(path: &str, name: &str) -> Result<HashMap<String, String>, Error> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(HashMap::new()),
        Err(error) => return Err(Error::io(format!("read {path}"), error)),
    };
    let mut inside = false;
    let mut settings = HashMap::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with(['#', ';'])) {
        if let Some(header) = line.trim().strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            let header: Vec<&str> = header.split_whitespace().collect();
            inside = header.join(" ") == name;
        } else if inside
            && !line.starts_with([' ', '\t'])
            && let Some((key, value)) = line.split_once('=')
        {
            settings.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_credentials_file_wins_and_other_ways_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        std::fs::write(
            path("config"),
            "[default]\naws_access_key_id = old\n[profile other]\nrole_arn = r\ns3 =\n  x = y\n",
        )
        .unwrap();
        std::fs::write(
            path("credentials"),
            "# mine\n[ default ]\naws_access_key_id = id\naws_secret_access_key=secret\n[empty]\n",
        )
        .unwrap();
        let with = |profile: Option<&str>| {
            read(|name| match name {
                "AWS_CONFIG_FILE" => Some(path("config")),
                "AWS_SHARED_CREDENTIALS_FILE" => Some(path("credentials")),
                "AWS_PROFILE" => profile.map(str::to_owned),
                _ => None,
            })
        };
        let keys = with(None).unwrap().unwrap();
        assert_eq!((keys.key_id.as_str(), keys.secret_key.as_str()), ("id", "secret"));
        assert!(with(Some("empty")).unwrap().is_none());
        let refused = with(Some("other")).unwrap_err();
        assert!(refused.to_string().contains("`role_arn`"), "{refused}");
    }
}

//! Digests, password hashes and AES.

use aes::Aes256;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use sha2::Digest;

use super::random::bytes;
use crate::expr::run::{Fail, Outcome, Run};
use crate::expr::value::Val;

/// Steps that a slow function counts for: only a few fit into one evaluation.
pub(super) const SLOW: usize = 300_000;

pub(super) fn call(run: &Run<'_>, name: &str, args: &[Val]) -> Option<Outcome> {
    Some(match (name, args) {
        ("sha1sum", [Val::Str(text)]) => Ok(Val::from(hex(&sha1::Sha1::digest(text.as_bytes())))),
        ("sha256sum", [Val::Str(text)]) => {
            Ok(Val::from(hex(&sha2::Sha256::digest(text.as_bytes()))))
        }
        ("sha512sum", [Val::Str(text)]) => {
            Ok(Val::from(hex(&sha2::Sha512::digest(text.as_bytes()))))
        }
        ("bcrypt", [Val::Str(password)]) => bcrypt(run, password).map(Val::from),
        ("htpasswd", [Val::Str(user), Val::Str(_)]) if user.contains(':') => {
            Ok(Val::from(format!("invalid username: {user}")))
        }
        ("htpasswd", [Val::Str(user), Val::Str(password)]) => {
            bcrypt(run, password).map(|hash| Val::from(format!("{user}:{hash}")))
        }
        ("encryptAES", [Val::Str(password), Val::Str(text)]) => encrypt(run, password, text),
        ("decryptAES", [Val::Str(password), Val::Str(text)]) => decrypt(password, text),
        _ => return None,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bcrypt(run: &Run<'_>, password: &str) -> Result<String, Fail> {
    const COST: u32 = 10;
    run.spend(SLOW)?;
    if password.len() > 72 {
        let reason = "bcrypt: password length exceeds 72 bytes";
        return Ok(format!("failed to encrypt string with bcrypt: {reason}"));
    }
    let mut salt = [0; 16];
    salt.copy_from_slice(bytes(run, 16).get(..16).unwrap_or(&[0; 16]));
    bcrypt::hash_with_salt(password.as_bytes(), COST, salt)
        .map(|parts| parts.format_for_version(bcrypt::Version::TwoA))
        .map_err(|e| Fail::from(format!("failed to encrypt string with bcrypt: {e}")))
}

/// The first 32 bytes of a password, filled up with zeros.
fn key(password: &str) -> [u8; 32] {
    let mut key = [0; 32];
    for (to, from) in key.iter_mut().zip(password.bytes()) {
        *to = from;
    }
    key
}

fn encrypt(run: &Run<'_>, password: &str, text: &str) -> Outcome {
    if text.is_empty() {
        return Ok(Val::from(""));
    }
    let mut iv = [0; 16];
    iv.copy_from_slice(bytes(run, 16).get(..16).unwrap_or(&[0; 16]));
    let cipher = cbc::Encryptor::<Aes256>::new(&key(password).into(), &iv.into());
    let sealed = cipher.encrypt_padded_vec::<Pkcs7>(text.as_bytes());
    Ok(Val::from(STANDARD.encode([iv.as_slice(), sealed.as_slice()].concat())))
}

fn decrypt(password: &str, text: &str) -> Outcome {
    if text.is_empty() {
        return Ok(Val::from(""));
    }
    let bytes = STANDARD
        .decode(text)
        .map_err(|e| Fail::from(format!("decryptAES: illegal base64 data: {e}")))?;
    let (iv, sealed) = bytes
        .split_first_chunk::<16>()
        .ok_or_else(|| Fail::from("decryptAES: the text is too short"))?;
    let cipher = cbc::Decryptor::<Aes256>::new(&key(password).into(), &(*iv).into());
    cipher
        .decrypt_padded_vec::<Pkcs7>(sealed)
        .map(|plain| Val::from(String::from_utf8_lossy(&plain).into_owned()))
        .map_err(|_| "decryptAES: the password or the text is wrong".into())
}

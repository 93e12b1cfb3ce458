//! `derivePassword`: the Master Password algorithm.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::cast;
use super::crypto::SLOW;
use crate::expr::run::{Fail, Outcome, Run};
use crate::expr::value::Val;

const SEED: &str = "com.lyndir.masterpassword";

/// The templates of each kind of password, separated by spaces.
const TEMPLATES: [(&str, &str); 6] = [
    ("maximum", "anoxxxxxxxxxxxxxxxxx axxxxxxxxxxxxxxxxxno"),
    (
        "long",
        "CvcvnoCvcvCvcv CvcvCvcvnoCvcv CvcvCvcvCvcvno CvccnoCvcvCvcv CvccCvcvnoCvcv CvccCvcvCvcvno \
         CvcvnoCvccCvcv CvcvCvccnoCvcv CvcvCvccCvcvno CvcvnoCvcvCvcc CvcvCvcvnoCvcc CvcvCvcvCvccno \
         CvccnoCvccCvcv CvccCvccnoCvcv CvccCvccCvcvno CvcvnoCvccCvcc CvcvCvccnoCvcc CvcvCvccCvccno \
         CvccnoCvcvCvcc CvccCvcvnoCvcc CvccCvcvCvccno",
    ),
    ("medium", "CvcnoCvc CvcCvcno"),
    ("short", "Cvcn"),
    ("basic", "aaanaaan aannaaan aaannaaa"),
    ("pin", "nnnn"),
];

/// What a letter of a template stands for.
fn symbols(letter: char) -> &'static str {
    match letter {
        'V' => "AEIOU",
        'C' => "BCDFGHJKLMNPQRSTVWXYZ",
        'v' => "aeiou",
        'c' => "bcdfghjklmnpqrstvwxyz",
        'A' => "AEIOUBCDFGHJKLMNPQRSTVWXYZ",
        'a' => "AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
        'n' => "0123456789",
        'o' => "@&%?,=[]_:-+*$#!'^~;()/.",
        _ => "AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
    }
}

pub(super) fn call(run: &Run<'_>, name: &str, args: &[Val]) -> Option<Outcome> {
    let (
        "derivePassword",
        [counter, Val::Str(kind), Val::Str(password), Val::Str(user), Val::Str(site)],
    ) = (name, args)
    else {
        return None;
    };
    let counter = u32::try_from(cast::int(counter)).unwrap_or(0);
    Some(run.spend(SLOW).and_then(|()| derive(counter, kind, password, user, site)))
}

/// The seed, a text with its length before it, and a tail.
fn salted(text: &str, tail: &[u8]) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes();
    [SEED.as_bytes(), &length, text.as_bytes(), tail].concat()
}

fn derive(counter: u32, kind: &str, password: &str, user: &str, site: &str) -> Outcome {
    let Some((_, templates)) = TEMPLATES.iter().find(|(name, _)| *name == kind) else {
        return Ok(Val::from(format!("cannot find password template {kind}")));
    };
    let failed = |e: String| Fail::from(format!("failed to derive password: {e}"));
    let mut key = [0; 64];
    let cost = scrypt::Params::new(15, 8, 2).map_err(|e| failed(e.to_string()))?;
    scrypt::scrypt(password.as_bytes(), &salted(user, &[]), &cost, &mut key)
        .map_err(|e| failed(e.to_string()))?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|e| failed(e.to_string()))?;
    mac.update(&salted(site, &counter.to_be_bytes()));
    let seed = mac.finalize().into_bytes();
    let at = |place: usize| usize::from(seed.get(place).copied().unwrap_or(0));
    let templates: Vec<&str> = templates.split_whitespace().collect();
    let template = templates.get(at(0) % templates.len()).copied().unwrap_or("");
    let letter = |(place, letter): (usize, char)| {
        let symbols = symbols(letter);
        symbols.chars().nth(at(place + 1) % symbols.len())
    };
    Ok(Val::from(template.chars().enumerate().filter_map(letter).collect::<String>()))
}

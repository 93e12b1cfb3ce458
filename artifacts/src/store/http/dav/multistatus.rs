//! The answer to PROPFIND: RFC 4918, 13. Names are taken by their local part, whatever the prefix.

use crate::store::http::url::{decode_key, path_of};
use quick_xml::Reader;
use quick_xml::events::Event;

/// Something in a collection, or the collection itself.
#[derive(Debug, PartialEq)]
pub(super) struct Member {
    /// Starts with `/`.
    pub path: String,
    /// None for a collection.
    pub size: Option<u64>,
}

/// None if it is not what it should be.
pub(super) fn parse(text: &str) -> Option<Vec<Member>> {
    let mut reader = Reader::from_str(text);
    let mut members = Vec::new();
    let (mut href, mut size, mut collection) = (String::new(), None, false);
    let mut value = String::new();
    let mut any = false;
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) => {
                value.clear();
                match tag.local_name().as_ref() {
                    b"multistatus" => any = true,
                    b"response" => (href, size, collection) = (String::new(), None, false),
                    b"collection" => collection = true,
                    _ => {}
                }
            }
            Event::Empty(tag) => collection |= tag.local_name().as_ref() == b"collection",
            Event::Text(text) => value.push_str(&text.decode().ok()?),
            Event::CData(text) => value.push_str(&text.decode().ok()?),
            Event::GeneralRef(name) => match name.resolve_char_ref().ok()? {
                Some(c) => value.push(c),
                None => value
                    .push_str(quick_xml::escape::resolve_predefined_entity(&name.decode().ok()?)?),
            },
            Event::End(tag) => match tag.local_name().as_ref() {
                b"href" if href.is_empty() => href = value.trim().to_owned(),
                b"getcontentlength" => size = value.trim().parse().ok().or(size),
                b"response" => {
                    let path = decode_key(path_of(&href)?);
                    let size = if collection { None } else { Some(size.unwrap_or(0)) };
                    members.push(Member { path, size });
                }
                _ => {}
            },
            Event::Eof => return any.then_some(members),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listings_of_servers() {
        let nginx = r#"<?xml version="1.0" encoding="utf-8" ?>
<D:multistatus xmlns:D="DAV:"><D:response><D:href>/a/</D:href><D:propstat><D:prop>
<D:getcontentlength>4096</D:getcontentlength><D:resourcetype><D:collection/></D:resourcetype></D:prop></D:propstat></D:response>
<D:response><D:href>/a/b%20c%25&amp;d</D:href><D:propstat><D:prop><D:getcontentlength>7</D:getcontentlength>
<D:resourcetype></D:resourcetype></D:prop></D:propstat></D:response></D:multistatus>"#;
        let file = Member { path: "/a/b c%25&d".into(), size: Some(7) };
        let whole = [Member { path: "/a/".into(), size: None }, file];
        assert_eq!(parse(nginx).unwrap(), whole);
        let absolute = "<multistatus xmlns='DAV:'><response><href>http://host:1/x</href></response></multistatus>";
        assert_eq!(parse(absolute).unwrap(), [Member { path: "/x".into(), size: Some(0) }]);
        for bad in ["", "<html></html>", "<multistatus><response>", "hello"] {
            assert!(parse(bad).is_none_or(|members| members.is_empty()), "{bad}");
        }
    }
}

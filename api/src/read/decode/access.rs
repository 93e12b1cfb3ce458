//! The elements of lists and maps, handed to serde one by one.

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess};

use super::{Decoder, Path, address};
use crate::read::fault::Fault;
use crate::read::tree::{Entry, Node};

pub(super) struct Items<'de, 'p> {
    pub decoder: Decoder<'de, 'p>,
    pub items: std::iter::Enumerate<std::slice::Iter<'de, Node>>,
}

impl<'de> SeqAccess<'de> for Items<'de, '_> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        let misfits = self.decoder.run.misfits;
        let next = self.items.find(|(_, node)| !misfits.contains(&address(node)));
        let Some((index, node)) = next else {
            return Ok(None);
        };
        let element = Decoder {
            node,
            at: node.at,
            path: &Path::Index(self.decoder.path, index),
            run: self.decoder.run,
        };
        seed.deserialize(element).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

pub(super) struct Entries<'de, 'p> {
    pub decoder: Decoder<'de, 'p>,
    pub entries: std::slice::Iter<'de, Entry>,
    /// For a struct: its fields. Others, and null, are passed over there.
    pub fields: Option<&'static [&'static str]>,
    pub value: Option<&'de Entry>,
}

impl<'de> MapAccess<'de> for Entries<'de, '_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        let (fields, misfits) = (self.fields, self.decoder.run.misfits);
        let wanted = |entry: &&Entry| {
            !misfits.contains(&address(&entry.node))
                && fields.is_none_or(|fields| {
                    !entry.node.is_null() && fields.contains(&entry.key.as_str())
                })
        };
        self.value = self.entries.find(wanted);
        let Some(entry) = self.value else {
            return Ok(None);
        };
        let key: StrDeserializer<'_, Fault> = entry.key.as_str().into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let Some(entry) = self.value.take() else {
            return Err(Fault::Text("a value was asked for before its key".to_owned(), None));
        };
        let value = Decoder {
            node: &entry.node,
            at: entry.at,
            path: &Path::Key(self.decoder.path, &entry.key),
            run: self.decoder.run,
        };
        seed.deserialize(value)
    }
}

//! The messages of Argo's `artifact.ArtifactService` (proto3), as far as they are used here.

use prost::Message;

/// `artifact.Artifact`.
#[derive(Clone, PartialEq, Message)]
pub struct Artifact {
    #[prost(string, tag = "2")]
    pub path: String,
    #[prost(message, optional, tag = "5")]
    pub plugin: Option<PluginArtifact>,
}

#[derive(Clone, PartialEq, Message)]
pub struct PluginArtifact {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub configuration: String,
    #[prost(int32, tag = "3")]
    pub connection_timeout_seconds: i32,
    #[prost(string, tag = "4")]
    pub key: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct LoadRequest {
    #[prost(message, optional, tag = "1")]
    pub input_artifact: Option<Artifact>,
    #[prost(string, tag = "2")]
    pub path: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct SaveRequest {
    #[prost(string, tag = "1")]
    pub path: String,
    #[prost(message, optional, tag = "2")]
    pub output_artifact: Option<Artifact>,
}

/// Delete, ListObjects, IsDirectory and OpenStream ask alike.
#[derive(Clone, PartialEq, Message)]
pub struct ArtifactRequest {
    #[prost(message, optional, tag = "1")]
    pub artifact: Option<Artifact>,
}

/// Load, Save, SaveStream and Delete answer alike.
#[derive(Clone, PartialEq, Message)]
pub struct Success {
    #[prost(bool, tag = "1")]
    pub success: bool,
    #[prost(string, tag = "2")]
    pub error: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct Objects {
    #[prost(string, repeated, tag = "1")]
    pub objects: Vec<String>,
    #[prost(string, tag = "2")]
    pub error: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct Directory {
    #[prost(bool, tag = "1")]
    pub is_directory: bool,
    #[prost(string, tag = "2")]
    pub error: String,
}

/// A piece of an object that is opened.
#[derive(Clone, PartialEq, Message)]
pub struct Piece {
    #[prost(bytes = "bytes", tag = "1")]
    pub data: bytes::Bytes,
    #[prost(bool, tag = "2")]
    pub is_end: bool,
    #[prost(string, tag = "3")]
    pub error: String,
}

/// A piece of an object that is saved; the artifact comes with the first.
#[derive(Clone, PartialEq, Message)]
pub struct SavePiece {
    #[prost(message, optional, tag = "1")]
    pub output_artifact: Option<Artifact>,
    #[prost(bytes = "bytes", tag = "2")]
    pub chunk: bytes::Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub struct Nothing {}

#[derive(Clone, PartialEq, Message)]
pub struct Capabilities {
    #[prost(bool, tag = "1")]
    pub supports_save_stream: bool,
}

//! Errors of HDFS by what can be done about them. Those of servers go by the names of Java's classes.

use hdfs_native::HdfsError;
use lighter_artifacts::Error;

/// Class names are those of `org.apache.hadoop`, without their package.
pub fn sort(doing: String, error: HdfsError) -> Error {
    let why = error.to_string();
    match error {
        HdfsError::FileNotFound(_) | HdfsError::BlocksNotFound(_) => {
            Error::new(Error::NotFound, doing, why)
        }
        HdfsError::AlreadyExists(_) => Error::new(Error::Exists, doing, why),
        HdfsError::ChecksumError => Error::new(Error::Corrupt, doing, why),
        HdfsError::DataTransferError(_) | HdfsError::InvalidRPCResponse(_) => {
            Error::new(Error::Transient, doing, why)
        }
        HdfsError::IOError(error) => match Error::io(doing.clone(), error) {
            // Whatever cuts a connection may pass.
            Error::Corrupt(_) | Error::Io(_) => Error::new(Error::Transient, doing, why),
            other => other,
        },
        HdfsError::RPCError(class, message) | HdfsError::FatalRPCError(class, message) => {
            // The rest of a message is the server's stack.
            let message = message.lines().next().unwrap_or_default().to_owned();
            by_class(doing, class.rsplit('.').next().unwrap_or_default(), message)
        }
        HdfsError::SASLError(_) | HdfsError::GSSAPIError(..) | HdfsError::NoSASLMechanism => {
            Error::new(Error::Denied, doing, why)
                .advise("the cluster may want Kerberos, which is not supported")
        }
        HdfsError::UnsupportedFeature(_) | HdfsError::UnsupportedErasureCodingPolicy(_) => {
            Error::new(Error::Unsupported, doing, why)
        }
        HdfsError::InvalidPath(_)
        | HdfsError::InvalidArgument(_)
        | HdfsError::IsADirectoryError(_)
        | HdfsError::UrlParseError(_)
        | HdfsError::XmlParseError(_) => Error::new(Error::Invalid, doing, why),
        _ => Error::new(Error::Io, doing, why),
    }
}

fn by_class(doing: String, class: &str, message: String) -> Error {
    match class {
        "AccessControlException" | "AuthorizationException" => {
            Error::new(Error::Denied, doing, message)
                .advise("check `hdfs.hdfsUser` and the rights on the path")
        }
        "FileNotFoundException" => Error::new(Error::NotFound, doing, message),
        "FileAlreadyExistsException" | "AlreadyBeingCreatedException" => {
            Error::new(Error::Exists, doing, message)
        }
        "SafeModeException"
        | "StandbyException"
        | "RetriableException"
        | "ServerTooBusyException" => Error::new(Error::Transient, doing, message),
        "ParentNotDirectoryException" | "InvalidPathException" | "PathIsNotDirectoryException" => {
            Error::new(Error::Invalid, doing, message)
        }
        _ => Error::new(Error::Io, doing, format!("{class}: {message}")),
    }
}

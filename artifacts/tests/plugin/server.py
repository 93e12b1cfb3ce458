#!/usr/bin/python3
"""An artifact plugin that keeps objects in a folder: server.py FOLDER files|streams SOCKET

`files` serves what Argo 4.0 asks of plugins, `streams` all of 4.1.
"""
import os
import shutil
import sys
from concurrent import futures

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

TYPES = {"string": 9, "bytes": 12, "bool": 8, "int32": 5}
# Messages of Argo's artifact.proto: fields by number.
MESSAGES = {
    "PluginArtifact": {1: "name string", 2: "configuration string", 3: "connection_timeout_seconds int32", 4: "key string"},
    "Artifact": {1: "name string", 2: "path string", 3: "mode int32", 5: "plugin .artifact.PluginArtifact"},
    "LoadArtifactRequest": {1: "input_artifact .artifact.Artifact", 2: "path string"},
    "SaveArtifactRequest": {1: "path string", 2: "output_artifact .artifact.Artifact"},
    "ArtifactRequest": {1: "artifact .artifact.Artifact"},
    "Success": {1: "success bool", 2: "error string"},
    "ListObjectsResponse": {1: "objects string*", 2: "error string"},
    "IsDirectoryResponse": {1: "is_directory bool", 2: "error string"},
    "OpenStreamResponse": {1: "data bytes", 2: "is_end bool", 3: "error string"},
    "SaveStreamRequest": {1: "output_artifact .artifact.Artifact", 2: "chunk bytes"},
    "GetCapabilitiesRequest": {},
    "GetCapabilitiesResponse": {1: "supports_save_stream bool"},
}


def classes():
    file = descriptor_pb2.FileDescriptorProto(name="artifact.proto", package="artifact", syntax="proto3")
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, field in fields.items():
            field, kind = field.split()
            repeated = kind.endswith("*")
            kind = kind.rstrip("*")
            added = message.field.add(name=field, number=number, label=3 if repeated else 1, type=TYPES.get(kind, 11))
            if kind not in TYPES:
                added.type_name = kind
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    get = getattr(message_factory, "GetMessageClass", None) or message_factory.MessageFactory(pool).GetPrototype
    return {name: get(pool.FindMessageTypeByName(f"artifact.{name}")) for name in MESSAGES}


M = classes()
FOLDER, KIND, SOCKET = sys.argv[1:]


def place(artifact):
    return os.path.join(FOLDER, artifact.plugin.key)


def fail(artifact, context):
    """Keys that stand for faults."""
    key = artifact.plugin.key
    if key == "denied":
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "no, 100% never")
    if key == "gone":
        context.abort(grpc.StatusCode.NOT_FOUND, "no such object")
    if key == "text":
        return "the bucket is on fire"
    return ""


def copy(source, target):
    if os.path.isdir(source):
        shutil.copytree(source, target)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(source, target)


def load(request, context):
    if error := fail(request.input_artifact, context):
        return M["Success"](error=error)
    copy(place(request.input_artifact), request.path)
    os.chmod(request.path, os.stat(request.path).st_mode & 0o700)
    return M["Success"](success=True)


def save(request, context):
    if error := fail(request.output_artifact, context):
        return M["Success"](error=error)
    copy(request.path, place(request.output_artifact))
    return M["Success"](success=True)


def delete(request, context):
    fail(request.artifact, context)
    os.remove(place(request.artifact))
    return M["Success"](success=True)


def list_objects(request, context):
    top = place(request.artifact)
    names = [os.path.join(folder, name) for folder, _, names in os.walk(top) for name in names]
    return M["ListObjectsResponse"](objects=[os.path.relpath(name, FOLDER) for name in names])


def is_directory(request, context):
    return M["IsDirectoryResponse"](is_directory=os.path.isdir(place(request.artifact)))


def open_stream(request, context):
    fail(request.artifact, context)
    dies = request.artifact.plugin.key == "dies"
    with open(place(request.artifact), "rb") as file:
        while data := file.read(100_000):
            yield M["OpenStreamResponse"](data=data)
            if dies:
                yield M["OpenStreamResponse"](data=data)
                os._exit(1)
    yield M["OpenStreamResponse"](is_end=True)


def save_stream(requests, context):
    target = place(next(requests).output_artifact)
    with open(target + ".streamed", "wb") as file:
        for request in requests:
            file.write(request.chunk)
    return M["Success"](success=True)


def capabilities(request, context):
    return M["GetCapabilitiesResponse"](supports_save_stream=True)


METHODS = {
    "Load": (grpc.unary_unary_rpc_method_handler, load, "LoadArtifactRequest"),
    "Save": (grpc.unary_unary_rpc_method_handler, save, "SaveArtifactRequest"),
    "Delete": (grpc.unary_unary_rpc_method_handler, delete, "ArtifactRequest"),
    "ListObjects": (grpc.unary_unary_rpc_method_handler, list_objects, "ArtifactRequest"),
    "IsDirectory": (grpc.unary_unary_rpc_method_handler, is_directory, "ArtifactRequest"),
}
if KIND == "streams":
    METHODS["OpenStream"] = (grpc.unary_stream_rpc_method_handler, open_stream, "ArtifactRequest")
    METHODS["SaveStream"] = (grpc.stream_unary_rpc_method_handler, save_stream, "SaveStreamRequest")
    METHODS["GetCapabilities"] = (grpc.unary_unary_rpc_method_handler, capabilities, "GetCapabilitiesRequest")

handlers = {
    name: make(call, request_deserializer=M[asked].FromString, response_serializer=lambda answer: answer.SerializeToString())
    for name, (make, call, asked) in METHODS.items()
}
server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("artifact.ArtifactService", handlers),))
server.add_insecure_port(f"unix:{SOCKET}")
server.start()
server.wait_for_termination()

# grpcio, gRPC's C core, without a .proto file: messages are JSON.
import json
import os
import queue

import grpc


def pack(value):
    return json.dumps(value).encode()


metadata = [("authorization", f"Bearer {os.environ['GRPC_TOKEN']}")]

with grpc.secure_channel("grpc.example.com:443", grpc.ssl_channel_credentials()) as channel:
    greet = channel.unary_unary("/demo.Demo/Greet", pack, json.loads)
    answer, call = greet.with_call({"name": "sandbox"}, metadata=metadata, timeout=30)
    trailer = dict(call.trailing_metadata())["answered-by"]

    # Each message is sent when the answer to the one before has come.
    outgoing = queue.SimpleQueue()
    outgoing.put({"count": 0})
    chat = []
    for message in channel.stream_stream("/demo.Demo/Chat", pack, json.loads)(
        iter(outgoing.get, None), metadata=metadata, timeout=30
    ):
        chat.append(message["count"])
        outgoing.put({"count": message["count"]} if len(chat) < 3 else None)

    try:
        greet({"name": "nobody"}, timeout=30)
        refusal = None
    except grpc.RpcError as error:
        refusal = error.code().value[0]

    print(json.dumps({"answer": answer, "trailer": trailer, "chat": chat, "refusal": refusal}))

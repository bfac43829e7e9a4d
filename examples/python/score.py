#!/usr/bin/env python3
"""Scores one account over gRPC without generated code: the server describes its own protocol.

    pip install grpcio grpcio-reflection
    python score.py 127.0.0.1:50051 ACCOUNT_ID [Score|Explain|Recommend]
"""

import json
import sys

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase


def call(channel, method, request):
    """Calls one method of RiskService; request and answer are plain dictionaries."""
    pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
    service = pool.FindServiceByName("holdfast.v1.RiskService")
    found = service.FindMethodByName(method)
    ask, answer = GetMessageClass(found.input_type), GetMessageClass(found.output_type)
    send = channel.unary_unary(
        f"/{service.full_name}/{method}", ask.SerializeToString, answer.FromString
    )
    reply = send(json_format.ParseDict(request, ask()), timeout=10)
    return json_format.MessageToDict(reply, preserving_proto_field_name=True)


def horizons(score):
    """The probability that the account stops paying, by days ahead; a plain 0 is left out of the wire."""
    for risk in score.get("horizon_risks", []):
        yield f"churns within {risk['days']:>3} days: {risk.get('churn_probability', 0.0):6.1%}"


def main():
    address, account_id, *rest = sys.argv[1:]
    method = rest[0] if rest else "Score"
    with grpc.insecure_channel(address) as channel:
        try:
            answer = call(channel, method, {"subject": {"account_id": account_id}})
            print(json.dumps(answer, indent=2))
            for line in horizons(answer["score"]):
                print(line, file=sys.stderr)
        except grpc.RpcError as error:
            sys.exit(f"{error.code().name}: {error.details()}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main()

#!/bin/sh
# Calls to the room of examples/chat_room.py; below each stands what it shows.
set -eu
server=${1:-http://127.0.0.1:6420}

room="$server/gateway/chatRoom"
lobby="rvt-namespace=default&rvt-method=getOrCreate&rvt-runner=default&rvt-key=lobby"
ann='x-rivet-conn-params: {"auth_token": "ann-token"}'

curl "$room/action/send?$lobby" -H "$ann" -d '{"args": ["hello"]}'
# {"output":1}

curl -X POST "$room/action/history?$lobby" -H "$ann"
# {"output":[{"sender":"ann","text":"hello"}]}

curl "$room/action/send?$lobby" -H "$ann" -d '{"args": [5]}'
# {"code":"validation_error","group":"actor","message":"Validation failed","metadata":{"paths":["invalid type, expected str, got int @ $.text"]}}

curl "$room/action/shout?$lobby" -H "$ann" -d '{"args": ["hello"]}'
# {"code":"action_not_found","group":"actor","message":"Action `shout` was not found."}

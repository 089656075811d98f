export DENO_SANDBOX_ENDPOINT=http://127.0.0.1:7911 DENO_DEPLOY_ENDPOINT=http://127.0.0.1:7911 DENO_DEPLOY_TOKEN=$(python3 -c "import json;print(json.load(open('/tmp/ld/ready'))['token'])")
cp /tmp/ld/t.ts ./lt.ts; timeout ${T:-120} node_modules/node/bin/node --conditions=sandkeep-source --disable-warning=ExperimentalWarning ./lt.ts "$@"; rm -f ./lt.ts

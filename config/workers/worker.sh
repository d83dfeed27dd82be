#!/usr/bin/env bash
# A worker for Martlet in bash with curl: runs a command for each job. Arguments: queue, type, command with its arguments.
# The command reads the job as JSON from standard input, and writes nothing or a result in JSON to standard output.
queue=$1 type=$2 me=sh-$$-$(date +%s) job=''
shift 2
server=${MARTLET_SERVER:-http://127.0.0.1:8080}/api/v1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'stopping=1; [[ $job ]] || kill "$poll"' TERM # who hangs up takes nothing
# Sent until the server answers; every request of a worker may be repeated.
request=(curl --silent --max-time 60 --retry 60 --retry-delay 1 --retry-all-errors --retry-max-time 120
    ${MARTLET_TOKEN:+--header "Authorization: Bearer $MARTLET_TOKEN"})

call() { "${request[@]}" --request "$1" --json "$3" "$server$2"; }
renew() { while sleep 5 && kill -0 $$; do call POST "/workers/$me/heartbeat" "{\"leases\":[{\"token\":\"$1\"}]}"; done; }
quoted() { tr -d '\000-\010\013-\037' | sed 's/[\\"]/\\&/g; s/\t/\\t/g' | awk '{ printf "%s\\n", $0 }'; }

order="{\"worker_id\":\"$me\",\"queues\":[\"$queue\"],\"types\":[\"$type\"],\"wait_seconds\":20,
    \"worker\":{\"language\":\"bash\",\"version\":\"${BASH_VERSION%%(*}\",\"pid\":$$}}"
while [[ ! $stopping ]]; do
    "${request[@]}" --json "$order" "$server/claims" >"$scratch/claim" &
    poll=$!
    until wait "$poll" || ! kill -0 "$poll"; do :; done 2>"$scratch/error"
    claim=$(<"$scratch/claim") && token=${claim#*'"token":"'} && token=${token%%'"'*}
    [[ $claim == *'"token":"'* ]] || continue
    job=${claim#*'"job":'} && job=${job%'}]}'}
    renew "$token" >/dev/null 2>&1 &
    renewal=$!
    if "$@" <<<"$job" >"$scratch/result" 2>"$scratch/error"; then
        word=complete end="{\"result\":$(grep . "$scratch/result" || echo null)}"
    else
        word=fail end="{\"error\":{\"class\":\"exit $?\",\"message\":\"$(head -c 4000 "$scratch/error" | quoted)\"}}"
    fi
    call POST "/claims/$token/$word" "$end" && echo
    kill "$renewal"
    job=''
done
call DELETE "/workers/$me" '{}' # releases jobs whose claim response was lost

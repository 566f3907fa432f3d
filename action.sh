#!/usr/bin/env bash
# One run of the scanner's container. Copies in, copies out; binds nothing but the engine's socket.
set -euo pipefail

stop() {
  printf '::error title=Seatrial::%s\n' "$1"
  exit "$2"
}

# Legs of a matrix share run and job, and several runners may share one machine: all four are needed.
job="${GITHUB_RUN_ID:-0}-${GITHUB_RUN_ATTEMPT:-0}-${GITHUB_JOB:-job}-${RUNNER_NAME:-runner}"
label="seatrial.job=${job//[^A-Za-z0-9_.-]/_}"

sweep() {
  docker ps --all --quiet --filter "label=$label" | xargs --no-run-if-empty docker rm --force --volumes
  docker network ls --quiet --filter "label=$label" | xargs --no-run-if-empty docker network rm
  docker volume ls --quiet --filter "label=$label" | xargs --no-run-if-empty docker volume rm --force
}

# Before every check: the second step must not fail where there is no docker.
if [ "${1:-}" = sweep ]; then
  sweep >/dev/null 2>&1 || true
  exit 0
fi

[ "$(uname -s)" = Linux ] || stop "Seatrial needs a Linux runner; this one runs $(uname -s)." 2
command -v docker >/dev/null || stop "Seatrial needs the docker command on the runner." 3
mode="${INPUT_MODE:-scan}"
case "$mode" in scan | merge | publish) ;; *) stop "mode must be scan, merge or publish." 2 ;; esac
case "/${INPUT_PATH:-.}/" in
  //* | */../*) stop "path must be relative to the workspace and stay inside it." 2 ;;
esac

image="${INPUT_IMAGE:-${SEATRIAL_IMAGE:-}}"
# A leading dash would be an option of docker.
[[ -z "$image" || "$image" =~ ^[A-Za-z0-9][A-Za-z0-9._/:@-]{0,254}$ ]] || stop "image is not an image reference." 2
if [ -z "$image" ]; then
  image=seatrial-action:unreleased
  printf '::notice title=Seatrial::The image is built from source; a release brings its own.\n'
  docker build --quiet --tag "$image" "$GITHUB_ACTION_PATH" >/dev/null || stop "The image could not be built." 3
elif ! docker image inspect "$image" >/dev/null 2>&1; then
  for pause in 2 8 0; do
    docker pull --quiet "$image" >/dev/null && break
    sleep "$pause"
  done
fi

options=(--label "$label" --env "SEATRIAL_JOB=${label#*=}" --env SEATRIAL_OUT=/out
  --read-only --cap-drop ALL --security-opt no-new-privileges
  --pids-limit 512 --memory 2g --tmpfs /tmp --volume /in --volume /out
  --env GITHUB_EVENT_PATH=/in/event.json --env GITHUB_WORKSPACE=/in/tree
  --env GITHUB_OUTPUT=/out/github/output --env GITHUB_STEP_SUMMARY=/out/github/summary)
# Names only: the values come from the environment, so that no secret stands on a command line and newlines survive.
# An allow-list: GITHUB_TOKEN, GITHUB_ENV, GITHUB_PATH, ACTIONS_* and what is unknown stay out.
names='INPUT_[A-Z_]+|GITHUB_(ACTIONS|API_URL|BASE_REF|EVENT_NAME|HEAD_REF|JOB|REF|REPOSITORY|RUN_ATTEMPT|RUN_ID)'
names+='|GITHUB_(SERVER_URL|SHA|WORKFLOW_REF)|RUNNER_DEBUG|(https?|no|HTTPS?|NO)_(proxy|PROXY)'
while IFS= read -r name; do options+=(--env "$name"); done < <(compgen -e | grep -xE "$names")
socket="${DOCKER_HOST:-unix:///var/run/docker.sock}"
# Only a scan starts other containers: what reads results gets no way to the engine.
if [ "$mode" = scan ] && [[ "$socket" == unix://* ]]; then
  options+=(--volume "${socket#unix://}:/var/run/docker.sock")
fi

container=
trap 'sweep >/dev/null 2>&1 || true' EXIT
# Four seconds: the runner waits 7.5 s between its first signal and the second.
trap 'docker stop -t 4 "$container" >/dev/null 2>&1 || true; exit 130' INT
trap 'docker stop -t 4 "$container" >/dev/null 2>&1 || true; exit 143' TERM
arguments=("$mode")
if [ "$mode" = scan ]; then arguments+=("/in/tree/${INPUT_PATH:-.}"); fi
container=$(docker create "${options[@]}" "$image" "${arguments[@]}") || stop "The image $image could not be started." 3
# Publishing needs no file of the workspace, so it gets none.
if [ "$mode" != publish ]; then docker cp "$GITHUB_WORKSPACE/." "$container:/in/tree" >/dev/null; fi
if [ -f "${GITHUB_EVENT_PATH:-}" ]; then docker cp "$GITHUB_EVENT_PATH" "$container:/in/event.json" >/dev/null; fi

# In the background, because a trap runs only between commands, and `wait` is one that a signal ends.
code=0
docker start --attach "$container" &
wait "$!" || code=$?

directory=$(mktemp -d "$RUNNER_TEMP/seatrial.XXXXXX")
docker cp "$container:/out/." "$directory" >/dev/null
if [ -f "$directory/github/output" ]; then
  while IFS= read -r line; do
    case "$line" in /out | /out/*) line="$directory${line#/out}" ;; esac
    printf '%s\n' "$line"
  done <"$directory/github/output" >>"$GITHUB_OUTPUT"
fi
if [ -f "$directory/github/summary" ]; then cat "$directory/github/summary" >>"$GITHUB_STEP_SUMMARY"; fi
if [ -d "$directory/workspace" ]; then
  workspace=$(realpath -- "$GITHUB_WORKSPACE")
  while IFS= read -r -d '' file; do
    # The checkout is the pull request author's: a planted link must not lead a report out of it.
    target=$(realpath -m -- "$workspace/$file")
    case "$target" in
      "$workspace/.git/"*) stop "Will not write below .git." 2 ;;
      "$workspace/"*) install -D -m 644 -- "$directory/workspace/$file" "$target" ;;
      *) stop "$file leads out of the checkout through a symbolic link." 2 ;;
    esac
  done < <(cd "$directory/workspace" && find . -type f -printf '%P\0')
fi
exit "$code"

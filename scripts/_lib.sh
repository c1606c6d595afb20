# shellcheck shell=bash
# What the scripts of the stack share. What can be done inside the image is done there, by the appliance program;
# this only speaks to the engine.

# For who starts a script with `sh`.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
set -euo pipefail
HOME_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
COMPOSE_DIR=$HOME_DIR/compose
export DOCKER_CLI_HINTS=false COMPOSE_ANSI=never

# Docker's client ends at Ctrl-C as if it had failed: without these, the script would go on with the next step.
trap 'exit 130' INT
trap 'exit 143' TERM

# What must not be cut off once it has begun, such as going back. Docker's client hears Ctrl-C and a line that breaks
# even where the shell has them ignored, so it gets a session of its own.
undisturbed=
docker() {
  if [ -n "$undisturbed" ] && type -P setsid >/dev/null; then setsid docker "$@"; else command docker "$@"; fi
}
# Called by a trap, it is where a function's words were being kept back: what is said from here on is to be heard.
[ ! -e /dev/fd/1 ] || exec 3>&1
[ ! -e /dev/fd/2 ] || exec 4>&2
leave_undisturbed() {
  trap '' INT TERM HUP
  undisturbed=1
  [ ! -e /dev/fd/3 ] || exec >&3
  [ ! -e /dev/fd/4 ] || exec 2>&4
}

# A terminal that has gone must not end what was begun.
say() { printf '%s\n' "$*" 2>/dev/null || true; }
warn() { printf 'look: %s\n' "$*" >&2 2>/dev/null || true; }
die() { printf '%s\n' "$*" >&2; exit 1; }

# The lines of a script's own header are its help.
help_if_asked() {
  local word
  for word in "$@"; do
    case $word in
      -h | --help) sed -n '2,/^[^#]/{/^#/!d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
    esac
  done
}

# What stands after an option.
value() { [ $# -gt 1 ] || die "$1 needs a value; see scripts/${0##*/} --help"; printf '%s' "$2"; }

compose() { (cd "$COMPOSE_DIR" && docker compose --progress quiet "$@"); }

# A verb of the appliance program in a container of its own: works when the app does not.
appliance() { compose run --rm -T --no-deps app "$@"; }

# The same without the lines of its log, which are JSON.
appliance_in_words() { appliance "$@" 2> >(grep -v '^{' >&2); }

require_engine() {
  type -P docker >/dev/null || die "Docker is not installed. See docs/ops/install.md."
  docker info >/dev/null 2>&1 || die "The Docker engine does not answer. Start it, or use an account that is allowed to use it."
  docker compose version >/dev/null 2>&1 || die "Docker Compose v2 is missing. See docs/ops/install.md."
  local said
  said=$(compose config --quiet 2>&1) || die "The settings cannot be read: $said"
}

# The folder of compose.yaml from which the app was started, if that is another one than this and still there.
other_folder() {
  local there
  there=$(docker inspect --format '{{index .Config.Labels "com.docker.compose.project.working_dir"}}' "$(container_of app)" 2>/dev/null) || true
  [ ! -f "$there/compose.yaml" ] || [ "$there" -ef "$COMPOSE_DIR" ] || printf '%s' "$there"
}

# With the settings of this folder, what another one has started would become something else.
require_own_folder() {
  local there
  require_engine
  there=$(other_folder)
  [ -z "$there" ] || die "The appliance on this machine was started from ${there%/compose}; use the scripts there.
To bring it to the version of this folder: scripts/upgrade. For a second appliance with data of its own, set
COMPOSE_PROJECT_NAME in compose/.env first. Nothing was changed."
}

# Who is told "run scripts/install" beside what scripts/run made would get a second appliance.
refuse_for_bare_run() {
  [ -d "$HOME_DIR/data/postgres" ] && [ ! -f "$COMPOSE_DIR/.env" ] || return 0
  die "The appliance here was made by scripts/run, without Docker, and this script is for the one with Docker.
Use scripts/appliance VERB, such as backup, restore or doctor, scripts/run --restart, and the logs in data/logs."
}

require_installed() {
  refuse_for_bare_run
  require_own_folder
  [ -z "$(container_of app)" ] || return 0
  [ ! -f "$COMPOSE_DIR/.env" ] || die "There is a compose/.env but no app: scripts/install did not finish. Run it again; it says why."
  die "There is no appliance here yet. Run scripts/install."
}

# Of those that stop the app or start what is set; the folder is that of compose.yaml from which it was started.
one_at_a_time() {
  exec 9<"${1:-$COMPOSE_DIR}"
  ! command -v flock >/dev/null || flock --nonblock 9 || die "Another script is at work here, such as an upgrade or a restore. Try again when it has ended."
}

# The passphrase in a file's first line. Read once: the file may be a pipe, and its line need not end.
passphrase_in() {
  local word=''
  [ -r "$1" ] && [ ! -d "$1" ] || die "$1 cannot be read."
  IFS= read -r word <"$1" || true
  [ -n "$word" ] || die "$1 is empty; its first line must be the passphrase."
  printf '%s' "$word"
}

# ---- compose/.env: NAME=value, one a line; comments and quotes as Compose reads them ----

# What stands before a value: as people and editors write it, and Compose reads it.
name_in_env() { printf '^(\xef\xbb\xbf)?[[:space:]]*(export[[:space:]]+)?%s[[:space:]]*[=:][[:space:]]*' "$1"; }

env_value() {
  local found=
  [ ! -f "$COMPOSE_DIR/.env" ] || found=$(sed -nE "s/$(name_in_env "$1")//p" "$COMPOSE_DIR/.env" | tail -n 1 |
    sed -E "s/^([\"'])([^\"']*)\\1.*/\\2/; t; s/(^|[[:space:]]+)#.*//; s/[[:space:]]+\$//")
  printf '%s' "${found:-${2:-}}"
}

# An empty value takes the line away. Where that cannot be written, as on a full disk, the file stays as it is.
set_env() {
  local file fresh
  file=$(realpath -m "$COMPOSE_DIR/.env") # it may be a link
  if ! { fresh=$(mktemp "$file.XXXXXX") && env_with "$file" "$@" >"$fresh" && sync "$fresh"; }; then
    rm -f "$fresh"
    warn "$1 could not be written to compose/.env, which is as it was. Is the disk full?"
    return 1
  fi
  chmod 600 "$fresh"
  [ ! -f "$file" ] || chown --reference="$file" "$fresh" 2>/dev/null || true
  mv "$fresh" "$file"
}
env_with() {
  [ ! -f "$1" ] || grep -vE "$(name_in_env "$2")" "$1" || [ $? = 1 ] || return 1 # 1: no line is left
  [ -z "$3" ] || printf '%s=%s\n' "$2" "$3"
}

# COMPOSE_FILE with one more; without any, Compose reads two files by itself.
compose_files_and() {
  local files
  files=$(env_value COMPOSE_FILE)
  if [ -z "$files" ]; then
    files=compose.yaml
    [ ! -f "$COMPOSE_DIR/compose.override.yaml" ] || files+=:compose.override.yaml
  fi
  [[ :$files: = *:$1:* ]] || files+=:$1
  printf '%s' "$files"
}

# ---- what runs ----

# A service's own container: Compose names those of "compose run" beside it. Of two of the app, while another
# version comes in, the one that was there.
container_of() { containers_of "$1" | sed -n 1p; }
containers_of() {
  local all
  mapfile -t all < <(compose ps --all --quiet "$1")
  [ "${#all[@]}" = 0 ] ||
    docker inspect --format '{{index .Config.Labels "com.docker.compose.oneoff"}} {{.Id}}' "${all[@]}" 2>/dev/null | sed -n 's/^False //p'
}
inside() { local service=$1; shift; docker exec "$(container_of "$service")" "$@"; }
running_image() { docker inspect --format '{{.Config.Image}}' "$(container_of app)"; }
running_image_id() { docker inspect --format '{{.Image}}' "$(container_of app)"; }

# Without a registry there is nowhere else to get it from.
is_built_here() { [ "$1" = photochanger ] && [ -f "$HOME_DIR/image/Dockerfile" ]; }
version_of_sources() { sed -n 's/^ARG VERSION=//p' "$HOME_DIR/image/Dockerfile"; }

# Without the record of how and when it was built, with which each build would be another image.
build_image() {
  BUILDX_NO_DEFAULT_ATTESTATIONS=1 docker build --quiet -f "$HOME_DIR/image/Dockerfile" --build-arg "VERSION=${1##*:}" -t "$1" "$HOME_DIR" >/dev/null
}

wanted_image() { compose config --images prepare; } # it needs no other service, so only its own is named

# Each is there, or pulled; the appliance's own is built where the sources are.
have_images() {
  local one own said
  own=$(wanted_image)
  for one in $(compose config --images | sort -u); do
    ! docker image inspect "$one" >/dev/null 2>&1 || continue
    say "Fetching $one ..."
    ! said=$(docker pull --quiet "$one" 2>&1) || continue
    said=$(last_line "$said")
    [ "$one" = "$own" ] && [ -f "$HOME_DIR/image/Dockerfile" ] || die "$one cannot be fetched: $said
Without internet, use the file that scripts/bundle writes elsewhere; see docs/ops/install.md."
    say "It cannot be fetched ($said); building it from these sources ..."
    build_image "$one" || die "It cannot be built either. Above is why."
  done
}
last_line() { { grep . <<<"$1" || true; } | tail -n 1 | cut -c 1-300; }

# ---- a bundle: the file that scripts/bundle wrote, or the folder that was unpacked from it ----

from_bundle() { if [ -d "$1" ]; then cat "$1/$2"; else tar -xOf "$1" --wildcards "*/$2"; fi; }
bundle_value() { from_bundle "$1" bundle.env | sed -n "s/^$2=//p"; }
# Makes a bundle's images known to the engine, and the names of those that are not the app's to Compose.
load_images() {
  local one
  say "Loading the images from $1 ..."
  from_bundle "$1" images.tar.gz | docker load --quiet >/dev/null || die "The images cannot be loaded. Nothing was changed."
  for one in NGINX_IMAGE POSTGRES_IMAGE; do set_env "$one" "$(bundle_value "$1" "$one")"; done
}

is_ready() { compose exec -T nginx curl -fsS -o /dev/null --max-time 2 http://127.0.0.1:8080/readyz >/dev/null 2>&1; }

wait_until_ready() {
  local until=$((SECONDS + $1))
  until is_ready; do
    [ "$SECONDS" -lt "$until" ] || return 1
    sleep 0.2
  done
}

# ---- another version, with the database and Nginx left as they are ----

use_version() { export APPLIANCE_IMAGE=$1 APPLIANCE_VERSION=$2; }

# While the door is shut Nginx answers 503 with Retry-After. It opens by itself after ten minutes, and when Nginx
# starts anew: a machine that goes down in the middle does not come back with a closed door.
shut_door() { compose exec -T nginx touch /tmp/nginx/closed; }
open_door() { compose exec -T nginx rm -f /tmp/nginx/closed && wait_until_ready 10; }

# Containers of the version in force, made but not started; all others stay as they are. (With --no-deps Compose
# would make containers that its next "up" makes anew.)
lay_out() {
  compose rm --force --stop "$@" >/dev/null 2>&1
  compose up --no-start --no-recreate "$@" 2>&1
}

run_step() { undisturbed=1 docker start --attach "$(container_of "$1")" 2>&1; }
start() { docker start "$(container_of "$1")" 2>&1; }

# The tables, by a step that is laid out, then the app; on standard output what went wrong.
start_app() {
  local said began=$SECONDS
  said=$(run_step migrate) || { say "the tables could not be migrated: $(tail -n 4 <<<"$said" | cut -c 1-300)"; return 1; }
  said=$(lay_out app && start app) || { say "it could not be started: $(tail -n 3 <<<"$said")"; return 1; }
  app_is_healthy "$1" || {
    say "it was not ready after $((SECONDS - began)) s: $(last_words "$(log_of app)")"
    return 1
  }
}

# The newest error in a log that is given; without one its last line.
last_words() {
  local found
  found=$(grep -oE '[A-Za-z.]*(Error|Exception)\b[^"\\]*' <<<"$1" | tail -n 1)
  say "${found:-$(tail -n 1 <<<"$1")}" | cut -c 1-300
}
log_of() { docker logs --tail 20 "$(container_of "$1")" 2>&1; } # Compose puts codes for terminals into it

# For so many seconds at most. One that has ended twice by itself will not become healthy: it is started again inside
# its container, each time with another number.
app_is_healthy() {
  local until=$((SECONDS + $1)) container processes seen=''
  container=$(container_of app) processes=$(env_value APP_PROCESSES)
  until [ "$(docker inspect --format '{{.State.Health.Status}}' "$container" 2>/dev/null)" = healthy ]; do
    seen=$(printf '%s\n' "$seen" "$(serving "$container")" | sort -u | grep .)
    [ "$SECONDS" -lt "$until" ] && [ "$(wc -w <<<"$seen")" -lt $((3 * ${processes:-1})) ] || return 1
    sleep 0.2
  done
}
serving() { docker top "$1" -o pid,args 2>/dev/null | sed -n 's/^ *\([0-9]*\) .*appliance serve.*/\1/p'; }

# A photo through a container's app, or through the process at a socket; on standard output what went wrong.
smoke_test() {
  local said
  said=$(docker exec ${2:+--env "PHOTOCHANGER_LISTEN=unix:$2"} "$1" appliance smoke 2>/dev/null) || { say "it made no picture: $said"; return 1; }
  printf '%s\n' "$said" >&2 || true
}

milliseconds() { date +%s%3N; }
seconds_since() { local now; now=$(milliseconds); printf '%d.%d' $(((now - $1) / 1000)) $(((now - $1) % 1000 / 100)); }

published_port() { compose port nginx "${1:-8080}" 2>/dev/null | sed -n 's/.*://p' | head -n 1; }

# Whether another program has a port, which may name an address, that is to lead to this one of Nginx's.
is_taken() {
  local host hosts
  [ "$(published_port "$2")" != "${1##*:}" ] || return 1
  hosts=$(address_in "$1")
  for host in ${hosts:-127.0.0.1 $(hostname -I 2>/dev/null || true)}; do # it may listen at one address only
    ! (exec 3<>"/dev/tcp/$host/${1##*:}") 2>/dev/null || return 0
  done
  return 1
}

# ---- under which addresses it is reached ----

# The one address that Nginx listens on, if HTTP_PORT names one.
listening_address() { address_in "$(env_value HTTP_PORT)"; }
address_in() {
  case $1 in
    0.0.0.0:* | '[::]:'*) ;;
    *:*) printf '%s' "${1%:*}" ;;
  esac
}

# This machine's addresses that phones may reach, the best first: by the rules of appliance/core/networks.py, which
# the image knows. An engine in a virtual machine would tell of that one.
lan_addresses() {
  local address found
  address=$(listening_address)
  if [ -n "$address" ]; then
    printf '%s\n' "$address"
    return
  fi
  found=$(docker run --rm --network host --entrypoint python "$(wanted_image)" -m appliance.core.networks 2>/dev/null || true)
  for address in $found; do
    ! grep -qE "[- ]$address( |\$)" /proc/net/fib_trie 2>/dev/null || printf '%s\n' "$address"
  done
}

# A container does not know under which addresses phones reach the machine, so it is told.
tell_lan_address() {
  local address port best='' others=''
  port=$(env_value HTTP_PORT 8080)
  for address in $(lan_addresses); do
    [[ $address =~ ^[0-9.]+$ && $address != 127.* ]] || continue
    if [ -z "$best" ]; then best=http://$address:${port##*:}; else others+=${others:+,}http://$address:${port##*:}; fi
  done
  [ -n "$best" ] || return 0
  set_env LAN_BASE_URL "$best"
  set_env LAN_OTHER_URLS "$others"
}

# The best first: in the networks of the room, then by name.
own_names() {
  lan_addresses
  [ -z "$(listening_address)" ] || return 0
  # The name by which phones and PCs find it without DNS, where something on this machine announces it.
  ! getent hosts "$(hostname -s).local" >/dev/null || printf '%s.local\n' "$(hostname -s)"
  printf 'localhost\n'
}
addresses() {
  local port
  port=$(published_port)
  own_names | sed "s,.*,http://&:$port,"
}

# shellcheck shell=bash
# Another version beside the one that runs, and one process after the other exchanged, with the door open.
#
# The processes of both containers have the same places: sockets in a volume, each with a lock. Those of the new
# container wait until the old ones give theirs up. Whatever goes wrong, the old ones take them again. The new
# container is not started by the engine before all is done: a machine that goes down comes back with the old one.

# shellcheck disable=SC2034 # whoever sources this says it
wrong=''
PYTHON=/opt/venv/bin/python
PLACES=/var/lib/photochanger/run

processes_of() { docker exec "$1" printenv APP_PROCESSES 2>/dev/null || echo 1; }
supervisor() { docker exec "$1" "$PYTHON" -m supervisor.supervisorctl -c /etc/photochanger/supervisor/app.conf "${@:2}" >/dev/null 2>&1; }

# Whether the processes of a container hold the locks of their places; versions before did not.
gives_places() {
  local code=0
  docker exec "$1" flock --nonblock "$PLACES/app-1.lock" true 2>/dev/null || code=$?
  [ "$code" = 1 ]
}

# Why the door has to be closed for the wanted version; nothing, where it can stay open. $2: what is outdated.
why_closed() {
  local old=$1 count said
  count=$(processes_of "$old")
  if [ "$count" -lt 2 ]; then
    say "the app has one process (with APP_PROCESSES=2 in compose/.env it stays open)"
  elif [ "$(env_value APP_PROCESSES 1)" != "$count" ]; then
    say "APP_PROCESSES has changed"
  elif [ -n "$2" ]; then
    say "this version has another Nginx or PostgreSQL, or other settings for them"
  elif ! gives_places "$old"; then
    say "the running version cannot be replaced one process at a time yet"
  elif ! said=$(appliance migrations 2>/dev/null); then
    say "${said:+a migration does more than add to the tables: }${said:-it is not known what the migrations do}"
  fi
}

# Of a container: process 1, 2, …; or the one that listens beside this socket.
process_is_ready() { docker exec ${3:+--env "PHOTOCHANGER_LISTEN=unix:$3"} "$1" "$PYTHON" -I -S /app/appliance/lifecycle/stack/probe.py app "$2" >/dev/null 2>&1; }

process_within() {
  local container=$1 number=$2 until=$((SECONDS + $3))
  until process_is_ready "$container" "$number"; do
    [ "$SECONDS" -lt "$until" ] || return 1
    sleep 0.1
  done
}

# A second container of the app, of the wanted version, made but not started; its id.
lay_out_beside() {
  local old=$1 said
  said=$(ROLLED_BACK_FROM='' compose up --no-start --no-recreate --scale app=2 app 2>&1) || { say "$said"; return 1; }
  containers_of app | grep -v "^$old"
}

# What goes wrong from here on is in `wrong`. All in this shell, so that an interruption is heard at each step.
start_beside() {
  docker update --restart no "$1" >/dev/null
  docker start "$1" >/dev/null 2>&1 || { wrong="it could not be started"; return 1; }
}

# One more process, which Nginx does not know, makes a photo before any old one gives its place up.
try_out() {
  local container=$1 number log trial until=$((SECONDS + $2))
  number=$(processes_of "$container")
  [ "$number" -ge 8 ] || number=$((number + 1)) # 8 are the most
  log=$(mktemp)
  docker exec --env "APP_PROCESSES=$number" --env "APP_PROCESS=$number" --env PHOTOCHANGER_LISTEN=unix:/tmp/trial.sock "$container" \
    sh -c 'echo $$ >/tmp/trial.pid; exec python -m appliance serve' >"$log" 2>&1 &
  trial=$!
  until process_is_ready "$container" "$number" /tmp/trial.sock; do
    if [ "$SECONDS" -ge "$until" ] || ! kill -0 "$trial" 2>/dev/null; then
      wrong="it did not start within $2 s: $(last_words "$(cat "$log")")"
      rm -f "$log"
      return 1
    fi
    sleep 0.1
  done
  rm -f "$log"
  wrong=$(smoke_test "$container" "/tmp/trial-$number.sock") || return 1
  # shellcheck disable=SC2016 # of the container
  docker exec "$container" sh -c 'kill "$(cat /tmp/trial.pid)"'
  wait "$trial" || true
}

# The last process first: pages of staff come from the first.
exchange() {
  local old=$1 new=$2 seconds=$3 number
  for ((number = $(processes_of "$old"); number >= 1; number--)); do
    supervisor "$old" stop "app:app-$number" || { wrong="process $number of the old version does not stop"; return 1; }
    process_within "$new" "$number" "$seconds" ||
      { wrong="process $number was not ready within $seconds s: $(last_words "$(docker logs --tail 20 "$new" 2>&1)")"; return 1; }
  done
}

# Nothing of the old version serves any more.
let_go() {
  docker update --restart always "$2" >/dev/null
  docker update --restart no "$1" >/dev/null
  { docker stop "$1" && docker rm "$1"; } >/dev/null
}

# The old processes take their places again, one after the other.
exchange_back() {
  local old=$1 new=$2 count number until
  count=$(processes_of "$old")
  for ((number = 1; number <= count; number++)); do
    supervisor "$new" stop "app:app-$number" || true
    until=$((SECONDS + 150)) # the old one may still be about to end: then it cannot be started yet
    until supervisor "$old" start "app:app-$number" || process_is_ready "$old" "$number"; do
      [ "$SECONDS" -lt "$until" ] || return 1
      sleep 0.5
    done
    process_within "$old" "$number" 90 || return 1
  done
  docker rm --force "$new" >/dev/null 2>&1 || true
}

# What an upgrade left behind that was killed, or in the middle of which the machine went down.
take_back_leftover() {
  local all one left='' kept=''
  mapfile -t all < <(containers_of app)
  for one in "${all[@]}"; do
    if [ "$(docker inspect --format '{{.HostConfig.RestartPolicy.Name}}' "$one")" = no ]; then left=$one; else kept=$one; fi
  done
  if [ -z "$left" ] || [ -z "$kept" ]; then return 0; fi
  say "An upgrade was cut off; the previous version takes over again ..."
  exchange_back "$kept" "$left" || die "A process did not start again. scripts/doctor says more."
}

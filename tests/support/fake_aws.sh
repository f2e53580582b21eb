#!/bin/sh
# The aws CLI of a test. The directory FAKE_AWS has the calls that are expected, in their order, as 1.call, 2.call and so on,
# and what each answers as 1.answer. Any other call fails, and is noted.
number=$(($(cat "$FAKE_AWS/done") + 1))
call="$FAKE_AWS/$number.call"
if [ ! -e "$call" ] || [ "$*" != "$(cat "$call")" ]; then
  echo "call $number is: aws $*" >>"$FAKE_AWS/unexpected"
  exit 254
fi
echo "$number" >"$FAKE_AWS/done"
cat "$FAKE_AWS/$number.answer"

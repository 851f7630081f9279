#!/bin/sh
# Written by `aigate integrate`: starts what it is given in the sandbox.
exec {aigate} exec --profile claude -- "$@"

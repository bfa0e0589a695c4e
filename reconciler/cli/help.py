"""The first page of help, written by hand so that `reconciler --help` loads nothing else."""

HELP = """\
reconciler makes an iwinv cloud account match a set of YAML files,
and shows every change before it makes it.

Usage:  reconciler [--chdir DIR] COMMAND [STACK] [OPTIONS]

STACK is a YAML file or a folder of *.yaml files (default: the current folder).
It is the last argument of every command; --stack PATH is the same.

Try it without an account, on a local cloud:
  reconciler init shop --example web-tier
  reconciler apply shop --simulate

Main commands
  init          Write a first stack or an example into a folder
  validate      Check the files without reading the account
  plan          Read the account and show what apply would change
  apply         Show the plan, ask for confirmation and apply it
  destroy       Delete everything that the stack owns
  drift         Show changes made outside reconciler

Inspect
  show          Show the state, one object or a saved plan
  output        Show the outputs of the last apply
  graph         Show the dependencies as text, DOT, Mermaid or JSON
  catalog       List zones, flavors, images and keys, with prices
  explain       Describe a field of the stack file
  schema        Print the JSON Schema of stacks, plans and events

Operate
  server        Reboot an instance or open its console
  bill          Show this month's cost so far
  state         List, rename or forget objects in the state; unlock it

Take over existing objects
  adopt         Write a stack file for objects in the account
  import        Bind one object to an address
  absorb        Write changes made outside into the stack file

Repair
  recover       Settle what an interrupted run left unsettled; rebuild a lost state
  doctor        Check key, clock, endpoint, state and lock; safe to paste

Local cloud
  simulator     Serve the local cloud, print its objects or change them

Shell
  completion    Print the completion script for bash, zsh or fish

Global options
  --chdir DIR   Run as if started in this folder
  --lang ko|en  The language of messages (default: that of the locale)
  --version     Print the version
  -h, --help    Print this page; `reconciler COMMAND --help` describes a command

Environment
  IWINV_ACCESS_KEY, IWINV_SECRET_KEY   the key pair; never in a file or an argument
  IWINV_ENDPOINT                       another endpoint (https, or http on this machine)
  IWINV_FIREWALL_API                   security-groups (default) or firewall
  RECONCILER_VAR_<name>                the value of a variable
  RECONCILER_STATE_DIR                 folder for states (default: next to the stack)
  RECONCILER_LANG                      same as --lang
  RECONCILER_SIMULATE=1                same as --simulate
  RECONCILER_TIME_SCALE                same as --time-scale; local cloud only
  NO_COLOR, FORCE_COLOR                never or always use color; as does --color

Exit codes
    0  done, or nothing to do
    1  errors in the stack; nothing was done
    2  there are changes (--detailed-exitcode)
    3  partly done, or a decision is needed; run again
    4  refused: missing consent, protection, a safety stop or a stale plan
    5  invalid key, wrong account or wrong clock
    6  the state is locked by another run
    7  the state could not be written
   64  wrong options or arguments
  130  interrupted; everything done is recorded
"""

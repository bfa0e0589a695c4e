"""The first page of help: hand-written, and all that `reconciler --help` has to load."""

HELP = """\
reconciler makes an iwinv cloud account look like a set of YAML files,
and shows exactly what it will do before it does it.

Usage:  reconciler [--chdir DIR] COMMAND [STACK] [OPTIONS]

STACK is a YAML file, or a folder of *.yaml files; the default is the current folder.

Try it without an account, on a local cloud:
  reconciler apply examples/stacks/web-tier --simulate

Every day
  init          a first stack, by three questions
  validate      check the files; nothing is sent
  plan          read the account and show what apply would do; changes nothing
  apply         show the plan, ask, and do it
  destroy       remove everything that the stack owns
  drift         show what somebody changed outside

Looking
  show          the state, one object of it and why it changes, or a saved plan
  output        the outputs of the last apply
  graph         what waits for what: text, DOT, Mermaid, JSON
  catalog       what one can write: zones, flavors, images, keys, with prices
  explain       what a field of the language means

Acts
  server        reboot a server, print the link to its console
  bill          what this month costs so far
  state         list what the state holds; rename or forget an object; unlock

Taking over what is there
  adopt         write a stack file for what the account holds
  import        bind one object of the account to an address
  absorb        take what was changed outside into the file

When something went wrong
  recover       settle what an interrupted run left open, or a lost state
  doctor        key, clock, endpoint, state, lock; safe to paste

The local cloud
  simulator     serve it, print its world, change it from outside

Your shell
  completion    print the completion script for bash, zsh or fish

Options for all
  --chdir DIR   work as if started in that folder
  --version     print the version
  -h, --help    this page; `reconciler COMMAND --help` tells about a command

Environment
  IWINV_ACCESS_KEY, IWINV_SECRET_KEY   the key pair; never in a file or an argument
  IWINV_ENDPOINT                       another endpoint (https, or http on this machine)
  IWINV_FIREWALL_API                   security-groups (default) or firewall
  RECONCILER_VAR_<name>                the value of a variable
  RECONCILER_STATE_DIR                 where states lie, instead of beside the stack
  RECONCILER_SIMULATE=1                as --simulate
  RECONCILER_TIME_SCALE                as --time-scale; on the local cloud only
  NO_COLOR                             no colour

Exit codes
  0 done, or nothing to do      1 mistakes in the stack, nothing done
  2 changes (--detailed-exitcode)   3 to decide, or partly done: run again
  4 refused: consent, protection, a brake, a stale plan
  5 keys, account or clock      6 locked      7 the record could not be written
  64 flags and arguments        130 interrupted, the record is complete
"""

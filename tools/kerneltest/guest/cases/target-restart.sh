# The target is killed (SIGKILL) under a mounted file system.
. /kt/restart.sh
expect_trouble
restart kill

# The target is ended in order (SIGTERM) under a mounted file system, as for an upgrade. It may ask for a logout or drop the
# connection (Async Message, RFC 7143 section 11.9); either way the initiator comes back by itself.
. /kt/restart.sh
expect_trouble
restart stop
